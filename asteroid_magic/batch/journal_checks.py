"""Detects damage to the file of a journal: a lost or changed row could be sent a second time.

SQLite's own check finds broken pages, but no changed letter or digit. So the table `checks` keeps a
digest of each row of the other tables. Triggers of the connection write it, so that every statement
which changes a row also changes its digest.
"""

import json
import sqlite3
import struct
import zlib
from pathlib import Path

from ..errors import JournalError
from ..models.report import ROW_STATES
from ..text import counted

TABLE = "CREATE TABLE checks (key INTEGER PRIMARY KEY, digest INTEGER NOT NULL)"
# The key of a message is its position, from 0; that of a run, which counts from 1, is below 0.
_KEYS = {"messages": "{}position", "runs": "-{}run"}
# The headers of a write-ahead log and of its frames, in bytes: https://sqlite.org/fileformat2.html
LOG_HEADER, FRAME_HEADER = 32, 24
LOG_MAGIC = 0x377F0682
_encode = json.JSONEncoder(default=str).encode


def damaged(path: str | None, what: str) -> JournalError:
    """Return the error for a journal that was changed or cut short after it was written."""
    return JournalError(
        f"{path or 'A temporary file'} is damaged: {what}. So it is unknown which of its rows "
        "were delivered.",
        title="The journal is damaged",
        hint="Restore a copy of the file that was made after the last call with it, then make the "
        "same call again. Without such a copy, look at the activities of the executions before "
        "you send anything: a new journal, or an older copy, sends delivered rows again.",
    )


def row_digest(*values: object) -> int:
    """Return a checksum of the values of a row, the same in every version of Python."""
    return zlib.crc32(_encode(values).encode())


def keep_digests(connection: sqlite3.Connection) -> None:
    """Write the digest of each row that this connection inserts or updates from now on."""
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.create_function("row_digest", -1, row_digest, deterministic=True)
    for table, key in _KEYS.items():
        for event in ("INSERT", "UPDATE"):
            connection.execute(
                f"CREATE TEMP TRIGGER {table}_{event} AFTER {event} ON main.{table} BEGIN "  # noqa: S608 (names of our own)
                f"INSERT INTO checks VALUES ({key.format('new.')}, "
                f"row_digest({_columns(connection, table, 'new.')})) "
                "ON CONFLICT (key) DO UPDATE SET digest = excluded.digest; END"
            )


def add_digests(connection: sqlite3.Connection) -> str:
    """Give digests to the rows of a journal that has none, unless one is damaged; return which."""
    connection.execute(TABLE)
    connection.create_function("row_digest", -1, row_digest, deterministic=True)
    for table, key in _KEYS.items():
        connection.execute(
            f"INSERT INTO checks SELECT {key.format('')}, "  # noqa: S608 (as above)
            f"row_digest({_columns(connection, table)}) FROM {table}"
        )
    unreadable = connection.execute(
        f"SELECT position FROM messages WHERE state NOT IN {ROW_STATES} "  # noqa: S608 (as above)
        "OR typeof(execution_id) != 'text' OR typeof(message) != 'text'"
    ).fetchone()
    return f"row {unreadable[0]:,} cannot be read" if unreadable else ""


def find_page_damage(connection: sqlite3.Connection) -> str:
    """Return what SQLite's own check finds, empty if nothing is wrong."""
    (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    return "" if said == "ok" else f"SQLite's own check finds {said!r}"


def find_row_damage(connection: sqlite3.Connection) -> str:
    """Return which row of a journal has changed or is lost, empty if none is.

    Reads all rows: about 0.6 seconds for 100,000.
    """
    number = 0
    for table, noun in (("messages", "row"), ("runs", "run")):
        for row in connection.execute(with_digests(table)):
            if not is_intact(row):
                return f"{noun} {row[0]:,} is not as it was written"
            number += 1
    (written,) = connection.execute("SELECT count(*) FROM checks").fetchone()
    return (
        "" if number == written else f"{counted(written - number, 'row')} of {written:,} are lost"
    )


def with_digests(table: str, fields: str = "") -> str:
    """Return the query for the rows of a table: the `fields`, then all values, then the digest."""
    values = f"{fields}, {table}.*" if fields else f"{table}.*"
    key = _KEYS[table].format("")
    return f"SELECT {values}, digest FROM {table} LEFT JOIN checks ON key = {key}"  # noqa: S608 (as above)


def is_intact(row: tuple[object, ...]) -> bool:
    """Return True if the last value is the digest of the others."""
    *values, digest = row
    return row_digest(*values) == digest


def _columns(connection: sqlite3.Connection, table: str, prefix: str = "") -> str:
    found = connection.execute(f"SELECT * FROM {table} LIMIT 0").description  # noqa: S608 (as above)
    return ", ".join(f'{prefix}"{name}"' for name, *_ in found)


def log_of(path: str) -> bytes:
    """Return the write-ahead log beside the file: the newest rows of a process that was killed.

    Empty if there is none, or if nothing was written to it. Raises `OSError`.
    """
    try:
        log = Path(f"{path}-wal").read_bytes()
    except FileNotFoundError:
        return b""
    return log if len(log) > LOG_HEADER else b""


def find_log_damage(log: bytes) -> str:
    """Return what is wrong with a write-ahead log, empty if nothing is.

    SQLite reads a log up to the first frame that does not match its checksum, and drops all others
    without a word. Frames that an older log has left behind have other salts, and those of a write
    that failed do not end a transaction. Any other frame is lost, and with it maybe a row that was
    sent.
    Not detected is a log that was cut short: a killed process leaves it like that, too.
    """
    if not log:
        return ""
    magic, _, size, _, *salts, first, second = struct.unpack(">8I", log[:LOG_HEADER])
    order = ">" if magic & 1 else "<"
    sums = _sums(log[: LOG_HEADER - 8], (0, 0), order)
    if magic | 1 != LOG_MAGIC | 1 or sums != (first, second):
        return "the head of its write-ahead log has changed"
    is_chain = True
    for at in range(LOG_HEADER, len(log) - FRAME_HEADER - size + 1, FRAME_HEADER + size):
        _, commits, *found, first, second = struct.unpack(">6I", log[at : at + FRAME_HEADER])
        if is_chain:
            frame = log[at : at + 8] + log[at + FRAME_HEADER : at + FRAME_HEADER + size]
            sums = _sums(frame, sums, order)
            is_chain = found == salts and sums == (first, second)
        if not is_chain and commits and (found[0] == salts[0] or found[1] == salts[1]):
            return "a part of its write-ahead log has changed"
    return ""


def _sums(data: bytes, sums: tuple[int, int], order: str) -> tuple[int, int]:
    """Continue the checksum of a write-ahead log."""
    first, second = sums
    for one, other in struct.iter_unpack(f"{order}2I", data):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + other + first) & 0xFFFFFFFF
    return first, second
