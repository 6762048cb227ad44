"""`send_many`: many messages, none lost and none sent twice, even if the process dies midway."""

import os
from concurrent.futures import Executor
from typing import Any

from ..client.client import AsteroidClient, connected
from ..errors import SEND, ConfigurationError, JournalError, SendInterrupted
from ..interrupts import interruptible
from ..models.report import Report, Rows
from .executor_sender import check_executor
from .journal import Journal, RowMatcher
from .reconcile import Policy
from .rows import CheckedRows, open_rows
from .runner import BatchRunner

MOST_WORKERS = 256
# The seconds after which a message that does not show is not on its way any more.
ABSENT_AFTER = 60.0
MOST_ABSENT = 86_400
NORMAL = Policy(ABSENT_AFTER)


def send_many(
    rows: Any,
    *,
    client: AsteroidClient | None = None,
    workers: int = 16,
    journal: str | os.PathLike[str] | None = None,
    executor: Executor | None = None,
    progress: bool = True,
    absent_after: float = ABSENT_AFTER,
    resend_unknown: bool = False,
) -> Report:
    """Send many messages, none lost and none sent twice.

    Parameters
    ----------
    rows : iterable
        Pairs ``(execution_id, message)``, mappings with these two keys, or a pandas or polars data
        frame with these columns. It is read while messages are sent.
    client : AsteroidClient, optional
        Sends the messages; if None, one with the current settings.
    workers : int, default 16
        How many messages are under way at a time, up to 256.
    journal : str or os.PathLike, optional
        A file that keeps what is known of each row. With it, the same call resumes a batch that
        stopped or died: it does not resend delivered messages.
    executor : concurrent.futures.Executor, optional
        Sends in place of threads of this process. The batch keeps the threads of a
        `ThreadPoolExecutor` busy until it ends.
    progress : bool, default True
        Show a progress bar.
    absent_after : float, default 60
        How many seconds after its send a message counts as absent if it does not show, up to a day:
        see the notes.
    resend_unknown : bool, default False
        Resend the rows of earlier calls that stay unknown, which may deliver them twice. This needs
        a journal.

    Returns
    -------
    Report
        The result of each row. It says also which ones failed: no error is raised for them.

    Raises
    ------
    InvalidInput
        If rows cannot be sent. Up to 10,000 rows are checked before the first is sent, and the
        error names those.
    JournalError
        If the journal cannot be used, is damaged, or belongs to other rows.
    ConfigurationError
        If there is no API key, or a parameter is unusable.
    SendInterrupted
        If the user interrupts the call before it sends anything.

    Notes
    -----
    A row whose outcome is unknown, or that was under way when the process died, is resent only by a
    later call with the same journal: after the others, once the activities of its execution have
    proved that it did not arrive. At the earliest, that is `absent_after` seconds after it was
    sent. In all other cases it stays unknown, and the report says why.

    A failed message does not stop the others. Five refusals of the key in a row do, and so does a
    proxy or a certificate that lets nothing through. After an interrupt no further message begins,
    and you get the report.

    Examples
    --------
    >>> report = send_many(rows, journal="march.journal")
    >>> report.raise_for_failures()
    """
    policy = check_policy(absent_after, resend_unknown=resend_unknown, journal=journal)
    return send_rows(rows, None, client, workers, journal, executor, policy, progress=progress)


def send_rows(
    rows: Any,
    template: str | None,
    client: AsteroidClient | None,
    workers: int,
    journal: str | os.PathLike[str] | None,
    executor: Executor | None,
    policy: Policy = NORMAL,
    *,
    progress: bool,
) -> Report:
    """Do what `send_many` does; with a template, each row fills it."""
    _check_workers(workers)
    if executor is not None:
        check_executor(executor)
    with connected(client) as sender:
        if executor is None:
            sender.requester.begin(SEND, None)
        _check_journal(rows, journal)
        batch_journal = Journal(journal)
        try:
            matching = RowMatcher(batch_journal)
            checked = _checked_rows(rows, template, matching)
            if checked.total is not None:
                matching.end(checked.total)
            runner = BatchRunner(sender, workers, batch_journal, executor, policy)
            return runner.run(checked, shown=progress)
        finally:
            batch_journal.close()


def check_policy(
    absent_after: object, *, resend_unknown: object, journal: str | os.PathLike[str] | None
) -> Policy:
    """Return when to resend rows in doubt; raises `ConfigurationError` for unusable values."""
    is_number = isinstance(absent_after, (int, float)) and not isinstance(absent_after, bool)
    if not (is_number and 0 <= absent_after <= MOST_ABSENT):  # type: ignore[operator]
        raise ConfigurationError(
            f"absent_after must be a number of seconds from 0 to {MOST_ABSENT:,}.",
            hint=f"The default is {ABSENT_AFTER:g}. A smaller one makes it more likely that a "
            "message that was still on its way is delivered twice.",
        )
    if not isinstance(resend_unknown, bool):
        raise ConfigurationError(
            "resend_unknown must be True or False.",
            hint="True resends rows of earlier calls although they may have been delivered.",
        )
    if resend_unknown and journal is None:
        raise ConfigurationError(
            "resend_unknown resends rows of an earlier call, which only its journal knows.",
            hint="Give the journal of that call. Without one, send report.unknown as rows.",
        )
    return Policy(float(absent_after), resend_unknown)  # type: ignore[arg-type]


def _checked_rows(rows: Any, template: str | None, matching: RowMatcher) -> CheckedRows:
    # Reading the rows may take long, and nothing has been sent.
    try:
        return interruptible(lambda: open_rows(rows, template, matching.state_of))
    except KeyboardInterrupt:
        stopped = SendInterrupted(outcome="not_delivered")
    raise stopped


def _check_journal(rows: object, journal: object) -> None:
    if not isinstance(journal, str | bytes | os.PathLike | None):
        raise JournalError(
            f"The journal is of type {type(journal).__name__}, not the path of a file.",
            hint='Give a path, such as journal="batch.journal".',
        )
    if journal is None or not isinstance(rows, Rows) or rows.path is None:
        return
    if os.path.realpath(os.fsdecode(journal)) == os.path.realpath(rows.path):
        raise ConfigurationError(
            "These rows come from this same journal, which must keep all rows of its batch.",
            hint="To send only these rows, use another journal or none. To resume the batch, "
            "repeat the original call with all of its rows.",
        )


def _check_workers(workers: object) -> None:
    is_number = isinstance(workers, int) and not isinstance(workers, bool)
    if not (is_number and 1 <= workers <= MOST_WORKERS):  # type: ignore[operator]
        raise ConfigurationError(
            f"workers must be a whole number from 1 to {MOST_WORKERS}.",
            hint="For example, 16 sends up to 16 messages at a time.",
        )
