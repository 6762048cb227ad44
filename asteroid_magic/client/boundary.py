"""Where errors leave the package: no frame that may hold the API key goes with them."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E", bound=BaseException)


def public(function: Callable[P, T]) -> Callable[P, T]:
    """Let a public function raise each of its errors without traceback, cause and context.

    `%xmode Verbose`, `%tb`, debuggers and rich show the locals of every frame that hangs on an
    error. Those below this one belong to requests and urllib3, and some of them hold the key.
    """

    @wraps(function)
    def call(*args: P.args, **keywords: P.kwargs) -> T:
        try:
            return function(*args, **keywords)
        except BaseException as error:  # noqa: BLE001 (raised again below)
            fault = stripped(error)
        # One of them may be the key. Outside the except block, so that no context is attached.
        del args, keywords
        raise fault

    return call


def stripped(error: E) -> E:
    """Return the error without the frames that it has come through, and without its causes."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
