"""When the agent of an execution worked, waited for a person, or was paused, as far as is known.

What no activity tells is unknown: the time before the first activity that was read, or the time
since the last one if the execution itself has another status by now.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Literal, NamedTuple

from .activities import Activity, ActivityKind
from .executions import PHASES
from .watch import Transcript

State = Literal["queued", "working", "waiting", "paused", "unknown"]
STATES: dict[str, State] = {
    "queued": "queued",
    "starting": "working",
    "running": "working",
    "awaiting_confirmation": "waiting",
    "paused_by_agent": "waiting",
    "paused": "paused",
}
# What an agent does only while it works.
WORK = frozenset(
    {
        ActivityKind.REASONING,
        ActivityKind.ACTION_STARTED,
        ActivityKind.ACTION_COMPLETED,
        ActivityKind.ACTION_FAILED,
        ActivityKind.STEP_STARTED,
        ActivityKind.STEP_COMPLETED,
    }
)
# A timeline shows its newest parts; a hundred fit a card.
MOST_PARTS = 100


class Period(NamedTuple):
    """A state of an execution, from `began` to `ended` (both aware)."""

    state: State
    began: datetime
    ended: datetime

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return (self.ended - self.began).total_seconds()


def timeline_of(transcript: Transcript) -> tuple[Period, ...]:
    """Return the states of an execution, one after the other, the newest hundred.

    () if none of them is known.
    """
    turns = list(_turns(transcript))
    periods: list[Period] = []
    for (state, began), (_, ended) in pairwise(turns):
        if state is None or ended <= began:
            continue
        if periods and periods[-1].state == state and periods[-1].ended == began:
            periods[-1] = periods[-1]._replace(ended=ended)
        else:
            periods.append(Period(state, began, ended))
    is_known = any(one.state != "unknown" for one in periods)
    return tuple(periods[-MOST_PARTS:]) if is_known else ()


def _turns(transcript: Transcript) -> Iterator[tuple[State | None, datetime]]:
    """Yield each state with its beginning; the last one is the end. None: it is over."""
    execution, happened = transcript.execution, _dated(transcript.activities)
    started = execution.started_at or execution.created_at
    first = happened[0][0] if happened else None
    latest = max(filter(None, (started, execution.created_at)), default=first)
    state: State | None = "unknown"
    if execution.created_at and execution.started_at:
        yield "queued", execution.created_at
    if started is not None:
        # From its start on, it works until an activity says otherwise, if none is missing.
        is_complete = bool(happened) and not transcript.has_older
        if execution.started_at is not None:
            state = "working" if is_complete else "unknown"
        elif execution.status == "queued":
            state = "queued"
        yield state, started
    elif first is not None:
        yield state, first
    for moment, activity in happened:
        # By another clock, it may have come before what is known already.
        latest = max(moment, latest or moment)
        changed = _state_after(activity, state)
        if changed != state:
            state = changed
            yield state, latest
    yield from _end(transcript, state, latest)


def _end(
    transcript: Transcript, state: State | None, latest: datetime | None
) -> Iterator[tuple[State | None, datetime]]:
    """Yield what is known of the time after the last activity, and the end."""
    execution = transcript.execution
    if latest is None or state is None:
        return
    is_over = execution.phase == "terminal"
    end = execution.terminal_at if is_over else transcript.read_at
    if is_over or STATES.get(execution.status) != state:
        # It has changed since, and no activity says when.
        state = "unknown"
        yield state, latest
    yield None, max(end or latest, latest)


def _state_after(activity: Activity, state: State | None) -> State | None:
    if activity.is_end:
        return None
    if activity.status is not None:
        is_over = PHASES.get(activity.status) == "terminal"
        return None if is_over else STATES.get(activity.status, "unknown")
    return "working" if state == "unknown" and activity.kind in WORK else state


def _dated(activities: tuple[Activity, ...]) -> list[tuple[datetime, Activity]]:
    known = [(one.timestamp, one) for one in activities if one.timestamp is not None]
    return sorted(known, key=lambda one: one[0])
