"""How the file of a journal is made, locked, and told from other files."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..errors import JournalError
from ..models.report import ROW_STATES

APPLICATION_ID = 0x41535452  # "ASTR", by which a SQLite file tells whose it is
VERSION = 1

_TABLES = (
    f"""CREATE TABLE messages (
      position INTEGER PRIMARY KEY,
      execution_id TEXT NOT NULL,
      message TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN {ROW_STATES}),
      run INTEGER NOT NULL,
      began REAL NOT NULL,
      attempts INTEGER NOT NULL DEFAULT 0,
      sent_at REAL,
      elapsed REAL,
      error TEXT,
      detail TEXT
    )""",
    "CREATE TABLE runs (run INTEGER PRIMARY KEY, began REAL NOT NULL, clock REAL)",
)
_REASONS = {
    "SQLITE_BUSY": (
        "It is in use by another batch, in this process or in another.",
        "Wait until that one has ended, or name another file.",
    ),
    "SQLITE_NOTADB": ("It is not a journal, but some other file.", "Name another file."),
    "SQLITE_CORRUPT": ("It is damaged.", "Restore it, or name another file."),
    "SQLITE_FULL": ("The disk is full.", "Make room, then make the same call again."),
    "SQLITE_READONLY": ("It cannot be written to.", "Name a file that can be written to."),
    "SQLITE_CANTOPEN": ("It cannot be opened.", "Name a file in a folder that can be written to."),
}


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Do all that follows, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        # A full disk has rolled it back already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def temporary() -> sqlite3.Connection:
    """Return a database that SQLite keeps in memory while it is small, then in a file."""
    connection = _connect("")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA journal_mode = MEMORY")
    _make(connection)
    return connection


def open_(path: str) -> sqlite3.Connection:
    """Open a journal, or make it, and lock it; raises `JournalError` where that cannot be."""
    try:
        # Through links, so that what they lead to has the mode, too.
        path = os.path.realpath(path)
        # SQLite gives what it makes beside the file the same mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        # Not opened: closing it would unlock it for a batch of this process.
        if os.path.isfile(path) and not os.path.getsize(path):  # noqa: PTH113, PTH202 (a plain text is at hand)
            with suppress(OSError):
                os.chmod(path, 0o600)  # noqa: PTH101 (as above)
    except (OSError, ValueError) as error:
        raise _unusable(path, error) from None
    connection: sqlite3.Connection | None = None
    try:
        connection = _connect(path)
        _lock(connection, path)
    except sqlite3.Error as error:
        problem = refused(error, path)
    except JournalError as error:
        problem = error
    else:
        return connection
    if connection is not None:
        connection.close()
    raise problem


def _unusable(path: str, error: OSError | ValueError) -> JournalError:
    why = (isinstance(error, OSError) and error.strerror) or "its name cannot be one"
    return JournalError(
        f"{path} cannot be made: {why}.", hint="Name a file in a folder that can be written to."
    )


def _connect(path: str) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)


def _lock(connection: sqlite3.Connection, path: str) -> None:
    """Lock the database for as long as it is open, after looking whose it is."""
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (changes,) = connection.execute("PRAGMA schema_version").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if owner != APPLICATION_ID and (owner or changes):
        raise JournalError(f"{path} is a database of another program.", hint="Name another file.")
    if version > VERSION:
        raise JournalError(
            f"{path} was made by a newer version of asteroid-magic.",
            hint="Update asteroid-magic, or name another file.",
        )
    connection.execute("PRAGMA journal_mode = WAL")
    # A commit is on the disk: it outlives a power failure as well as the process.
    connection.execute("PRAGMA synchronous = FULL")
    if owner != APPLICATION_ID:
        _make(connection)


def _make(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        for table in _TABLES:
            connection.execute(table)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")


def refused(error: sqlite3.Error, path: str | None, *, sent: bool = False) -> JournalError:
    """Return the error that a fault of SQLite amounts to; `sent`: messages are under way."""
    name = getattr(error, "sqlite_errorname", "")
    known = next((name[: len(key)] for key in _REASONS if name.startswith(key)), "")
    why, hint = _REASONS.get(known, (f"SQLite says: {error}.", "Name another file."))
    if sent:
        hint = f"What was under way is looked up when the batch is gone on with. {hint}"
    return JournalError(f"{path or 'a temporary file'}: {why}", hint=hint)
