"""Confirming an unknown delivery: the activities replace a lost answer; nothing is guessed."""

import pickle
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import cycle
from typing import Any, get_args

import pytest

from asteroid_magic import (
    AsteroidClient,
    AsteroidError,
    ConfigurationError,
    Delivery,
    DeliveryUnknown,
    InvalidInput,
    NotFound,
    SendInterrupted,
    ServerError,
    send_many,
)
from asteroid_magic.client.sending.ledger import ledger
from asteroid_magic.deadline import Deadline
from asteroid_magic.render import cards
from asteroid_magic.sandbox import Sandbox
from tests.client.reading.test_executions import ok
from tests.client.test_client import interrupt_soon
from tests.support.outcomes import Seen
from tests.support.proxies import Fate, LossyProxy
from tests.support.sandboxes import eventually
from tests.support.servers import CREATED, FaultServer

TEXT = "Yes, book the earlier train."
ID = "123e4567-e89b-12d3-a456-426614174000"


@dataclass
class Line:
    """A client behind a proxy, and the fates of the messages to come."""

    box: Sandbox
    proxy: LossyProxy
    fates: list[Fate] = field(default_factory=list)

    @property
    def run(self) -> str:
        return self.box.executions[1].id

    def client(self, timeout: float = 0.25, grace: float = 0.3) -> AsteroidClient:
        url = self.proxy.base_url
        return AsteroidClient(self.box.api_key, url, timeout, confirm_grace=grace)


@pytest.fixture
def line(box: Sandbox) -> Iterator[Line]:
    fates: list[Fate] = []
    with LossyProxy(box, lambda _request: fates.pop(0) if fates else "passed") as proxy:
        yield Line(box, proxy, fates)


ARRIVED: list[Fate] = [
    "answer lost",
    "answer cut",
    "reset after",
    "silent after",
    "error after",
]
LOST: list[Fate] = ["reset before", "closed before", "silent before", "error before"]


@pytest.mark.parametrize("fate", ARRIVED)
def test_a_message_whose_answer_is_lost_is_found(line: Line, fate: Fate) -> None:
    line.fates.append(fate)
    with line.client() as client:
        delivery = client.send(line.run, TEXT)
    assert delivery.outcome == "delivered"
    assert delivery.confirmed_by == "activities"
    assert delivery.status_code == (502 if fate == "error after" else None)
    assert delivery.attempts == 1
    assert line.box.messages(line.run) == [TEXT]
    for words in (delivery.as_text(), Seen(delivery._repr_html_()).words):
        assert words.split()[:2] == ["✓", "Delivered"]
        assert "from the execution's activities" in " ".join(words.split())


def test_an_answer_that_comes_needs_no_look(line: Line) -> None:
    with line.client() as client:
        delivery = client.send(line.run, TEXT)
    assert (delivery.confirmed_by, delivery.activity_id) == ("answer", None)
    assert "Confirmed" not in Seen(delivery._repr_html_()).words


@pytest.mark.parametrize("fate", LOST)
def test_a_message_that_is_not_found_stays_unknown(line: Line, fate: Fate) -> None:
    line.fates.append(fate)
    with line.client() as client, pytest.raises(AsteroidError) as caught:
        client.send(line.run, TEXT)
    error = caught.value
    assert type(error) is (ServerError if fate == "error before" else DeliveryUnknown)
    assert error.outcome == "unknown"
    assert error.message == TEXT
    assert error.attempts == 1
    assert "is not among the execution's activities yet; it may still have arrived." in error.detail
    assert "twice" in error.hint
    assert "May have been delivered" in cards.as_line(error)
    assert vars(pickle.loads(pickle.dumps(error))) == vars(error)
    assert error.__context__ is None
    assert line.box.messages(line.run) == []


def test_a_message_that_arrives_while_it_is_looked_for_is_found(line: Line) -> None:
    line.fates.append("late")
    with line.client(timeout=0.1, grace=5) as client:
        assert client.send(line.run, TEXT).confirmed_by == "activities"


def test_no_grace_no_look(line: Line) -> None:
    line.fates.append("answer lost")
    with line.client(grace=0) as client, pytest.raises(DeliveryUnknown) as caught:
        client.send(line.run, TEXT)
    assert "activities" not in caught.value.detail


def test_the_same_text_twice_is_credited_once_where_one_arrived(line: Line) -> None:
    line.fates += ["passed", "reset before"]
    with line.client() as client:
        client.send(line.run, TEXT)
        with pytest.raises(DeliveryUnknown):
            client.send(line.run, TEXT)
    line.fates += ["passed", "answer lost"]
    with line.client() as client:
        client.send(line.run, TEXT)
        assert client.send(line.run, TEXT).confirmed_by == "activities"


def test_a_message_whose_answer_is_still_to_come_is_accounted_for(line: Line) -> None:
    line.fates += ["slow", "reset before"]
    line.proxy._hold = 3
    with line.client(timeout=10, grace=0.3) as client, ThreadPoolExecutor(1) as pool:
        slow = pool.submit(client.send, line.run, TEXT)
        eventually(lambda: line.box.messages(line.run))
        with pytest.raises(DeliveryUnknown):
            client.send(line.run, TEXT)
        assert slow.result().confirmed_by == "answer"


def test_another_client_of_this_process_accounts_for_its_messages_too(line: Line) -> None:
    """Each magic makes a client of its own."""
    line.fates += ["answer lost", "reset before"]
    with line.client() as client:
        found = client.send(line.run, TEXT)
    with line.client() as client, pytest.raises(DeliveryUnknown):
        client.send(line.run, TEXT)
    assert found.activity_id
    assert line.box.messages(line.run) == [TEXT]


def test_a_message_of_a_batch_is_accounted_for_too(line: Line) -> None:
    line.fates += ["passed", "reset before"]
    with line.client() as client:
        report = send_many([(line.run, TEXT)], client=client, progress=False)
        with pytest.raises(DeliveryUnknown):
            client.send(line.run, TEXT)
    assert report.counts == {"delivered": 1}
    assert line.box.messages(line.run) == [TEXT]


def test_an_older_message_with_this_text_is_not_taken_for_it(line: Line) -> None:
    with AsteroidClient(line.box.api_key, line.box.base_url) as other:
        other.send(line.run, TEXT)
        [older] = [each for each in other.activities(line.run) if each.text == TEXT]
    assert older.timestamp is not None
    # Forget that this process has sent it, and let the clock of the server tick on.
    ledger._entries.clear()
    while datetime.now(UTC) < older.timestamp + timedelta(seconds=3.1):
        threading.Event().wait(0.1)
    line.fates.append("reset before")
    with line.client() as client, pytest.raises(DeliveryUnknown):
        client.send(line.run, TEXT)


@pytest.mark.parametrize("other", [TEXT + " ", TEXT.upper(), TEXT[:-1]])
def test_another_text_is_not_taken_for_it(line: Line, other: str) -> None:
    line.fates += ["passed", "reset before"]
    with line.client() as client:
        client.send(line.run, other)
        with pytest.raises(DeliveryUnknown):
            client.send(line.run, TEXT)


def test_reads_that_break_are_made_again(line: Line) -> None:
    line.fates.append("answer lost")
    line.proxy.reads.extend(["reset after", "error before"])
    with line.client(timeout=5, grace=3) as client:
        assert client.send(line.run, TEXT).confirmed_by == "activities"


def test_where_nothing_can_be_read_the_first_error_stands(line: Line) -> None:
    line.fates.append("error after")
    line.proxy.reads.extend(["closed before"] * 100)
    with line.client(timeout=3, grace=0.2) as client, pytest.raises(ServerError) as caught:
        client.send(line.run, TEXT)
    assert caught.value.outcome == "unknown"
    assert "Reading the execution's activities failed too." in caught.value.detail
    assert "502" in cards.as_text(caught.value)


def test_a_long_list_of_activities_is_looked_through(line: Line) -> None:
    line.fates += ["answer lost"]
    with (
        AsteroidClient(line.box.api_key, line.box.base_url) as other,
        line.client(timeout=5, grace=5) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        sending = pool.submit(client.send, line.run, TEXT)
        list(pool.map(lambda text: other.send(line.run, str(text)), range(120)))
        assert sending.result().confirmed_by == "activities"


def test_an_interrupted_send_is_looked_for_and_still_stops_what_follows(line: Line) -> None:
    line.fates.append("silent after")
    line.proxy._hold = 2
    with line.client(timeout=20, grace=5) as client:
        timer = interrupt_soon()
        with pytest.raises(KeyboardInterrupt) as caught:
            client.send(line.run, TEXT)
        timer.join()
    error = caught.value
    assert isinstance(error, SendInterrupted)
    assert error.outcome == "delivered"
    assert error.message == TEXT
    for words in (error.as_text(), Seen(error._repr_html_()).words):
        assert words.split()[1].startswith("Delivered")
        assert "has arrived" in " ".join(words.split())
        assert "may have" not in words
    again = pickle.loads(pickle.dumps(error))
    assert (vars(again), str(again)) == (vars(error), str(error))


def test_an_interrupted_send_that_is_not_found_stays_unknown_after_one_look(line: Line) -> None:
    line.fates.append("silent before")
    line.proxy._hold = 2
    with line.client(timeout=20, grace=10) as client:
        timer = interrupt_soon()
        began = time.monotonic()
        with pytest.raises(SendInterrupted) as caught:
            client.send(line.run, TEXT)
        timer.join()
    assert caught.value.outcome == "unknown"
    assert "it may still have arrived" in caught.value.detail
    assert time.monotonic() - began < 8


def test_a_second_interrupt_ends_the_look_at_once(line: Line) -> None:
    line.fates.append("silent before")
    line.proxy._hold = 20
    line.proxy.reads.append("silent before")
    with line.client(timeout=60, grace=60) as client:
        timers = [interrupt_soon(0.2), interrupt_soon(0.6)]
        began = time.monotonic()
        with pytest.raises(SendInterrupted) as caught:
            client.send(line.run, TEXT)
        for timer in timers:
            timer.join()
    assert time.monotonic() - began < 15
    assert caught.value.outcome == "unknown"
    assert "You interrupted the search" in caught.value.detail
    assert caught.value.title == "You interrupted the send"


def test_a_send_cancelled_from_another_thread_is_looked_for_until_cancelled_again(
    line: Line,
) -> None:
    line.proxy._hold = 20
    line.fates += ["silent after", "silent before"]
    with line.client(timeout=60, grace=60) as client:
        deadline = Deadline(60)
        threading.Timer(0.2, deadline.cancel).start()
        assert client.send(line.run, TEXT, timeout=deadline).confirmed_by == "activities"
        line.proxy.reads.append("silent before")
        again = Deadline(60)
        for seconds in (0.2, 0.6):
            threading.Timer(seconds, again.cancel).start()
        began = time.monotonic()
        with pytest.raises(SendInterrupted) as caught:
            client.send(line.run, TEXT, timeout=again)
    assert caught.value.outcome == "unknown"
    assert time.monotonic() - began < 15


def clockless(connection: Any, server: FaultServer, headers: str = "") -> None:
    """Lose the message, and show an activity with its text, without telling the time."""
    if server.requests[-1].startswith(b"POST"):
        return
    stamp = datetime.now(UTC).isoformat()
    payload = {"activityType": "user_message_received", "message": TEXT}
    answer = ok([{"id": "a", "executionId": ID, "timestamp": stamp, "payload": payload}])
    connection.sendall(answer.replace(b"\r\n", b"\r\n" + headers.encode(), 1))


@pytest.mark.parametrize(
    ("headers", "known"),
    [
        ("", False),
        ("Date: soon\r\n", False),
        ("Date: now\r\n", True),
        ("Date: now\r\nAge: 60\r\n", False),
        pytest.param(
            f"Date: {format_datetime(datetime.now(UTC) + timedelta(hours=1))}\r\n",
            False,
            id="in an hour",
        ),
        ("Date: Fri, 31 Dec 9999 23:59:59 GMT\r\n", False),
    ],
)
def test_without_the_servers_clock_nothing_is_known(headers: str, *, known: bool) -> None:
    def behave(connection: Any, server: FaultServer) -> None:
        date = format_datetime(datetime.now(UTC), usegmt=True)
        clockless(connection, server, headers.replace("now", date))

    with (
        FaultServer(behave) as server,
        AsteroidClient("key-4711", server.base_url, 5, confirm_grace=0.05) as client,
    ):
        if known:
            assert client.send(ID, TEXT).activity_id == "a"
        else:
            with pytest.raises(DeliveryUnknown):
                client.send(ID, TEXT)
        posts = [one for one in server.requests if one.startswith(b"POST")]
        assert len(posts) == 1, "nothing is sent again"


def stamp(seconds: float) -> Callable[[], str]:
    """Return what gives the time so many seconds from the moment of its call."""

    def moment() -> str:
        return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()

    return moment


def said(text: str) -> dict[str, Any]:
    return {"payload": {"activityType": "user_message_received", "message": text}}


def listed(*changes: dict[str, Any], taken: int = 0) -> AsteroidError | Delivery:
    """Send messages, with answers for the first `taken`; return the result of the last.

    The activities are one with the text, changed like this, for each of the changes.
    """

    def behave(connection: Any, server: FaultServer) -> None:
        if server.requests[-1].startswith(b"POST"):
            connection.sendall(CREATED if len(server.requests) <= taken else b"")
            return
        usual = {
            "id": "a",
            "executionId": ID,
            "timestamp": datetime.now(UTC).isoformat(),
            "payload": {"activityType": "user_message_received", "message": TEXT},
        }
        date = f"Date: {format_datetime(datetime.now(UTC), usegmt=True)}\r\n"
        answer = ok([usual | change for change in changes])
        connection.sendall(answer.replace(b"\r\n", b"\r\n" + date.encode(), 1))

    ledger._entries.clear()
    with (
        FaultServer(behave) as server,
        AsteroidClient("key-4711", server.base_url, 5, confirm_grace=0.05) as client,
    ):
        for _ in range(taken):
            client.send(ID, TEXT)
        try:
            return client.send(ID, TEXT)
        except DeliveryUnknown as error:
            return error


def test_an_activity_that_is_listed_twice_confirms_once() -> None:
    assert listed({}, {"id": "b"}, taken=1).outcome == "delivered"
    assert listed({}, {}, taken=1).outcome == "unknown"


def test_an_activity_of_another_execution_confirms_nothing() -> None:
    assert listed({"executionId": ID.upper()}).outcome == "delivered"
    assert listed({"executionId": ID.replace("1", "2")}).outcome == "unknown"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"timestamp": stamp(-1.5)}, None),
        ({"timestamp": stamp(-20)}, "its time does not fit this send"),
        ({"timestamp": stamp(-55)}, "its time does not fit this send"),
        ({"timestamp": stamp(20)}, "its time does not fit this send"),
        ({"timestamp": stamp(-90)}, "not among the execution's activities yet"),
        ({"timestamp": "just now"}, "its time cannot be read"),
        ({"timestamp": None}, "its time cannot be read"),
        (said(f" {TEXT}\r\n"), "differs from this one only in spaces, line ends"),
        (said(TEXT[:-1]), "differs from this one only in spaces, line ends"),
        (said(TEXT.replace("train", "bus")), "not among the execution's activities yet"),
    ],
)
def test_what_is_nearly_the_message_leaves_it_unknown_and_the_error_says_why(
    change: dict[str, Any], why: str | None
) -> None:
    changed = {name: value() if callable(value) else value for name, value in change.items()}
    result = listed(changed)
    assert result.outcome == ("delivered" if why is None else "unknown")
    if why is not None:
        assert isinstance(result, AsteroidError)
        assert why in result.detail
        assert why in " ".join(result.as_text().split())


def test_a_message_that_holds_the_key_is_found_and_shown_without_it(line: Line) -> None:
    """It is compared before the key is masked."""
    text = f"The key is {line.box.api_key}, keep it."
    line.fates.append("answer lost")
    with line.client() as client:
        delivery = client.send(line.run, text)
        assert delivery.confirmed_by == "activities"
        since = client.server_clock()
        assert since is not None
        ledger._entries.clear()
        found = client.find_delivery(line.run, text, since - timedelta(seconds=20))
    assert found is not None
    assert line.box.api_key not in repr(found.data)


def test_stamps_of_another_clock_than_the_answers_confirm_nothing() -> None:
    """An old message would look new if its timestamps were hours ahead."""
    ahead = (datetime.now(UTC) + timedelta(hours=3)).isoformat()
    assert listed({"timestamp": ahead}).outcome == "unknown"


def test_a_message_that_went_by_another_address_is_accounted_for(line: Line) -> None:
    """One Asteroid may have several: a name and a number, say."""
    line.fates += ["passed", "reset before"]
    with line.client(2) as client:
        client.send(line.run, TEXT)
    url = line.proxy.base_url.replace("127.0.0.1", "localhost")
    with (
        AsteroidClient(line.box.api_key, url, 2, confirm_grace=0.1) as client,
        pytest.raises(DeliveryUnknown),
    ):
        client.send(line.run, TEXT)


def test_a_wrong_clock_of_this_machine_changes_nothing(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Fast(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + timedelta(days=400)

    monkeypatch.setattr("asteroid_magic.client.requester.datetime", Fast)
    line.fates += ["answer lost", "reset before"]
    with line.client() as client:
        assert client.send(line.run, TEXT).confirmed_by == "activities"
        with pytest.raises(DeliveryUnknown):
            client.send(line.run, TEXT)


def test_a_delivery_can_be_found_by_another_process(line: Line) -> None:
    with line.client() as client:
        assert client.server_clock() is None
        client.execution(line.run)
        since = client.server_clock()
        assert since is not None
        assert timedelta(0) < datetime.now(UTC) - since < timedelta(seconds=10)
        assert client.find_delivery(line.run, TEXT, since) is None
        client.send(line.run, TEXT)
        client.send(line.run, TEXT)
        assert client.find_delivery(line.run, TEXT, since) is None, "both are accounted for"

        ledger._entries.clear()
        assert client.find_delivery(line.run, TEXT, since, accounted=2) is None
        first = client.find_delivery(line.run, TEXT, since, accounted=1)
        assert first is not None
        assert first.text == TEXT
        assert client.find_delivery(line.run, TEXT, since, accounted=1) is None
        second = client.find_delivery(line.run, TEXT, since)
        assert second is not None
        assert second.id != first.id
        assert client.find_delivery(line.run, TEXT, since) is None
        later = datetime.now(UTC) + timedelta(hours=1)
        assert client.find_delivery(line.run, TEXT, later) is None
        with pytest.raises(NotFound) as caught:
            client.find_delivery(ID, TEXT, since)
        assert caught.value.outcome == "not_done"
        with pytest.raises(InvalidInput, match="time zone"):
            client.find_delivery(line.run, TEXT, datetime(2026, 1, 1))  # noqa: DTZ001 (the point)


@pytest.mark.parametrize("grace", [-1, float("nan"), "5", True, 10**400])
def test_a_grace_that_cannot_be_is_refused(grace: Any) -> None:
    with pytest.raises(ConfigurationError, match="confirm_grace"):
        AsteroidClient("key-4711", confirm_grace=grace)


RUNS = 500
# Each look lists what has arrived before: in one sandbox, the lists would become long.
BOXES = 10
SEED = 4711


@dataclass
class Tally:
    """The results of the sends of one text."""

    outcomes: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)


def one_run(
    seed: int, box: Sandbox, fates: dict[str, list[Fate]], url: str
) -> tuple[Counter[str], int]:
    """Send one to three messages, together or in turn, some with the same text, and compare."""
    chance = random.Random(seed)  # noqa: S311 (a test must be repeatable, not secret)
    texts = [f"run {seed}, text {chance.randrange(2)}" for _ in range(chance.randint(1, 3))]
    for text in texts:
        fates.setdefault(text, []).append(chance.choice(get_args(Fate)))
    tallies = {text: Tally() for text in texts}
    run = box.executions[1].id

    def send(client: AsteroidClient, text: str) -> None:
        try:
            delivery = client.send(run, text)
        except AsteroidError as error:
            tallies[text].outcomes[error.outcome] += 1
        else:
            tallies[text].outcomes[delivery.outcome] += 1
            tallies[text].found += [delivery.activity_id] if delivery.activity_id else []

    with AsteroidClient(box.api_key, url, 0.15, confirm_grace=0.05) as client:
        if chance.random() < 0.5:
            with ThreadPoolExecutor(3) as pool:
                list(pool.map(lambda text: send(client, text), texts))
        else:
            for text in texts:
                send(client, text)
    there = Counter(box.messages(run))
    for text, tally in tallies.items():
        outcomes = tally.outcomes
        assert outcomes["delivered"] <= there[text], "none reported delivered is missing"
        most = outcomes["delivered"] + outcomes["unknown"]
        assert there[text] <= most, "none that is there is reported not delivered"
        assert there[text] <= texts.count(text), "none is doubled"
        assert len(set(tally.found)) == len(tally.found)
    outcomes = sum((tally.outcomes for tally in tallies.values()), Counter[str]())
    return outcomes, sum(len(tally.found) for tally in tallies.values())


def test_in_500_random_runs_nothing_false_is_said() -> None:
    fates: dict[str, list[Fate]] = {}
    lock = threading.Lock()

    def fate(request: bytes) -> Fate:
        text = request.partition(b'{"message": "')[2].removesuffix(b'"}').decode()
        with lock:
            # A request may have been cut short by its deadline; then it has no text.
            waiting = fates.get(text)
            return waiting.pop(0) if waiting else "closed before"

    with ExitStack() as stack:
        boxes = [stack.enter_context(Sandbox(pace=1e-3)) for _ in range(BOXES)]
        urls = [stack.enter_context(LossyProxy(box, fate, hold=0.2)).base_url for box in boxes]
        with ThreadPoolExecutor(8) as pool:
            runs = [
                pool.submit(one_run, SEED * 1_000 + number, box, fates, url)
                for number, box, url in zip(range(RUNS), cycle(boxes), cycle(urls), strict=False)
            ]
            results = [each.result() for each in runs]
        for box in boxes:
            # Messages that arrived after the end of their run were sent once each, too.
            assert max(Counter(box.messages(box.executions[1].id)).values()) <= 3
    outcomes = sum((each for each, _ in results), Counter[str]())
    assert outcomes["delivered"] > 300
    assert outcomes["unknown"] > 200
    assert sum(found for _, found in results) > 200, "so many became known by their activities"


def test_a_delivery_says_how_it_is_known_when_it_is_pickled(line: Line) -> None:
    line.fates.append("answer lost")
    with line.client() as client:
        delivery = client.send(line.run, TEXT)
    again = pickle.loads(pickle.dumps(delivery))
    assert isinstance(again, Delivery)
    assert again == delivery


@pytest.mark.parametrize(
    ("since", "why"),
    [(None, "since is None"), (datetime(2026, 1, 1), "time zone"), ("today", "time zone")],  # noqa: DTZ001
)
def test_a_search_needs_a_time_by_the_servers_clock(line: Line, since: Any, why: str) -> None:
    with line.client() as client, pytest.raises(InvalidInput, match=why):
        client.find_delivery(line.run, "hello", since)
