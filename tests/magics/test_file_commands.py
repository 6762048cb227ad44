"""`%asteroid_files` and `%asteroid_send --attach`, as a user sees them."""

import pickle
import signal
from pathlib import Path
from typing import Any

import pytest
from IPython.core.error import UsageError

from asteroid_magic import AsteroidClient, Delivery, DryRun, Files, InvalidInput
from asteroid_magic.client.transport.connections import _QuietAnswer as Response
from asteroid_magic.sandbox import Sandbox
from tests.support.outcomes import Seen
from tests.support.sandboxes import eventually
from tests.support.shells import Notebook


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text("1,2")
    (tmp_path / "my notes.txt").write_text("notes")
    (tmp_path / "empty.csv").touch()
    return tmp_path


@pytest.fixture
def attaching(notebook: Notebook, folder: Path, box: Sandbox) -> Notebook:
    # The agent of this execution saves no file of its own.
    notebook.shell.user_ns["run"] = box.executions[0]
    assert folder
    return notebook


def arrived(box: Sandbox) -> tuple[list[str], list[str]]:
    run = box.executions[0].id
    return sorted(box.files(run)), box.messages(run)


@pytest.mark.parametrize(
    "cell",
    [
        '%asteroid_send --attach data.csv --attach "my notes.txt" run Two files, "as is"?',
        "%asteroid_send --attach=data.csv --attach='my notes.txt' run Two files, \"as is\"?",
        '%%asteroid_send --attach data.csv --attach "my notes.txt" run\nTwo files, "as is"?',
        'r = %asteroid_send --attach "my notes.txt" --attach data.csv run Two files, "as is"?',
    ],
)
def test_the_files_go_first_then_the_message(attaching: Notebook, box: Sandbox, cell: str) -> None:
    attaching.run(cell)
    assert attaching.error is None
    assert arrived(box) == (["data.csv", "my notes.txt"], ['Two files, "as is"?'])
    result = attaching.result or attaching.shell.user_ns["r"]
    assert isinstance(result, Delivery)
    text = result.as_text()
    assert "✓ Delivered" in text
    assert "Uploaded before the message: " in text
    assert "'data.csv' (3 bytes)" in text
    assert "'my notes.txt' (5 bytes)" in text


def test_a_home_folder_is_found(
    attaching: Notebook, box: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = folder / "home"
    home.mkdir()
    (home / "a.csv").write_text("1")
    monkeypatch.setenv("HOME", str(home))
    attaching.run("%asteroid_send --attach ~/a.csv run hello")
    assert arrived(box) == (["a.csv"], ["hello"])


@pytest.mark.parametrize(
    ("file", "words"),
    [("missing.csv", "There is no file"), ("empty.csv", "is empty"), (".", "is a folder")],
)
@pytest.mark.parametrize("dry", ["", "--dry-run "])
def test_a_file_that_cannot_be_uploaded_stops_all(
    attaching: Notebook, box: Sandbox, file: str, words: str, dry: str
) -> None:
    attaching.run(f"%asteroid_send {dry}--attach data.csv --attach {file} run Keep this text")
    assert arrived(box) == ([], [])
    card = Seen(attaching.html()).words
    assert "Not delivered: The message was not sent, because a file cannot be uploaded" in card
    assert words in card
    assert "Keep this text" in card


def test_a_path_whose_quotes_are_missing_is_not_taken_for_an_execution(
    attaching: Notebook, box: Sandbox
) -> None:
    attaching.run("%asteroid_send --attach my notes.txt run Keep this")
    card = Seen(attaching.html()).words
    assert "put the path in quotes" in card
    assert "Keep this" in card
    assert arrived(box) == ([], [])


def test_a_dry_run_checks_the_files_and_sends_nothing(attaching: Notebook, box: Sandbox) -> None:
    run = attaching.run("%asteroid_send --dry-run --attach data.csv run hello")
    assert isinstance(run, DryRun)
    assert "these files would be uploaded: 'data.csv' (3 bytes)" in run.as_text()
    assert arrived(box) == ([], [])


def test_a_refused_file_stops_the_message_and_says_what_arrived(
    attaching: Notebook, box: Sandbox
) -> None:
    box.fail_next(delay=0.001, of="upload")
    box.fail_next(413, of="upload")
    attaching.run(
        '%asteroid_send --attach data.csv --attach "my notes.txt" --attach data.csv run Keep this'
    )
    assert arrived(box) == (["data.csv"], [])
    card = Seen(attaching.html()).words
    assert "Not delivered: The message was not sent, because a file did not arrive" in card
    assert "data.csv (3 bytes): delivered" in card
    assert "my notes.txt (5 bytes): not delivered" in card
    assert "data.csv (3 bytes): not sent" in card
    assert "Keep this" in card
    assert "then send the message again. Leave out --attach for the files that arrived." in card
    assert "upload it again" not in card


def test_a_lost_answer_that_stays_unknown_stops_the_message(
    attaching: Notebook, box: Sandbox
) -> None:
    box.fail_next(drop="before", of="upload")
    attaching.run("%asteroid_send --attach data.csv run Keep this")
    assert arrived(box) == ([], [])
    card = Seen(attaching.html()).words
    assert "Not delivered: The message was not sent, because a file may not have arrived" in card
    assert "data.csv (3 bytes): may have been delivered" in card
    assert f"%asteroid_files {box.executions[0].id}"[:25] in card
    assert "without --attach for what is there" in card


def test_a_lost_answer_that_is_found_lets_the_message_go(attaching: Notebook, box: Sandbox) -> None:
    attaching.run("%config AsteroidMagics.confirm_grace = 1")
    box.fail_next(drop="after", of="upload")
    attaching.run("%asteroid_send --attach data.csv run hello")
    assert attaching.error is None
    assert arrived(box) == (["data.csv"], ["hello"])


@pytest.mark.parametrize("fault", [400, 503])
def test_a_message_that_fails_after_its_files_says_that_they_arrived(
    attaching: Notebook, box: Sandbox, fault: int
) -> None:
    box.fail_next(fault)
    attaching.run("%asteroid_send --attach data.csv run Keep this")
    assert arrived(box) == (["data.csv"], [])
    card = Seen(attaching.html()).words
    assert "data.csv (3 bytes): delivered" in card
    assert "The files have arrived: when you send again, leave out --attach." in card
    assert "Keep this" in card


def test_an_interrupt_of_the_upload_stops_the_message(
    attaching: Notebook, box: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(_self: object, _name: str, done: int, _size: int) -> None:
        if 1_000_000 < done < 19_000_000:
            signal.raise_signal(signal.SIGINT)

    (folder / "big.bin").write_bytes(bytes(20_000_000))
    monkeypatch.setattr("asteroid_magic.display.TransferBars.__call__", press)
    attaching.run("%asteroid_send --attach big.bin run Keep this")
    assert arrived(box) == ([], [])
    assert isinstance(attaching.error, KeyboardInterrupt)
    card = Seen(attaching.html()).words
    assert "Not delivered: You interrupted the upload, so the message was not sent" in card
    assert "big.bin (20 MB): not delivered" in card
    assert "Keep this" in card


def test_an_interrupt_of_a_download_leaves_nothing(
    notebook: Notebook, box: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    eventually(lambda: box.files(box.executions[1].id))
    monkeypatch.setattr("asteroid_magic.display.TransferBars.__call__", press)
    notebook.run("%asteroid_files run_id --save out")
    assert isinstance(notebook.error, KeyboardInterrupt)
    assert "Not done: You interrupted the download" in Seen(notebook.html()).words
    assert list((folder / "out").iterdir()) == []


def test_a_message_that_cannot_be_sent_keeps_its_files_here(
    attaching: Notebook, box: Sandbox
) -> None:
    attaching.shell.user_ns["odd"] = "\ud800"
    attaching.run("%asteroid_send --fill --attach data.csv run {odd}")
    assert "only half of a character" in Seen(attaching.html()).words
    assert arrived(box) == ([], [])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--once --attach data.csv run hello", "--once and --attach do not work together"),
        ('--attach "data.csv run hello', "is not closed"),
        ("--attach", "needs a value"),
        ("--attach= run hello", "needs a value"),
        ('--attach "" run hello', "needs a value"),
    ],
)
def test_a_line_that_cannot_be_meant_is_a_usage_error(
    attaching: Notebook, box: Sandbox, line: str, words: str
) -> None:
    attaching.run(f"%asteroid_send {line}")
    assert words in str(attaching.error)
    assert arrived(box) == ([], [])


def test_attach_works_only_for_one_message(attaching: Notebook, box: Sandbox) -> None:
    attaching.shell.user_ns["rows"] = [{"execution_id": box.executions[0].id}]
    attaching.run("%%asteroid_send --each rows --attach data.csv\nhello")
    assert "--attach works only for one message" in str(attaching.error)
    assert arrived(box) == ([], [])


def test_an_option_after_the_execution_is_not_sent(attaching: Notebook, box: Sandbox) -> None:
    attaching.run("%asteroid_send run --attach data.csv hello")
    assert "%asteroid_send --attach data.csv run hello" in str(attaching.error)
    assert arrived(box) == ([], [])


def test_wait_and_out_work_with_files(attaching: Notebook, box: Sandbox) -> None:
    attaching.run("%asteroid_send --wait 20 --out r --attach data.csv run Friday 18:30")
    delivery = attaching.shell.user_ns["r"]
    assert delivery.reply
    assert any("Uploaded before" in note for note in delivery.notes)
    assert arrived(box) == (["data.csv"], ["Friday 18:30"])


def test_a_timeout_limits_files_and_message_together(attaching: Notebook, box: Sandbox) -> None:
    box.fail_next(delay=30, drop="before", of="upload")
    attaching.run("%asteroid_send --timeout 0.3 --attach data.csv run Keep this")
    card = Seen(attaching.html()).words
    assert "Time ran out before 127.0.0.1 answered" in card
    assert "data.csv (3 bytes): may have been delivered" in card
    assert arrived(box) == ([], [])


@pytest.mark.parametrize("timeout", ["", "--timeout 9 "])
def test_the_one_that_waits_gets_a_file_that_may_take_longer_than_a_message(
    attaching: Notebook, box: Sandbox, monkeypatch: pytest.MonkeyPatch, timeout: str
) -> None:
    upload, limits = AsteroidClient.upload, list[object]()

    def noted(*given: Any, **named: Any) -> Any:
        limits.append(named["timeout"])
        return upload(*given, **named)

    monkeypatch.setattr(AsteroidClient, "upload", noted)
    attaching.run(f"%asteroid_send --waiting {timeout}--attach data.csv See the file.")
    assert attaching.error is None
    assert arrived(box) == (["data.csv"], ["See the file."])
    # What the look-up took counts only where the user has limited everything.
    assert [one is not None for one in limits] == [bool(timeout)]


def test_an_interrupt_while_the_answer_is_awaited_looks_for_the_file_once(
    attaching: Notebook, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    attaching.run("%config AsteroidMagics.confirm_grace = 2")
    receive = Response.begin

    def press(self: Response) -> None:
        receive(self)
        monkeypatch.undo()
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Response, "begin", press)
    attaching.run("%asteroid_send --attach data.csv run Keep this")
    # The answer had come, but nobody had read it.
    assert arrived(box) == (["data.csv"], [])
    card = Seen(attaching.html()).words
    assert "Not delivered: You interrupted the upload, so the message was not sent" in card
    assert "data.csv (3 bytes): delivered" in card
    assert "send the message again without --attach" in card


def test_the_limit_can_be_configured(
    attaching: Notebook, box: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    attaching.run("%config AsteroidMagics.max_upload_mb = 0.000002")
    attaching.run("%asteroid_send --attach data.csv run hello")
    assert "has 3 bytes; the limit is 2e-06 MB" in Seen(attaching.html()).words
    attaching.run("%config AsteroidMagics.max_upload_mb = 0")
    assert "max_upload_mb is not a number of megabytes above 0" in caplog.text
    attaching.run("%config AsteroidMagics.max_upload_mb = 1")
    attaching.run("%asteroid_send --attach data.csv run hello")
    assert arrived(box) == (["data.csv"], ["hello"])


def test_a_large_file_shows_its_progress(attaching: Notebook, folder: Path) -> None:
    (folder / "small.bin").write_bytes(bytes(5_000_000))
    attaching.run("%asteroid_send --attach small.bin run hello")
    assert "Uploading" not in attaching.text
    (folder / "big.bin").write_bytes(bytes(6_000_000))
    attaching.run("%asteroid_send --attach big.bin run hello")
    assert "Uploading big.bin" in attaching.text
    assert "6.00M" in attaching.text
    last = attaching.text.rstrip().split("\n")[-1].split("\r")[-1]
    assert "6.00M" in last


def test_files_are_listed_with_name_size_type_and_time(attaching: Notebook) -> None:
    attaching.run("%asteroid_send --attach data.csv run hello")
    listed = attaching.run("%asteroid_files run")
    assert isinstance(listed, Files)
    text = listed.as_text()
    assert text.splitlines()[0].split() == ["Name", "Size", "Type", "Created", "Folder"]
    assert "data.csv  3 bytes  text/csv  20" in text
    assert "--save" not in text
    assert "data.csv" in Seen(listed._repr_html_()).words


def test_without_files_the_list_says_so(attaching: Notebook) -> None:
    assert attaching.run("%asteroid_files run").as_text() == "This execution has no files yet."


@pytest.mark.parametrize("to", ["out", '"my out"', "--save=out", '--save="my out"'])
def test_the_agents_files_are_saved(
    notebook: Notebook, box: Sandbox, folder: Path, to: str
) -> None:
    run = box.executions[1].id
    eventually(lambda: box.files(run))
    notebook.run("%asteroid_send --attach data.csv run_id hello")
    listed = notebook.run("%asteroid_files run_id").as_text()
    assert f"To save the agent's files here: %asteroid_files {run[:8]} --save ." in listed
    option = to if to.startswith("--") else f"--save {to}"
    saved = notebook.run(f"%asteroid_files run_id {option}")
    place = folder / ("my out" if "my" in to else "out")
    assert [one.name for one in place.iterdir()] == ["invoices.csv"]
    assert (place / "invoices.csv").read_bytes() == box.files(run)["invoices.csv"]
    assert f"{place.name}/invoices.csv" in saved.as_text()
    assert [Path(one).name for one in saved.saved.values()] == ["invoices.csv"]
    again = notebook.run(f"%asteroid_files run_id {option}")
    assert "invoices (1).csv" in again.as_text()


def test_with_nothing_to_save_the_table_says_so(attaching: Notebook, folder: Path) -> None:
    words = "Nothing was saved: the agent has no files yet."
    assert words in attaching.run("%asteroid_files run --save out").as_text()
    attaching.run("%asteroid_send --attach data.csv run hello")
    saved = attaching.run("%asteroid_files run --save out")
    assert words in saved[:].as_text()
    assert words in pickle.loads(pickle.dumps(saved)).as_text()
    assert words not in attaching.run("%asteroid_files run").as_text()
    assert not (folder / "out").exists()


def test_with_nothing_to_save_a_file_is_no_folder_either(attaching: Notebook, folder: Path) -> None:
    (folder / "out").write_text("mine")
    attaching.run("%asteroid_files run --save out")
    assert isinstance(attaching.error, InvalidInput)
    assert "'out' is a file, not a folder." in str(attaching.error)
    assert (folder / "out").read_text() == "mine"


def test_files_without_a_message_are_not_sent_and_the_card_says_how(
    attaching: Notebook, box: Sandbox
) -> None:
    attaching.run("%asteroid_send --attach data.csv run")
    assert isinstance(attaching.error, InvalidInput)
    assert "AsteroidClient().upload(execution, FILE)" in attaching.error.hint
    assert box.messages(attaching.shell.user_ns["run"]) == []


@pytest.mark.parametrize("line", ["%asteroid_send --nonsense run hello", "%asteroid_send --fill"])
def test_a_line_that_does_not_follow_the_usage_says_that_nothing_was_sent(
    attaching: Notebook, line: str
) -> None:
    attaching.run(line)
    assert isinstance(attaching.error, UsageError)
    assert str(attaching.error).count("Nothing was sent") == 1


def test_a_download_that_fails_shows_a_card(notebook: Notebook, box: Sandbox, folder: Path) -> None:
    eventually(lambda: box.files(box.executions[1].id))
    box.spoil_next_download("short")
    notebook.run("%asteroid_files run_id --save out")
    assert "Not done: The file was not saved" in Seen(notebook.html()).words
    assert list((folder / "out").iterdir()) == []


@pytest.mark.parametrize(
    "line", ["", "run --save", "run --save= x", "run other", "run --all", 'run --save "a']
)
def test_a_line_that_is_none_is_a_usage_error(attaching: Notebook, line: str) -> None:
    attaching.run(f"%asteroid_files {line}")
    assert type(attaching.error).__name__ == "UsageError"


def test_an_unknown_execution_is_an_error_with_a_card(attaching: Notebook) -> None:
    attaching.run("%asteroid_files 123e4567-e89b-12d3-a456-426614174000")
    assert "No execution has this ID" in Seen(attaching.html()).words


def test_a_file_of_the_agent_shows_its_size_and_how_to_save_it(
    notebook: Notebook, box: Sandbox
) -> None:
    run = box.executions[1].id
    eventually(lambda: box.files(run))
    shown = notebook.run("%asteroid_activities run_id")
    words = f"invoices.csv (145 bytes). To save it: %asteroid_files {run[:8]} --save ."
    assert words in " ".join(shown.as_text().split())
    assert words in Seen(shown._repr_html_()).words
