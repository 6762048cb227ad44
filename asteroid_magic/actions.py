"""What the magics do, once one is used: it is loaded then, and with it all that it needs."""

from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from IPython.core.error import UsageError
from IPython.display import display

from .client import AsteroidClient
from .errors import AsteroidError
from .line import SendCommand, UsageProblem, fill, parse, resolve_execution
from .login import action_for
from .records import Delivery, DryRun
from .session import session

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

T = TypeVar("T")


def send(
    shell: "InteractiveShell", line: str, cell: str | None, local_ns: Mapping[str, Any] | None
) -> Delivery | DryRun | None:
    """Do what `%asteroid_send` was asked for, and return what is to be shown as its result."""
    command = _usage(lambda: parse(line, cell))
    namespace = ChainMap(dict(local_ns or {}), shell.user_ns)
    result = _shown(lambda: _send(command, namespace))
    if isinstance(result, DryRun):
        return result
    session.seen[result.execution_id] = None
    if "--out" in command.options:
        shell.user_ns[command.options["--out"]] = result
    return None if "--quiet" in command.options else result


def login(line: str) -> str:
    """Do what `%asteroid_login` was asked for, and return the sentence that tells of it."""
    return _shown(_usage(lambda: action_for(line)))


def _send(command: SendCommand, namespace: Mapping[str, Any]) -> Delivery | DryRun:
    base_url = command.options.get("--base-url")
    try:
        execution_id = resolve_execution(command.execution, namespace)
        message = command.message
        if "--fill" in command.options:
            message = fill(message, namespace)
        # A new connection each time: one that was kept open may have gone stale while a person
        # thought, and what is sent on a stale one may or may not arrive.
        with AsteroidClient(base_url=base_url, timeout=command.timeout) as client:
            if "--dry-run" in command.options:
                return client.dry_run(execution_id, message)
            return client.send(execution_id, message)
    except AsteroidError as error:
        fault = error.about(command.execution, command.message)
    raise fault


def _usage(read: Callable[[], T]) -> T:
    try:
        return read()
    except UsageProblem as problem:
        words = str(problem)
    raise UsageError(words)


def _shown(action: Callable[[], T]) -> T:
    """Return what `action` returns; show the card of its error, then let it stop the cell."""
    try:
        return action()
    except AsteroidError as error:
        fault = error
    display(fault)  # type: ignore[no-untyped-call]
    # Outside the except block, so that no context, and no key in one, hangs on it.
    raise fault
