"""When the agent worked, waited or was paused; and what of it is not known."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from asteroid_magic import Activities, Execution
from asteroid_magic.models.activities import Activity
from asteroid_magic.models.timeline import MOST_PARTS, timeline_of
from asteroid_magic.models.watch import Transcript

BEGAN = datetime(2026, 10, 1, 18, 0, 0, tzinfo=UTC)
Happened = tuple[float | None, str]


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def activity(moment: float | None, what: str) -> Activity:
    """Return an activity at a second: a change to a status, or one of another kind."""
    is_kind = what in {"reasoning", "user_message_received", "action_completed", "terminal"}
    return Activity(
        id=f"{moment} {what}",
        execution_id="",
        timestamp=None if moment is None else at(moment),
        kind=what if is_kind else "status_changed",
        data={} if is_kind else {"status": what},
    )


def told(
    *happened: Happened,
    status: str = "running",
    created: float | None = 0,
    started: float | None = 0,
    ended: float | None = None,
    read: float | None = 100,
    has_older: bool = False,
) -> list[tuple[str, float, float]]:
    """Return the periods, in seconds from the beginning."""
    execution = Execution(
        id="x",
        status=status,
        created_at=None if created is None else at(created),
        started_at=None if started is None else at(started),
        terminal_at=None if ended is None else at(ended),
    )
    transcript = Transcript(
        execution=execution,
        activities=Activities(activity(*one) for one in happened),
        has_older=has_older,
        read_at=None if read is None else at(read),
    )
    return [
        (one.state, (one.began - BEGAN).total_seconds(), (one.ended - BEGAN).total_seconds())
        for one in timeline_of(transcript)
    ]


def test_the_states_follow_one_another_up_to_now() -> None:
    assert told(
        (10, "running"),
        (20, "paused_by_agent"),
        (30, "user_message_received"),
        (31, "running"),
        (40, "paused"),
        (60, "awaiting_confirmation"),
        status="awaiting_confirmation",
        started=10,
    ) == [
        ("queued", 0, 10),
        ("working", 10, 20),
        ("waiting", 20, 31),
        ("working", 31, 40),
        ("paused", 40, 60),
        ("waiting", 60, 100),
    ]


def test_an_execution_that_is_over_ends_with_it() -> None:
    assert told((0, "running"), (50, "completed"), status="completed", ended=50) == [
        ("working", 0, 50)
    ]
    # It was read before it ended.
    assert told((0, "running"), (50, "failed"), status="running") == [("working", 0, 50)]
    assert told((0, "running"), (50, "terminal"), status="completed", ended=60) == [
        ("working", 0, 50)
    ]
    assert told((0, "running"), (50, "completed"), (60, "running"), (70, "failed")) == [
        ("working", 0, 50),
        ("working", 60, 70),
    ]


def test_what_no_activity_tells_is_not_known() -> None:
    # Older activities were not read: what it did before the first of these, nobody says.
    assert told((50, "reasoning"), (60, "paused"), status="paused", has_older=True) == [
        ("unknown", 0, 50),
        ("working", 50, 60),
        ("paused", 60, 100),
    ]
    waits = told((50, "paused_by_agent"), status="paused_by_agent", has_older=True)
    assert waits == [("unknown", 0, 50), ("waiting", 50, 100)]
    # A message says nothing of what the agent does.
    assert told((50, "user_message_received"), (60, "reasoning"), has_older=True) == [
        ("unknown", 0, 60),
        ("working", 60, 100),
    ]
    # The execution has another status by now than the activities tell.
    assert told((0, "running"), (20, "reasoning"), status="paused_by_agent") == [
        ("working", 0, 20),
        ("unknown", 20, 100),
    ]
    assert told((0, "running"), (20, "reasoning"), status="completed", ended=90) == [
        ("working", 0, 20),
        ("unknown", 20, 90),
    ]
    assert told((0, "running"), (20, "some_new_status"), status="some_new_status") == [
        ("working", 0, 20),
        ("unknown", 20, 100),
    ]
    happened = (50, "user_message_received")
    assert told(happened, status="paused", started=10, has_older=True) == [
        ("queued", 0, 10),
        ("unknown", 10, 100),
    ]
    # A paused agent that finishes an action is still paused.
    assert told((0, "paused"), (20, "action_completed"), status="paused") == [("paused", 0, 100)]


def test_without_the_time_of_reading_it_ends_with_what_is_known() -> None:
    assert told((0, "running"), (30, "reasoning"), read=None) == [("working", 0, 30)]
    assert told(read=None) == []


def test_one_that_is_queued_waits_to_start() -> None:
    assert told(status="queued", started=None) == [("queued", 0, 100)]


@pytest.mark.parametrize(
    "happened",
    [(), ((None, "running"),), ((5, "some_new_status"),)],
    ids=["nothing", "no times", "unknown status"],
)
def test_there_is_no_timeline_if_no_state_is_known(happened: tuple[Happened, ...]) -> None:
    assert told(*happened, status="", created=None, started=None) == []


def test_times_that_contradict_each_other_break_nothing() -> None:
    # In another order, before the start, after the reading, at the same time.
    assert told((40, "paused"), (0, "running"), status="paused") == [
        ("working", 0, 40),
        ("paused", 40, 100),
    ]
    assert told((-50, "running"), (20, "paused"), status="paused") == [
        ("working", 0, 20),
        ("paused", 20, 100),
    ]
    assert told((0, "running"), (500, "paused"), status="paused") == [("working", 0, 500)]
    assert told((0, "running"), (0, "paused"), status="paused") == [("paused", 0, 100)]
    assert told((5, "running"), created=50, started=20) == [("working", 20, 100)]
    assert told((0, "running"), ended=-5, status="completed") == []


def test_a_very_long_one_keeps_its_newest_parts() -> None:
    changes: list[Any] = [(n, ("paused", "running")[n % 2]) for n in range(1_000)]
    periods = told(*changes, read=1_000)
    assert len(periods) == MOST_PARTS
    assert periods[-1] == ("working", 999, 1_000)
