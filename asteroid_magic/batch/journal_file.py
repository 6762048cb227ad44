"""Creates, locks and checks the file of a journal, and refuses what is not one, or is damaged."""

import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from ..errors import JournalError
from ..models.report import ROW_STATES
from .journal_checks import (
    TABLE,
    add_digests,
    damaged,
    find_log_damage,
    find_page_damage,
    find_row_damage,
    keep_digests,
    log_of,
)

APPLICATION_ID = 0x41535452  # "ASTR": marks a SQLite file as a journal
# Version 1 had neither the table `checks` nor the columns `seen` and `ended` of `runs`.
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
    """CREATE TABLE runs (
      run INTEGER PRIMARY KEY, began REAL NOT NULL, clock REAL, seen REAL, ended REAL
    )""",
    TABLE,
)
# No hint says to use another file: with another file, the same call sends delivered rows again.
_AGAIN = "then make the same call again, with the same file."
_IF_JOURNAL = (
    "If it was the journal of these rows, restore a copy that was made after the last call with it."
)
_ELSEWHERE = "Use a file in a folder that you can write to."
_REASONS = {
    "SQLITE_BUSY": (
        "Another batch is using it, in this process or in another.",
        "Wait until that batch has ended, then make the same call again.",
    ),
    "SQLITE_NOTADB": (
        "It is not a journal, or it is damaged.",
        f"{_IF_JOURNAL} If it never was a journal, use another file.",
    ),
    "SQLITE_FULL": ("The disk is full.", f"Free some space, {_AGAIN}"),
    "SQLITE_READONLY": ("It is read-only.", f"Make the file and its folder writable, {_AGAIN}"),
    "SQLITE_CANTOPEN": (
        "It cannot be opened.",
        f"Make sure that it is there, and that you can write to it and to its folder, {_AGAIN}",
    ),
    "SQLITE_IOERR": ("The disk reports an error.", f"Check the disk and its free space, {_AGAIN}"),
}
_NO_FILE = (
    "This batch had no journal, so the same call sends delivered rows again. Look at the "
    "activities of the executions first. A batch with a journal can be resumed."
)
# What SQLite reports for a file whose tables are no longer those of a journal.
_DAMAGE = ("SQLITE_CORRUPT", "SQLITE_ERROR", "SQLITE_CONSTRAINT", "SQLITE_MISMATCH")


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
    try:
        connection = _connect("")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = MEMORY")
        _make(connection)
        keep_digests(connection)
    except sqlite3.Error as error:
        problem = refused(error, None)
    else:
        return connection
    raise problem


def open_(path: str) -> sqlite3.Connection:
    """Open or create a journal, and lock it; raises `JournalError` if that is impossible.

    Reads all of it, and refuses a damaged one.
    """
    connection: sqlite3.Connection | None = None
    try:
        # Resolve links, so that their target gets the mode, too.
        path = os.path.realpath(path)
        if not _exists(path):
            _create(path)
        log = log_of(path)
        if log_damage := find_log_damage(log):
            # Opening it for writing would drop the log. But first, find out who uses it.
            _check_unused(path)
            raise damaged(path, log_damage)
        connection = _connect(path)
        _lock(connection)
        version = check_owner(connection, path)
        if what := _find_damage(connection, version, has_log=bool(log)):
            raise damaged(path, what)
        keep_digests(connection)
        if log:
            leave_log(connection)
    except sqlite3.Error as error:
        problem = refused(error, path)
    except (OSError, ValueError) as error:
        problem = error if isinstance(error, JournalError) else _unusable(path, error)
    else:
        return connection
    if connection is not None:
        with suppress(sqlite3.Error):
            connection.close()
    raise problem


def begin_run(connection: sqlite3.Connection, *, has_file: bool) -> int | None:
    """Note a new run, and return its number; a file gets a log, which saves waits for the disk.

    From the first write on, the file itself shows a run that has not ended. So if the log is lost,
    that is seen, and a process may be killed at any moment before.
    """
    if has_file:
        connection.execute("PRAGMA journal_mode = WAL")
    began = time.time()
    added = connection.execute("INSERT INTO runs (began, seen) VALUES (?, ?)", (began, began))
    if has_file:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    return added.lastrowid


def leave_log(connection: sqlite3.Connection, *, has_failed: bool = False) -> None:
    """Move all rows from the log into the file, and note that, since SQLite deletes the log.

    `has_failed`: a write has failed, so the log ends with a part of it, and may have no room. Then
    write nothing to it until it is empty: the end of a log with a new beginning looks damaged.
    """
    note = "UPDATE runs SET ended = ? WHERE run = (SELECT max(run) FROM runs)"
    if not has_failed:
        try:
            connection.execute(note, (time.time(),))
        except sqlite3.Error:
            has_failed = True
    if has_failed:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute(note, (time.time(),))
    # Leave one plain file: reading a file in WAL mode creates two more beside it.
    connection.execute("PRAGMA journal_mode = DELETE")


def check_owner(connection: sqlite3.Connection, path: str) -> int:
    """Return the version of a journal; raises `JournalError` for other databases."""
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if owner != APPLICATION_ID:
        raise JournalError(
            f"{path} is a database of another program, or a damaged journal.",
            hint=f"{_IF_JOURNAL} Otherwise, use another file.",
        )
    if version > VERSION:
        raise JournalError(
            f"A newer version of asteroid-magic created {path}.",
            hint="Update asteroid-magic, then make the same call again.",
        )
    return int(version)


def _exists(path: str) -> bool:
    """Return True if there is a file; raises `JournalError` for an empty one, and for a folder."""
    # Do not open it: closing it would release the lock of another batch in this process.
    if not os.path.lexists(path):
        return False
    if not os.path.isfile(path):  # noqa: PTH113 (the path is a str)
        raise JournalError(f"{path} is not a file.", hint=_ELSEWHERE)
    if not os.path.getsize(path):  # noqa: PTH202 (as above)
        raise JournalError(
            f"{path} is empty. It may have been a journal that was cut short.",
            hint=f"{_IF_JOURNAL} If it never was a journal, delete it, then make the same call "
            "again.",
        )
    return True


def _create(path: str) -> None:
    """Create a journal, all of it or nothing: half of one looks damaged."""
    folder, name = os.path.split(path)
    # With mode 0600. SQLite gives the files that it creates beside a database the same mode.
    handle, made = tempfile.mkstemp(".new", f"{name[:50]}-", folder)
    os.close(handle)
    try:
        with closing(_connect(made)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            _make(connection)
        try:
            os.link(made, path)
        except FileExistsError:
            # Another batch has just created it.
            return
        except OSError:
            # Not every file system has links.
            os.rename(made, path)  # noqa: PTH104 (the path is a str)
    finally:
        with suppress(OSError):
            os.unlink(made)  # noqa: PTH108 (as above)


def _unusable(path: str, error: OSError | ValueError) -> JournalError:
    why = (isinstance(error, OSError) and error.strerror) or "its name is not valid"
    return JournalError(
        f"{path} cannot be created or read: {why}.",
        hint=_ELSEWHERE,
    )


def _connect(path: str) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)


def _check_unused(path: str) -> None:
    """Raise `JournalError` if another batch uses the file: then its log changes all the time."""
    with closing(read_only(path)) as connection:
        try:
            connection.execute("PRAGMA schema_version").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname.startswith("SQLITE_BUSY"):
                raise


def read_only(path: str) -> sqlite3.Connection:
    """Return a connection that changes nothing; the path must be absolute."""
    uri = f"{Path(path).as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None)


def _lock(connection: sqlite3.Connection) -> None:
    """Lock the database for as long as it is open."""
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    # A commit is on disk: it survives a power failure, not only the end of the process.
    connection.execute("PRAGMA synchronous = FULL")
    # In this mode, the lock of a transaction lasts as long as the connection.
    connection.execute("BEGIN EXCLUSIVE")
    connection.execute("COMMIT")


def _find_damage(connection: sqlite3.Connection, version: int, *, has_log: bool) -> str:
    if not 1 <= version <= VERSION:
        return f"its version is {version}"
    if what := find_page_damage(connection):
        return what
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode == "wal" and not has_log and not _has_ended(connection, version):
        return "the file beside it with the same name and -wal, which has its newest rows, is lost"
    if version == 1 and (what := _upgrade(connection)):
        return what
    return find_row_damage(connection)


def _has_ended(connection: sqlite3.Connection, version: int) -> bool:
    """Return True if the file has all rows of the last run: then its log was no longer needed."""
    last = "SELECT ended FROM runs ORDER BY run DESC LIMIT 1"
    return version > 1 and connection.execute(last).fetchone() != (None,)


def _upgrade(connection: sqlite3.Connection) -> str:
    """Make version 2 of a journal of version 1; return its damage instead if it has any."""
    with transaction(connection):
        for column in ("seen", "ended"):
            connection.execute(f"ALTER TABLE runs ADD COLUMN {column} REAL")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        return add_digests(connection)


def _make(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        for table in _TABLES:
            connection.execute(table)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")


def refused(error: sqlite3.Error, path: str | None, *, sent: bool = False) -> JournalError:
    """Return the error for a fault of SQLite; `sent`: messages may be under way."""
    name = getattr(error, "sqlite_errorname", None) or ""
    # Text that is not UTF-8: SQLite takes it, and only Python refuses it, without a name.
    if name.startswith(_DAMAGE) or (not name and isinstance(error, sqlite3.OperationalError)):
        return damaged(path, f"SQLite says {str(error)!r}")
    known = next((name[: len(key)] for key in _REASONS if name.startswith(key)), "")
    why, hint = _REASONS.get(known, (f"SQLite says: {error}.", f"Check the disk, {_AGAIN}"))
    if path is None:
        hint = _NO_FILE if sent else "Free some space in the folder for temporary files."
    elif sent:
        hint = f"Resume the batch to look up what was under way. {hint}"
    return JournalError(f"{path or 'a temporary file'}: {why}", hint=hint)
