"""Where errors leave the package, without the frames that may hold the API key."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E", bound=BaseException)


def public(function: Callable[P, T]) -> Callable[P, T]:
    """Make a public function raise its errors without traceback, cause and context.

    `%xmode Verbose`, `%tb`, debuggers and rich show the locals of every frame of an error. The
    frames below this one belong to requests and urllib3, and some of them hold the key.
    """

    @wraps(function)
    def call(*args: P.args, **keywords: P.kwargs) -> T:
        try:
            return function(*args, **keywords)
        except BaseException as error:  # noqa: BLE001 (raised again below)
            fault = stripped(error)
        # An argument may be the key. Raise outside the except block: so the error has no context.
        del args, keywords
        raise fault

    return call


def stripped(error: E) -> E:
    """Return the error without its traceback and its causes."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
