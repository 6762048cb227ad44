"""`AsteroidMagics`: the magics that a person types. They parse, call and return."""

from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from IPython.core.error import UsageError
from IPython.core.magic import (
    Magics,
    line_cell_magic,
    line_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
)
from IPython.display import display
from traitlets import Float, TraitError, Unicode, observe, validate

from . import login, settings
from .errors import AsteroidError, ConfigurationError
from .line import SendCommand, UsageProblem, parse, resolve_execution
from .records import Delivery, DryRun

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .sandbox import Sandbox

T = TypeVar("T")


@magics_class
class AsteroidMagics(Magics):
    """Send messages to running Asteroid agents; `%asteroid_send?` tells how."""

    base_url = Unicode(
        "",
        help="Where Asteroid is, as https://host/path. "
        "Empty: from ASTEROID_BASE_URL, else Asteroid's own.",
    ).tag(config=True)
    timeout = Float(
        settings.DEFAULT_TIMEOUT,
        help="Seconds a whole send may take, connecting and retries included.",
    ).tag(config=True)

    def __init__(self, shell: "InteractiveShell", **keywords: Any) -> None:
        super().__init__(shell, **keywords)
        self._shell = shell
        self._sandbox: Sandbox | None = None
        self._before_sandbox: tuple[str, settings.ApiKey | None] = ("", None)

    @validate("base_url", "timeout")
    def _check(self, proposal: Mapping[str, Any]) -> str | float:
        value = proposal["value"]
        try:
            if isinstance(value, float):
                return settings.check_timeout(value)
            return settings.check_base_url(value) if value else ""
        except ConfigurationError as error:
            problem = TraitError(f"{error.detail} {error.hint}")
        raise problem

    @observe("base_url", "timeout")
    def _remember(self, _change: object) -> None:
        settings.session.base_url = self.base_url or None
        settings.session.timeout = self.timeout

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def asteroid_send(
        self, line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None
    ) -> Delivery | DryRun | None:
        """Send a message to a running execution, and show what became of it.

        In a line:      %asteroid_send [options] EXECUTION message
        In a cell:      %%asteroid_send [options] EXECUTION
                        message, on as many lines as it takes
        With a result:  delivery = %asteroid_send [options] EXECUTION message

        EXECUTION is the ID of the run, or the name of a variable that holds it: run_id, run.id,
        $run_id or {run_id}. An object with an `id` will do as well.

        Everything after the execution is the message and is sent exactly as typed: $, {}, quotes
        and --words mean nothing in it. One pair of quotes round a whole line message is taken
        off. In a cell, the message is all that stands below the first line.

        Options stand before the execution:
          --timeout SECONDS  how long the whole send may take (30, or %config AsteroidMagics)
          --base-url URL     another Asteroid than the one that is set
          --dry-run          show the request and the same as a curl command; send nothing
          --quiet            show nothing when it was delivered; the result is then None
          --out NAME         put the Delivery into this variable as well

        The outcome is one of three:
          delivered                   Asteroid has the message
          not delivered               it has not: mend what the card says and send again
          may have been delivered     nobody knows: look at the execution before sending again
        The last two stop the cell, and a Run All with it.

        Examples:
          %asteroid_send 3f2a8c1e-5b7d-4e21-9c64-1f0a2b3c4d5e Yes, book the earlier train.
          %asteroid_send run_id "Yes, the second one"
          %asteroid_send --dry-run run_id Are you done

        The API key is never typed here: see %asteroid_login.

        """
        command = self._usage(lambda: parse(line, cell))
        namespace = ChainMap(dict(local_ns or {}), self._shell.user_ns)
        result = _shown(lambda: _send(command, namespace))
        if "--out" in command.options and "--dry-run" not in command.options:
            self._shell.user_ns[command.options["--out"]] = result
        silent = "--quiet" in command.options and isinstance(result, Delivery)
        return None if silent else result

    @line_magic
    def asteroid_login(self, line: str) -> None:
        """Ask for the API key, and keep it for this session only.

        %asteroid_login           ask for the key; it is not shown, and not kept in the history
        %asteroid_login --save    put it into the system keyring as well, for later sessions
        %asteroid_login --forget  remove it from this session and from the keyring

        The key can also come from the environment variable ASTEROID_API_KEY.
        """
        action = self._usage(lambda: login.action_for(line))
        print(_shown(action))  # noqa: T201 (a line of text is the whole answer)

    @line_magic
    def asteroid_sandbox(self, line: str) -> "Sandbox | None":
        """Start a small Asteroid on this machine, with agents that answer, and use it.

        %asteroid_sandbox          start it, point the settings at it, show its executions
        box = %asteroid_sandbox    the same; then box.executions[0] is the first of them
        %asteroid_sandbox --stop   stop it, and set back what was set before

        No account is needed, and nothing leaves this machine.
        """
        if line.split() == ["--stop"]:
            self.stop_sandbox()
            return None
        if line.split():
            raise UsageError("%asteroid_sandbox takes nothing but --stop.")
        if self._sandbox is None:
            # A package of its own that needs tornado; nothing but this line ever imports it.
            from .sandbox import Sandbox  # noqa: PLC0415

            self._sandbox = Sandbox()
            self._sandbox.start()
            self._before_sandbox = (self.base_url, settings.session.key)
            self.base_url = self._sandbox.base_url
            settings.session.key = settings.ApiKey(self._sandbox.api_key, "the sandbox")
        return self._sandbox

    def stop_sandbox(self) -> None:
        """Stop the sandbox, if one runs, and set back what was set before it started."""
        if self._sandbox is not None:
            self._sandbox.stop()
            self._sandbox = None
            self.base_url, settings.session.key = self._before_sandbox

    def _usage(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except UsageProblem as problem:
            words = str(problem)
        raise UsageError(words)


def _send(command: SendCommand, namespace: Mapping[str, Any]) -> Delivery | DryRun:
    from .client import AsteroidClient  # noqa: PLC0415 (requests loads with the first send)

    base_url = command.options.get("--base-url")
    try:
        execution_id = resolve_execution(command.execution, namespace)
        # A new connection each time: one that was kept open may have gone stale while a person
        # thought, and what is sent on a stale one may or may not arrive.
        with AsteroidClient(base_url=base_url, timeout=command.timeout) as client:
            if "--dry-run" in command.options:
                return client.dry_run(execution_id, command.message)
            return client.send(execution_id, command.message)
    except AsteroidError as error:
        fault = error.about(command.execution, command.message)
    raise fault


def _shown(action: Callable[[], T]) -> T:
    """Return what `action` returns; show the card of its error, then let it stop the cell."""
    try:
        return action()
    except AsteroidError as error:
        fault = error
    display(fault)  # type: ignore[no-untyped-call]
    # Outside the except block, so that no context, and no key in one, hangs on it.
    raise fault


def load(shell: "InteractiveShell") -> None:
    """Register the magics with `shell`."""
    shell.register_magics(AsteroidMagics)


def unload(shell: "InteractiveShell") -> None:
    """Take the magics out of `shell`, stop the sandbox and forget what the session had set."""
    manager = shell.magics_manager
    for ours in [one for one in shell.configurables if isinstance(one, AsteroidMagics)]:
        ours.stop_sandbox()
        shell.configurables.remove(ours)
        for kind, names in ours.magics.items():
            for name in names:
                manager.magics[kind].pop(name, None)
    manager.registry.pop(AsteroidMagics.__name__, None)
    settings.session.clear()
