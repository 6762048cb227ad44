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
from .rows import CheckedRows, open_rows
from .runner import BatchRunner

MOST_WORKERS = 256


def send_many(
    rows: Any,
    *,
    client: AsteroidClient | None = None,
    workers: int = 16,
    journal: str | os.PathLike[str] | None = None,
    executor: Executor | None = None,
    progress: bool = True,
) -> Report:
    """Send many messages, and return a `Report` with the result of each.

    `rows` is any iterable of ``(execution_id, message)``, or of mappings with these two keys, or a
    pandas or polars data frame; it is read while messages are sent. Up to 10,000 rows are checked
    before the first is sent: raises `InvalidInput`, which names those that cannot be sent.

    `workers` messages are under way at a time. With `journal`, the path of a file, the same call
    resumes a batch that stopped or died: it does not resend delivered messages. Raises
    `JournalError` for a file that cannot be used, or that belongs to other rows. `executor`, any
    of `concurrent.futures`, sends instead of threads of this process; the batch keeps the threads
    of a `ThreadPoolExecutor` busy until it ends.

    A failed message does not stop the others. Five refusals of the key in a row do, and so does a
    proxy or a certificate that lets nothing through. After an interrupt no further message begins,
    and you get the report.
    """
    return send_rows(rows, None, client, workers, journal, executor, progress=progress)


def send_rows(
    rows: Any,
    template: str | None,
    client: AsteroidClient | None,
    workers: int,
    journal: str | os.PathLike[str] | None,
    executor: Executor | None,
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
            return BatchRunner(sender, workers, batch_journal, executor).run(
                checked, shown=progress
            )
        finally:
            batch_journal.close()


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
