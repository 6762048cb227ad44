"""What the magics do, once one is used: it is loaded then, and with it all that it needs."""

from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from IPython.core.error import UsageError
from IPython.display import display

from .client import AsteroidClient
from .errors import AsteroidError, InvalidInput
from .line import SendCommand, UsageProblem, fill, parse
from .login import action_for
from .lookup import resolve_execution
from .records import Delivery, DryRun
from .session import session
from .settings import ApiKey

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .form import SendForm
    from .report import Report
    from .sandbox import Sandbox

T = TypeVar("T")


def send(
    shell: "InteractiveShell", line: str, cell: str | None, local_ns: Mapping[str, Any] | None
) -> "Delivery | DryRun | Report | None":
    """Do what `%asteroid_send` was asked for, and return what is to be shown as its result."""
    if cell is None and not line.strip():
        display(form(shell, ""))  # type: ignore[no-untyped-call]
        return None
    command = _usage(lambda: parse(line, cell))
    namespace = ChainMap(dict(local_ns or {}), shell.user_ns)
    if "--each" in command.options:
        from .mailing import send_each  # noqa: PLC0415 (sqlite3 and more load with the first batch)

        result: Delivery | DryRun | Report = _shown(lambda: send_each(command, namespace))
    else:
        result = _shown(lambda: _send(command, namespace))
    is_quiet = (
        "--quiet" in command.options
        and not isinstance(result, DryRun)
        and result.outcome == "delivered"
    )
    if "--show" in command.options and not is_quiet:
        display(result)  # type: ignore[no-untyped-call]
    if isinstance(result, DryRun):
        return result
    if isinstance(result, Delivery):
        session.seen[result.execution_id] = None
    if "--out" in command.options:
        shell.user_ns[command.options["--out"]] = result
    return None if is_quiet else result


def form(
    shell: "InteractiveShell", word: str, local_ns: Mapping[str, Any] | None = None
) -> "SendForm":
    """Return a form, filled in with the execution that `word` means, if there is one."""
    from .form import SendForm  # noqa: PLC0415 (ipywidgets loads with the first form)

    namespace = ChainMap(dict(local_ns or {}), shell.user_ns)
    if len(word.split()) > 1 and not word.startswith("{"):
        raise UsageError(
            "%asteroid_form takes an execution and no more. To send a message without a form: "
            "%asteroid_send EXECUTION message"
        )
    try:
        return SendForm(resolve_execution(word, namespace) if word else None)
    except InvalidInput as error:
        words = f"{error.detail} {error.hint}"
    raise UsageError(words)


def login(line: str) -> str:
    """Do what `%asteroid_login` was asked for, and return the sentence that tells of it."""
    return _shown(_usage(lambda: action_for(line)))


def start_sandbox() -> "Sandbox":
    """Start a sandbox and let the settings of this session lead to it."""
    try:
        # A package of its own, which needs tornado: nothing but this line ever imports it.
        from .sandbox import Sandbox  # noqa: PLC0415
    except ImportError as error:
        words = str(error)
    else:
        sandbox = Sandbox().start()
        session.sandbox = (sandbox.base_url, ApiKey(sandbox.api_key, "the sandbox"))
        return sandbox
    raise UsageError(words)


def _send(command: SendCommand, namespace: Mapping[str, Any]) -> Delivery | DryRun:
    base_url = command.options.get("--base-url")
    execution_id, message = command.execution, command.typed
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
        fault = error.about(execution_id, message)
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
    except (AsteroidError, KeyboardInterrupt) as error:
        # Without the frames below, and outside the except block: a key may stand in them.
        fault = error.with_traceback(None)
    if isinstance(fault, AsteroidError):
        display(fault)  # type: ignore[no-untyped-call]
    raise fault
