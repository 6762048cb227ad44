"""The journal: who may use it, which rows match it, and what is in the file."""

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from asteroid_magic import JournalError
from asteroid_magic.batch.journal import Journal, JournalReader, RowMatcher
from asteroid_magic.models.report import RowResult

ROWS = [(number, (f"execution {number}", f"message {number}")) for number in range(1_200)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "answers.db"


def test_what_is_written_is_read_by_whoever_opens_the_file_next(path: Path) -> None:
    journal = Journal(path)
    journal.write(ROWS, [])
    journal.write([], [RowResult(at, "delivered", 1, 1.5, 0.25) for at in range(1_000)])
    journal.write([], [RowResult(1_000, "failed", 2, error="NotFound", detail="no such execution")])
    reader = journal.close()
    assert reader.counts() == {"delivered": 1_000, "failed": 1, "under_way": 199}
    assert list(path.parent.iterdir()) == [path]
    again = Journal(path)
    assert again.stored == 1_200
    matching = RowMatcher(again)
    assert [matching.state_of(*row) for row in ROWS] == (
        ["delivered"] * 1_000 + ["failed"] + ["under_way"] * 199
    )
    assert matching.state_of(1_200, ("execution", "of a new row")) is None
    again.close()
    (entry,) = reader.entries(["failed"])
    assert entry == (1_000, *ROWS[1_000][1], "failed", 2, None, None, "NotFound", entry.detail)


def test_what_is_about_to_be_sent_is_on_the_disk_at_once(path: Path) -> None:
    """Another process reads it after this one was killed."""
    code = (
        "import os, sys\nfrom asteroid_magic.batch.journal import Journal\n"
        "Journal(sys.argv[1]).write([(0, ('execution', 'message'))], [])\nos._exit(1)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    (entry,) = JournalReader(str(path)).entries()
    assert entry[:4] == (0, "execution", "message", "under_way")


def test_only_its_owner_can_read_the_file(path: Path) -> None:
    before = os.umask(0)
    try:
        journal = Journal(path)
        journal.write(ROWS, [])
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        journal.close()
    finally:
        os.umask(before)
    assert set(modes) >= {"answers.db", "answers.db-wal"}
    assert set(modes.values()) == {0o600}


def test_it_is_in_wal_mode_and_a_commit_is_on_the_disk(path: Path) -> None:
    journal = Journal(path)
    connection = journal._connection
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"
    journal.close()


def test_a_second_batch_is_refused_while_one_uses_it(path: Path) -> None:
    first = Journal(path)
    with pytest.raises(JournalError, match="Another batch is using it"):
        Journal(path)
    code = "import sys\nfrom asteroid_magic.batch.journal import Journal\nJournal(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert "JournalError" in done.stderr
    assert "Another batch is using it" in done.stderr
    with pytest.raises(JournalError, match="Another batch is using it"):
        JournalReader(str(path)).counts()
    first.close()
    Journal(path).close()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (("execution 1", "another"), "Row 1 has the message 'another'; in the journal"),
        (("another", "message 1"), "Row 1 has the execution 'another'; in the journal"),
    ],
)
def test_other_rows_are_refused(path: Path, row: tuple[str, str], words: str) -> None:
    journal = Journal(path)
    journal.write(ROWS, [])
    journal.close()
    journal = Journal(path)
    matching = RowMatcher(journal)
    matching.state_of(*ROWS[0])
    with pytest.raises(JournalError) as caught:
        matching.state_of(1, row)
    assert caught.value.title == "The journal belongs to other rows"
    assert words in caught.value.detail
    with pytest.raises(JournalError, match=r"There are 7 rows, but the journal .* holds 1,200"):
        matching.end(7)
    journal.close()


def test_a_row_that_was_never_written_down_is_a_new_one(path: Path) -> None:
    journal = Journal(path)
    journal.write([ROWS[0], ROWS[2]], [])
    states = RowMatcher(journal)
    assert [states.state_of(*row) for row in ROWS[:4]] == ["under_way", None, "under_way", None]
    journal.close()


def test_what_is_no_journal_is_refused_and_left_as_it_was(path: Path) -> None:
    path.write_text("my notes, which are longer than the head of a database " * 10)
    before = path.read_bytes()
    with pytest.raises(JournalError, match="It is not a journal"):
        Journal(path)
    assert path.read_bytes() == before
    path.unlink()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE notes (text)")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(JournalError, match="another program"):
        Journal(path)
    assert path.read_bytes() == before


def test_a_journal_of_a_newer_version_is_refused(path: Path) -> None:
    Journal(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(JournalError, match="newer version"):
        Journal(path)


@pytest.mark.parametrize("name", ["missing/answers.db", ".", "a\0b"])
def test_a_place_where_no_file_can_be_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(JournalError, match="in a folder that you can write to"):
        Journal(str(tmp_path / name))


@pytest.mark.skipif(os.geteuid() != 0, reason="as another user than root, the next test does it")
def test_a_folder_that_cannot_be_written_to_is_refused_as_root(path: Path) -> None:
    """Root may write anywhere, so a child becomes nobody first."""
    path.parent.chmod(0o555)
    code = (
        "import os, sys\nfrom asteroid_magic.batch.journal import Journal\n"
        "os.setuid(65534)\nJournal(sys.argv[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert "JournalError" in done.stderr
    assert "Permission denied" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to_is_refused(path: Path) -> None:
    path.parent.chmod(0o555)
    with pytest.raises(JournalError, match="Permission denied"):
        Journal(path)
    path.parent.chmod(0o755)


def test_a_disk_without_room_is_refused_before_anything_is_sent(path: Path) -> None:
    code = (
        "import resource, signal, sys\nfrom asteroid_magic.batch.journal import Journal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\nJournal(sys.argv[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert "JournalError: The journal cannot be used" in done.stderr


def test_a_disk_that_fills_up_later_stops_the_writing_with_a_clear_error(path: Path) -> None:
    journal = Journal(path)
    journal._connection.execute("PRAGMA max_page_count = 20")
    with pytest.raises(JournalError, match="The disk is full") as caught:
        journal.write(ROWS, [])
    assert "Resume the batch to look up what was under way." in caught.value.hint
    assert journal.counts() == {}, "all of it or nothing"
    journal.close()


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("SQLITE_FULL", "Free some space"),
        ("SQLITE_IOERR_WRITE", "Check the disk and its free space"),
        ("SQLITE_READONLY_DIRECTORY", "Make the file and its folder writable"),
        ("SQLITE_CANTOPEN", "Make sure that it is there"),
        ("SQLITE_NOMEM", "Check the disk"),
        ("SQLITE_BUSY", "Wait until that batch has ended"),
    ],
)
def test_every_error_of_sqlite_is_one_of_the_journal(path: Path, name: str, what: str) -> None:
    """The hint is never another file: with that, delivered rows would be sent again."""

    class Failing:
        def execute(self, *_: object) -> None:
            error = sqlite3.OperationalError("the disk is on fire")
            error.sqlite_errorname = name
            raise error

        executemany = execute
        in_transaction = False

    journal = Journal(path)
    real, journal._connection = journal._connection, Failing()  # type: ignore[assignment]
    reading = journal.reading()
    calls = [
        journal.counts,
        lambda: journal.write(ROWS, []),
        reading.groups,
        reading.pending,
        lambda: list(reading.entries()),
        lambda: RowMatcher(journal).state_of(0, ROWS[0][1]),
    ]
    for call in calls:
        with pytest.raises(JournalError) as caught:
            call()
        assert what in caught.value.hint
        assert "make the same call again" in caught.value.hint
        assert "another file" not in caught.value.hint
    journal._connection = real
    journal.close()


def test_a_batch_without_a_journal_does_not_advise_the_same_call() -> None:
    journal = Journal()
    journal._connection.execute("PRAGMA max_page_count = 6")
    with pytest.raises(JournalError, match="The disk is full") as caught:
        journal.write(ROWS, [])
    assert "the same call sends delivered rows again" in caught.value.hint
    journal.close()


def test_a_file_that_could_not_be_made_is_not_left_behind_empty(path: Path) -> None:
    """Otherwise, the same call would take it for a journal that was cut short."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("asteroid_magic.batch.journal_file._TABLES", ("CREATE TABLE messages",))
        with pytest.raises(JournalError):
            Journal(path)
    assert list(path.parent.iterdir()) == []
    Journal(path).close()


def test_without_a_path_nothing_is_left_behind(tmp_path: Path) -> None:
    journal = Journal()
    journal.write(ROWS, [])
    reader = journal.close()
    assert reader.path is None
    assert reader.counts() == {"under_way": 1_200}
    assert sum(1 for _ in reader.entries(limit=700)) == 700
    assert list(tmp_path.iterdir()) == []


def test_a_journal_that_is_gone_says_so(path: Path) -> None:
    reader = Journal(path).close()
    path.unlink()
    with pytest.raises(JournalError, match="cannot be opened"):
        reader.counts()


def test_the_end_of_a_link_becomes_private_too(path: Path) -> None:
    before = os.umask(0)
    try:
        path.symlink_to(path.with_name("target.db"))
        Journal(path).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.with_name("target.db").stat().st_mode) == 0o600


def test_the_name_of_a_file_may_be_bytes(path: Path) -> None:
    assert Journal(os.fsencode(path)).close().counts() == {}  # type: ignore[arg-type]
