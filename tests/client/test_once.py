"""`once`: a text that an execution has already is not sent again, whatever the list looks like."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from asteroid_magic import (
    AsteroidClient,
    AsteroidError,
    Delivery,
    Forbidden,
    SendInterrupted,
    send_many,
)
from asteroid_magic.client.reading import arrivals
from asteroid_magic.client.reading.arrivals import EarlierMessage
from asteroid_magic.client.sending import messages
from asteroid_magic.deadline import Deadline
from tests.batch.test_reconcile import ODD, TEXT, each, words
from tests.support.records import RecordServer

KEY = "a-key-of-4711"
# Lists that hide the message altogether; they cannot be told from those of an execution without it.
HIDING = {
    "nothing",
    "user messages left out",
    "what was accepted earlier left out",
}


@pytest.fixture
def server() -> Iterator[RecordServer]:
    with RecordServer() as running:
        yield running


@pytest.fixture
def run() -> str:
    """A new execution: what this process has sent to one counts, too."""
    return str(uuid4())


@pytest.fixture
def client(server: RecordServer) -> Iterator[AsteroidClient]:
    with AsteroidClient(KEY, server.base_url, confirm_grace=0.0) as made:
        yield made


def started(server: RecordServer, run: str) -> None:
    server.happen(run, {"activityType": "status_changed", "status": "running"}, 7_200)


def test_a_new_text_is_sent_and_then_never_again(
    client: AsteroidClient, server: RecordServer, run: str
) -> None:
    started(server, run)
    first = client.send(run, "Go on.", once=True)
    assert (first.attempts, first.notes) == (1, ())
    second = client.send(run, "Go on.", once=True)
    assert isinstance(second, Delivery)
    assert (second.attempts, second.confirmed_by) == (0, "activities")
    assert first.sent_at is not None
    assert second.sent_at is not None
    assert abs(second.sent_at - first.sent_at) < timedelta(seconds=5)
    assert second.notes == ("The execution had this message, so nothing was sent now.",)
    assert server.accepted == {(run, "Go on."): 1}


def test_the_time_is_that_of_the_latest_message_with_the_text(
    client: AsteroidClient, server: RecordServer, run: str
) -> None:
    started(server, run)
    for ago in (3_600, 600):
        server.accept(run, "Go on.", ago)
    found = client.send(run, "Go on.", once=True)
    assert found.sent_at is not None
    assert abs(datetime.now(UTC) - timedelta(seconds=600) - found.sent_at) < timedelta(seconds=5)
    assert found.activity_id
    assert server.accepted[run, "Go on."] == 2


def test_a_message_whose_time_cannot_be_read_has_none(
    client: AsteroidClient, server: RecordServer, run: str
) -> None:
    server.accept(run, "Go on.", 600)
    server.shape = lambda page: [{**one, "timestamp": "just now"} for one in page]
    found = client.send(run, "Go on.", once=True)
    assert (found.attempts, found.sent_at) == (0, None)
    assert found.as_text().startswith(f"✓ Already delivered to {run[:8]}: Go on.")
    assert "its time cannot be read" in found.as_text()
    assert "Sent" not in found._repr_html_()


@pytest.mark.parametrize(
    ("there", "text"),
    [
        ("One\r\ntwo", "One\ntwo"),
        ("One\ntwo", "One\r\ntwo"),
        ("cafe\u0301", "caf\u00e9"),
        ("  Go on.\n", "Go on."),
    ],
)
def test_another_form_of_the_text_is_the_same_and_said(
    client: AsteroidClient, server: RecordServer, run: str, there: str, text: str
) -> None:
    server.accept(run, there, 600)
    found = client.send(run, text, once=True)
    assert (found.attempts, found.message) == (0, text)
    assert "It differs from yours only in line ends" in found.as_text()
    assert server.accepted.total() == 1


@pytest.mark.parametrize("other", ["Go on!", "Go on. And hurry.", "go on."])
def test_another_text_does_not_count(
    client: AsteroidClient, server: RecordServer, run: str, other: str
) -> None:
    server.accept(run, other, 600)
    server.happen(run, {"activityType": "generic", "message": "Go on."}, 300)
    assert client.send(run, "Go on.", once=True).attempts == 1


@pytest.mark.parametrize("there", ["Option \uff11, please.", "Option 1,  please."])
def test_a_text_that_the_server_may_have_changed_is_not_sent(
    client: AsteroidClient, server: RecordServer, run: str, there: str
) -> None:
    server.accept(run, there, 600)
    error = refused(client, run, "Option 1, please.")
    assert "differs from this one only in spaces" in error.detail
    assert server.accepted.total() == 1


def refused(client: AsteroidClient, run: str, text: str) -> AsteroidError:
    with pytest.raises(AsteroidError) as caught:
        client.send(run, text, once=True)
    error = caught.value
    assert error.outcome == "not_delivered"
    assert "Nothing was sent" in error.title
    assert error.message == text
    return error


@pytest.mark.parametrize("kind", sorted(set(ODD) - HIDING))
def test_whatever_the_list_looks_like_it_is_not_sent_twice(
    client: AsteroidClient, server: RecordServer, run: str, kind: str
) -> None:
    started(server, run)
    server.accept(run, TEXT, 600)
    for number in range(3):
        server.accept(run, f"Another message, number {number}", 60)
    server.shape, _ = ODD[kind]
    if ODD[kind][1] == "delivered" or kind.startswith("stamps") or "line ends" in kind:
        assert client.send(run, TEXT, once=True).attempts == 0
    else:
        refused(client, run, TEXT)
    assert server.accepted[run, TEXT] == 1


def unreadable(one: dict[str, Any]) -> None:
    one["payload"]["message"] = {"text": one["payload"]["message"]}


@pytest.mark.parametrize(
    "shape",
    [
        each(unreadable),
        each(lambda one: one["payload"].update(text=one["payload"].pop("message"))),
        each(lambda one: one["payload"].update(activityType="USER_MESSAGE_RECEIVED")),
        lambda page: [one["payload"].get("message") or one for one in page],
        words(lambda text: f"{text[:10]}…"),
    ],
    ids=["an object", "under another name", "kind in capitals", "bare text", "cut off early"],
)
def test_a_message_that_is_shown_in_an_unknown_way_is_not_sent_twice(
    client: AsteroidClient, server: RecordServer, run: str, shape: Any
) -> None:
    started(server, run)
    server.accept(run, TEXT, 600)
    server.shape = shape
    refused(client, run, TEXT)
    assert server.accepted.total() == 1


FORMS = [("One\r\ntwo", "One\ntwo"), ("cafe\u0301", "caf\u00e9"), ("  Go on.\n", "Go on.")]


@pytest.mark.parametrize(("before", "text"), FORMS)
def test_another_form_of_a_message_of_this_session_counts_too(
    client: AsteroidClient, server: RecordServer, run: str, before: str, text: str
) -> None:
    started(server, run)
    server.shape, _ = ODD["user messages left out"]
    client.send(run, before)
    found = client.send(run, text, once=True)
    assert (found.attempts, found.confirmed_by) == (0, "answer")
    assert "It differs from yours only in line ends" in found.as_text()
    assert server.accepted.total() == 1


@pytest.mark.parametrize(("before", "text"), FORMS)
def test_another_form_that_may_still_arrive_keeps_it_from_being_sent(
    client: AsteroidClient, server: RecordServer, run: str, before: str, text: str
) -> None:
    started(server, run)
    server.shape, _ = ODD["user messages left out"]
    server.post = lambda *_: 503
    with pytest.raises(AsteroidError):
        client.send(run, before)
    server.post = lambda *_: 201
    refused(client, run, text)
    assert server.accepted.total() == 1


@pytest.mark.parametrize(("before", "text"), FORMS)
def test_another_form_in_a_batch_of_this_session_keeps_it_from_being_sent(
    client: AsteroidClient, server: RecordServer, run: str, before: str, text: str
) -> None:
    started(server, run)
    server.shape, _ = ODD["user messages left out"]
    send_many([(run, before)], client=client, progress=False)
    refused(client, run, text)
    assert server.accepted.total() == 1


def test_a_list_from_a_cache_does_not_show_that_a_text_is_not_there(
    client: AsteroidClient, server: RecordServer, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(server, run)
    monkeypatch.setattr("asteroid_magic.client.requester.clock_of", lambda *_: None)
    assert "may be an old one" in refused(client, run, "Go on.").detail
    assert not server.accepted


def test_a_time_at_the_end_of_the_calendar_is_no_reason_to_fail(
    client: AsteroidClient, server: RecordServer, run: str
) -> None:
    started(server, run)
    server.happen(run, {"activityType": "generic", "message": "hello"})
    server.shape = lambda page: [
        {**one, "timestamp": "9999-12-31T23:59:59.5Z"} if "message" in one["payload"] else one
        for one in page
    ]
    assert client.send(run, "Go on.", once=True).attempts == 1


def test_what_cannot_be_read_is_not_sent(
    client: AsteroidClient, server: RecordServer, run: str
) -> None:
    server.shape, _ = ODD["forbidden"]
    error = refused(client, run, "Go on.")
    assert isinstance(error, Forbidden)
    assert "omit --once" in error.hint
    assert not server.accepted


def test_activities_that_were_deleted_show_nothing(
    client: AsteroidClient, server: RecordServer, run: str
) -> None:
    server.execution = {"purgedAt": "2026-11-25T10:00:00Z"}
    assert "deleted the execution's activities" in refused(client, run, "Go on.").detail
    assert not server.accepted


def test_a_message_of_this_session_counts_before_the_activities_show_it(
    client: AsteroidClient, server: RecordServer, run: str
) -> None:
    started(server, run)
    server.shape, _ = ODD["user messages left out"]
    client.send(run, "Go on.")
    found = client.send(run, "Go on.", once=True)
    assert (found.attempts, found.confirmed_by) == (0, "answer")
    assert server.accepted.total() == 1


def test_a_message_that_may_still_arrive_keeps_it_from_being_sent(
    client: AsteroidClient, server: RecordServer, run: str
) -> None:
    started(server, run)
    server.shape, _ = ODD["user messages left out"]
    server.post = lambda *_: 503
    with pytest.raises(AsteroidError):
        client.send(run, "Go on.")
    server.post = lambda *_: 201
    assert "less than a minute ago" in refused(client, run, "Go on.").detail
    assert server.accepted.total() == 1


def test_a_text_that_holds_the_key_is_found(
    client: AsteroidClient, server: RecordServer, run: str
) -> None:
    text = f"The key is {KEY}, is it not?"
    server.accept(run, text, 600)
    found = client.send(run, text, once=True)
    assert found.attempts == 0
    assert server.accepted.total() == 1


def test_a_look_that_is_cancelled_sends_nothing(
    client: AsteroidClient, server: RecordServer, run: str
) -> None:
    deadline = Deadline(5)
    deadline.cancel()
    with pytest.raises(SendInterrupted) as caught:
        client.send(run, "Go on.", timeout=deadline, once=True)
    assert caught.value.outcome == "not_delivered"
    assert caught.value.message == "Go on."
    assert caught.value.title == "You cancelled the send"
    assert not server.accepted


def test_it_finds_the_first_of_very_many(
    client: AsteroidClient, server: RecordServer, run: str
) -> None:
    server.accept(run, "Go on.", 7_000)
    for number in range(3_000):
        server.happen(run, {"activityType": "generic", "message": str(number)}, 3_000 - number)
    assert client.send(run, "Go on.", once=True).attempts == 0
    assert server.reads <= 2


def test_of_two_threads_only_one_sends_a_text(
    client: AsteroidClient, server: RecordServer, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(server, run)
    both_have_read = threading.Barrier(2, timeout=20)
    read = arrivals.read_earlier

    def read_together(*arguments: Any) -> EarlierMessage:
        found = read(*arguments)
        both_have_read.wait()
        return found

    monkeypatch.setattr(messages, "read_earlier", read_together)

    def send(_number: int) -> str:
        try:
            return str(client.send(run, "Go on.", once=True).attempts)
        except AsteroidError as error:
            return error.detail

    with ThreadPoolExecutor(2) as pool:
        results = sorted(pool.map(send, range(2)))
    assert server.accepted.total() == 1
    assert "1" in results
    assert results != ["1", "1"]


def test_a_message_to_another_server_does_not_count(
    client: AsteroidClient, server: RecordServer, run: str
) -> None:
    started(server, run)
    with RecordServer() as other, AsteroidClient(KEY, other.base_url) as elsewhere:
        elsewhere.send(run, "Go on.")
    assert client.send(run, "Go on.", once=True).attempts == 1
    assert server.accepted.total() == 1
