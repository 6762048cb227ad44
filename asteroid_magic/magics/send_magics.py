"""`AsteroidMagics`: the magics that a person types, with their help.

Loading the extension imports this module and few others. Each magic imports `send_commands`, and
with it requests, when it is first used.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.magic import (
    Magics,
    line_cell_magic,
    line_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
)
from traitlets import Float, TraitError, Unicode, observe, validate

from ..config.session import session
from ..constants import DEFAULT_CONFIRM_GRACE_S, DEFAULT_TIMEOUT_S

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ..form.form import SendForm
    from ..models.delivery import Delivery, DryRun
    from ..models.report import Report


@magics_class
class AsteroidMagics(Magics):
    """Send messages to running Asteroid agents; `%asteroid_send?` tells how."""

    base_url = Unicode(
        "",
        help="Where Asteroid is, as https://host/path. "
        "Empty: from ASTEROID_BASE_URL, else Asteroid's own.",
    ).tag(config=True)
    timeout = Float(
        DEFAULT_TIMEOUT_S,
        help="Seconds a whole send may take, connecting and retries included.",
    ).tag(config=True)
    confirm_grace = Float(
        DEFAULT_CONFIRM_GRACE_S,
        help="Seconds for which a message whose answer was lost is looked for among the "
        "activities of its execution. 0 turns it off.",
    ).tag(config=True)

    def __init__(self, shell: "InteractiveShell", **keywords: Any) -> None:
        super().__init__(shell, **keywords)
        self._shell = shell

    @validate("base_url", "timeout", "confirm_grace")
    def _check(self, proposal: Mapping[str, Any]) -> str | float:
        from ..config import settings
        from ..errors import ConfigurationError

        value = proposal["value"]
        try:
            if isinstance(value, float):
                is_grace = proposal["trait"].name == "confirm_grace"
                return (settings.check_grace if is_grace else settings.check_timeout)(value)
            return settings.check_base_url(value) if value else ""
        except ConfigurationError as error:
            problem = TraitError(f"{error.detail} {error.hint}")
        raise problem

    @observe("base_url", "timeout")
    def _remember(self, _change: object) -> None:
        session.base_url = self.base_url or None
        session.timeout = self.timeout

    @observe("confirm_grace")
    def _remember_grace(self, _change: object) -> None:
        session.confirm_grace = self.confirm_grace

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def asteroid_send(
        self, line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None
    ) -> "Delivery | DryRun | Report | None":
        """Send a message to a running execution, and show what became of it.

        In a line:      %asteroid_send [options] EXECUTION message
        In a cell:      %%asteroid_send [options] EXECUTION
                        message, on as many lines as it takes
        With a result:  delivery = %asteroid_send [options] EXECUTION message
        In a form:      %asteroid_send
        To many:        %%asteroid_send --each rows, and below it the message with {column}

        EXECUTION is the ID of the run, or the name of a variable that holds it: run_id, run.id,
        $run_id or {run_id}. An object with an `id` will do as well, and so will the beginning of
        an ID that this session has seen, 8 or more characters of it.

        Everything after the execution is the message and is sent exactly as typed: $, {}, quotes,
        --words and a ? at the end mean nothing in it. One pair of quotes round a whole line message
        is taken off; a backslash at the end of a line goes on in the next. In a cell, the message
        is all that stands below the first line. Pasted text is safest in a cell.

        Options stand before the execution:
          --wait [SECONDS]   wait for the agent's answer as well, 120 seconds at most, and show it;
                             interrupting stops the waiting, not the agent
          --timeout SECONDS  how long the whole send may take (30, or %config AsteroidMagics)
          --base-url URL     another Asteroid than the one that is set
          --dry-run          show the request and the same as a curl command; send nothing
          --quiet            show nothing when it was delivered; the result is then None
          --out NAME         put the Delivery into this variable as well
          -f, --fill         fill {name} in the message with the variable of that name
          --show             show the card at once, also where IPython shows no result
          --each ROWS        send the cell to each row, with execution_id; fill {column} from it
          --journal FILE     with --each: keep what became of each, so that the cell can go on

        The outcome is one of three:
          delivered                   Asteroid has the message
          not delivered               it has not: mend what the card says and send again
          may have been delivered     nobody knows: look at the execution before sending again
        The last two stop the cell, and a Run All with it.

        Examples:
          %asteroid_send 3f2a8c1e-5b7d-4e21-9c64-1f0a2b3c4d5e Yes, book the earlier train.
          %asteroid_send run_id "Yes, the second one"
          %asteroid_send --wait 60 run_id Are you done

        The API key is never typed here: see %asteroid_login.

        """
        from .send_commands import send

        return send(self._shell, line, cell, local_ns)

    @needs_local_scope
    @line_magic
    def asteroid_form(self, line: str, local_ns: Mapping[str, Any] | None = None) -> "SendForm":
        """Show a form that sends messages, in a notebook that shows widgets.

        %asteroid_form            an empty form; %asteroid_send alone shows one, too
        %asteroid_form EXECUTION  one for this execution: its ID, the beginning of one seen, or a
                                  variable that holds it

        It lists the active executions to choose from, sends without holding up other cells, and
        shows what became of each message. Keep it as `form = %asteroid_form`: form.outcomes has
        what became of its messages, form.close() ends it.
        """
        from .send_commands import form

        return form(self._shell, line.strip(), local_ns)

    @line_magic
    def asteroid_login(self, line: str) -> None:
        """Ask for the API key, and keep it for this session only.

        %asteroid_login           ask for the key; it is not shown, and not kept in the history
        %asteroid_login --save    put it into the system keyring as well, for later sessions
        %asteroid_login --forget  remove it from this session and from the keyring

        The key can also come from the environment variable ASTEROID_API_KEY.
        """
        from .send_commands import login

        print(login(line))  # noqa: T201 (a line of text is the whole answer)

    @line_magic
    def asteroid_sandbox(self, line: str) -> object:
        """Start a small Asteroid on this machine, with agents that answer, and use it.

        %asteroid_sandbox          start it, point the settings at it, show its executions
        box = %asteroid_sandbox    the same; then box.executions[0] is the first of them
        %asteroid_sandbox --stop   stop it, and set back what was set before

        No account is needed, and nothing leaves this machine.
        """
        from .sandbox_command import sandbox

        return sandbox(line)
