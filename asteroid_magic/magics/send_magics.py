"""`AsteroidMagics`: the magics that send, log in and start the sandbox, with their help.

`%load_ext` imports this module, so it stays light: each magic imports `send_commands`, and with it
requests, on first use.
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
from traitlets.config import Config

from ..config.session import session
from ..constants import DEFAULT_CONFIRM_GRACE_S, DEFAULT_MAX_UPLOAD_MB, DEFAULT_TIMEOUT_S

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ..form.form import SendForm
    from ..models.delivery import Delivery, DryRun
    from ..models.report import Report
    from ..panel.panel import ChatPanel


@magics_class
class AsteroidMagics(Magics):
    """Send messages to running Asteroid agents; `%asteroid_send?` shows the help."""

    base_url = Unicode(
        "",
        help="Base URL of the Asteroid server, as https://host/path. "
        "If empty: ASTEROID_BASE_URL, or else Asteroid's public server.",
    ).tag(config=True)
    timeout = Float(
        DEFAULT_TIMEOUT_S, help="Seconds a whole send may take, including connecting and retries."
    ).tag(config=True)
    confirm_grace = Float(
        DEFAULT_CONFIRM_GRACE_S,
        help="If the server's reply to a message is lost: seconds to look for the message among "
        "the activities of its execution. 0 turns this off.",
    ).tag(config=True)
    max_upload_mb = Float(
        DEFAULT_MAX_UPLOAD_MB, help="The largest file to upload, in megabytes (1,000,000 bytes)."
    ).tag(config=True)

    def __init__(self, shell: "InteractiveShell", **keywords: Any) -> None:
        super().__init__(shell, **keywords)
        self._shell = shell

    def update_config(self, config: Config) -> None:
        """Take values that `%config` sets; called by IPython, with the shell's configuration next.

        A refused value must not get there: the next load would fail on it.
        """
        try:
            super().update_config(config)
        except TraitError:
            config.pop(type(self).__name__, None)
            raise

    @validate("base_url", "timeout", "confirm_grace", "max_upload_mb")
    def _check(self, proposal: Mapping[str, Any]) -> str | float:
        from ..config import settings
        from ..errors import ConfigurationError

        value = proposal["value"]
        try:
            if isinstance(value, float):
                checks = {
                    "timeout": settings.check_timeout,
                    "confirm_grace": settings.check_grace,
                    "max_upload_mb": settings.check_max_upload,
                }
                return checks[proposal["trait"].name](value)
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

    @observe("max_upload_mb")
    def _remember_max_upload(self, _change: object) -> None:
        session.max_upload_mb = self.max_upload_mb

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def asteroid_send(
        self, line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None
    ) -> "Delivery | DryRun | Report | None":
        """Send a message to a running execution and show the outcome.

        Usage, in a line::

          %asteroid_send [options] EXECUTION message
          delivery = %asteroid_send [options] EXECUTION message

        Usage, in a cell::

          %%asteroid_send [options] EXECUTION
          message, on one or more lines

        Usage, to the one execution that waits for an answer::

          %asteroid_send --waiting [options] message

        Usage, in a cell, for many messages::

          %%asteroid_send --each ROWS [options]
          message with {column}

        `%asteroid_send` alone shows a form, see `%asteroid_form?`.

        EXECUTION is the ID of the run, or the name of a variable that holds it: run_id, run.id,
        $run_id or {run_id}. The variable may also hold an object with an `id`. The first 8 or more
        characters of its ID are enough: if this session has not seen it, Asteroid is asked. If
        several executions have that beginning, nothing is sent.

        Everything after EXECUTION is the message. Asteroid gets it exactly as you typed it: $, {},
        quotes, --words and a ? at the end have no special meaning. A message in a line loses its
        leading and trailing spaces, and one pair of quotes around the whole message. A backslash
        at the end of a line continues the message on the next line. A message in a line must not
        begin with one of the options. In a cell, the message is everything below the first line,
        without the final newline. Pasted text is safest in a cell. Above its first line, only
        comments may stand.

        Options, before EXECUTION:

        --wait [SECONDS]
          After the delivery, wait for the agent's answer and show it. Default: 120 seconds at
          most. Interrupt the cell to stop waiting; this does not stop the agent.

        --timeout SECONDS
          Limit the time of the whole send, including connecting and retries. Default: 30, or
          %config AsteroidMagics.timeout.

        --base-url URL
          Send to this Asteroid server, not to the one in the settings.

        --dry-run
          Show the request, also as a curl command. Send nothing.

        --quiet
          Show nothing if the message was delivered. The result is then None.

        --out NAME
          Also store the Delivery in this variable.

        -f, --fill
          Replace each {name} in the message with the value of that variable.

        --once
          Send only if the execution's activities do not show exactly this text from a user yet.
          Then running the notebook again does not send it twice.

        --waiting
          Send to the one execution that waits for an answer; type no execution. If none or several
          wait, send nothing and list them.

        --attach FILE
          Upload this file first, then send the message. You can repeat this option. A path with
          spaces needs quotes. If a file does not arrive, the message is not sent.

        --show
          Show the card immediately, even where IPython does not show the result.

        --each ROWS
          Send the message to each row of this variable. The column execution_id holds the
          execution. Replace each {column} in the message with the value in the row.

        --journal FILE
          With --each: record the outcome of each row in this file. To retry what was not
          delivered, run the same cell with the same file.

        --resend-unknown
          With --journal: resend the rows of an earlier run that are unknown and not found. Some may
          arrive twice.

        --keep-going
          With --each: run the next cells even if some rows were not delivered.

        The outcome is one of these:

        delivered
          Asteroid has the message.

        not delivered
          Asteroid does not have the message. Fix what the card points out, then resend.

        may have been delivered
          Nobody knows whether Asteroid has it. Look at the execution before you resend.

        The last two stop the cell, and a Run All with it. With --each, one such row is enough: the
        cell shows its report, then stops, unless you gave --keep-going. An interrupted batch always
        stops it.

        Examples
        --------
        ::

          In [1]: %asteroid_send 3f2a8c1e-5b7d-4e21-9c64-1f0a2b3c4d5e Yes, book the earlier train.

          In [2]: %asteroid_send run_id "Yes, the second one"

          In [3]: %asteroid_send --wait 60 run_id Are you done?

        Never type the API key here. To set it, run `%asteroid_login`.

        """
        from .magic_call import MagicCall

        with MagicCall(self._shell) as call:
            from .send_commands import send

            return call.returns(send(self._shell, line, cell, local_ns))

    @needs_local_scope
    @line_magic
    def asteroid_form(self, line: str, local_ns: Mapping[str, Any] | None = None) -> "SendForm":
        """Show a form that sends messages, in a notebook that shows widgets.

        Usage::

          %asteroid_form [EXECUTION]
          form = %asteroid_form [EXECUTION]

        The form lists the active executions, sends without blocking other cells, and shows the
        outcome of each message. `%asteroid_send` alone shows the same form.

        EXECUTION fills in the execution: its ID, the first 8 or more characters of it, or a
        variable that holds one.

        In Python, `form.outcomes` holds the outcomes of its messages; `form.close()` closes it.
        """
        from .magic_call import MagicCall

        with MagicCall(self._shell) as call:
            from .send_commands import form

            return call.returns(form(self._shell, line.strip(), local_ns))

    @needs_local_scope
    @line_magic
    def asteroid_chat(self, line: str, local_ns: Mapping[str, Any] | None = None) -> "ChatPanel":
        """Show a panel in which you follow several executions and talk with them.

        Usage::

          %asteroid_chat [EXECUTION]
          panel = %asteroid_chat [EXECUTION]

        The panel lists the active executions, first those that wait for you, with their questions.
        A click opens a conversation: what the agent did and said, its question with the possible
        answers, and a field for your message. Ctrl+Enter sends it; the answer appears by itself.

        With EXECUTION, it opens the conversation with this one: its ID, the first 8 or more
        characters of it, or a variable that holds one.

        In Python, `panel.outcomes` holds the outcomes of its messages; `panel.close()` closes it.
        """
        from .magic_call import MagicCall

        with MagicCall(self._shell) as call:
            from .send_commands import chat

            return call.returns(chat(self._shell, line.strip(), local_ns))

    @line_magic
    def asteroid_login(self, line: str) -> None:
        """Ask for the API key and keep it for this session only.

        Usage::

          %asteroid_login [--save | --forget]

        The prompt does not show the key, and the history does not keep it. Asteroid is asked whose
        the key is. If it refuses the key, the key is not set, and one that was set before stays.

        You can also set the key in the environment variable ASTEROID_API_KEY, or in Google Colab
        as a secret of that name.

        Options:

        --save
          Also store the key in the system keyring, for later sessions.

        --forget
          Remove the key from this session and from the system keyring.
        """
        from .magic_call import MagicCall

        with MagicCall(self._shell):
            from .send_commands import login

            print(login(line))  # noqa: T201 (the result is one line of text)

    @line_magic
    def asteroid_sandbox(self, line: str) -> object:
        """Start a small Asteroid server on this machine, with agents that answer, and use it.

        Usage::

          %asteroid_sandbox [--stop]
          box = %asteroid_sandbox

        You need no account, and nothing leaves this machine. Messages go to the sandbox until you
        stop it. The result shows its executions; `box.executions[0]` is the first of them.

        Options:

        --stop
          Stop the sandbox and restore the previous settings.
        """
        from .magic_call import MagicCall

        with MagicCall(self._shell) as call:
            from .sandbox_command import sandbox

            return call.returns(sandbox(line))
