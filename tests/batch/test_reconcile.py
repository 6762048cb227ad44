"""Rows in doubt are sent again only by a later call, and only once their absence is established."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from asteroid_magic import AsteroidClient, ConfigurationError, Report, send_many
from asteroid_magic.batch.journal import Journal
from asteroid_magic.models.report import RowResult
from asteroid_magic.render.progress.progress_bar import ProgressBar
from tests.support.batches import Row, interrupt_when
from tests.support.outcomes import ID
from tests.support.records import RecordServer, Shape

OTHER = ID.replace("1", "2")
TEXT = "Yes, book the earlier train,\r\nand a seat at the window."
Activity = dict[str, Any]


@pytest.fixture
def server() -> Iterator[RecordServer]:
    with RecordServer() as made:
        # An execution has begun with something, before any message.
        for execution_id in (ID, OTHER):
            payload = {"activityType": "status_changed", "status": "running"}
            made.happen(execution_id, payload, ago=7_000)
        yield made


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "answers.db"


def run(server: RecordServer, rows: Iterable[Row], journal: Path | None, **options: Any) -> Report:
    """Send the rows, with no patience for what does not show."""
    usual: dict[str, Any] = {"absent_after": 0, "progress": False, "workers": 4}
    with AsteroidClient("key", server.base_url, 5, confirm_grace=0.02) as client:
        return send_many(rows, client=client, journal=journal, **usual | options)


def left(
    journal: Path,
    rows: list[Row],
    *results: RowResult,
    ago: float = 300.0,
    clock: float | None = -2.0,
) -> None:
    """Write the journal of a process that died so many seconds `ago`, with these rows under way."""
    made = Journal(journal)
    made.write(list(enumerate(rows)), results, clock)
    made._connection.execute(
        "UPDATE messages SET began = began - ?, sent_at = sent_at - ?", [ago] * 2
    )
    made._connection.execute("UPDATE runs SET began = began - ?, seen = seen - ?", [ago] * 2)
    made.close()


def arrives(server: RecordServer, journal: Path, text: str = TEXT, **changes: Any) -> None:
    """Let a row have arrived 300 s ago, and its process have died before the answer came."""
    server.accept(ID, text, ago=300)
    left(journal, [(ID, text)], **changes)


@pytest.mark.parametrize("clock", [-2.0, None], ids=["clock known", "clock unknown"])
def test_rows_that_did_not_arrive_are_sent_after_the_others(
    server: RecordServer, journal: Path, clock: float | None
) -> None:
    lost = [(ID, f"lost {number}") for number in range(3)]
    there = [(ID, f"there {number}") for number in range(3)]
    left(journal, [*lost, *there], clock=clock)
    for row in there:
        server.accept(*row, ago=300)
    report = run(server, [*lost, *there, (ID, "new")], journal)
    assert report.counts == {"delivered": 7}
    assert set(server.accepted.values()) == {1}
    assert run(server, [*lost, *there, (ID, "new")], journal).earlier == 7


def test_where_nothing_was_ever_delivered_nothing_is_sent_again(
    server: RecordServer, journal: Path
) -> None:
    left(journal, [(ID, TEXT)])
    for _ in range(2):
        report = run(server, [(ID, TEXT)], journal)
        assert report.counts == {"unknown": 1}
        assert "No message of this journal is known to be delivered" in report.as_text()
    assert not server.accepted
    assert run(server, [(ID, TEXT)], journal, resend_unknown=True).counts == {"delivered": 1}


def test_one_call_never_sends_a_row_again_and_the_next_one_does(
    server: RecordServer, journal: Path
) -> None:
    """So a batch converges when it is run again."""
    answers = {"first": 201}
    server.post = lambda _execution_id, text: answers.get(text, 0)
    rows = [(ID, "first"), (ID, "second")]
    hides = lambda page: [one for one in page if "second" not in json.dumps(one)]  # noqa: E731
    server.shape = hides
    report = run(server, rows, journal)
    assert report.counts == {"delivered": 1, "unknown": 1}
    assert server.accepted == {(ID, "first"): 1, (ID, "second"): 1}
    server.shape = list
    assert run(server, rows, journal).counts == {"delivered": 2}, "found by the second call"
    assert server.accepted == {(ID, "first"): 1, (ID, "second"): 1}


def each(change: Callable[[Activity], Any]) -> Shape:
    """Return a shape that changes each user message in place."""

    def shape(page: list[Activity]) -> list[Activity]:
        for one in page:
            if one["payload"]["activityType"] == "user_message_received":
                change(one)
        return page

    return shape


def words(change: Callable[[str], str]) -> Shape:
    return each(lambda one: one["payload"].update(message=change(one["payload"]["message"])))


def stamps(change: Callable[[datetime], Any]) -> Shape:
    def shape(page: list[Activity]) -> list[Activity]:
        for one in page:
            one["timestamp"] = change(datetime.fromisoformat(one["timestamp"]))
        return page

    return shape


def behind(seconds: float) -> Shape:
    return stamps(lambda at: (at - timedelta(seconds=seconds)).isoformat())


def without(text: str) -> Shape:
    return lambda page: [one for one in page if one["payload"].get("message") != text]


def forbids(_page: list[Activity]) -> list[Activity]:
    raise PermissionError


# What a server may do to a list of activities, and whether the row is then delivered or unknown.
ODD: dict[str, tuple[Shape, str]] = {
    "as it is": (list, "delivered"),
    "listed twice": (lambda page: [one for one in page for _ in range(2)], "delivered"),
    "stamps 1.5 s behind": (behind(1.5), "delivered"),
    "stamps 40 s behind": (behind(40), "unknown"),
    "stamps an hour behind": (behind(3600), "unknown"),
    "stamps an hour ahead": (behind(-3600), "unknown"),
    # At least 5 s off, whatever the time is: what is off by less than 2 s is found.
    "stamps of whole minutes": (
        stamps(lambda at: (at - timedelta(seconds=5)).replace(second=0, microsecond=0).isoformat()),
        "unknown",
    ),
    "stamps missing": (stamps(lambda _at: None), "unknown"),
    "stamps unreadable": (stamps(lambda at: f"{at:%d.%m.%Y} around {at:%H}"), "unknown"),
    "text trimmed": (words(lambda text: text[:-1]), "unknown"),
    "text with other line ends": (words(lambda text: text.replace("\r\n", "\n")), "unknown"),
    "text in capitals of full width": (
        words(
            lambda text: "".join(chr(ord(one) + 0xFEE0) if one.isalpha() else one for one in text)
        ),
        "unknown",
    ),
    "text cut off": (words(lambda text: f"{text[:25]}…"), "unknown"),
    "kind renamed": (each(lambda one: one["payload"].update(activityType="user_said")), "unknown"),
    "capped at one": (lambda page: page[:1], "unknown"),
    "capped at two": (lambda page: page[:2], "unknown"),
    "nothing": (lambda page: page[:0], "unknown"),
    "oldest first": (lambda page: page[::-1], "delivered"),
    "oldest first and cut off": (lambda page: page[::-1][:1], "unknown"),
    "another execution's": (
        lambda page: [one | {"executionId": OTHER} for one in page],
        "unknown",
    ),
    "user messages left out": (
        lambda page: [one for one in page if "message" not in one["payload"]],
        "unknown",
    ),
    "what was accepted earlier left out": (without(TEXT), "sent again"),
    "forbidden": (forbids, "unknown"),
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("times", [1, 3])
def test_a_row_that_arrived_is_never_sent_again_whatever_the_list_looks_like(
    server: RecordServer, journal: Path, kind: str, times: int
) -> None:
    arrives(server, journal)
    server.shape, expected = ODD[kind]
    # Later messages, so that a capped list hides it.
    rows = [(ID, TEXT), *[(ID, f"A message of the call, number {number}") for number in range(5)]]
    for _ in range(times):
        report = run(server, rows, journal)
    if expected == "sent again":
        # A list that lacks nothing but this very row cannot be told from the truth.
        assert server.accepted[ID, TEXT] == 2
        return
    assert set(server.accepted.values()) == {1}
    assert report.counts[expected] == (1 if expected == "unknown" else 6)  # type: ignore[index]
    if expected == "unknown":
        assert "It was not sent again." in report.as_text(), "the report says why"
        assert list(report.unknown) == [(ID, TEXT)]


def test_the_control_is_looked_for_in_its_own_execution(
    server: RecordServer, journal: Path
) -> None:
    """The execution in doubt has no message that would show that they are listed there at all."""
    left(journal, [(ID, TEXT)])
    assert run(server, [(ID, TEXT), (OTHER, "new")], journal).counts == {"delivered": 2}
    assert server.accepted == {(OTHER, "new"): 1, (ID, TEXT): 1}


def test_an_execution_whose_activities_were_deleted_proves_nothing(
    server: RecordServer, journal: Path
) -> None:
    left(journal, [(ID, TEXT)])
    server.execution = {"purgedAt": "2026-11-25T10:00:00Z"}
    report = run(server, [(ID, TEXT), (OTHER, "new")], journal)
    assert report.counts == {"delivered": 1, "unknown": 1}
    assert "Asteroid has deleted the execution's activities." in report.as_text()


def undated(page: list[Activity]) -> list[Activity]:
    """Take the time from what is no user's message."""
    for one in page:
        if one["payload"]["activityType"] == "status_changed":
            one["timestamp"] = None
    return page


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        (undated, "The times of some of the execution's activities cannot be read."),
        (lambda page: page[::-1], "does not list the execution's activities in the order of their"),
        (lambda page: page[:1], "The list of the execution's activities does not reach back"),
        (behind(-3600), "The times of the execution's activities are ahead of the server's clock."),
        (behind(40), "does not show among its execution's activities either."),
        (forbids, "Looking up the message failed."),
    ],
)
def test_a_list_that_proves_nothing_leaves_a_row_unknown_and_the_report_says_why(
    server: RecordServer, journal: Path, shape: Shape, why: str
) -> None:
    """The row did not arrive, and everything else of the list is as it should be."""
    left(journal, [(ID, TEXT)])
    server.shape = shape
    report = run(server, [(ID, TEXT), (ID, "new")], journal)
    assert report.counts == {"delivered": 1, "unknown": 1}
    assert why in report.as_text()
    assert server.accepted == {(ID, "new"): 1}


def test_absence_counts_after_a_minute_unless_the_caller_says_otherwise() -> None:
    assert signature(send_many).parameters["absent_after"].default == 60
    assert signature(send_many).parameters["resend_unknown"].default is False


@pytest.mark.parametrize(("ago", "arrived"), [(300.0, True), (200.0, False), (306.0, False)])
def test_a_message_with_the_same_text_outside_the_time_of_the_send_is_not_this_one(
    server: RecordServer, journal: Path, ago: float, *, arrived: bool
) -> None:
    server.accept(ID, "yes", ago=ago)
    left(journal, [(ID, "yes")], ago=300)
    report = run(server, [(ID, "yes"), (ID, "new")], journal)
    if ago > 300:
        assert report.counts == {"delivered": 1, "unknown": 1}
        assert "its time does not fit this send" in report.as_text()
        return
    assert report.counts == {"delivered": 2}
    assert server.accepted[ID, "yes"] == (1 if arrived else 2)


def test_the_call_waits_until_absence_counts_and_says_so(
    server: RecordServer, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left(journal, [(ID, TEXT)], ago=0)
    notes: list[str] = []

    def draw(_bar: ProgressBar, _counts: object, _done: int, note: str = "") -> None:
        notes.append(note)

    monkeypatch.setattr(ProgressBar, "draw", draw)
    began = time.monotonic()
    report = run(server, [(ID, TEXT), (ID, "new")], journal, absent_after=1.5)
    assert time.monotonic() - began >= 1.5
    assert report.counts == {"delivered": 2}
    assert any("until unknown messages can be looked up for good" in note for note in notes)


def test_a_send_long_ago_needs_no_wait(server: RecordServer, journal: Path) -> None:
    left(journal, [(ID, TEXT)], ago=300)
    began = time.monotonic()
    assert run(server, [(ID, TEXT), (ID, "new")], journal, absent_after=60).counts["delivered"] == 2
    assert time.monotonic() - began < 30


def test_an_interrupt_ends_the_wait_and_leaves_the_rows_unknown(
    server: RecordServer, journal: Path
) -> None:
    left(journal, [(ID, TEXT)], ago=0)
    watching = interrupt_when(lambda: server.reads > 1)
    report = run(server, [(ID, TEXT), (ID, "new")], journal, absent_after=60)
    watching.join()
    assert report.interrupted
    assert report.counts == {"delivered": 1, "unknown": 1}
    assert server.accepted == {(ID, "new"): 1}


@pytest.mark.parametrize("clock", [-2.0, None], ids=["clock known", "clock unknown"])
@pytest.mark.parametrize("turn", range(5))
def test_only_as_many_rows_of_one_text_are_sent_as_are_missing(
    server: RecordServer, journal: Path, clock: float | None, turn: int
) -> None:
    """The second look may give the arrivals to other rows than the first one did."""
    text = f"the same, {turn}"
    rows = [(ID, text)] * 6
    left(journal, rows, clock=clock)
    for _ in range(4):
        server.accept(ID, text, ago=300)
    report = run(server, [*rows, (ID, "new")], journal)
    assert report.counts == {"delivered": 7}
    assert server.accepted == {(ID, text): 6, (ID, "new"): 1}


def test_an_arrival_counts_for_one_only_of_batches_and_single_sends(
    server: RecordServer, tmp_path: Path
) -> None:
    """Of three messages with one text, the first is answered, and the last does not show."""
    text = "One text of two batches and of a single send."
    with AsteroidClient("key", server.base_url, 5, confirm_grace=0) as client:
        client.send(ID, text)
    server.post = lambda _execution_id, _text: 0
    assert run(server, [(ID, text)], tmp_path / "first.db").counts == {"delivered": 1}
    server.shape = lambda page: page[1:]
    second = run(server, [(ID, text)], tmp_path / "second.db")
    assert second.counts == {"unknown": 1}, "the other two are accounted for"
    server.shape = list
    assert run(server, [(ID, text)], tmp_path / "second.db").counts == {"delivered": 1}
    assert server.accepted == {(ID, text): 3}


def test_a_batch_that_goes_on_in_the_same_process_counts_its_own_arrivals_once(
    server: RecordServer, journal: Path
) -> None:
    """What one call found, the journal and the process both know: that is one arrival."""
    server.post = lambda _execution_id, _text: 0
    server.shape = lambda page: page[1:]
    rows = [(ID, "One text of two rows.")] * 2
    assert run(server, rows, journal, workers=1).counts == {"delivered": 1, "unknown": 1}
    server.shape = list
    assert run(server, rows, journal).counts == {"delivered": 2}
    assert server.accepted == {rows[0]: 2}


def test_the_users_decision_sends_what_is_not_found_and_only_that(
    server: RecordServer, journal: Path
) -> None:
    rows = [(ID, "there"), (ID, "lost")]
    left(journal, rows)
    server.accept(*rows[0], ago=300)
    report = run(server, rows, journal, resend_unknown=True)
    assert report.counts == {"delivered": 2}
    assert set(server.accepted.values()) == {1}


def test_rows_that_the_call_does_not_have_are_not_sent(
    server: RecordServer, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asteroid_magic.batch.rows.CHECKED_AHEAD", 1)
    rows = [(ID, f"message {number}") for number in range(4)]
    left(journal, rows)
    for row in rows[:3]:
        server.accept(*row, ago=300)
    report = run(server, iter(rows[:3]), journal, resend_unknown=True)
    assert report.counts == {"delivered": 3, "unknown": 1}
    assert server.accepted[rows[3]] == 0
    assert "The rows of this call end before this one." in report.as_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"absent_after": -1}, "absent_after must be a number of seconds"),
        ({"absent_after": "60"}, "absent_after must be a number of seconds"),
        ({"absent_after": float("nan")}, "absent_after must be a number of seconds"),
        ({"absent_after": True}, "absent_after must be a number of seconds"),
        ({"resend_unknown": 1}, "resend_unknown must be True or False"),
        ({"resend_unknown": True}, "which only its journal knows"),
    ],
)
def test_options_that_cannot_be_are_refused(
    server: RecordServer, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        run(server, [(ID, TEXT)], None, **options)
    assert not server.accepted


def test_a_key_that_is_refused_is_asked_once_for_all_and_the_batch_goes_on(
    server: RecordServer, journal: Path
) -> None:
    rows = [(ID, f"message {number}") for number in range(40)]
    left(journal, rows)
    server.shape = forbids
    report = run(server, [*rows, (ID, "new")], journal)
    assert report.counts == {"delivered": 1, "unknown": 40}
    assert server.reads < 40
