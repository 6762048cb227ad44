"""Creates and locks the file of a journal, and refuses files that are not journals."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..errors import JournalError
from ..models.report import ROW_STATES

APPLICATION_ID = 0x41535452  # "ASTR": marks a SQLite file as a journal
VERSION = 2

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
    "CREATE TABLE runs (run INTEGER PRIMARY KEY, began REAL NOT NULL, clock REAL, seen REAL)",
)
# What brings a journal of each older version to the next one.
_UPGRADES = {1: "ALTER TABLE runs ADD COLUMN seen REAL"}
_REASONS = {
    "SQLITE_BUSY": (
        "Another batch is using it, in this process or in another.",
        "Wait until that batch has ended, or use another file.",
    ),
    "SQLITE_NOTADB": ("It is not a journal.", "Use another file."),
    "SQLITE_CORRUPT": ("It is damaged.", "Restore it, or use another file."),
    "SQLITE_FULL": ("The disk is full.", "Free some space, then repeat the same call."),
    "SQLITE_READONLY": ("It is read-only.", "Use a file that you can write to."),
    "SQLITE_CANTOPEN": ("It cannot be opened.", "Use a file in a folder that you can write to."),
}


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Run the block as one transaction: all of it or nothing."""
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
    """Open or create a journal, and lock it; raises `JournalError` if that is impossible."""
    try:
        # Resolve links, so that their target gets the mode, too.
        path = os.path.realpath(path)
        # SQLite gives the files that it creates beside this one the same mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        # Do not open it: closing it would release the lock of another batch in this process.
        if os.path.isfile(path) and not os.path.getsize(path):  # noqa: PTH113, PTH202 (the path is a str)
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
    why = (isinstance(error, OSError) and error.strerror) or "its name is not valid"
    return JournalError(
        f"{path} cannot be created: {why}.", hint="Use a file in a folder that you can write to."
    )


def _connect(path: str) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)


def _lock(connection: sqlite3.Connection, path: str) -> None:
    """Lock the database for as long as it is open, after checking that it is a journal."""
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (changes,) = connection.execute("PRAGMA schema_version").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if owner != APPLICATION_ID and (owner or changes):
        raise JournalError(f"{path} is a database of another program.", hint="Use another file.")
    if version > VERSION:
        raise JournalError(
            f"A newer version of asteroid-magic created {path}.",
            hint="Update asteroid-magic, or use another file.",
        )
    connection.execute("PRAGMA journal_mode = WAL")
    # A commit is on disk: it survives a power failure, not only the end of the process.
    connection.execute("PRAGMA synchronous = FULL")
    if owner != APPLICATION_ID:
        _make(connection)
    elif version < VERSION:
        with transaction(connection):
            for old in range(version, VERSION):
                connection.execute(_UPGRADES[old])
            connection.execute(f"PRAGMA user_version = {VERSION}")


def _make(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        for table in _TABLES:
            connection.execute(table)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")


def refused(error: sqlite3.Error, path: str | None, *, sent: bool = False) -> JournalError:
    """Return the error for a fault of SQLite; `sent`: messages may be under way."""
    name = getattr(error, "sqlite_errorname", "")
    known = next((name[: len(key)] for key in _REASONS if name.startswith(key)), "")
    why, hint = _REASONS.get(known, (f"SQLite says: {error}.", "Use another file."))
    if sent:
        hint = f"Resume the batch to look up what was under way. {hint}"
    return JournalError(f"{path or 'a temporary file'}: {why}", hint=hint)
