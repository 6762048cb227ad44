"""`send_many` against a real server: what arrives, and what the report says."""

import io
import itertools
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from asteroid_magic import AsteroidClient, ConfigurationError, InvalidInput, Report, send_many
from asteroid_magic.batch import dispatcher, throttle
from asteroid_magic.client.retry import Backoff
from asteroid_magic.models.report import RowResult
from asteroid_magic.sandbox import Sandbox
from tests.support.batches import Row, Send, texts, wait_for
from tests.support.outcomes import ID
from tests.support.servers import CREATED, FaultServer, answers


def test_every_message_arrives_once_as_it_was(box: Sandbox, run_id: str, send: Send) -> None:
    rows = [*texts(run_id, 300), (run_id, "  don't {touch} $5\u2028\n>>> ")]
    report = send(rows)
    assert sorted(box.messages(run_id)) == sorted(text for _, text in rows)
    assert report.counts == {"delivered": 301}
    assert report.outcome == "delivered"
    assert (report.total, len(report.delivered), len(report.failed)) == (301, 301, 0)
    assert list(report.delivered) == rows
    entries = list(report.entries())
    assert all(entry.attempts == 1 and entry.sent_at and entry.elapsed for entry in entries)


def test_no_rows_are_no_messages(send: Send) -> None:
    report = send([])
    assert (report.total, report.outcome) == (0, "delivered")


def test_an_endless_looking_generator_is_read_as_it_is_sent(
    run_id: str, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asteroid_magic.batch.rows.CHECKED_AHEAD", 50)
    rows = ((run_id, f"message {number}") for number in range(1_000))
    assert send(rows, workers=16).counts == {"delivered": 1_000}


def test_reading_never_runs_far_ahead_of_sending(run_id: str) -> None:
    read = 0

    def rows() -> Iterator[Row]:
        nonlocal read
        while True:
            read += 1
            yield run_id, "message"

    released = threading.Event()

    def behave(connection: Any, server: FaultServer) -> None:
        released.wait(20)
        answers(CREATED)(connection, server)

    with FaultServer(behave) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr("asteroid_magic.batch.rows.CHECKED_AHEAD", 10)
        slow = AsteroidClient("key", server.base_url, confirm_grace=0)
        reports: list[Report] = []
        thread = threading.Thread(target=lambda: reports.append(_until(rows(), slow, released)))
        thread.start()
        wait_for(lambda: len(server.requests) >= 4)
        unwrap = -1
        while unwrap != read:
            unwrap = read
            time.sleep(0.2)
        assert read < 10 + dispatcher.READ_AHEAD + 4 + 32 + 10
        released.set()
        thread.join(30)
        slow.close()
    assert reports[0].interrupted


def _until(rows: Iterator[Row], client: AsteroidClient, released: threading.Event) -> Report:
    """Send until some have arrived, then interrupt as a generator does."""

    def stopping() -> Iterator[Row]:
        for row in rows:
            if released.is_set():
                raise KeyboardInterrupt
            yield row

    return send_many(stopping(), client=client, workers=4, progress=False)


def test_a_row_that_a_slow_generator_yields_is_sent_before_the_next_is_there(
    box: Sandbox, run_id: str, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asteroid_magic.batch.rows.CHECKED_AHEAD", 1)

    def rows() -> Iterator[Row]:
        yield run_id, "first"
        yield run_id, "second"
        yield run_id, "third"
        wait_for(lambda: len(box.messages(run_id)) == 3)
        yield run_id, "last"

    assert send(rows()).counts == {"delivered": 4}


def test_a_typo_in_any_row_costs_nothing(box: Sandbox, run_id: str, send: Send) -> None:
    rows = [*texts(run_id, 899), ("typo", "x")]
    with pytest.raises(InvalidInput, match="row 899"):
        send(rows)
    assert box.messages(run_id) == []


def test_a_bad_row_behind_those_that_are_checked_fails_alone(
    run_id: str, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asteroid_magic.batch.rows.CHECKED_AHEAD", 5)
    rows = [*texts(run_id, 9), (run_id, ""), *texts(run_id, 3)]
    report = send(iter(rows))
    assert report.counts == {"delivered": 12, "failed": 1}
    (group,) = report.errors
    assert (group.error, group.position) == ("InvalidInput", 9)


def test_half_a_character_in_a_row_or_in_an_answer_breaks_nothing(
    box: Sandbox, run_id: str, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asteroid_magic.batch.rows.CHECKED_AHEAD", 2)
    box.fail_next(status=400, body='{"message": "half: \\ud800"}')
    rows = [*texts(run_id, 3), (run_id, "\ud800"), *texts(run_id, 3)]
    report = send(iter(rows), workers=1)
    assert report.counts == {"delivered": 5, "failed": 2}
    assert "half: ⟨U+D800⟩" in report.errors[0].example


def test_one_failure_does_not_stop_the_others(box: Sandbox, run_id: str, send: Send) -> None:
    finished = box.executions[2].id
    rows = [*texts(run_id, 20), (finished, "too late"), (ID, "nobody"), *texts(run_id, 20)]
    box.fail_next(status=500)
    report = send(rows, workers=1)
    assert report.counts == {"delivered": 39, "failed": 2, "unknown": 1}
    assert list(report.failed) == [(finished, "too late"), (ID, "nobody")]
    assert list(report.unknown) == [rows[0]]
    assert report.outcome == "unknown"
    assert {group.error: group.number for group in report.errors} == {
        "BadRequest": 1,
        "NotFound": 1,
        "ServerError": 1,
    }
    assert report.failed[0] == (finished, "too late")


def test_what_failed_can_be_sent_again_as_it_is(box: Sandbox, run_id: str, send: Send) -> None:
    box.fail_next(status=400, times=3)
    first = send(texts(run_id, 10), workers=1)
    assert [text for _, text in first.failed] == ["message 0", "message 1", "message 2"]
    assert send(first.failed).counts == {"delivered": 3}
    assert len(set(box.messages(run_id))) == len(box.messages(run_id)) == 10


@pytest.mark.parametrize("workers", [1, 8])
def test_five_refusals_of_the_key_in_a_row_stop_the_batch(
    box: Sandbox, run_id: str, send: Send, workers: int
) -> None:
    with AsteroidClient("another-key", box.base_url) as client:
        report = send(texts(run_id, 400), client=client, workers=workers)
    assert "5 messages in a row" in report.stopped
    assert "%asteroid_login" in report.stopped
    failed = report.counts["failed"]
    assert 5 <= failed < 5 + workers
    assert report.counts["waiting"] == 400 - failed
    assert list(report.waiting) == texts(run_id, 400)[failed:] or workers > 1
    assert "stopped by itself" in report.as_text()


def test_four_refusals_and_a_delivery_do_not(box: Sandbox, run_id: str, send: Send) -> None:
    for _ in range(3):
        box.fail_next(status=403, times=4)
        box.fail_next(delay=0.001)
    report = send(texts(run_id, 40), workers=1)
    assert report.counts == {"delivered": 28, "failed": 12}
    assert not report.stopped


def test_without_a_key_nothing_begins(box: Sandbox, run_id: str, tmp_path: Path) -> None:
    journal = tmp_path / "answers.db"
    with (
        AsteroidClient(base_url=box.base_url) as client,
        pytest.raises(ConfigurationError, match="There is no API key"),
    ):
        send_many(texts(run_id, 3), client=client, journal=journal)
    assert not journal.exists()


@pytest.mark.parametrize("workers", [0, 257, 2.5, True, None, "16"])
def test_a_number_of_workers_that_cannot_be_is_refused(
    run_id: str, send: Send, workers: Any
) -> None:
    with pytest.raises(ConfigurationError, match="from 1 to 256"):
        send(texts(run_id, 1), workers=workers)


def test_a_429_holds_up_all_workers_for_as_long_as_it_asks(
    box: Sandbox, run_id: str, send: Send
) -> None:
    box.fail_next(status=429, retry_after=1, times=3)
    began = time.monotonic()
    report = send(texts(run_id, 60), workers=4)
    assert report.counts == {"delivered": 60}
    assert time.monotonic() - began >= 1
    assert sorted(box.messages(run_id)) == sorted(text for _, text in texts(run_id, 60))
    assert sum(entry.attempts for entry in report.entries()) == 63


def test_while_it_waits_nothing_is_sent(run_id: str) -> None:
    """After a 429, the server gets the next request no sooner than it asked."""
    moments: list[float] = []
    lock, all_under_way = threading.Lock(), threading.Barrier(4)

    def behave(connection: Any, _server: FaultServer) -> None:
        with lock:
            moments.append(time.monotonic())
            limited = len(moments) <= 4
        if limited:
            all_under_way.wait(20)
            connection.sendall(
                b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
                b"Connection: close\r\n\r\n"
            )
        else:
            connection.sendall(CREATED)

    with FaultServer(behave) as server, AsteroidClient("key", server.base_url) as client:
        report = send_many(texts(run_id, 30), client=client, workers=4, progress=False)
    assert report.counts == {"delivered": 30}
    gaps = [later - sooner for sooner, later in itertools.pairwise(moments)]
    assert gaps[3] >= 1, "those that were under way, then nobody for a second"


@pytest.mark.parametrize(("asked", "said"), [(3_600, "3,6"), (999_999_999, "999,999,9")])
def test_a_server_that_takes_nothing_for_too_long_ends_the_batch(
    box: Sandbox, run_id: str, send: Send, tmp_path: Path, asked: int, said: str
) -> None:
    box.fail_next(status=429, retry_after=asked)
    report = send(texts(run_id, 30), workers=1, journal=tmp_path / "answers.db")
    assert f"asks to wait {said}" in report.stopped
    assert report.counts in ({"waiting": 29, "failed": 1}, {"waiting": 30})
    again = send(texts(run_id, 30), journal=tmp_path / "answers.db")
    assert again.counts == {"delivered": 30}


def test_an_answer_that_was_lost_is_looked_up_at_the_end(
    box: Sandbox, run_id: str, send: Send
) -> None:
    rows = texts(run_id, 30) + [(run_id, "the same")] * 6
    box.fail_next(drop="after", times=3)
    box.fail_next(drop="before")
    box.fail_next(drop="after", times=3)
    report = send(rows, workers=1)
    assert report.counts == {"delivered": 35, "unknown": 1}
    assert list(report.unknown) == [rows[3]]
    assert len(box.messages(run_id)) == 35


def test_of_the_same_text_as_many_are_delivered_as_have_arrived(
    box: Sandbox, run_id: str, send: Send
) -> None:
    for drop in ("after", "before", "after", "before"):
        box.fail_next(drop=drop)
        box.fail_next(delay=0.001)
    report = send([(run_id, "the same")] * 12, workers=1)
    assert report.counts == {"delivered": 10, "unknown": 2}
    assert box.messages(run_id) == ["the same"] * 10


def test_a_batch_leaves_no_thread_behind(run_id: str, send: Send) -> None:
    before = set(threading.enumerate())
    send(texts(run_id, 50))
    left = {thread.name for thread in set(threading.enumerate()) - before}
    assert not {name for name in left if "asteroid-magic" in name}


def test_a_429_without_a_time_is_waited_out_longer_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("asteroid_magic.batch.throttle.time.monotonic", lambda: now)
    paused = throttle.Throttle()
    waits = []
    for _ in range(8):
        paused.note(RowResult(0, "failed", wait=0.0))
        paused.note(RowResult(1, "failed", wait=0.0))
        waits.append(round(paused.wait))
        now += paused.wait
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    paused.note(RowResult(0, "delivered"))
    assert not paused.stopping.is_set()
    for _ in range(10):
        paused.note(RowResult(0, "failed", wait=0.0))
        now += paused.wait
    assert "accepts no more messages" in paused.why


def test_rows_that_come_from_a_journal_are_not_sent_with_it(
    box: Sandbox, run_id: str, send: Send, tmp_path: Path
) -> None:
    box.fail_next(status=400)
    report = send(texts(run_id, 3), workers=1, journal=tmp_path / "answers.db")
    for path in (tmp_path / "answers.db", f"{tmp_path}/./answers.db"):
        with pytest.raises(ConfigurationError, match="use another journal or none"):
            send(report.failed, journal=path)
    assert send(report.failed, journal=tmp_path / "again.db").counts == {"delivered": 1}
    assert len(box.messages(run_id)) == 3


def test_a_bar_that_cannot_be_drawn_stops_nothing(
    run_id: str, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = io.StringIO()
    closed.close()
    written: list[str] = []
    # That of xeus-python cannot say whether it is closed.
    bare = SimpleNamespace(write=written.append, flush=lambda: None)
    for standard in (closed, None, bare):
        monkeypatch.setattr(sys, "stderr", standard)
        assert send(texts(run_id, 5), progress=True).counts == {"delivered": 5}
    assert "5 delivered" in "".join(written)


def test_a_bar_that_breaks_is_given_up(
    run_id: str, send: Send, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Breaking(io.StringIO):
        def write(self, text: str) -> int:
            if "delivered" in text:
                raise OSError("the window is gone")
            return len(text)

    with monkeypatch.context() as context:
        context.setattr(sys, "stderr", Breaking())
        assert send(texts(run_id, 5), progress=True).counts == {"delivered": 5}
    assert send(texts(run_id, 5), progress=True).counts == {"delivered": 5}
    assert "5 delivered" in capsys.readouterr().err


def test_progress_is_shown_where_it_is_wanted(
    run_id: str, send: Send, capsys: pytest.CaptureFixture[str]
) -> None:
    send(texts(run_id, 30), progress=True)
    shown = capsys.readouterr().err
    assert "30/30" in shown
    assert "30 delivered, 0 failed, 0 unknown" in shown
    send(texts(run_id, 30))
    assert capsys.readouterr().err == ""


def test_a_503_pauses_the_messages_that_have_not_begun(
    box: Sandbox, run_id: str, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A short outage must not use up a whole batch as unknown."""
    # No client reads fractions of a second: it waits as long as if it had been told nothing.
    monkeypatch.setattr(throttle, "BUSY_SERVER", Backoff(0.5, 1.0))
    box.fail_next(status=503, retry_after=0.5, times=4)
    began = time.monotonic()
    report = send(texts(run_id, 40), workers=4)
    assert time.monotonic() - began >= 0.5
    assert report.counts == {"delivered": 36, "unknown": 4}
    assert len(box.messages(run_id)) == 36


def test_a_fault_of_the_rows_keeps_its_traceback(run_id: str, send: Send) -> None:
    def rows() -> Iterator[tuple[str, str]]:
        yield run_id, "hello"
        raise ValueError("a fault of the caller's own")

    with pytest.raises(ValueError, match="caller's own") as raised:
        send(rows())
    assert "rows" in [entry.name for entry in raised.traceback]


@pytest.mark.parametrize("wrong", [{"client": "key"}, {"journal": 3}, {"executor": 3}])
def test_an_argument_of_the_wrong_type_is_refused(
    run_id: str, wrong: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASTEROID_API_KEY", "key-4711")
    with pytest.raises(ConfigurationError, match="is of type") as raised:
        send_many([(run_id, "hello")], progress=False, **wrong)
    assert raised.value.hint
