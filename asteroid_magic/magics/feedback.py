"""What all magics do alike: a line that does not fit is told, and an error shows its card."""

from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from IPython.core.error import UsageError
from IPython.display import display

from ..config.session import session
from ..errors import SEND, AsteroidError, Operation
from ..input.execution_ref import resolve_execution
from ..input.options import InputError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

T = TypeVar("T")
Names = Mapping[str, Any] | None


def usage_errors(read: Callable[[], T]) -> T:
    """Return what is read of a line, or raise IPython's own error for one that does not fit."""
    try:
        return read()
    except InputError as problem:
        words = str(problem)
    raise UsageError(words)


def display_errors(action: Callable[[], T]) -> T:
    """Return what `action` returns; show the card of its error, then let it stop the cell."""
    try:
        return action()
    except (AsteroidError, KeyboardInterrupt) as error:
        # Without the frames below, and outside the except block: a key may stand in them.
        fault = error.with_traceback(None)
    if isinstance(fault, AsteroidError):
        display(fault)  # type: ignore[no-untyped-call]
    raise fault


def keep_result(shell: "InteractiveShell", result: object) -> None:
    """Let `_` hold a result although the cell is about to be stopped."""
    shell.displayhook.update_user_ns(result)  # type: ignore[no-untyped-call]


def execution_named(
    shell: "InteractiveShell", word: str, local_ns: Names, operation: Operation = SEND
) -> str:
    """Return the ID of the execution that a word means in this cell; raises `InvalidInput`."""
    return resolve_execution(word, namespace_of(shell, local_ns), session.seen, operation)


def namespace_of(shell: "InteractiveShell", local_ns: Names) -> Mapping[str, Any]:
    """Return the variables that a magic may use: those of the function around it come first."""
    return ChainMap(dict(local_ns or {}), shell.user_ns)
