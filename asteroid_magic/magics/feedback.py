"""What all magics share: they report usage errors, show error cards and look up executions."""

from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from IPython.core.error import UsageError

from ..config.session import session
from ..errors import READ, SEND, AsteroidError, Interrupted, Operation, SendInterrupted
from ..input.execution_ref import resolve_execution
from ..input.options import InputError
from ..input.refusal import displayed
from ..interrupts import interruptible

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

T = TypeVar("T")
Names = Mapping[str, Any] | None


def usage_errors(read: Callable[[], T], effect: str = "") -> T:
    """Return the result of `read`; turn its `InputError` into IPython's `UsageError`.

    `effect` is a sentence that the error says as well, such as that nothing was sent.
    """
    try:
        return read()
    except InputError as problem:
        words = str(problem)
    if effect and effect.rstrip(".") not in words:
        why, newline, usage = words.partition("\n")
        words = f"{why} {effect}{newline}{usage}"
    raise UsageError(words)


def display_errors(action: Callable[[], T], operation: Operation = READ) -> T:
    """Return the result of `action`. If it fails, show the card of its error, then raise it.

    An interrupt counts as one of the `operation`, which may have taken effect.
    """
    try:
        return action()
    except AsteroidError as error:
        # Drop the frames below, and raise outside the except block: the frames may hold the key.
        fault = error.with_traceback(None)
    except KeyboardInterrupt:
        kind = SendInterrupted if operation is SEND else Interrupted
        fault = kind(operation=operation)
    raise displayed(fault)


def keep_result(shell: "InteractiveShell", result: object) -> None:
    """Store a result in `_`, although the cell is about to fail."""
    shell.displayhook.update_user_ns(result)  # type: ignore[no-untyped-call]


def execution_named(
    shell: "InteractiveShell", word: str, local_ns: Names, operation: Operation = SEND
) -> str:
    """Return the ID of the execution that `word` names in this cell; raises `InvalidInput`.

    Looks up the start of an ID that the session has not seen.
    """
    from .lookup import LookUp  # noqa: PLC0415 (requests loads with it)

    names = namespace_of(shell, local_ns)
    found = LookUp().begun
    # It may be an attribute, whose property may take long.
    return interruptible(lambda: resolve_execution(word, names, session.seen, operation, found))


def namespace_of(shell: "InteractiveShell", local_ns: Names) -> Mapping[str, Any]:
    """Return the variables that a magic can read; those of the enclosing function come first."""
    return ChainMap(dict(local_ns or {}), shell.user_ns)
