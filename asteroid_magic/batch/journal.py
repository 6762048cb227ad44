"""The journal of a batch: a SQLite file with a row a message, so that a batch can be gone on with.

That a message is about to be sent is on the disk before it is sent; what became of it follows
afterwards. So what was under way when a process died shows. Without a path, a temporary database
that SQLite deletes by itself takes the place of the file. It holds no key.
"""

import os
import sqlite3
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from ..errors import InvalidInput, JournalError
from ..models.report import Entry
from ..models.row_results import Outcome, Row, State
from ..text import shorten
from . import journal_file
from .journal_file import refused
from .kept import Kept

LONGEST_QUOTE = 40
# What stands before the first row, so that nothing is read before a row is asked for.
_BEFORE = Entry(-1, "", "", "waiting", 0, None, None, None, None)

_INTENT = """
INSERT INTO messages (position, execution_id, message, state, run, began)
VALUES (?, ?, ?, 'under_way', ?, ?)
ON CONFLICT (position) DO UPDATE
SET execution_id = excluded.execution_id, message = excluded.message, state = excluded.state,
  run = excluded.run, began = excluded.began, error = NULL, detail = NULL
"""
_OUTCOME = """
UPDATE messages
SET state = ?, attempts = attempts + ?, sent_at = ?, elapsed = ?, error = ?, detail = ?
WHERE position = ?
"""


class Journal:
    """The rows of one batch and what became of them; the file is locked until it is closed.

    `stored` is the number of rows that it holds; they have the positions from 0. Every method
    raises `JournalError` where the file fails.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = None if path is None else os.path.abspath(os.path.expanduser(os.fsdecode(path)))  # noqa: PTH100, PTH111 (a plain text is wanted)
        self._connection = (
            journal_file.temporary() if self.path is None else journal_file.open_(self.path)
        )
        self._kept: Kept | None = None
        try:
            with self._connection as connection:
                (self.stored,) = connection.execute(
                    "SELECT coalesce(max(position), -1) + 1 FROM messages"
                ).fetchone()
                self._run = connection.execute(
                    "INSERT INTO runs (began) VALUES (?)", (time.time(),)
                ).lastrowid
        except sqlite3.Error as error:
            raise refused(error, self.path) from None

    def counts(self) -> dict[State, int]:
        """Return how many rows there are in each state."""
        return self.reading().counts()

    def write(
        self,
        intents: Iterable[tuple[int, Row]],
        outcomes: Iterable[Outcome],
        clock: float | None = None,
    ) -> None:
        """Write which rows are about to be sent, then what became of others, all or nothing.

        It is on the disk when this returns. `clock` is by how many seconds the server's clock is
        ahead of this machine's, where that is known.
        """
        now = time.time()
        try:
            with journal_file.transaction(self._connection) as connection:
                rows = ((at, *row, self._run, now) for at, row in intents)
                connection.executemany(_INTENT, rows)
                connection.executemany(_OUTCOME, ((*one[1:7], one[0]) for one in outcomes))
                if clock is not None:
                    connection.execute(
                        "UPDATE runs SET clock = ? WHERE run = ?", (clock, self._run)
                    )
        except sqlite3.Error as error:
            raise refused(error, self.path, sent=True) from None

    def reading(self) -> Kept:
        """Return what reads this journal while it is open."""
        return Kept(self.path, self._connection)

    def close(self) -> Kept:
        """Unlock the file, and return what reads it from now on."""
        if self.path is None:
            self._kept = self._kept or Kept(None, self._connection, owns=True)
            return self._kept
        with suppress(sqlite3.Error):
            # One plain file remains: whoever reads a file in WAL mode makes two others beside it.
            self._connection.execute("PRAGMA journal_mode = DELETE")
        self._connection.close()
        return Kept(self.path)


class Matching:
    """Compares the rows of a batch, one after the other, with those that its journal holds."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._entries = journal.reading().entries()
        self._next: Entry | None = _BEFORE

    def state_of(self, position: int, row: Row) -> State | None:
        """Return the state of the row at `position`, None if the journal does not hold it.

        Nor does it where it holds one in its place that could not be sent as it was.

        Positions are asked for in their order. Raises `JournalError` if it holds another row.
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
            # It could never be sent; so it has been mended since.
            return None
        what = "execution" if execution_id != row[0] else "message"
        there, here = (execution_id, row[0]) if what == "execution" else (message, row[1])
        raise JournalError(
            f"Row {position + 1:,} has the {what} {_quoted(here)}; in the journal "
            f"{self._journal.path}, that row has {_quoted(there)}.",
            title="The journal belongs to other rows",
            hint="Give the rows that it was made with, in the same order, or another file.",
        )

    def end(self, count: int) -> None:
        """Say that there were `count` rows; raises `JournalError` if the journal holds more."""
        if count < self._journal.stored:
            raise JournalError(
                f"There are {count:,} rows, and the journal {self._journal.path} "
                f"holds {self._journal.stored:,}.",
                title="The journal belongs to other rows",
                hint="Give the rows that it was made with, in the same order, or another file.",
            )


def _quoted(text: Any) -> str:
    return repr(shorten(str(text), LONGEST_QUOTE))
