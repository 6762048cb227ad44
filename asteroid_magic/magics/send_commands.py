"""Implements the magics of `send_magics`; loaded on first use, with all that it needs."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.display import display

from ..client.client import AsteroidClient
from ..client.session_client import session_client
from ..config.session import session
from ..deadline import Deadline
from ..errors import READ, SEND, AsteroidError, BatchFailed, InvalidInput, SendInterrupted
from ..input.execution_ref import id_inside, resolve_execution
from ..input.refusal import note_above, show
from ..input.send_line import OPTIONS, SendCommand, parse
from ..input.template import fill, fillable
from ..interrupts import interruptible
from ..models.delivery import Delivery, DryRun
from ..text import quoted
from .feedback import (
    Names,
    display_errors,
    execution_named,
    keep_result,
    namespace_of,
    usage_errors,
)
from .load_check import check_script
from .login import action_for
from .lookup import LookUp, not_sent
from .magic_call import is_discarded, is_shown_by_ipython

# The number of messages that a batch sends at the same time.
WORKERS = 16
# A note names at most this many variables.
MOST_NAMED = 3

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ..form.form import SendForm
    from ..models.report import Report
    from ..panel.panel import ChatPanel


def send(
    shell: "InteractiveShell", line: str, cell: str | None, local_ns: Names
) -> "Delivery | DryRun | Report | None":
    """Run `%asteroid_send`; return the result of the cell."""
    if cell is None and not line.strip():
        display(form(shell, ""))  # type: ignore[no-untyped-call]
        return None
    # With `ipython --ext`, the script did not load the extension.
    check_script()
    command = usage_errors(lambda: parse(line, cell), "Nothing was sent.")
    namespace = namespace_of(shell, local_ns)
    if "--each" in command.options:
        return _send_each(shell, command, namespace)
    began = time.monotonic()
    result = display_errors(lambda: _send(command, namespace), SEND)
    result = replace(result, notes=(*result.notes, *_notes(command, namespace)))
    if isinstance(result, DryRun):
        if _is_to_be_shown(shell, command):
            display(result)  # type: ignore[no-untyped-call]
        return result
    return _delivered(shell, command, result, began)


def _delivered(
    shell: "InteractiveShell", command: SendCommand, delivery: Delivery, began: float
) -> Delivery | None:
    """Wait for the agent if `--wait` is given; return the result of the cell."""
    is_stopped = False
    try:
        session.remember(delivery.execution_id)
        _put_out(shell, command, delivery)
        if command.wait is not None:
            delivery = _heard(shell, command, delivery, began)
            _put_out(shell, command, delivery)
    except KeyboardInterrupt:
        # The message has been delivered; the card must say so.
        is_stopped = True
    is_stopped = is_stopped or delivery.was_interrupted
    is_quiet = "--quiet" in command.options
    if (is_stopped or _is_to_be_shown(shell, command)) and not is_quiet:
        show(delivery)
    if is_stopped:
        keep_result(shell, delivery)
        raise _waiting_interrupted(delivery)
    return None if is_quiet else delivery


def _is_to_be_shown(shell: "InteractiveShell", command: SendCommand) -> bool:
    if is_shown_by_ipython(shell):
        return False
    # The transformer adds --show. It could not in a cell that loads the extension: there, IPython
    # drops the result of a line that is not the last one.
    return "--show" in command.options or is_discarded()


def _put_out(shell: "InteractiveShell", command: SendCommand, delivery: Delivery) -> None:
    if "--out" in command.options:
        shell.user_ns[command.options["--out"]] = delivery


def _heard(
    shell: "InteractiveShell", command: SendCommand, delivery: Delivery, began: float
) -> Delivery:
    """Wait for the agent; return the delivery with what the agent did since."""
    from .execution_commands import wait_for_reply  # noqa: PLC0415 (most sends do not wait)

    base_url, is_quiet = command.options.get("--base-url"), "--quiet" in command.options
    limit = command.wait or 0.0
    return wait_for_reply(shell, delivery, limit, began, base_url, is_quiet=is_quiet)


def _waiting_interrupted(delivery: Delivery) -> SendInterrupted:
    """Return the error that stops this cell and the next ones after the user stopped waiting."""
    error = SendInterrupted(
        "The message was already delivered. This did not stop the agent.",
        title="You stopped waiting for the answer",
        hint="`_` holds the Delivery, as does the variable of --out.",
    )
    error.outcome = "delivered"
    return error.about(delivery.execution_id, delivery.message, delivery.attempts)


def form(shell: "InteractiveShell", word: str, local_ns: Names = None) -> "SendForm":
    """Return a form, filled in with the execution that `word` names, if any."""
    from ..form.form import SendForm  # noqa: PLC0415 (ipywidgets loads with the first form)

    execution = _only_execution(shell, "%asteroid_form", word, local_ns)
    return display_errors(lambda: SendForm(execution))


def chat(shell: "InteractiveShell", word: str, local_ns: Names = None) -> "ChatPanel":
    """Return a panel, with the conversation of the execution that `word` names, if any."""
    from ..panel.panel import ChatPanel  # noqa: PLC0415 (anywidget loads with the first panel)

    execution = _only_execution(shell, "%asteroid_chat", word, local_ns)
    return display_errors(lambda: ChatPanel(execution))


def _only_execution(
    shell: "InteractiveShell", magic: str, word: str, local_ns: Names
) -> str | None:
    if len(word.split()) > 1 and not word.startswith("{"):
        raise UsageError(
            f"{magic} takes only an execution. To send a message at once: "
            "%asteroid_send EXECUTION message"
        )
    if not word:
        return None
    return display_errors(lambda: execution_named(shell, word, local_ns, READ))


def login(line: str) -> str:
    """Run `%asteroid_login`; return a sentence that says what it did."""
    return display_errors(usage_errors(lambda: action_for(line)))


def _send(command: SendCommand, namespace: Mapping[str, Any]) -> Delivery | DryRun:
    base_url = command.options.get("--base-url")
    execution_id, message = command.execution or None, command.typed
    has_execution = has_begun = False
    look_up = LookUp(base_url, command.timeout)
    try:
        # Attributes and values of the user's may take long.
        if "--waiting" in command.options:
            message = command.message
            _check_no_execution(command, namespace)
            execution_id = look_up.waiting()
        else:
            execution_id = interruptible(
                lambda: resolve_execution(
                    command.execution, namespace, session.seen, SEND, look_up.begun
                )
            )
        has_execution, message = True, command.message
        if "--fill" in command.options:
            message = interruptible(lambda: fill(command.message, namespace))
        with session_client(base_url=base_url, timeout=command.timeout) as client:
            has_begun = "--dry-run" not in command.options
            return _send_by(client, command, execution_id, message, look_up.deadline)
    except AsteroidError as error:
        fault = error if has_execution else not_sent(error)
        fault.about(execution_id, message)
    except KeyboardInterrupt:
        fault = SendInterrupted(outcome="unknown" if has_begun else "not_delivered")
        fault.about(execution_id, message)
    if not has_execution and command.execution and (misplaced := _execution_in(command, namespace)):
        fault.hint = (
            f"The execution comes first, then the message: %asteroid_send {misplaced} message"
        )
    elif not has_execution and command.attachments:
        fault.hint += " If it belongs to the path before it, put the path in quotes."
    if command.options.get("--wait") == "" and message is command.typed:
        fault.hint += " For --wait, give a number of seconds, such as --wait 60."
    raise fault


def _send_by(
    client: AsteroidClient,
    command: SendCommand,
    execution_id: str,
    message: str,
    deadline: Deadline | None,
) -> Delivery | DryRun:
    """Send the message, or check it for `--dry-run`; the `deadline` is that of a look-up before."""
    if command.attachments:
        from . import file_commands  # noqa: PLC0415 (few sends have files)

        return file_commands.send(client, command, execution_id, message, deadline)
    if "--dry-run" in command.options:
        return client.dry_run(execution_id, message)
    once = "--once" in command.options
    return client.send(execution_id, message, once=once, timeout=deadline)


def _check_no_execution(command: SendCommand, namespace: Mapping[str, Any]) -> None:
    """Raise `InvalidInput` if a message for --waiting starts with an execution.

    With --waiting, that word would be sent as a part of the message.
    """
    word = command.message.split()[:1]
    # The user who typed the message in quotes, or in a cell, means all of it.
    if not word or command.is_cell or command.typed.strip() != command.message:
        return
    try:
        interruptible(lambda: resolve_execution(word[0], namespace, session.seen))
    except InvalidInput:
        return
    raise InvalidInput(
        f"{quoted(word[0])} names an execution. With --waiting, it would be part of the message.",
        hint="To send to it, omit --waiting. To send it as text, put the message in quotes.",
    )


def _execution_in(command: SendCommand, namespace: Mapping[str, Any]) -> str | None:
    """Return the last word of a message if it names an execution; it should be the first."""
    word = command.message.split()[-1:]
    if not word:
        return None
    try:
        interruptible(lambda: resolve_execution(word[0], namespace, session.seen))
    except InvalidInput:
        return id_inside(command.message)
    return word[0]


def _notes(command: SendCommand, namespace: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what the card says about braces that the user may have meant to be filled."""
    names = () if "--fill" in command.options else fillable(command.message, namespace)
    last = command.message.split()[-1:]
    if not command.is_cell and last and last[0] in OPTIONS:
        note = f"The message ends with {last[0]} as typed. Options go before the execution."
        return (note,)
    if not names:
        return ()
    listed = ", ".join(f"{{{name}}}" for name in names[:MOST_NAMED])
    more = f" and {len(names) - MOST_NAMED:,} more" if names[MOST_NAMED:] else ""
    note = f"The message has {listed}{more} as typed. To send values instead of names, add --fill "
    return (f"{note}before the execution.",)


def _send_each(
    shell: "InteractiveShell", command: SendCommand, namespace: Mapping[str, Any]
) -> "Report | DryRun | None":
    """Send to each row of a batch; return the result of the cell."""
    result = display_errors(lambda: _report(command, namespace), SEND)
    if isinstance(result, DryRun):
        if _is_to_be_shown(shell, command):
            display(result)  # type: ignore[no-untyped-call]
        return result
    if "--out" in command.options:
        shell.user_ns[command.options["--out"]] = result
    is_delivered = result.outcome == "delivered"
    stops = result.interrupted or not (is_delivered or "--keep-going" in command.options)
    is_quiet = "--quiet" in command.options and is_delivered
    is_shown = (stops or _is_to_be_shown(shell, command)) and not is_quiet and show(result)
    if stops:
        keep_result(shell, result)
        try:
            result.raise_for_failures()
        except BatchFailed as failure:
            if is_shown:
                note_above(failure)
            raise
    return None if is_quiet else result


def _report(command: SendCommand, namespace: Mapping[str, Any]) -> "Report | DryRun":
    """Send the message to each row; return the report, or the dry run of the first row."""
    # sqlite3 loads with the first batch.
    from ..batch.batch import ABSENT_AFTER, check_policy, send_rows  # noqa: PLC0415

    name = command.options["--each"]
    rows = _rows(name, namespace)
    journal = command.options.get("--journal")
    resends = "--resend-unknown" in command.options
    policy = check_policy(ABSENT_AFTER, resend_unknown=resends, journal=journal)
    base_url = command.options.get("--base-url")
    with AsteroidClient(base_url=base_url, timeout=command.timeout) as client:
        if "--dry-run" in command.options:
            return _dry_run(client, rows, command.message)
        return send_rows(
            rows, command.message, client, WORKERS, journal, None, policy, progress=True
        )


def _rows(name: str, namespace: Mapping[str, Any]) -> Any:
    """Return the value of a variable, or of an attribute of it, as in ``report.failed``."""
    first, *attributes = name.split(".")
    try:
        value = namespace[first]
        for attribute in attributes:
            value = getattr(value, attribute)
    except Exception:  # noqa: BLE001 (a property may fail in any way)
        missing = InvalidInput(
            f"--each cannot read the variable {quoted(name)}.",
            hint="Store the rows in a variable first, such as a data frame, and give its name.",
        )
    else:
        return value
    raise missing


def _dry_run(client: AsteroidClient, rows: Any, template: str) -> DryRun:
    if isinstance(rows, Iterator):
        raise InvalidInput(
            "The rows can be read only once, and a dry run would use them up.",
            hint="Store them in a list first: rows = list(rows).",
        )
    from ..batch.rows import open_rows  # noqa: PLC0415 (as above)

    checked = open_rows(rows, template)
    first = next(iter(checked.rows), None)
    if first is None:
        raise InvalidInput("There are no rows.", hint="Name a variable that holds rows.")
    if isinstance(first, InvalidInput):
        raise first
    return replace(client.dry_run(*first), rows=checked.total)
