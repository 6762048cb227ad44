"""Batches that stop midway: what their journal remembers, and what an interrupt leaves."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from asteroid_magic import AsteroidClient, JournalError, Report, send_many
from asteroid_magic.batch.dispatcher import Dispatcher
from asteroid_magic.batch.journal import Journal
from asteroid_magic.batch.thread_sender import ThreadSender
from asteroid_magic.batch.throttle import Throttle
from asteroid_magic.render.progress.progress_bar import ProgressBar
from asteroid_magic.sandbox import Sandbox
from tests.support import sandboxes
from tests.support.batches import Row, Send, interrupt_when, texts, wait_for
from tests.support.outcomes import ID
from tests.support.servers import FaultServer, silent


def test_what_was_delivered_is_not_sent_again(
    box: Sandbox, run_id: str, send: Send, tmp_path: Path
) -> None:
    journal = tmp_path / "answers.db"
    box.fail_next(status=400, times=5)
    first = send(texts(run_id, 50), workers=1, journal=journal)
    assert first.counts == {"delivered": 45, "failed": 5}
    second = send(texts(run_id, 50), journal=str(journal))
    assert second.counts == {"delivered": 50}
    assert (second.earlier, second.errors) == (45, [])
    third = send(iter(texts(run_id, 50)), journal=journal)
    assert third.earlier == 50
    assert len(box.messages(run_id)) == len(set(box.messages(run_id))) == 50
    assert "50 of them delivered earlier" in third.as_text()


def test_rows_that_are_added_at_the_end_are_sent(
    box: Sandbox, run_id: str, send: Send, tmp_path: Path
) -> None:
    journal = tmp_path / "answers.db"
    send(texts(run_id, 10), journal=journal)
    assert send(texts(run_id, 15), journal=journal).counts == {"delivered": 15}
    assert len(box.messages(run_id)) == 15


def test_a_journal_of_other_rows_is_refused_before_anything_is_sent(
    box: Sandbox, run_id: str, send: Send, tmp_path: Path
) -> None:
    journal = tmp_path / "answers.db"
    send(texts(run_id, 10), journal=journal)
    for rows in (
        texts(run_id, 10)[::-1],
        texts(run_id, 9),
        [(ID, text) for _, text in texts(run_id, 10)],
        iter([*texts(run_id, 9), (run_id, "another"), *texts(run_id, 50)]),
    ):
        with pytest.raises(JournalError, match="belongs to other rows"):
            send(rows, journal=journal)
    assert len(box.messages(run_id)) == 10


def test_other_rows_far_behind_stop_the_batch_when_they_are_read(
    box: Sandbox,
    run_id: str,
    send: Send,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("asteroid_magic.batch.rows.CHECKED_AHEAD", 5)
    journal = tmp_path / "answers.db"
    send(texts(run_id, 60), journal=journal)
    with pytest.raises(JournalError, match="Row 50 has the message 'another'"):
        send([*texts(run_id, 50), (run_id, "another"), *texts(run_id, 9)], journal=journal)
    assert len(box.messages(run_id)) == 60


def left_by_a_dead_process(
    path: Path, rows: list[Row], *, clock: float | None, ago: float = 0.0
) -> None:
    """Write the journal of a batch that died when all of these rows were about to be sent."""
    journal = Journal(path)
    journal.write(list(enumerate(rows)), [], clock)
    journal._connection.execute("UPDATE messages SET began = began - ?", (ago,))
    journal.close()


@pytest.mark.parametrize("clock", [0.0, None], ids=["clock known", "clock not known"])
def test_what_was_under_way_is_sent_again_only_if_it_is_not_there(
    box: Sandbox, run_id: str, send: Send, tmp_path: Path, clock: float | None
) -> None:
    rows = [*texts(run_id, 6), *[(run_id, "the same")] * 4]
    left_by_a_dead_process(tmp_path / "answers.db", rows, clock=clock)
    sandboxes.deliver(box, run_id, *[text for _, text in [*rows[:3], *rows[6:9]]])
    rows.append((run_id, "one more"))
    report = send(rows, journal=tmp_path / "answers.db", absent_after=0)
    assert report.counts == {"delivered": 11}
    assert sorted(box.messages(run_id)) == sorted(text for _, text in rows)


def test_a_key_that_is_refused_leaves_what_was_under_way_for_the_next_call(
    box: Sandbox, run_id: str, send: Send, tmp_path: Path
) -> None:
    journal = tmp_path / "answers.db"
    left_by_a_dead_process(journal, texts(run_id, 3), clock=0.0)
    with AsteroidClient("another-key", box.base_url, confirm_grace=0) as client:
        report = send(texts(run_id, 5), client=client, journal=journal, absent_after=0)
    assert report.counts == {"failed": 2, "unknown": 3}
    assert "does not accept the API key" in report.as_text()
    assert box.messages(run_id) == []
    report = send(texts(run_id, 9), journal=journal, absent_after=0)
    assert report.counts == {"delivered": 9}


def test_an_execution_that_is_no_longer_there_leaves_its_row_unknown(
    send: Send, run_id: str, tmp_path: Path
) -> None:
    left_by_a_dead_process(tmp_path / "answers.db", [(ID, "x"), (run_id, "y")], clock=0.0)
    rows = [(ID, "x"), (run_id, "y"), (run_id, "z")]
    report = send(rows, journal=tmp_path / "answers.db", absent_after=0)
    assert report.counts == {"unknown": 1, "delivered": 2}
    assert "Looking up the message failed." in report.errors[0].example


def test_the_journal_holds_no_key(box: Sandbox, run_id: str, send: Send, tmp_path: Path) -> None:
    journal = tmp_path / "answers.db"
    box.fail_next(status=401, body=f'{{"code": 401, "message": "bad key {box.api_key}"}}')
    report = send(texts(run_id, 5), workers=1, journal=journal)
    assert report.counts == {"failed": 1, "delivered": 4}
    assert box.api_key.encode() not in journal.read_bytes()
    assert box.api_key not in report.as_text() + report._repr_html_() + repr(report)


def test_a_disk_that_fills_up_stops_the_batch_with_what_is_known(
    box: Sandbox, run_id: str, send: Send, tmp_path: Path
) -> None:
    journal = tmp_path / "answers.db"
    filling = Journal.write

    def write(self: Journal, *arguments: Any) -> None:
        self._connection.execute("PRAGMA max_page_count = 12")
        filling(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "write", write)
        with pytest.raises(JournalError, match=r"The disk is full.* So far: "):
            send(texts(run_id, 800), journal=journal)
    arrived = len(box.messages(run_id))
    assert arrived < 800
    again = send(texts(run_id, 800), journal=journal, absent_after=1)
    assert again.counts == {"delivered": 800}
    assert len(box.messages(run_id)) == len(set(box.messages(run_id))) == 800


def test_after_an_interrupt_nothing_begins_and_the_report_comes_back(
    box: Sandbox, run_id: str, send: Send, tmp_path: Path
) -> None:
    box.fail_next(delay=0.05, times=300)
    watching = interrupt_when(lambda: len(box.messages(run_id)) >= 40)
    report = send(texts(run_id, 500), journal=tmp_path / "answers.db")
    watching.join()
    assert report.interrupted
    delivered = report.counts["delivered"]
    assert 40 <= delivered < 300
    assert report.counts["waiting"] + delivered == 500
    assert len(box.messages(run_id)) == delivered, "what was under way has ended"
    assert "You interrupted the batch." in report.as_text()
    again = send(texts(run_id, 500), journal=tmp_path / "answers.db")
    assert again.counts == {"delivered": 500}
    assert len(box.messages(run_id)) == len(set(box.messages(run_id))) == 500


def test_what_gets_no_answer_after_an_interrupt_is_unknown(
    run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asteroid_magic.batch.runner.GRACE", 0.3)
    with FaultServer(silent) as server, AsteroidClient("key", server.base_url) as client:
        watching = interrupt_when(lambda: len(server.requests) >= 4)
        began = time.monotonic()
        report = send_many(texts(run_id, 100), client=client, workers=4, progress=False)
        assert time.monotonic() - began < 15
        watching.join()
    assert report.interrupted
    assert report.counts == {"unknown": 4, "waiting": 96}
    assert len(report.unknown) == 4


def test_an_interrupt_ends_the_look_at_a_server_that_hangs(run_id: str, tmp_path: Path) -> None:
    with FaultServer(silent) as server:

        def sending(timeout: float) -> Report:
            with AsteroidClient("key", server.base_url, timeout, confirm_grace=0) as client:
                path = tmp_path / "answers.db"
                return send_many([(run_id, "x")], client=client, journal=path, progress=False)

        assert sending(0.3).counts == {"unknown": 1}
        asked = len(server.requests)
        watching = interrupt_when(lambda: len(server.requests) > asked)
        began = time.monotonic()
        report = sending(60)
        assert time.monotonic() - began < 20
        watching.join()
    assert report.interrupted
    assert report.counts == {"unknown": 1}


def test_a_fault_of_the_rows_comes_through_and_says_how_far_it_came(
    box: Sandbox,
    run_id: str,
    send: Send,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("asteroid_magic.batch.rows.CHECKED_AHEAD", 5)
    journal = tmp_path / "answers.db"

    def broken() -> Iterator[Row]:
        yield from texts(run_id, 100)
        raise ValueError("of the caller")

    with pytest.raises(ValueError, match="of the caller") as caught:
        send(broken(), journal=journal)
    assert "the batch stopped here" in caught.value.__notes__[0]
    assert send(texts(run_id, 100), journal=journal).counts == {"delivered": 100}
    assert len(box.messages(run_id)) == len(set(box.messages(run_id))) == 100


def test_a_row_that_was_delivered_and_cannot_be_sent_now_is_another_row(
    box: Sandbox, run_id: str, send: Send, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asteroid_magic.batch.rows.CHECKED_AHEAD", 2)
    journal, rows = tmp_path / "answers.db", texts(run_id, 5)
    send(rows, journal=journal)
    with pytest.raises(JournalError, match="belongs to other rows"):
        send([*rows[:3], (run_id, ""), rows[4]], journal=journal)
    assert send(rows, journal=journal).earlier == 5
    assert len(box.messages(run_id)) == 5


def test_a_row_that_could_not_be_sent_may_be_mended(
    box: Sandbox, run_id: str, send: Send, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asteroid_magic.batch.rows.CHECKED_AHEAD", 2)
    journal, rows = tmp_path / "answers.db", texts(run_id, 5)
    bad = [*rows[:3], ("a typo", rows[3][1]), rows[4]]
    for _ in range(2):
        assert send(bad, journal=journal).counts == {"delivered": 4, "failed": 1}
    report = send(rows, journal=journal)
    assert (report.counts, report.earlier) == ({"delivered": 5}, 4)
    assert list(report.delivered) == rows
    assert sorted(box.messages(run_id)) == [text for _, text in rows]


def test_an_interrupt_while_a_row_is_read_loses_none(run_id: str, send: Send) -> None:
    class Struck(list[Row]):
        times = 0

        def __iter__(self) -> Iterator[Row]:
            self.times += 1
            for number, row in enumerate(super().__iter__()):
                if (self.times, number) == (2, 50):
                    raise KeyboardInterrupt
                yield row

    report = send(Struck(texts(run_id, 500)))
    assert report.interrupted
    assert report.total == 500
    assert report.counts["waiting"] >= 450


def test_the_report_is_there_also_where_its_journal_is_gone(
    box: Sandbox, run_id: str, send: Send, tmp_path: Path
) -> None:
    journal = tmp_path / "answers.db"

    def rows() -> Iterator[Row]:
        yield from texts(run_id, 20)
        wait_for(lambda: len(box.messages(run_id)) == 20)
        journal.unlink()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("asteroid_magic.batch.rows.CHECKED_AHEAD", 2)
        assert send(rows(), journal=journal).counts == {"delivered": 20}


@pytest.mark.parametrize(
    ("kind", "step"),
    [
        (Throttle, "stop"),
        (Dispatcher, "end"),
        (ThreadSender, "cancel"),
        (ThreadSender, "close"),
        (ProgressBar, "close"),
        (Journal, "counts"),
        (Journal, "close"),
    ],
)
def test_a_second_interrupt_at_any_step_of_the_ending_does_not_lose_the_report(
    run_id: str, send: Send, monkeypatch: pytest.MonkeyPatch, kind: type, step: str
) -> None:
    taking, original, interrupts = Dispatcher.take, getattr(kind, step), [50, 1]

    def struck(*arguments: Any) -> Any:
        if interrupts == [0, 1]:
            interrupts[1] = 0
            raise KeyboardInterrupt
        return original(*arguments)

    def take(*arguments: Any) -> bool:
        if interrupts[0]:
            interrupts[0] -= 1
            if not interrupts[0]:
                raise KeyboardInterrupt
        return taking(*arguments)

    monkeypatch.setattr(Dispatcher, "take", take)
    monkeypatch.setattr(kind, step, struck)
    report = send(texts(run_id, 500))
    assert interrupts == [0, 0]
    assert report.interrupted
    assert report.total == 500
