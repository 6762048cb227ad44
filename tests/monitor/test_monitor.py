"""The monitor as a whole: how much it asks for, its thread, its settings and its end."""

import gc
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import pytest

from asteroid_magic import AsteroidClient, InvalidInput
from asteroid_magic.client.activity_feed import MOST
from asteroid_magic.client.requester import Requester
from asteroid_magic.client.session_client import _SharingClient
from asteroid_magic.client.transport.response import Answer
from asteroid_magic.config.api_key import ApiKey
from asteroid_magic.config.session import session
from asteroid_magic.monitor import Monitor, MonitorState
from tests.support.monitors import KEY, OTHER, Log, SteppedMonitor, stepped
from tests.support.outcomes import ID
from tests.support.records import RecordServer
from tests.support.sandboxes import eventually
from tests.support.servers import FaultServer, silent

from .test_conversation import ASKS, RUNNING, WORK

HOUR, DAY = 3_600, 86_400


@pytest.fixture
def started(server: RecordServer) -> Iterator[tuple[Monitor, list[MonitorState]]]:
    """A monitor with a thread and the real clock, and the states that it has told."""
    states: list[MonitorState] = []
    with AsteroidClient(KEY, server.base_url) as client:
        monitor = Monitor(states.append, client)
        yield monitor, states
        monitor.close()


def threads() -> int:
    return sum(one.name == "asteroid-magic monitor" for one in threading.enumerate())


def test_while_nothing_happens_it_makes_at_most_four_requests_a_minute(
    server: RecordServer,
) -> None:
    server.happen(ID, RUNNING)
    server.listed = [{"id": ID, "status": "running"}]
    with stepped(server) as (monitor, log):
        monitor.open()
        monitor.run(590)
        assert log.most_in_a_minute(since=30) <= 4
        assert log.times[-1] > 550


def test_without_an_execution_it_makes_at_most_two(server: RecordServer) -> None:
    with stepped(server, questions=10) as (monitor, log):
        monitor.touch()
        monitor.run(590)
        assert log.most_in_a_minute(since=30) <= 2
        assert log.times[-1] > 550


def test_whatever_happens_it_makes_at_most_sixty(server: RecordServer) -> None:
    server.listed = [{"id": OTHER, "status": "running"}, {"id": ID, "status": "running"}]
    with stepped(server, questions=10) as (monitor, log):
        for second in range(130):
            if not second % 7:
                monitor.choose((ID, OTHER)[second % 2])
            if not second % 5:
                monitor.refresh()
            monitor.touch()
            for _ in range(20):
                server.happen(ID, WORK)
            server.listed[0]["status"] = ("running", "paused_by_agent")[second // 3 % 2]
            monitor.run(1)
        assert 40 < log.most_in_a_minute() <= 60


def test_the_truth_follows_in_time(server: RecordServer) -> None:
    server.happen(ID, RUNNING)
    server.listed = [{"id": ID, "status": "running"}]
    with stepped(server) as (monitor, _):
        monitor.open()
        for second in (65, 2, 40, 9):
            before = len(monitor.shown(second).activities)
            server.happen(ID, WORK)
            assert len(monitor.shown(35).activities) == before + 1
        server.listed = []
        monitor.touch()
        assert not monitor.run(10).inbox.entries
        for second in range(9):
            before = len(monitor.shown(40).activities)
            monitor.touch()
            monitor.run(second)
            server.happen(ID, WORK)
            assert len(monitor.shown(10).activities) == before + 1


def test_it_says_that_it_has_stopped_and_a_touch_resumes_it(server: RecordServer) -> None:
    with stepped(server) as (monitor, log):
        monitor.open()
        assert not monitor.run(590).is_stopped
        assert monitor.run(20).is_stopped
        assert monitor.states[-1].is_stopped
        log.requests.clear()
        monitor.run(DAY)
        assert not log.requests
        monitor.touch()
        assert not monitor.run().is_stopped
        assert len(log.requests) >= 2


def test_it_ticks_for_a_view_that_shows_ages(server: RecordServer) -> None:
    with stepped(server, tick=5.0) as (monitor, log):
        monitor.open()
        monitor.run(100)
        monitor.states.clear()
        log.requests.clear()
        monitor.run(100)
        assert len(monitor.states) >= 20
        assert len(log.requests) <= 8
        monitor.run(600)
        monitor.states.clear()
        monitor.run(600)
        assert not monitor.states


class Account:
    """Answers in the place of the network; an execution gets 100 activities every 1,000 seconds."""

    def __init__(self) -> None:
        self.monitor: SteppedMonitor | None = None

    def request(self, asked: Any, _key: object, _deadline: object) -> Answer:
        newest = int(self.monitor.time) // 1_000 * 100 if self.monitor else 0
        return Answer(200, "", {}, self._body(asked.url, newest))

    @staticmethod
    @lru_cache(8)
    def _body(url: str, newest: int) -> bytes:
        body: Any = {"id": ID, "status": "running"}
        if "/activities" in url:
            limit = int(url.rpartition("=")[2])
            body = [
                {"id": str(number), "executionId": ID, "payload": {"n": number, **WORK}}
                for number in range(newest, max(newest - limit, -1), -1)
            ]
        elif "/executions?" in url:
            listed = [{"id": str(number), "status": "running"} for number in range(20)]
            body = {"items": [{"id": ID, "status": "running"}, *listed], "pageSize": 100}
        return json.dumps(body).encode()

    def close(self) -> None:
        """Do nothing."""


def test_a_day_of_watching_does_not_grow(server: RecordServer) -> None:
    with AsteroidClient(KEY, server.base_url) as settings_of:
        account: Any = Account()
        client = _SharingClient(Requester(settings_of.requester.settings, account))
        monitor = account.monitor = SteppedMonitor(client, stops_after=2 * DAY)
        monitor.open()
        counts = []
        for _ in range(4):
            monitor.run(6 * HOUR)
            monitor.states.clear()
            gc.collect()
            counts.append(len(gc.get_objects()))
        shown = monitor.shown()
        assert shown.activities[-1].data["n"] == DAY // 1_000 * 100
        assert len(shown.activities) == 200
        assert monitor._conversation is not None
        feed = monitor._conversation._feed
        assert feed is not None
        assert len(feed._known) == 2 * MOST
        assert not feed.heard
        assert max(counts[1:]) - min(counts[1:]) < 500
        assert threads() == 0
        monitor.close()


def test_its_thread_waits_without_work_once_it_has_stopped(server: RecordServer) -> None:
    now: list[float] = [0.0]
    waits: list[float | None] = []

    def wait(condition: threading.Condition, seconds: float | None) -> None:
        waits.append(seconds)
        if seconds is None:
            condition.wait()
        else:
            now[0] += seconds

    with AsteroidClient(KEY, server.base_url) as client:
        monitor = Monitor(lambda _state: None, client, clock=lambda: now[0], wait=wait)
        for times in range(1, 4):
            monitor.choose(ID)
            eventually(lambda times=times: waits.count(None) == times)  # type: ignore[misc]
            assert monitor.state.is_stopped
            assert now[0] == pytest.approx(times * 600)
            assert len(waits) < times * 80
            assert threads() == 1
        monitor.close()
        eventually(lambda: threads() == 0)


def test_a_view_that_fails_does_not_end_it(
    server: RecordServer, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[MonitorState] = []

    def show(state: MonitorState) -> None:
        told.append(state)
        raise ValueError("no view")

    with AsteroidClient(KEY, server.base_url) as client:
        monitor = Monitor(show, client)
        monitor.choose(ID)
        eventually(lambda: told and told[-1].inbox.updated_at)
        monitor.close()
    assert "A view of executions could not be updated" in caplog.text


def test_it_tells_on_one_thread_of_its_own(
    started: tuple[Monitor, list[MonitorState]],
) -> None:
    monitor, states = started
    names: set[str] = set()

    def show(state: MonitorState) -> None:
        names.add(threading.current_thread().name)
        states.append(state)

    monitor._on_change = show
    assert threads() == 0
    for number in range(20):
        monitor.choose((ID, OTHER)[number % 2])
        monitor.touch()
        monitor.refresh()
    eventually(lambda: states and states[-1].inbox.updated_at)
    assert names == {"asteroid-magic monitor"}
    assert threads() == 1
    monitor.close()
    eventually(lambda: threads() == 0)


def test_close_returns_while_a_request_is_under_way_and_nothing_is_told_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A look that is not cancelled outlasts the test.
    monkeypatch.setattr("asteroid_magic.monitor.monitor.LONGEST_LOOK_S", 60.0)
    with FaultServer(silent) as slow, AsteroidClient(KEY, slow.base_url) as client:
        states: list[MonitorState] = []
        monitor = Monitor(states.append, client)
        monitor.choose(ID)
        eventually(lambda: slow.requests)
        monitor.close()
        told = len(states)
        eventually(lambda: threads() == 0)
        assert len(slow.requests) == 1
        assert len(states) == told
        assert monitor.state.is_stopped
        for act in (monitor.touch, monitor.refresh, monitor.seen, monitor.close):
            act()
        monitor.choose(OTHER)
        assert threads() == 0


def test_close_waits_for_a_view_that_is_being_told(server: RecordServer) -> None:
    is_in, may_go = threading.Event(), threading.Event()
    told: list[str] = []

    def show(_state: MonitorState) -> None:
        is_in.set()
        may_go.wait(15)
        told.append("told")

    with AsteroidClient(KEY, server.base_url) as client:
        monitor = Monitor(show, client)
        monitor.touch()
        assert is_in.wait(15)
        closing = threading.Thread(target=monitor.close)
        closing.start()
        eventually(lambda: monitor._is_closed)
        assert closing.is_alive()
        may_go.set()
        closing.join(15)
        assert told == ["told"]


def test_a_view_may_close_it_while_it_is_told(server: RecordServer) -> None:
    with AsteroidClient(KEY, server.base_url) as client:
        told: list[MonitorState] = []

        def show(state: MonitorState) -> None:
            told.append(state)
            monitor.close()

        monitor = Monitor(show, client)
        monitor.touch()
        eventually(lambda: told and threads() == 0)
        assert len(told) == 1


def test_another_choice_cancels_the_request_for_the_earlier_one() -> None:
    with FaultServer(silent) as slow, AsteroidClient(KEY, slow.base_url) as client:
        monitor = Monitor(lambda _state: None, client)
        monitor.choose(ID)
        eventually(lambda: slow.requests)
        monitor.choose(OTHER)
        eventually(lambda: len(slow.requests) == 2)
        assert OTHER.encode() in slow.requests[1]
        monitor.close()


def test_what_is_no_execution_id_is_refused(server: RecordServer) -> None:
    with stepped(server) as (monitor, _), pytest.raises(InvalidInput):
        monitor.choose("my run")


def of_session(server: RecordServer) -> tuple[SteppedMonitor, Log]:
    session.base_url, session.key = server.base_url, ApiKey(KEY, "the test")
    monitor = SteppedMonitor(None)
    return monitor, Log(server, monitor)


@pytest.mark.parametrize("change", ["key", "base URL", "variable", "sandbox"])
def test_other_settings_cause_one_request_for_the_list(
    server: RecordServer, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.happen(ID, ASKS)
    with RecordServer() as other:
        monitor, log = of_session(server)
        monkeypatch.setenv("ASTEROID_API_KEY", "key-of-the-environment")
        if change == "variable":
            session.key = None
        monitor.open()
        monitor.run(40)
        log.requests.clear()
        before = monitor.time
        if change == "key":
            session.key = ApiKey("another", "the test")
        elif change == "variable":
            monkeypatch.setenv("ASTEROID_API_KEY", "another")
        elif change == "base URL":
            session.base_url = other.base_url
        else:
            session.sandbox = other.base_url, ApiKey("another", "the test")
        monitor.check_settings()
        monitor.run(5)
        lists = log.lists() + sum("/executions?" in path for path in other.asked)
        assert lists == 1
        assert monitor.state.conversation is not None
        assert monitor.state.conversation.updated_at is not None
        assert monitor.state.conversation.updated_at > monitor.start
        assert bool(other.asked) == (change in ("base URL", "sandbox"))
        assert all(at > before for at in log.times)
        monitor.close()


def test_a_change_in_the_session_wakes_the_thread(server: RecordServer) -> None:
    session.base_url, session.key = server.base_url, ApiKey(KEY, "the test")
    # Only what is notified ends a wait.
    monitor = Monitor(lambda _state: None, wait=lambda condition, _seconds: condition.wait())
    monitor.touch()
    eventually(lambda: monitor.state.inbox.updated_at)
    session.key = ApiKey("another", "the test")
    # What the other account has is not shown any longer.
    eventually(lambda: monitor.state.inbox.updated_at is None)
    monitor.close()


def test_a_key_that_comes_late_is_noticed_at_once(server: RecordServer) -> None:
    session.base_url = server.base_url
    monitor = SteppedMonitor(None)
    monitor.touch()
    error = monitor.run(60).inbox.error
    assert error is not None
    assert error.title == "There is no API key"
    assert not server.asked
    session.key = ApiKey(KEY, "the test")
    assert monitor.run(1).inbox.error is None
    assert len(server.asked) == 1
    monitor.close()
    session.key = None
    assert monitor.check_settings not in session.listeners


def test_settings_of_the_session_do_not_concern_a_client_that_was_given(
    server: RecordServer,
) -> None:
    with stepped(server) as (monitor, log):
        monitor.touch()
        monitor.run(40)
        log.requests.clear()
        session.key = ApiKey("another", "the test")
        monitor.run(5)
        assert not log.requests


def test_a_client_that_is_closed_is_said_to_be(server: RecordServer) -> None:
    with stepped(server) as (monitor, log):
        monitor.touch()
        monitor.run()
        assert monitor._client is not None
        monitor._client.close()
        error = monitor.run(60).inbox.error
        assert error is not None
        assert error.detail == "This client is closed."
        assert len(log.requests) == 1


def test_the_key_is_in_nothing_that_can_be_shown(server: RecordServer) -> None:
    server.happen(ID, ASKS)
    server.refuse = lambda path: (401, {}) if "/executions?" in path else None
    with AsteroidClient(KEY, server.base_url) as client:
        monitor = SteppedMonitor(client)
        monitor.open()
        shown = f"{monitor!r} {monitor.state!r} {monitor.state.inbox.error!r}"
        assert KEY not in shown
        monitor.close()


SCRIPT = """
import os, signal, sys, threading, warnings
from asteroid_magic import AsteroidClient
from asteroid_magic.config.session import session
from asteroid_magic.monitor import Monitor

base_url, way = sys.argv[1:]
client = AsteroidClient("key-4711", base_url, 30)
under_way = threading.Event()
monitor = Monitor(lambda state: under_way.set(), client)
monitor.choose("{id}")
under_way.wait(10)
if way == "fork":
    # From Python 3.12 on, it warns of just what is tested here.
    warnings.simplefilter("ignore", DeprecationWarning)
    held, over = threading.Event(), threading.Event()

    def hold():
        with monitor._changed, monitor._telling:
            held.set()
            over.wait(30)

    threading.Thread(target=hold, daemon=True).start()
    held.wait(10)
    child = os.fork()
    if not child:
        signal.alarm(10)
        for act in (monitor.touch, monitor.refresh, monitor.stop_waiting, monitor.close):
            act()
        assert monitor.state.is_stopped
        assert threading.active_count() == 1
        os._exit(0)
    over.set()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert monitor._thread.is_alive()
    monitor.close()
    sys.exit(code)
""".replace("{id}", ID)


@pytest.mark.parametrize("way", ["exit", "fork"])
def test_a_program_that_ends_or_forks_does_not_hang(way: str) -> None:
    if way == "fork" and not hasattr(os, "fork"):
        pytest.skip("this system does not fork")
    with FaultServer(silent) as server:
        command = [sys.executable, "-W", "error", "-c", SCRIPT, server.base_url, way]
        # Less than the 10 s of the look that is under way.
        ended = subprocess.run(command, check=True, timeout=9, capture_output=True, text=True)
    assert ended.stderr == ""
