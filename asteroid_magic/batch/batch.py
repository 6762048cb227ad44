"""`send_many`: many messages, none lost and none twice, also where the process dies midway."""

import os
from concurrent.futures import Executor
from typing import Any

from ..client.boundary import public
from ..client.client import AsteroidClient, connected
from ..errors import SEND, ConfigurationError
from ..models.report import Report, Rows
from .executor_sender import check_executor
from .journal import Journal, RowMatcher
from .rows import open_rows
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
    """Send many messages, and return a `Report` of what became of each.

    `rows` is any iterable of ``(execution_id, message)``, or of mappings with these two, or a
    pandas or polars data frame; it is read as it is sent. Of up to 10,000 rows, all are checked
    before the first is sent: raises `InvalidInput`, which names those that cannot be.

    `workers` messages are under way at a time. With `journal`, the path of a file, the same call
    goes on where an earlier one stopped or died: what was delivered is not sent again. Raises
    `JournalError` for a file that cannot be used, or that belongs to other rows. `executor`, any
    of `concurrent.futures`, sends in place of threads of this process.

    No failure stops the others, but five refusals of the key in a row do. After an interrupt
    nothing begins any more, and the report comes back.
    """
    return send_rows(rows, None, client, workers, journal, executor, progress=progress)


@public
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
        book = Journal(journal)
        try:
            matching = RowMatcher(book)
            checked = open_rows(rows, template, matching.state_of)
            if checked.total is not None:
                matching.end(checked.total)
            return BatchRunner(sender, workers, book, executor).run(checked, shown=progress)
        finally:
            book.close()


def _check_journal(rows: object, journal: str | os.PathLike[str] | None) -> None:
    if journal is None or not isinstance(rows, Rows) or rows.path is None:
        return
    if os.path.realpath(os.fsdecode(journal)) == os.path.realpath(rows.path):
        raise ConfigurationError(
            "These rows are read from this very journal, which is for all rows of its batch.",
            hint="To send them, name another journal, or none; to go on with the batch, make the "
            "same call again, with all of its rows.",
        )


def _check_workers(workers: object) -> None:
    is_number = isinstance(workers, int) and not isinstance(workers, bool)
    if not (is_number and 1 <= workers <= MOST_WORKERS):  # type: ignore[operator]
        raise ConfigurationError(
            f"The number of workers is no whole number from 1 to {MOST_WORKERS}.",
            hint="Give one such as 16: so many messages are under way at a time.",
        )
