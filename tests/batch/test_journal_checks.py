"""Damage to a journal: found when it is opened or read, so that no delivered row is sent again."""

import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from asteroid_magic import AsteroidClient, JournalError, send_many
from asteroid_magic.batch import journal_file
from asteroid_magic.batch.journal import Journal, JournalReader
from asteroid_magic.batch.journal_checks import FRAME_HEADER, LOG_HEADER
from asteroid_magic.models.report import Report, RowResult, Rows
from asteroid_magic.sandbox import Sandbox
from tests.support import sandboxes
from tests.support.batches import Row, Send, texts
from tests.support.outcomes import ID

PAGE = 4096
# The rows that the server accepts again, by their states in the journal.
SENT_AGAIN = ("failed", "waiting")
STATES = ["delivered"] * 40 + ["failed"] * 2 + ["unknown"] * 2 + ["waiting"] * 2


class Files(NamedTuple):
    """The bytes of a journal and of its log, and the rows that it holds."""

    journal: bytes
    log: bytes
    rows: list[Row]

    def put(self, path: Path) -> Path:
        path.write_bytes(self.journal)
        log = path.with_name(f"{path.name}-wal")
        for name in ("-wal", "-shm", "-journal"):
            path.with_name(f"{path.name}{name}").unlink(missing_ok=True)
        if self.log:
            log.write_bytes(self.log)
        return path

    def accepted(self) -> set[str]:
        pairs = zip(self.rows, STATES, strict=True)
        return {text for (_, text), state in pairs if state not in SENT_AGAIN}


def made(folder: Path, run_id: str) -> tuple[Files, Files]:
    """Return a journal that was closed, and the same journal of a process that was killed."""
    path, copy = folder / "made.db", folder / "copy.db"
    # Long enough for several pages.
    rows = [(run_id, f"message {number}{' and more' * 25}") for number in range(len(STATES))]
    journal = Journal(path)
    for at, state in enumerate(STATES):
        journal.write([(at, rows[at])], [], 0.0)
        error = None if state in {"delivered", "waiting"} else "ServerError"
        journal.write([], [RowResult(at, state, 1, 1.5, 0.25, error, error)])  # type: ignore[arg-type]
    shutil.copy(path, copy)
    killed = Files(copy.read_bytes(), Path(f"{path}-wal").read_bytes(), rows)
    journal.close()
    return Files(path.read_bytes(), b"", rows), killed


def flipped(data: bytes, at: int, bit: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def spoiled(chance: random.Random, data: bytes, *, is_log: bool = False) -> bytes:
    """Return the bytes with some damage, the kinds of disks, copies and file systems."""
    at = chance.randrange(len(data))
    # A log that was cut short looks like that of a process that was killed earlier.
    kind = "bit" if is_log else chance.choice(["bit", "bit", "cut", "zero", "noise", "moved"])
    size = chance.choice([1, 16, 512, PAGE])
    start = at // size * size
    put: dict[str, Callable[[], bytes]] = {
        "bit": lambda: flipped(data, at, chance.randrange(8)),
        "cut": lambda: data[:start],
        "zero": lambda: data[:start] + bytes(size) + data[start + size :],
        "noise": lambda: data[:start] + chance.randbytes(size) + data[start + size :],
        "moved": lambda: data[:start] + data[-size:] + data[start + size :],
    }
    return put[kind]()[: len(data)]


def damage_at_random(
    box: Sandbox, run_id: str, folder: Path, rounds: int, seed: int
) -> Iterator[str]:
    """Resume damaged journals; yield what each did: "refused", or the counts of its report."""
    chance = random.Random(seed)  # noqa: S311 (where the damage is, is no secret)
    closed, killed = made(folder, run_id)
    sandboxes.deliver(box, run_id, *sorted(closed.accepted()))
    with AsteroidClient(box.api_key, box.base_url, confirm_grace=0) as client:
        for number in range(rounds):
            files = chance.choice([closed, closed, killed])
            if files.log and chance.random() < 0.7:
                files = files._replace(log=spoiled(chance, files.log, is_log=True))
            else:
                files = files._replace(journal=spoiled(chance, files.journal))
            path = files.put(folder / "damaged.db")
            before = len(box.messages(run_id))
            said = "refused"
            with suppress(JournalError):
                report = send_many(
                    files.rows, client=client, journal=path, progress=False, absent_after=0
                )
                said = f"{dict(report.counts)}"
            twice = files.accepted() & set(box.messages(run_id)[before:])
            assert not twice, f"round {number} of seed {seed}"
            yield said


@pytest.mark.parametrize("seed", range(3))
def test_no_damage_sends_a_row_again_or_shows_an_error_of_sqlite(
    box: Sandbox, run_id: str, tmp_path: Path, seed: int
) -> None:
    said = list(damage_at_random(box, run_id, tmp_path, 50, seed))
    assert said.count("refused") > 15


def test_reading_a_damaged_journal_yields_no_delivered_row_to_be_sent(
    run_id: str, tmp_path: Path
) -> None:
    chance = random.Random(4)  # noqa: S311 (as above)
    closed, _ = made(tmp_path, run_id)
    for _ in range(300):
        damaged = closed._replace(journal=spoiled(chance, closed.journal))
        reader = JournalReader(str(damaged.put(tmp_path / "damaged.db")))
        report = Report(counts={"failed": 2, "unknown": 2}, elapsed=1.0, reader=reader)
        reads: list[Callable[[], object]] = [
            reader.counts,
            reader.groups,
            reader.pending,
            report.to_frame,
            report.as_text,
            report._repr_html_,
            lambda report=report: len(report.delivered),  # type: ignore[misc]
        ]
        for read in reads:
            with suppress(JournalError):
                read()
        with suppress(JournalError):
            for _, text in Rows(reader, "failed", "waiting"):
                assert text not in closed.accepted()


@pytest.fixture
def closed(tmp_path: Path, run_id: str) -> Files:
    return made(tmp_path, run_id)[0]


@pytest.fixture
def killed(tmp_path: Path, run_id: str) -> Files:
    return made(tmp_path, run_id)[1]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("UPDATE messages SET state = 'failed' WHERE position = 7", "row 7 is not as it was"),
        ("UPDATE messages SET message = 'another' WHERE position = 7", "row 7 is not as it"),
        ("UPDATE messages SET began = began + 9 WHERE position = 7", "row 7 is not as it was"),
        ("UPDATE messages SET message = x'ff' WHERE position = 7", "row 7 is not as it was"),
        ("UPDATE messages SET message = CAST(x'ff' AS TEXT) WHERE position = 7", "SQLite says"),
        ("UPDATE runs SET clock = 9", "run 1 is not as it was written"),
        ("DELETE FROM messages WHERE position > 43", "2 rows of 47 are lost"),
        ("DELETE FROM runs", "1 row of 47 are lost"),
        ("DELETE FROM checks WHERE key = 7", "row 7 is not as it was written"),
        ("DROP TABLE messages", "no such table"),
        ("ALTER TABLE messages RENAME attempts TO attempt", "no such column"),
        ("PRAGMA user_version = 0", "its version is 0"),
    ],
)
def test_a_row_that_changed_or_is_lost_is_named(
    tmp_path: Path, closed: Files, sql: str, words: str
) -> None:
    path = closed.put(tmp_path / "damaged.db")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql)
    before = path.read_bytes()
    with pytest.raises(JournalError) as caught, closing(Journal(path)) as journal:
        list(journal.reading().entries())
    error = caught.value
    assert error.title == "The journal is damaged"
    assert words in error.detail
    assert "it is unknown which of its rows were delivered" in error.detail
    assert error.hint.startswith("Restore a copy of the file that was made after the last call")
    assert "sends delivered rows again" in error.hint
    assert path.read_bytes() == before or "no such column" in words


@pytest.mark.parametrize("length", [0, 10, 1_000, PAGE, 2 * PAGE, -PAGE, -1_000, -100])
def test_a_file_that_was_cut_short_is_refused(tmp_path: Path, closed: Files, length: int) -> None:
    path = closed._replace(journal=closed.journal[:length]).put(tmp_path / "damaged.db")
    with pytest.raises(JournalError) as caught:
        Journal(path)
    assert "estore a copy" in caught.value.hint


def test_the_hint_for_a_file_that_was_never_a_journal_says_so(tmp_path: Path) -> None:
    path = tmp_path / "answers.db"
    path.touch()
    with pytest.raises(JournalError, match=r"is empty\. It may have been a journal") as caught:
        Journal(path)
    assert "If it never was a journal, delete it" in caught.value.hint


def test_a_killed_process_leaves_a_log_which_is_read(tmp_path: Path, killed: Files) -> None:
    path = killed.put(tmp_path / "answers.db")
    for _ in range(3):
        journal = Journal(path)
        assert journal.stored == len(STATES)
        assert journal.close().counts()["delivered"] == 40


def frames_of(log: bytes) -> int:
    return (len(log) - LOG_HEADER) // (FRAME_HEADER + PAGE)


@pytest.mark.parametrize("part", ["head", "first", "middle", "last", "salt"])
def test_a_log_with_a_changed_bit_is_refused_and_left_as_it_is(
    tmp_path: Path, killed: Files, part: str
) -> None:
    frames, size = frames_of(killed.log), FRAME_HEADER + PAGE
    at = {
        "head": 17,
        "first": LOG_HEADER + 100,
        "middle": LOG_HEADER + frames // 2 * size + 100,
        "last": LOG_HEADER + (frames - 1) * size + 100,
        "salt": LOG_HEADER + (frames - 1) * size + 9,
    }[part]
    damaged = killed._replace(log=flipped(killed.log, at, 3))
    path = damaged.put(tmp_path / "answers.db")
    for _ in range(2):
        with pytest.raises(JournalError, match="write-ahead log has changed"):
            Journal(path)
    assert path.read_bytes() == damaged.journal
    assert path.with_name("answers.db-wal").read_bytes() == damaged.log
    killed.put(path)
    Journal(path).close()


def test_what_an_older_log_left_in_the_file_is_no_damage(tmp_path: Path, killed: Files) -> None:
    stale = bytearray(killed.log[LOG_HEADER : LOG_HEADER + FRAME_HEADER + PAGE])
    stale[8:16] = b"oldsalts"
    path = killed._replace(log=killed.log + bytes(stale)).put(tmp_path / "answers.db")
    Journal(path).close()


def test_a_process_may_be_killed_before_any_statement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is on the disk before each statement of two runs is a journal, with what was written."""
    folder, copies, written = tmp_path / "here", tmp_path / "copies", [0]
    folder.mkdir()
    expected: list[int] = []
    connect = journal_file._connect

    def copied(_: str) -> None:
        shutil.copytree(folder, copies / str(len(expected)))
        expected.append(written[0])

    def watched(path: str) -> sqlite3.Connection:
        connection = connect(path)
        connection.set_trace_callback(copied)
        return connection

    monkeypatch.setattr(journal_file, "_connect", watched)
    for at in range(2):
        journal = Journal(folder / "answers.db")
        journal.write([(at, ("execution", "message"))], [])
        written[0] += 1
        journal.write([], [RowResult(at, "delivered")])
        journal.close()
    monkeypatch.undo()
    assert len(expected) > 60
    for number, rows in enumerate(expected):
        journal = Journal(copies / str(number) / "answers.db")
        assert journal.stored in {rows, rows + 1}
        journal.close()


@pytest.mark.parametrize("limit", range(20, 260, 24))
def test_after_a_disk_was_full_the_same_file_goes_on(tmp_path: Path, limit: int) -> None:
    """A child may write so many kB to a file, and no more; the next call has room again."""
    path = tmp_path / "answers.db"
    code = (
        "import resource, signal, sys\n"
        "from asteroid_magic import JournalError\n"
        "from asteroid_magic.batch.journal import Journal\n"
        "from asteroid_magic.models.report import RowResult\n"
        "journal = Journal(sys.argv[1])\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "limit = int(sys.argv[2]) * 1000\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))\n"
        "rows = [(at, ('execution', 'message' * 40)) for at in range(3000)]\n"
        "written = 0\n"
        "try:\n"
        "    while True:\n"
        "        journal.write(rows[written : written + 8], [])\n"
        "        written += 8\n"
        "except JournalError as error:\n"
        "    print(written, error.hint)\n"
        "journal.close()\n"
    )
    command = [sys.executable, "-c", code, str(path), str(limit)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    written, _, hint = said.partition(" ")
    assert "make the same call again, with the same file" in hint
    journal = Journal(path)
    assert journal.counts().get("under_way", 0) >= int(written)
    assert journal.stored in {int(written), int(written) + 8}
    journal.close()
    Journal(path).close()


def test_a_write_that_failed_leaves_no_damage(tmp_path: Path, killed: Files) -> None:
    size = FRAME_HEADER + PAGE
    aborted = bytearray(killed.log[-size:])
    aborted[4:8] = bytes(4)
    path = killed._replace(log=killed.log + bytes(aborted)).put(tmp_path / "answers.db")
    Journal(path).close()


def test_a_transaction_that_was_being_written_is_dropped(tmp_path: Path, killed: Files) -> None:
    """Its messages were not sent yet: they wait until all of it is on the disk."""
    path = killed._replace(log=killed.log[:-PAGE]).put(tmp_path / "answers.db")
    Journal(path).close()


def test_a_lost_log_is_missed_each_time(tmp_path: Path, killed: Files) -> None:
    path = killed._replace(log=b"").put(tmp_path / "answers.db")
    for _ in range(2):
        with pytest.raises(JournalError, match="name and -wal, which has its newest rows, is lost"):
            Journal(path)
    path.with_name("answers.db-wal").write_bytes(killed.log)
    journal = Journal(path)
    assert journal.counts()["delivered"] == 40
    journal.close()


def test_a_process_killed_while_it_closes_the_journal_needs_no_log(
    tmp_path: Path, closed: Files
) -> None:
    """SQLite deletes the log before it notes in the file that there is none."""
    with_log = closed.journal[:18] + b"\2\2" + closed.journal[20:]
    Journal(closed._replace(journal=with_log).put(tmp_path / "answers.db")).close()


def test_a_damaged_log_of_a_journal_in_use_is_just_in_use(tmp_path: Path, closed: Files) -> None:
    path = closed.put(tmp_path / "answers.db")
    journal = Journal(path)
    log = path.with_name("answers.db-wal")
    whole = log.read_bytes()
    log.write_bytes(flipped(whole, len(whole) - 9, 1))
    with pytest.raises(JournalError, match="Another batch is using it"):
        Journal(path)
    log.write_bytes(whole)
    journal.close()


def old_journal(path: Path, rows: list[Row]) -> None:
    """Write a journal of version 1, with one row delivered."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(journal_file._TABLES[0])
        connection.execute("CREATE TABLE runs (run INTEGER PRIMARY KEY, began REAL, clock REAL)")
        connection.execute("INSERT INTO runs VALUES (1, 1.5, NULL)")
        for at, row in enumerate(rows):
            state = "failed" if at else "delivered"
            connection.execute(
                "INSERT INTO messages (position, execution_id, message, state, run, began) "
                "VALUES (?, ?, ?, ?, 1, 1.5)",
                (at, *row, state),
            )
        connection.execute(f"PRAGMA application_id = {journal_file.APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")


def test_a_journal_of_version_1_is_resumed_and_checked_from_then_on(
    box: Sandbox, run_id: str, send: Send, tmp_path: Path
) -> None:
    path = tmp_path / "answers.db"
    old_journal(path, texts(run_id, 2))
    assert send(texts(run_id, 3), journal=path).counts == {"delivered": 3}
    assert sorted(box.messages(run_id)) == ["message 1", "message 2"]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE messages SET state = 'failed' WHERE position = 0")
    with pytest.raises(JournalError, match="row 0 is not as it was written"):
        send(texts(run_id, 3), journal=path)


@pytest.mark.parametrize("value", ["x'ff'", "CAST(x'ff' AS TEXT)"])
def test_a_damaged_journal_of_version_1_is_refused(tmp_path: Path, value: str) -> None:
    path = tmp_path / "answers.db"
    old_journal(path, [(ID, "hello")])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE messages SET message = {value}")  # noqa: S608 (as it stands here)
    with pytest.raises(JournalError) as caught:
        Journal(path)
    assert caught.value.title == "The journal is damaged"
