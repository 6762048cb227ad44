"""What became of each file is known or unknown, never guessed; no file is sent twice."""

import io
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from asteroid_magic import (
    AsteroidClient,
    AsteroidError,
    BadRequest,
    Forbidden,
    Interrupted,
    InvalidInput,
    NoAnswer,
    NotFound,
    RateLimited,
    ServerError,
    Unauthorized,
    UnexpectedAnswer,
)
from asteroid_magic.client import requester
from asteroid_magic.client.files import try_upload
from asteroid_magic.client.files.sources import Source
from asteroid_magic.deadline import Deadline
from asteroid_magic.sandbox import Sandbox
from tests.support.servers import FaultServer, answers, resets, silent

KEY = "key-4711-secret"
RUN = "123e4567-e89b-12d3-a456-426614174000"
UPLOADED = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK"


@pytest.fixture
def client(box: Sandbox) -> Iterator[AsteroidClient]:
    with AsteroidClient(box.api_key, box.base_url, confirm_grace=0.3) as made:
        yield made


def outcomes(error: AsteroidError) -> list[tuple[str, str, bool]]:
    assert error.upload is not None
    return [(one.name, one.outcome, one.was_sent) for one in error.upload.files]


def test_files_arrive_in_their_order(client: AsteroidClient, box: Sandbox, run_id: str) -> None:
    contents = os.urandom(200_000)
    told: list[tuple[str, int, int]] = []
    done = client.upload(
        box.executions[0],
        ("a.bin", contents),
        ("b.txt", b"--\r\n\r\n"),
        progress=lambda *step: told.append(step),
    )
    assert done.outcome == "delivered"
    assert [(one.name, one.size, one.confirmed_by) for one in done.files] == [
        ("a.bin", 200_000, "answer"),
        ("b.txt", 6, "answer"),
    ]
    assert box.files(run_id) == {"a.bin": contents, "b.txt": b"--\r\n\r\n"}
    assert told[-1] == ("b.txt", 6, 6)
    # The end of a file is told once.
    assert len(set(told)) == len(told)
    assert [step for step in told if step[0] == "a.bin"][-1] == ("a.bin", 200_000, 200_000)
    assert done.execution_id == run_id


def test_one_request_a_file_with_its_length_and_its_name() -> None:
    with (
        FaultServer(answers(UPLOADED)) as server,
        AsteroidClient(KEY, server.base_url, confirm_grace=0) as client,
    ):
        client.upload(RUN, ("ünï.csv", b"1"), ("b", b"22"))
    first, second = (one for one in server.requests if one.startswith(b"POST"))
    head, _, body = first.partition(b"\r\n\r\n")
    assert head.startswith(f"POST /agents/v2/executions/{RUN}/context-files HTTP/1.1".encode())
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"chunked" not in head.lower()
    assert 'name="files"; filename="ünï.csv"\r\nContent-Type: text/csv\r\n'.encode() in body
    assert first.count(KEY.encode()) == second.count(KEY.encode()) == 1
    assert b'filename="b"\r\nContent-Type: application/octet-stream\r\n' in second


@pytest.mark.parametrize(
    ("status", "kind", "outcome"),
    [
        (400, BadRequest, "not_delivered"),
        (401, Unauthorized, "not_delivered"),
        (403, Forbidden, "not_delivered"),
        (404, NotFound, "not_delivered"),
        (429, RateLimited, "not_delivered"),
        (500, ServerError, "unknown"),
        (503, ServerError, "unknown"),
        (204, UnexpectedAnswer, "unknown"),
        (307, UnexpectedAnswer, "unknown"),
    ],
)
def test_the_first_file_that_is_not_delivered_ends_the_upload(
    client: AsteroidClient,
    box: Sandbox,
    run_id: str,
    status: int,
    kind: type[AsteroidError],
    outcome: str,
) -> None:
    box.fail_next(delay=0.001, of="upload")
    box.fail_next(status, of="upload")
    with pytest.raises(kind) as failed:
        client.upload(run_id, ("a", b"1"), ("b", b"2"), ("c", b"3"))
    error = failed.value
    assert error.outcome == outcome
    assert "'b'" in error.detail
    assert outcomes(error) == [
        ("a", "delivered", True),
        ("b", outcome, True),
        ("c", "not_delivered", False),
    ]
    assert box.files(run_id) == {"a": b"1"}
    assert (error.execution_id, error.message) == (run_id, None)


def test_a_busy_server_that_says_when_gets_the_file_again(
    client: AsteroidClient, box: Sandbox, run_id: str
) -> None:
    box.fail_next(429, retry_after=0, of="upload")
    client.upload(run_id, ("a", b"1" * 100_000))
    assert box.files(run_id) == {"a": b"1" * 100_000}


def test_an_execution_that_has_ended_takes_no_file(client: AsteroidClient, box: Sandbox) -> None:
    with pytest.raises(BadRequest) as refused:
        client.upload(box.executions[2], ("a", b"1"))
    assert refused.value.outcome == "not_delivered"


def test_a_lost_answer_is_looked_up_and_found(
    client: AsteroidClient, box: Sandbox, run_id: str
) -> None:
    box.fail_next(drop="after", of="upload")
    (uploaded,) = client.upload(run_id, ("a.csv", b"12")).files
    assert (uploaded.outcome, uploaded.confirmed_by) == ("delivered", "files")
    (listed,) = [one for one in client.files(run_id) if one.is_context]
    assert uploaded.file_id == listed.id


def test_words_of_the_server_and_of_the_search_are_sentences(
    client: AsteroidClient, box: Sandbox, run_id: str
) -> None:
    box.fail_next(status=500, of="upload")
    with pytest.raises(ServerError) as failed:
        client.upload(run_id, ("a.csv", b"12"))
    assert "by fail_next. It is not among the files" in failed.value.detail


@pytest.mark.parametrize("files", [[], [("a.csv", b"1")], [("b.csv", b"12")]])
def test_a_file_that_is_not_listed_stays_unknown_and_is_not_sent_again(
    client: AsteroidClient, box: Sandbox, run_id: str, files: list[Any]
) -> None:
    for other in files:
        client.upload(run_id, other)
    box.fail_next(drop="before", of="upload")
    with pytest.raises(NoAnswer) as lost:
        client.upload(run_id, ("a.csv", b"12"))
    assert lost.value.outcome == "unknown"
    assert "may still arrive" in lost.value.detail
    assert "second upload may add it twice" in lost.value.hint
    assert len(box.files(run_id)) == len(files)
    assert lost.value.attempts == 1


def test_a_file_that_was_there_before_confirms_nothing(
    client: AsteroidClient, box: Sandbox, run_id: str
) -> None:
    client.upload(run_id, ("a.csv", b"12"))
    box.fail_next(drop="before", of="upload")
    # Within the seconds that the server's clock is uncertain by.
    with pytest.raises(NoAnswer) as lost:
        client.upload(run_id, ("a.csv", b"12"))
    assert lost.value.outcome == "unknown"


def test_two_lost_uploads_of_the_same_file_are_not_confirmed_by_one(
    client: AsteroidClient, box: Sandbox, run_id: str
) -> None:
    box.fail_next(drop="before", of="upload")
    with pytest.raises(NoAnswer):
        client.upload(run_id, ("a.csv", b"12"))
    box.fail_next(drop="after", of="upload")
    with pytest.raises(NoAnswer) as lost:
        client.upload(run_id, ("a.csv", b"12"))
    assert lost.value.outcome == "unknown"
    # Two are listed now: they explain both.
    box.fail_next(drop="after", of="upload")
    with pytest.raises(NoAnswer):
        client.upload(run_id, ("a.csv", b"12"))


def test_a_lookup_that_fails_says_so() -> None:
    with (
        FaultServer(resets) as server,
        AsteroidClient(KEY, server.base_url, 5, confirm_grace=0.2) as client,
        pytest.raises(NoAnswer) as lost,
    ):
        client.upload(RUN, ("a.csv", b"12"))
    assert "Reading the files of the execution failed too" in lost.value.detail
    posts = [one for one in server.requests if one.startswith(b"POST")]
    assert len(posts) == 1


def reads_half(connection: Any, _server: FaultServer) -> None:
    data = b""
    while len(data) < 100_000:
        data += connection.recv(65_536)


def test_a_request_that_did_not_leave_whole_is_not_delivered() -> None:
    with (
        FaultServer(reads_half, reads=False) as server,
        AsteroidClient(KEY, server.base_url, 5, confirm_grace=0) as client,
        pytest.raises(AsteroidError) as broken,
    ):
        client.upload(RUN, ("a.bin", bytes(60_000_000)))
    assert broken.value.outcome == "not_delivered"
    assert "Not all of the file was sent" in broken.value.detail


def confirms_half(connection: Any, server: FaultServer) -> None:
    reads_half(connection, server)
    connection.sendall(UPLOADED)


def test_a_success_before_the_whole_file_left_is_not_delivered() -> None:
    with (
        FaultServer(confirms_half, reads=False) as server,
        AsteroidClient(KEY, server.base_url, 5, confirm_grace=0) as client,
        # urllib3-future does not read the answer of a server that stops reading.
        pytest.raises((UnexpectedAnswer, NoAnswer)) as early,
    ):
        client.upload(RUN, ("a.bin", bytes(60_000_000)))
    assert outcomes(early.value) == [("a.bin", "not_delivered", True)]
    whole = "before it had the whole file" in early.value.detail
    assert whole or "Not all of the file was sent" in early.value.detail


def test_without_an_answer_a_file_that_left_whole_is_unknown() -> None:
    with (
        FaultServer(silent) as server,
        AsteroidClient(KEY, server.base_url, 0.3, confirm_grace=0) as client,
        pytest.raises(NoAnswer) as lost,
    ):
        client.upload(RUN, ("a.bin", bytes(100_000)))
    assert lost.value.outcome == "unknown"
    assert outcomes(lost.value) == [("a.bin", "unknown", True)]


@pytest.mark.parametrize("change", ["shrinks", "grows", "is rewritten", "is replaced", "goes"])
def test_a_file_that_changes_after_the_check_is_not_delivered(
    client: AsteroidClient, box: Sandbox, run_id: str, tmp_path: Path, change: str
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(1_000_000))
    first = tmp_path / "first.txt"
    first.write_text("1")

    def disturb(name: str, *_: int) -> None:
        if name == "first.txt":
            if change == "goes":
                path.unlink()
            elif change == "is replaced":
                other = tmp_path / "other"
                other.write_bytes(b"1" * 1_000_000)
                other.replace(path)
        elif change == "shrinks":
            os.truncate(path, 500_000)
        elif change in {"grows", "is rewritten"}:
            with path.open("r+b") as opened:
                opened.seek(0, os.SEEK_END if change == "grows" else os.SEEK_SET)
                opened.write(b"1")
            os.utime(path, (1, 1))

    with pytest.raises(InvalidInput) as failed:
        client.upload(run_id, first, path, progress=disturb)
    assert failed.value.outcome == "not_delivered"
    assert ("There is no file" if change == "goes" else "changed") in failed.value.detail
    assert outcomes(failed.value)[1] == ("a.bin", "not_delivered", True)
    assert list(box.files(run_id)) == ["first.txt"]


def test_a_large_file_shows_a_bar_unless_a_function_takes_the_progress(
    client: AsteroidClient, run_id: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    client.upload(run_id, ("small.bin", bytes(5_000_000)))
    client.upload(run_id, ("own.bin", bytes(6_000_000)), progress=lambda *_: None)
    assert capfd.readouterr().err == ""
    client.upload(run_id, ("big.bin", bytes(6_000_000)))
    assert "Uploading big.bin: 100%" in capfd.readouterr().err
    (file,) = [one for one in client.files(run_id) if one.name == "big.bin"]
    client.download(file, tmp_path)
    assert "Downloading big.bin: 100%" in capfd.readouterr().err


def test_a_disk_that_fails_is_not_taken_for_the_connection(
    client: AsteroidClient, run_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise OSError(5, "Input/output error")

    path = tmp_path / "a.bin"
    path.write_bytes(b"1")
    monkeypatch.setattr(Source, "open", lambda _self: Broken())
    with pytest.raises(InvalidInput, match="Input/output error") as failed:
        client.upload(run_id, path)
    assert failed.value.outcome == "not_delivered"


def test_progress_that_fails_ends_no_upload(client: AsteroidClient, run_id: str) -> None:
    def fail(*_: object) -> None:
        raise ValueError("no terminal")

    assert client.upload(run_id, ("a", b"1"), progress=fail).outcome == "delivered"


def test_an_interrupt_in_the_middle_is_not_delivered(
    client: AsteroidClient, box: Sandbox, run_id: str
) -> None:
    def press(_name: str, done: int, _size: int) -> None:
        if done > 1_000_000:
            signal.raise_signal(signal.SIGINT)

    # The signal comes through: a KeyboardInterrupt is no Exception.
    with pytest.raises(Interrupted) as stopped:
        client.upload(run_id, ("a", bytes(20_000_000)), ("b", b"2"), progress=press)
    assert stopped.value.outcome == "not_delivered"
    assert outcomes(stopped.value) == [
        ("a", "not_delivered", True),
        ("b", "not_delivered", False),
    ]
    assert box.files(run_id) == {}


def test_another_thread_uploads_and_can_be_cancelled(box: Sandbox, run_id: str) -> None:
    deadline = Deadline(30, renews=True)
    with AsteroidClient(box.api_key, box.base_url) as client:

        def cancel(_name: str, done: int, _size: int) -> None:
            if done > 1_000_000:
                deadline.cancel()

        found: list[Any] = []
        files = [("a", bytes(20_000_000))]
        arguments = (client.requester, run_id, files, deadline, cancel)
        thread = threading.Thread(target=lambda: found.append(try_upload(*arguments)))
        thread.start()
        thread.join(30)
        (result,) = found
        assert isinstance(result.error, Interrupted)
        assert result.error.title == "You cancelled the upload"
        assert result.upload.outcome == "not_delivered"
        assert box.files(run_id) == {}
        done = try_upload(client.requester, run_id, [("a", b"1")])
        assert (done.error, done.upload and done.upload.outcome) == (None, "delivered")
        refused = try_upload(client.requester, run_id, ["missing"])
        assert refused.upload is None
        assert isinstance(refused.error, InvalidInput)
        assert refused.error.__traceback__ is None


def slowly(connection: Any, _server: FaultServer) -> None:
    # As much as a file needs to take longer than the client's timeout, and a pause before the end.
    data = b""
    while b"--\r\n" not in data[-64:]:
        data = data[-64:] + connection.recv(500_000)
        threading.Event().wait(0.02)
    connection.sendall(UPLOADED)


def test_a_large_file_may_take_longer_than_the_timeout_while_it_moves() -> None:
    with (
        FaultServer(slowly, reads=False) as server,
        AsteroidClient(KEY, server.base_url, 0.5, confirm_grace=0) as client,
    ):
        done = client.upload(RUN, ("a.bin", bytes(40_000_000)))
        assert done.elapsed > 0.5
        # A timeout that is given limits the whole upload.
        with pytest.raises(AsteroidError):
            client.upload(RUN, ("a.bin", bytes(40_000_000)), timeout=0.2)


def test_a_file_that_stands_still_ends_with_the_timeout() -> None:
    with (
        FaultServer(silent, reads=False) as server,
        AsteroidClient(KEY, server.base_url, 0.3, confirm_grace=0) as client,
        pytest.raises(NoAnswer) as stuck,
    ):
        client.upload(RUN, ("a.bin", bytes(40_000_000)))
    assert stuck.value.outcome == "not_delivered"


CHILD = """
import sys, resource
from asteroid_magic import AsteroidClient
client = AsteroidClient("key-4711", sys.argv[1], 30, confirm_grace=0)
client.upload("123e4567-e89b-12d3-a456-426614174000", ("small", b"1"))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
client.upload("123e4567-e89b-12d3-a456-426614174000", sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
client.close()
"""


def takes_all(connection: Any, _server: FaultServer) -> None:
    tail = b""
    while not tail.endswith(b"--\r\n"):
        tail = tail[-8:] + connection.recv(1_000_000)
    connection.sendall(UPLOADED)


@pytest.mark.skipif(not hasattr(resource, "RUSAGE_SELF"), reason="needs getrusage")
def test_a_file_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "big.bin"
    with path.open("wb") as opened:
        opened.truncate(80_000_000)
    with FaultServer(takes_all, reads=False) as server:
        ran = subprocess.run(
            [sys.executable, "-c", CHILD, server.base_url, str(path)],
            check=True,
            capture_output=True,
            text=True,
        )
    # Kilobytes; of 80,000.
    assert int(ran.stdout) < 8_000


def test_a_wrong_execution_is_refused_before_anything_is_sent(client: AsteroidClient) -> None:
    with pytest.raises(InvalidInput):
        client.upload("not-an-id", ("a", b"1"))
    with pytest.raises(NotFound) as missing:
        client.upload(RUN, ("a", b"1"))
    assert missing.value.outcome == "not_delivered"


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "text/plain"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_login_page_in_place_of_the_answer_is_no_delivery(kind: str, mark: bytes) -> None:
    page = mark + b"<!doctype html><title>Log in</title>"
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(page)}\r\n\r\n"
    with (
        FaultServer(answers(head.encode() + page)) as server,
        AsteroidClient(KEY, server.base_url, 5, confirm_grace=0) as client,
        pytest.raises(UnexpectedAnswer, match="web page") as failed,
    ):
        client.upload(RUN, ("a", b"1"))
    assert failed.value.outcome == "unknown"


def test_an_interrupt_right_after_a_login_page_makes_it_no_delivery(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(work: Callable[[], object]) -> None:
        work()
        raise KeyboardInterrupt

    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"
    with (
        FaultServer(answers(page)) as server,
        AsteroidClient(KEY, server.base_url, 5, confirm_grace=0) as client,
        monkeypatch.context() as patched,
    ):
        patched.setattr(requester, "interruptible", interrupted)
        with pytest.raises(AsteroidError) as stopped:
            client.upload(RUN, ("a", b"1"))
    assert stopped.value.outcome == "unknown"


def test_nothing_of_the_key_or_the_file_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for behave in (answers(UPLOADED), resets):
        with (
            FaultServer(behave) as server,
            AsteroidClient(KEY, server.base_url, 5, confirm_grace=0) as client,
        ):
            result = try_upload(client.requester, RUN, [("a.txt", b"secret words")])
        assert KEY not in repr(result)
    assert KEY not in caplog.text
    assert "secret words" not in caplog.text


def test_a_redirect_of_an_upload_is_not_followed() -> None:
    moved = b"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:1/x\r\nContent-Length: 0\r\n\r\n"
    with (
        FaultServer(answers(moved)) as server,
        AsteroidClient(KEY, server.base_url, 5, confirm_grace=0) as client,
        pytest.raises(UnexpectedAnswer, match="never followed"),
    ):
        client.upload(RUN, ("a", b"1"))
    assert len([one for one in server.requests if one.startswith(b"POST")]) == 1
