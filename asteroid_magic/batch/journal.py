"""The journal of a batch: a SQLite file with one row per message, to resume the batch from.

It records on disk that a message is about to be sent, before the message is sent; the result
follows. So it shows what was under way when a process died. Without a path, it is a temporary
database that SQLite deletes by itself. It holds no key.
"""

import os
import sqlite3
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from ..errors import InvalidInput, JournalError
from ..models.report import ROW_STATES, ErrorGroup, ReportEntry, Row, RowResult, RowState
from ..text import quoted
from . import journal_file
from .journal_checks import damaged, is_intact, with_digests
from .journal_file import refused

BLOCK = 500
OTHER_ROWS = (
    "Give the original rows in the same order. Other rows need a journal of their own; with it, "
    "rows that were delivered before are sent again."
)
# Comes before the first row, so that reading starts only when a row is needed.
_BEFORE = ReportEntry(-1, "", "", "waiting", 0, None, None, None, None)

_INTENT = """
INSERT INTO messages (position, execution_id, message, state, run, began)
VALUES (?, ?, ?, 'under_way', ?, ?)
ON CONFLICT (position) DO UPDATE
SET execution_id = excluded.execution_id, message = excluded.message, state = excluded.state,
  run = excluded.run, began = excluded.began, sent_at = NULL, elapsed = NULL, error = NULL,
  detail = NULL
"""
_OUTCOME = """
UPDATE messages
SET state = ?, attempts = attempts + ?, sent_at = coalesce(?, sent_at),
  elapsed = coalesce(?, elapsed), error = ?, detail = ?
WHERE position = ?
"""
_PENDING = """
SELECT execution_id, message, position, state, m.began, sent_at, elapsed, clock, seen, run, error
FROM messages AS m JOIN runs USING (run)
WHERE state IN ('under_way', 'unknown', 'delivered') AND (execution_id, message) IN
  (SELECT execution_id, message FROM messages WHERE state IN ('under_way', 'unknown'))
ORDER BY execution_id, message, position
"""
# The last of each execution: with max(), SQLite takes the other columns from that row.
_ANSWERED = """
SELECT execution_id, message, position, state, m.began, max(sent_at), elapsed, clock, seen, run,
  error
FROM messages AS m JOIN runs USING (run)
WHERE state = 'delivered' AND sent_at IS NOT NULL AND elapsed IS NOT NULL
"""
_IN_DOUBT = "(SELECT execution_id FROM messages WHERE state IN ('under_way', 'unknown'))"
_ANSWERED_THERE = f"{_ANSWERED} AND execution_id IN {_IN_DOUBT} GROUP BY execution_id"
_ANSWERED_LAST = _ANSWERED + "GROUP BY execution_id ORDER BY max(sent_at) DESC LIMIT ?"
# How many of the last delivered rows may serve as a control.
MOST_CONTROLS = 3
# A call notes in the journal this often, in seconds, that it is still running.
SEEN_EVERY = 5.0


class SentRow(NamedTuple):
    """A row that was delivered, is under way or unknown; times are in seconds since 1970.

    It was about to be sent at `began`; its last request began at `sent_at`, and all took `elapsed`
    seconds, if that is known. The call number `run` was `seen` last, and `clock` is the seconds by
    which the server's clock was ahead of this machine's, if known. `error` is the name of its
    error.
    """

    execution_id: str
    message: str
    position: int
    state: RowState
    began: float
    sent_at: float | None
    elapsed: float | None
    clock: float | None
    seen: float | None
    run: int
    error: str | None


class Pending(NamedTuple):
    """Rows with the same execution and text; for some, it is unknown whether they arrived."""

    execution_id: str
    message: str
    rows: tuple[SentRow, ...]

    @property
    def doubts(self) -> list[SentRow]:
        """The rows that may have arrived."""
        return [row for row in self.rows if row.state != "delivered"]


class Journal:
    """The rows of one batch and their results; the file stays locked until it is closed.

    `stored` is the number of rows that it holds, at the positions from 0; `run` is the number of
    this call, `batch` that of the batch, which all calls with this file or a copy of it share.
    Every method raises `JournalError` if the file fails.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = None if path is None else os.path.abspath(os.path.expanduser(os.fsdecode(path)))  # noqa: PTH100, PTH111 (this needs a str)
        self._connection = (
            journal_file.temporary() if self.path is None else journal_file.open_(self.path)
        )
        self._reader: JournalReader | None = None
        self._seen = time.time()
        self._has_failed = False
        try:
            (self.stored,) = self._connection.execute(
                "SELECT coalesce(max(position), -1) + 1 FROM messages"
            ).fetchone()
            self.run = journal_file.begin_run(self._connection, has_file=self.path is not None)
            # A copy of a journal is of the same batch.
            (self.batch,) = self._connection.execute(
                "SELECT CAST(1e6 * began AS INTEGER) FROM runs ORDER BY run LIMIT 1"
            ).fetchone()
        except sqlite3.Error as error:
            problem = refused(error, self.path)
        else:
            return
        with suppress(sqlite3.Error):
            self._connection.close()
        raise problem

    def counts(self) -> dict[RowState, int]:
        """Return the number of rows in each state."""
        return self.reading().counts()

    def write(
        self,
        intents: Iterable[tuple[int, Row]],
        outcomes: Iterable[RowResult],
        clock: float | None = None,
    ) -> None:
        """Write which rows are about to be sent, then the results of others: all or nothing.

        It is on disk when this returns. `clock` is the number of seconds by which the server's
        clock is ahead of this machine's, None if unknown.
        """
        now, is_due = time.time(), self.is_due
        try:
            with journal_file.transaction(self._connection) as connection:
                rows = ((at, *row, self.run, now) for at, row in intents)
                connection.executemany(_INTENT, rows)
                connection.executemany(_OUTCOME, ((*one[1:7], one[0]) for one in outcomes))
                if clock is not None or is_due:
                    connection.execute(
                        "UPDATE runs SET clock = coalesce(?, clock), seen = ? WHERE run = ?",
                        (clock, now, self.run),
                    )
        except sqlite3.Error as error:
            self._has_failed = True
            problem = refused(error, self.path, sent=True)
        else:
            self._seen = now if is_due else self._seen
            return
        raise problem

    @property
    def is_due(self) -> bool:
        """Return True if a write is due, even of nothing: it notes that the call still runs."""
        return not 0 <= time.time() - self._seen < SEEN_EVERY

    def reading(self) -> "JournalReader":
        """Return a reader for this journal while it is open."""
        return JournalReader(self.path, self._connection)

    def close(self) -> "JournalReader":
        """Unlock the file, and return a reader for it from now on.

        All results are on the disk already, so an error of closing it is none of the batch.
        """
        if self.path is None:
            self._reader = self._reader or JournalReader(None, self._connection, owns=True)
            return self._reader
        with suppress(sqlite3.Error):
            journal_file.leave_log(self._connection, has_failed=self._has_failed)
        with suppress(sqlite3.Error):
            self._connection.close()
        return JournalReader(self.path)


class JournalReader:
    """Reads a journal: over `connection` if given, otherwise over a new one each time.

    Every method raises `JournalError` if the file is missing, damaged or in use.
    """

    def __init__(
        self, path: str | None, connection: sqlite3.Connection | None = None, *, owns: bool = False
    ) -> None:
        self.path = path
        self._connection = connection
        if owns and connection is not None:
            weakref.finalize(self, connection.close)

    def counts(self) -> dict[RowState, int]:
        """Return the number of rows in each state."""
        with self._open() as connection:
            counts = dict(
                connection.execute("SELECT state, count(*) FROM messages GROUP BY state").fetchall()
            )
            if not counts.keys() <= set(ROW_STATES):
                raise damaged(self.path, "a row has an unknown state")
        return counts

    def entries(
        self, states: Sequence[RowState] = (), *, first: int = 0, limit: int = -1
    ) -> Iterator[ReportEntry]:
        """Yield rows in the order of their positions, from `first` on, at most `limit` of them."""
        marks = ", ".join("?" * len(states))
        where = f"AND state IN ({marks})" if states else ""
        fields = ", ".join(ReportEntry._fields)
        # An open journal was checked when it was opened, and has been locked since.
        is_checked = self._connection is not None
        source = with_digests("messages", fields)
        if is_checked:
            source = f"SELECT {fields} FROM messages"  # noqa: S608 (names of our own)
        query = f"{source} WHERE position >= ? {where} ORDER BY position LIMIT ?"
        with self._open() as connection:
            # In blocks: an open statement would keep later writes from reaching the disk.
            while limit:
                size = BLOCK if limit < 0 else min(limit, BLOCK)
                block = connection.execute(query, (first, *states, size)).fetchall()
                for row in block:
                    entry = ReportEntry._make(row[: len(ReportEntry._fields)])
                    if not (is_checked or is_intact(row[len(entry) :])):
                        raise damaged(self.path, f"row {entry.position:,} is not as it was written")
                    yield entry
                if len(block) < size:
                    return
                first = block[-1][0] + 1
                limit -= size if limit > 0 else 0

    def groups(self) -> list[ErrorGroup]:
        """Return the errors grouped by kind, the most frequent first."""
        found: dict[tuple[str, RowState], ErrorGroup] = {}
        for one in self.entries(("failed", "unknown")):
            if one.error is not None:
                first = ErrorGroup(one.error, one.state, 0, one.detail or "", one.position)
                group = found.get((one.error, one.state), first)
                found[one.error, one.state] = group._replace(number=group.number + 1)
        return sorted(found.values(), key=lambda group: (-group.number, group.error))

    def pending(self) -> list[Pending]:
        """Return the rows whose delivery is unknown, grouped by execution and text.

        With each group come the delivered rows with the same execution and text.
        """
        with self._open() as connection:
            rows = [SentRow._make(row) for row in connection.execute(_PENDING).fetchall()]
        return [
            Pending(execution_id, message, tuple(group))
            for (execution_id, message), group in groupby(rows, itemgetter(0, 1))
        ]

    def controls(self) -> tuple[dict[str, SentRow], list[SentRow]]:
        """Return rows that Asteroid has surely accepted: those that it answered with a 201.

        The first are the last ones in the executions with rows in doubt, by execution; the others
        are the last ones of all, in different executions.
        """
        with self._open() as connection:
            there = map(SentRow._make, connection.execute(_ANSWERED_THERE).fetchall())
            last = connection.execute(_ANSWERED_LAST, (MOST_CONTROLS,)).fetchall()
        return {row.execution_id: row for row in there}, [SentRow._make(row) for row in last]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            if self._connection is not None:
                yield self._connection
                return
            if self.path is None:
                raise ValueError("The reader needs a path or a connection.")
            with closing(journal_file.read_only(self.path)) as made:
                journal_file.check_owner(made, self.path)
                yield made
        except sqlite3.Error as error:
            problem = refused(error, self.path)
        else:
            return
        raise problem


class RowMatcher:
    """Compares the rows of a batch, one after the other, with those in its journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._entries = journal.reading().entries()
        self._next: ReportEntry | None = _BEFORE

    def state_of(self, position: int, row: Row) -> RowState | None:
        """Return the state of the row at `position`, None if the journal does not hold it.

        Also None if the journal holds an invalid row there, which the user has corrected since.
        Call with rising positions. Raises `JournalError` if it holds any other row there.
        """
        while self._next is not None and self._next.position < position:
            self._next = next(self._entries, None)
        entry = self._next
        if entry is None or entry.position != position:
            return None
        execution_id, message = entry.execution_id, entry.message
        if (execution_id, message) == row:
            return entry.state
        if entry.state == "failed" and entry.error == InvalidInput.__name__:
            return None
        what = "execution" if execution_id != row[0] else "message"
        there, here = (execution_id, row[0]) if what == "execution" else (message, row[1])
        raise JournalError(
            f"Row {position:,} has the {what} {quoted(here)}; in the journal "
            f"{self._journal.path}, that row has {quoted(there)}.",
            title="The journal belongs to other rows",
            hint=OTHER_ROWS,
        )

    def end(self, count: int) -> None:
        """Check that the journal holds no more than `count` rows; raises `JournalError`."""
        if count < self._journal.stored:
            raise JournalError(
                f"There are {count:,} rows, but the journal {self._journal.path} "
                f"holds {self._journal.stored:,}.",
                title="The journal belongs to other rows",
                hint=OTHER_ROWS,
            )
