"""What a journal tells: its rows and what became of them, read when they are asked for."""

import sqlite3
import weakref
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from ..models.report import Entry, Group
from ..models.row_results import State
from .journal_file import refused

BLOCK = 500


class Pending(NamedTuple):
    """Rows with the same execution and text, of some of which it is not known if they arrived.

    `under_way` and `unknown` are the positions of those, each a list with commas, and `delivered`
    the number of those that are known to have. `since` is when the first of all was about to be
    sent, by the server's clock, where that was known; `since_here`, by this machine's, where not.
    """

    execution_id: str
    message: str
    under_way: str | None
    unknown: str | None
    delivered: int
    since: float | None
    since_here: float | None


_PENDING = """
SELECT execution_id, message,
  group_concat(CASE state WHEN 'under_way' THEN position END),
  group_concat(CASE state WHEN 'unknown' THEN position END),
  sum(state = 'delivered'), min(m.began + clock), min(CASE WHEN clock IS NULL THEN m.began END)
FROM messages AS m JOIN runs USING (run)
WHERE (execution_id, message) IN
  (SELECT execution_id, message FROM messages WHERE state IN ('under_way', 'unknown'))
GROUP BY execution_id, message
"""


class Kept:
    """Reads a journal: over `connection` where it is given, else over one that it opens each time.

    Every method raises `JournalError` where the file is gone, or in use.
    """

    def __init__(
        self, path: str | None, connection: sqlite3.Connection | None = None, *, owns: bool = False
    ) -> None:
        self.path = path
        self._connection = connection
        if owns and connection is not None:
            weakref.finalize(self, connection.close)

    def counts(self) -> dict[State, int]:
        """Return how many rows there are in each state."""
        with self._open() as connection:
            return dict(
                connection.execute("SELECT state, count(*) FROM messages GROUP BY state").fetchall()
            )

    def entries(
        self, states: Sequence[State] = (), *, first: int = 0, limit: int = -1
    ) -> Iterator[Entry]:
        """Yield rows in the order of their positions, from `first` on, at most `limit` of them."""
        marks = ", ".join("?" * len(states))
        where = f"AND state IN ({marks})" if states else ""
        query = (
            f"SELECT {', '.join(Entry._fields)} FROM messages "  # noqa: S608 (names of our own)
            f"WHERE position >= ? {where} ORDER BY position LIMIT ?"
        )
        with self._open() as connection:
            # In blocks: a statement left open would keep what is written meanwhile from the disk.
            while limit:
                size = BLOCK if limit < 0 else min(limit, BLOCK)
                block = connection.execute(query, (first, *states, size)).fetchall()
                yield from map(Entry._make, block)
                if len(block) < size:
                    return
                first = block[-1][0] + 1
                limit -= size if limit > 0 else 0

    def groups(self) -> list[Group]:
        """Return the errors grouped by kind, the most frequent first."""
        query = (
            "SELECT error, state, count(*) AS number, detail, min(position) FROM messages "
            "WHERE error IS NOT NULL AND state IN ('failed', 'unknown') "
            "GROUP BY error, state ORDER BY number DESC, error"
        )
        with self._open() as connection:
            return [Group(*group) for group in connection.execute(query).fetchall()]

    def pending(self) -> list[Pending]:
        """Return the rows of which it is not known whether they arrived, by execution and text."""
        with self._open() as connection:
            return [Pending._make(row) for row in connection.execute(_PENDING).fetchall()]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        if self._connection is not None:
            yield self._connection
            return
        if self.path is None:
            raise ValueError("There is neither a path nor a connection.")
        uri = f"{Path(self.path).as_uri()}?mode=ro"
        try:
            with closing(sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None)) as made:
                yield made
        except sqlite3.Error as error:
            problem = refused(error, self.path)
        else:
            return
        raise problem
