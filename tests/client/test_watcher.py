"""Watching an execution: politely, no longer than necessary, and until something happens.

Time is made up, and so is the past of the execution: the client is one that reads from a list. The
same through real HTTP stands in `tests/magics/test_execution_magics.py`.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, cast

import pytest

from asteroid_magic import (
    Activities,
    AsteroidClient,
    AsteroidError,
    ConnectionFailed,
    Execution,
    Forbidden,
    Interrupted,
    NotFound,
    RateLimited,
    ServerError,
)
from asteroid_magic.client.activity_feed import FEWEST, MOST
from asteroid_magic.client.watcher import ExecutionWatcher
from asteroid_magic.errors import READ
from asteroid_magic.models.activities import Activity, read_activity
from asteroid_magic.models.watch import (
    ANSWERS,
    WAITS_OR_ENDS,
    AwaitedMessage,
    Ending,
    WatchProgress,
    WatchResult,
    doing,
)
from tests.render.test_transcript import action, payload
from tests.support.outcomes import ID

BEGAN = datetime(2026, 10, 1, 18, 2, 11, tzinfo=UTC)
ACTION_COMPLETED = "action_completed"
RUNNING = payload("status_changed", status="running")
ASKS = payload("status_changed", status="paused_by_agent", pausedPayload={"reason": "Which?"})
OVER = payload("status_changed", status="completed")
WORK = payload("reasoning", reasoning="hm")
SAYS = action("completed", "Done.", actionName="util_send_user_message")
MESSAGE = payload("user_message_received", message="hello", userUUID="u")


class Asteroid:
    """An execution with activities at given seconds, and a clock that the test moves."""

    def __init__(self, *past: dict[str, Any], status: str = "running") -> None:
        self.now = 0.0
        self.status = status
        self.asked: list[tuple[float, int]] = []
        self.faults: list[AsteroidError | None] = []
        self.waits: list[float] = []
        self.has_clock = True
        self._happened: list[tuple[float, Activity]] = []
        for number, one in enumerate(past):
            self.happens(number - len(past) - 10, one)

    def happens(self, at: float, *payloads: dict[str, Any], listed: float | None = None) -> None:
        """Add activities at a second; the server lists them then, or at another second."""
        for one in payloads:
            number = len(self._happened)
            body = {"id": str(number), "executionId": ID, "payload": one}
            body["timestamp"] = (BEGAN + timedelta(seconds=at, microseconds=number)).isoformat()
            self._happened.append((at if listed is None else listed, read_activity(body)))

    def activities(self, execution_id: str, *, limit: int, order: str, timeout: float) -> Any:
        assert (execution_id, order) == (ID, "desc")
        assert 0 < timeout <= 10
        self.asked.append((round(self.now, 3), limit))
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            raise fault
        listed = [one for at, one in self._happened if at <= self.now]
        listed.sort(key=lambda one: one.timestamp or BEGAN, reverse=True)
        return Activities(listed[:limit])

    def execution(self, execution_id: str, *, timeout: float) -> Execution:
        assert timeout
        return Execution(id=execution_id, status=self.status)

    def server_clock(self) -> datetime | None:
        # The earliest that it can be.
        return BEGAN + timedelta(seconds=self.now - 1.5) if self.has_clock else None

    def wait(self, seconds: float) -> None:
        assert 0 < seconds <= 1
        self.waits.append(seconds)
        self.now += seconds

    def watch(
        self,
        seconds: float = 60.0,
        sent: AwaitedMessage | None = None,
        until: frozenset[Ending] | None = None,
        tell: Callable[[WatchProgress], None] = lambda _state: None,
    ) -> WatchResult:
        self.watcher = ExecutionWatcher(
            cast("AsteroidClient", self),
            ID,
            seconds,
            sent,
            tell=tell,
            clock=lambda: self.now,
            wait=self.wait,
        )
        default = WAITS_OR_ENDS if sent is None else ANSWERS
        return self.watcher.watch(default if until is None else until)

    def looks(self) -> list[float]:
        return [at for at, _ in self.asked]


def kinds(heard: WatchResult) -> list[str]:
    return [one.kind for one in heard.activities]


SENT = AwaitedMessage("hello", 0.0)


def test_looks_are_further_and_further_apart_while_nothing_happens() -> None:
    asteroid = Asteroid(RUNNING)
    heard = asteroid.watch(60)
    looks = asteroid.looks()
    gaps = [later - earlier for earlier, later in pairwise(looks)]
    assert gaps[:6] == pytest.approx([0.5, 0.75, 1.125, 1.6875, 2.53, 3.8], abs=0.01)
    assert gaps[6:] == pytest.approx([5.0] * len(gaps[6:]))
    assert (heard.ending, heard.elapsed, heard.activities) == ("time", 60, ())
    assert {limit for _, limit in asteroid.asked} == {FEWEST}


def test_news_brings_them_together_again() -> None:
    asteroid = Asteroid(RUNNING)
    asteroid.happens(20, WORK)
    heard = asteroid.watch(30)
    looks = asteroid.looks()
    seen = next(at for at, look in enumerate(looks) if look >= 20)
    assert looks[seen] - looks[seen - 1] == pytest.approx(5.0)
    assert looks[seen + 1] - looks[seen] == pytest.approx(0.5)
    assert kinds(heard) == ["reasoning"]


def test_what_the_server_asks_for_is_kept_to_and_told() -> None:
    asteroid = Asteroid(RUNNING)
    limited = RateLimited("slowly", operation=READ)
    limited.retry_after = 17.0
    asteroid.faults = [None, limited]
    states: list[WatchProgress] = []
    asteroid.happens(18, OVER)
    assert asteroid.watch(60, tell=states.append).ending == "over"
    assert asteroid.looks() == [0, 0.5, 17.5, pytest.approx(18.25, abs=0.5)]
    assert {one.trouble for one in states} == {"", "Asteroid accepts no more requests for now"}
    assert not states[-1].trouble


@pytest.mark.parametrize("error", [ConnectionFailed(operation=READ), ServerError(status_code=500)])
def test_a_look_that_fails_ends_nothing(error: AsteroidError) -> None:
    asteroid = Asteroid(RUNNING)
    asteroid.happens(4, SAYS)
    asteroid.faults = [error, None, error, error]
    heard = asteroid.watch(60, SENT)
    assert heard.ending == "spoke"
    assert heard.trouble == ""
    assert len(asteroid.asked) > 4


@pytest.mark.parametrize("sent", [SENT, None])
def test_three_refusals_in_a_row_end_it_and_fewer_do_not(sent: AwaitedMessage | None) -> None:
    refused: AsteroidError = Forbidden(status_code=403, operation=READ)
    asteroid = Asteroid(RUNNING)
    asteroid.faults = [None, refused, refused, None, refused, refused, refused]
    heard = asteroid.watch(3_600, sent)
    assert (heard.ending, len(asteroid.asked)) == ("unreadable", 7)
    assert heard.trouble == refused.title


def test_the_last_failure_is_told_where_time_runs_out() -> None:
    asteroid = Asteroid(RUNNING)
    asteroid.faults = [None, *[ConnectionFailed(operation=READ)] * 20]
    heard = asteroid.watch(12, SENT)
    assert (heard.ending, heard.trouble) == ("time", "Asteroid could not be reached")
    assert "The latest attempt to read it failed" in heard.as_text()


def test_only_the_first_look_can_be_refused_for_good() -> None:
    refused = Asteroid(RUNNING)
    refused.faults = [Forbidden(status_code=403, operation=READ)]
    heard = refused.watch(60, SENT)
    assert (heard.ending, heard.trouble) == ("unreadable", "This API key may not read this")
    assert len(refused.asked) == 1
    later = Asteroid(RUNNING)
    later.faults = [None, NotFound(status_code=404, operation=READ)]
    assert later.watch(10, SENT).ending == "time"
    watched = Asteroid(RUNNING)
    watched.faults = [ConnectionFailed(operation=READ)]
    assert watched.watch(60).ending == "unreadable"
    assert isinstance(watched.watcher.refusal, ConnectionFailed)


@pytest.mark.parametrize(
    ("payloads", "ending"),
    [
        ([SAYS], "spoke"),
        ([ASKS], "asks"),
        ([SAYS, ASKS], "asks"),
        ([payload("status_changed", status="awaiting_confirmation")], "confirm"),
        ([OVER], "over"),
        ([SAYS, OVER, payload("terminal", reason="complete")], "over"),
        ([payload("terminal", reason="gone")], "over"),
        ([payload("status_changed", status="cancelled")], "over"),
    ],
)
def test_it_ends_with_what_was_waited_for(payloads: list[dict[str, Any]], ending: str) -> None:
    asteroid = Asteroid(RUNNING)
    asteroid.happens(3, MESSAGE, WORK, *payloads)
    heard = asteroid.watch(60, AwaitedMessage("other", 0.0))
    assert heard.ending == ending
    assert len(heard.activities) == 2 + len(payloads)
    assert heard.elapsed < 5


@pytest.mark.parametrize(
    "payloads",
    [
        [WORK, RUNNING, payload("something_new", message="?")],
        [ASKS, MESSAGE],
        [ASKS, RUNNING],
        [action("failed", "Hello", actionName="util_send_user_message")],
        [action("completed", "Clicked")],
        [payload("status_changed", status="paused")],
    ],
)
def test_it_waits_on_for_all_else(payloads: list[dict[str, Any]]) -> None:
    asteroid = Asteroid(RUNNING)
    asteroid.happens(3, *payloads)
    assert asteroid.watch(20, AwaitedMessage("other", 0.0)).ending == "time"


def test_an_agent_that_has_begun_to_speak_may_finish() -> None:
    names = {"actionName": "util_send_user_message"}
    asteroid = Asteroid(RUNNING)
    asteroid.happens(1, action("started", "Sending…", **names))
    asteroid.happens(1.5, action("completed", "All of it.", **names))
    heard = asteroid.watch(60, SENT)
    assert heard.activities[-1].text == "All of it."
    unfinished = Asteroid(RUNNING)
    unfinished.happens(1, action("started", "It is booked.", **names))
    heard = unfinished.watch(60, SENT)
    assert heard.ending == "spoke"
    assert heard.elapsed == pytest.approx(1.75, abs=0.5)


def test_the_answer_is_what_comes_after_the_message() -> None:
    asteroid = Asteroid(RUNNING, ASKS)
    asteroid.happens(-0.2, SAYS)
    asteroid.happens(0, MESSAGE, RUNNING)
    asteroid.happens(2, SAYS)
    heard = asteroid.watch(60, SENT)
    assert kinds(heard) == ["status_changed", "action_completed"]
    assert heard.elapsed >= 2


def test_an_answer_that_is_quicker_than_the_first_look_is_heard() -> None:
    asteroid = Asteroid(RUNNING, ASKS, MESSAGE, *[WORK] * 100)
    asteroid.happens(0, MESSAGE, RUNNING, *[WORK] * 30, SAYS, OVER)
    heard = asteroid.watch(60, SENT)
    assert heard.ending == "over"
    assert len(heard.activities) == 33
    assert [limit for _, limit in asteroid.asked] == [10, 20, 40]


def test_an_older_message_with_the_same_text_is_not_ours() -> None:
    asteroid = Asteroid(RUNNING, MESSAGE, SAYS)
    asteroid.happens(0, MESSAGE, listed=2)
    asteroid.happens(5, SAYS)
    heard = asteroid.watch(60, SENT)
    assert kinds(heard) == ["action_completed"]
    assert heard.elapsed >= 5


def test_a_message_that_is_listed_late_is_where_the_answer_begins() -> None:
    asteroid = Asteroid(RUNNING)
    asteroid.happens(1, WORK)
    asteroid.happens(0.9, MESSAGE, listed=3)
    asteroid.happens(4, SAYS)
    heard = asteroid.watch(60, SENT)
    assert heard.ending == "spoke"
    assert MESSAGE["activityType"] not in kinds(heard)


def test_where_no_clock_tells_nothing_older_is_taken_for_an_answer() -> None:
    asteroid = Asteroid(RUNNING, MESSAGE, SAYS)
    asteroid.has_clock = False
    assert asteroid.watch(5, SENT).ending == "time"
    known = Asteroid(RUNNING, MESSAGE, SAYS)
    known.has_clock = False
    assert known.watch(5, AwaitedMessage("hello", 0.0, activity_id="1")).ending == "spoke"


@pytest.mark.parametrize("past", [10, 10_000])
def test_a_long_past_costs_no_more_than_a_short_one(past: int) -> None:
    asteroid = Asteroid(*[WORK] * past)
    asteroid.happens(6, *[WORK] * 4)
    asteroid.happens(9, OVER)
    heard = asteroid.watch(60)
    assert {limit for _, limit in asteroid.asked} == {FEWEST}
    assert len(asteroid.asked) < 12
    assert len(heard.activities) == 5


def test_more_is_read_only_where_the_latest_that_is_known_is_further_back() -> None:
    asteroid = Asteroid(*[WORK] * 50)
    asteroid.happens(1, *[WORK] * 35, OVER)
    heard = asteroid.watch(60)
    assert len(heard.activities) == 36
    assert [limit for _, limit in asteroid.asked] == [10, 10, 10, 20, 40]
    assert not heard.has_gap


def test_a_gap_is_told() -> None:
    asteroid = Asteroid(*[WORK] * 50)
    asteroid.happens(1, *[WORK] * (MOST + 10), OVER)
    heard = asteroid.watch(60)
    assert (heard.ending, heard.has_gap, len(heard.activities)) == ("over", True, MOST)
    assert "Some activities may be missing here" in " ".join(heard.as_text().split())


def test_what_is_listed_late_is_heard_as_well() -> None:
    asteroid = Asteroid(*[WORK] * 5)
    asteroid.happens(1, ASKS, listed=4)
    asteroid.happens(2, WORK)
    heard = asteroid.watch(60)
    assert heard.ending == "asks"
    assert len(heard.activities) == 2


def test_an_execution_without_a_past_is_followed_from_its_beginning() -> None:
    asteroid = Asteroid()
    asteroid.happens(1, RUNNING, WORK, OVER)
    heard = asteroid.watch(60)
    assert (heard.ending, len(heard.activities), heard.has_gap) == ("over", 3, False)


@pytest.mark.parametrize(
    ("past", "status", "ending", "told"),
    [
        ([RUNNING, WORK, ASKS], "paused_by_agent", "asks", 1),
        ([RUNNING, ASKS, *[WORK] * 30], "paused_by_agent", "asks", 0),
        ([RUNNING, OVER, payload("terminal", reason="complete")], "completed", "over", 2),
        ([RUNNING, ASKS, MESSAGE], "paused_by_agent", "time", 0),
        ([RUNNING, SAYS], "running", "time", 0),
        ([RUNNING], "some_new_status", "time", 0),
    ],
)
def test_watching_ends_at_once_where_it_waits_or_is_over(
    past: list[dict[str, Any]], status: str, ending: str, told: int
) -> None:
    asteroid = Asteroid(*past, status=status)
    heard = asteroid.watch(5)
    assert (heard.ending, len(heard.activities)) == (ending, told)
    assert (heard.elapsed == 0) == (ending != "time")


def test_it_is_told_what_the_agent_does_and_since_when() -> None:
    asteroid = Asteroid(RUNNING)
    asteroid.happens(3, action("started", "Filling in\nthe form"))
    asteroid.happens(12, action("completed", "Filled in"), OVER)
    states: list[WatchProgress] = []
    asteroid.watch(60, tell=states.append)
    assert states[0] == WatchProgress(0, 60)
    assert {one.doing for one in states} >= {"at work", "Filling in the form"}
    filling = [one for one in states if one.doing == "Filling in the form"]
    assert filling[0].since == 0
    assert filling[-1].since > 5
    assert all(later.elapsed >= earlier.elapsed for earlier, later in pairwise(states))
    assert len(states) < 40, "about once a second"


@pytest.mark.parametrize(
    ("payloads", "words"),
    [
        ([], ""),
        ([WORK], "thinking"),
        ([MESSAGE], "has a message to read"),
        ([action("started", "Reading"), WORK], "Reading"),
        ([action("started", "Reading"), action("failed", "No page")], "No page"),
        ([payload("todos_updated", todos=[])], "updating its to-do list"),
        ([WORK, payload("something_new")], "thinking"),
        ([payload("status_changed", status="paused"), MESSAGE], "paused"),
        ([payload("status_changed", status="paused"), RUNNING], "at work"),
    ],
)
def test_what_an_agent_does_in_a_few_words(payloads: list[dict[str, Any]], words: str) -> None:
    asteroid = Asteroid(*payloads)
    asteroid.now = 1.0
    newest = asteroid.activities(ID, limit=10, order="desc", timeout=1.0)
    assert doing(reversed(newest)) == words


@pytest.mark.parametrize("kind", [KeyboardInterrupt, Interrupted])
def test_an_interrupt_ends_it_with_what_was_heard(kind: type[BaseException]) -> None:
    asteroid = Asteroid(RUNNING)
    asteroid.happens(1, WORK)

    def interrupt(state: WatchProgress) -> None:
        if state.elapsed > 4:
            raise kind

    heard = asteroid.watch(60, SENT, tell=interrupt)
    assert heard.ending == "interrupted"
    assert kinds(heard) == ["reasoning"]


STREAM_ENDS = payload("terminal", reason="unsubscribe")


def test_the_end_of_a_stream_alone_ends_no_watch() -> None:
    asteroid = Asteroid(RUNNING)
    asteroid.happens(3, STREAM_ENDS)
    asteroid.happens(20, OVER)
    heard = asteroid.watch(60)
    assert heard.ending == "over"
    assert heard.elapsed >= 20
    asteroid = Asteroid(RUNNING)
    asteroid.happens(3, MESSAGE, STREAM_ENDS)
    asteroid.happens(20, SAYS)
    assert asteroid.watch(60, SENT).ending == "spoke"
    assert asteroid.now >= 20


@pytest.mark.parametrize("sent", [None, SENT])
def test_a_stream_that_ends_with_the_execution_ends_the_watch(sent: AwaitedMessage | None) -> None:
    asteroid = Asteroid(RUNNING)
    asteroid.happens(3, MESSAGE, STREAM_ENDS)
    reads = asteroid.execution

    def read(execution_id: str, *, timeout: float) -> Execution:
        # The first attempt fails: it is made again.
        if asteroid.now >= 3:
            asteroid.status = "completed"
        if 3 <= asteroid.now < 4:
            raise ServerError(status_code=500)
        return reads(execution_id, timeout=timeout)

    asteroid.execution = read  # type: ignore[method-assign]
    heard = asteroid.watch(60, sent)
    assert heard.ending == "over"
    assert 4 <= heard.elapsed < 15


def test_a_stream_that_has_ended_before_says_nothing() -> None:
    assert Asteroid(RUNNING, STREAM_ENDS).watch(5).ending == "time"
    assert Asteroid(RUNNING, STREAM_ENDS, status="failed").watch(5).ending == "over"
    assert Asteroid(ASKS, STREAM_ENDS, status="paused_by_agent").watch(5).ending == "asks"


def test_the_result_has_the_execution_as_it_was_at_the_end() -> None:
    asteroid = Asteroid(RUNNING)
    asteroid.happens(3, OVER)
    # It says later than its activities that it is over.
    execution = asteroid.watch(60).execution
    assert execution is not None
    assert execution.status == "completed"
    asteroid = Asteroid(RUNNING)
    asteroid.happens(3, MESSAGE, SAYS)
    assert asteroid.watch(60, SENT).execution == Execution(id=ID, status="running")
    # Nobody waits for it: the time is over.
    assert Asteroid(RUNNING).watch(0.5, SENT).execution is None


def test_an_end_whose_execution_cannot_be_read_is_still_an_end() -> None:
    asteroid = Asteroid(RUNNING)
    asteroid.happens(3, MESSAGE, SAYS)

    def refuse(*_: Any, **__: Any) -> Execution:
        raise ServerError(status_code=500)

    asteroid.execution = refuse  # type: ignore[method-assign]
    heard = asteroid.watch(60, SENT)
    assert (heard.ending, heard.execution, heard.trouble) == ("spoke", None, "")


def test_an_interrupt_of_the_last_read_is_one() -> None:
    asteroid = Asteroid(RUNNING)
    asteroid.happens(3, MESSAGE, SAYS)

    def interrupt(*_: Any, **__: Any) -> Execution:
        raise Interrupted

    asteroid.execution = interrupt  # type: ignore[method-assign]
    heard = asteroid.watch(60, SENT)
    assert heard.ending == "interrupted"
    assert kinds(heard) == [ACTION_COMPLETED]


@pytest.mark.parametrize("status", ["completed", "some_new_status"])
def test_a_purged_execution_is_over(status: str) -> None:
    asteroid = Asteroid(status=status)
    purged = Execution(id=ID, status=status, data={"purgedAt": "2026-10-01T00:00:00Z"})
    asteroid.execution = lambda *_, **__: purged  # type: ignore[method-assign]
    assert asteroid.watch(60).ending == "over"
    asteroid.faults = [NotFound(status_code=404)] * 9
    heard = asteroid.watch(60)
    assert (heard.ending, heard.execution, heard.activities) == ("over", purged, ())
    assert "were deleted on 2026-10-01" in heard.as_text()
    assert "Nothing has happened" not in heard.as_text()


def test_what_is_for_machines_is_no_doing() -> None:
    beat = payload("generic", message="alive", display={"presentationLevel": "system"})
    going = action("started", "Polling", display={"presentationLevel": "system"})
    for payloads, words in (([WORK, beat], "thinking"), ([beat, going, STREAM_ENDS], "")):
        asteroid = Asteroid(*payloads)
        newest = asteroid.activities(ID, limit=10, order="desc", timeout=1.0)
        assert doing(reversed(newest)) == words
