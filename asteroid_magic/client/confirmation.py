"""Confirms an unknown delivery: looks for the message among the execution's activities.

Nothing is sent again. A message that is not found stays unknown: it may still have arrived.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

from ..deadline import Deadline, Timeout
from ..errors import READ, AsteroidError, Interrupted, InvalidInput
from ..models.activities import Activity, is_message
from ..models.message import Outgoing
from .executions import read, read_activities
from .ledger import SentMessage, ledger
from .requester import Call, Requester, guarded
from .retry import CONFIRMATION
from .transport.server_clock import Clock

# How many of the newest activities to read, in turn; None means all.
DEPTHS = (50, 500, None)
# A server clock that is uncertain by more seconds than this is not used.
MOST_UNCERTAIN = 60.0


@dataclass(frozen=True)
class Trace:
    """The activities that may belong to a message, newest first.

    None of them can have happened before `since`, by `time.monotonic`.
    """

    activities: tuple[Activity, ...]
    since: float


def confirm(
    requester: Requester,
    sent: Call,
    outgoing: Outgoing,
    entry: SentMessage,
    deadline: Deadline,
    until: float,
) -> Activity | None:
    """Look for a message whose delivery is unknown among the activities of its execution.

    Looks repeatedly until `until`, by `time.monotonic`, and at least once. Returns the activity,
    or None if there is none, or if other messages account for all of them. Raises the error that
    kept it from reading the activities within `deadline`.
    """
    looking = Call(READ, deadline, sent.key)

    def work() -> Activity | None:
        for looks in count():
            trace = trace_of(requester, looking, outgoing, lambda clock: clock.earliest(sent.asked))
            found = None if trace is None else _claimed(entry, trace)
            rest = until - time.monotonic()
            if found is not None or rest <= 0:
                return found
            looking.deadline.wait(min(CONFIRMATION.after_s(looks), rest))
            if not looking.deadline.left():
                break
        return None

    return guarded(looking, work)


def find(
    requester: Requester,
    outgoing: Outgoing,
    since: datetime | None,
    accounted: int,
    timeout: Timeout,
) -> Activity | None:
    """Look once for a message that was sent at `since`, by the server's clock, or later.

    It counts as found only if the activities show its text more often than the `accounted`
    messages that the caller knows of, and those of this process, explain. Raises `InvalidInput`
    if `since` is not a time with a time zone.
    """
    if since is None:
        hint = "Call execution(id) first: its answer sets server_clock()."
        why = "since is None: server_clock() is None until Asteroid has answered."
        raise InvalidInput(why, hint=hint, operation=READ)
    if not isinstance(since, datetime) or since.tzinfo is None:
        hint = "Give a time by the server's clock, such as an earlier server_clock()."
        raise InvalidInput("since is not a time with a time zone.", hint=hint, operation=READ)

    def work(call: Call) -> Activity | None:
        trace = trace_of(requester, call, outgoing, lambda _clock: since)
        if trace is None:
            return None
        entry = ledger.begin(outgoing.execution_id, outgoing.message)
        ledger.lost(entry)
        return _claimed(entry, trace, accounted)

    return read(requester, timeout, outgoing.execution_id, work)


def arrivals(
    requester: Requester,
    outgoing: Outgoing,
    since: Callable[[Clock], datetime],
    timeout: Timeout = None,
) -> int | None:
    """Look once, and return how many messages with this text have arrived since a moment.

    None if the server's clock is unknown. For a caller that keeps its own records of messages,
    because they outlive the process.
    """

    def work(call: Call) -> int | None:
        trace = trace_of(requester, call, outgoing, since)
        return None if trace is None else len(trace.activities)

    return read(requester, timeout, outgoing.execution_id, work)


def _claimed(entry: SentMessage, trace: Trace, accounted: int = 0) -> Activity | None:
    ids = [activity.id for activity in trace.activities]
    claimed = ledger.claim(entry, ids, trace.since, accounted)
    return None if claimed is None else trace.activities[ids.index(claimed)]


def trace_of(
    requester: Requester, call: Call, outgoing: Outgoing, since: Callable[[Clock], datetime]
) -> Trace | None:
    """Return the activities with exactly this text that are not older than `since`.

    None if the server's clock is unknown, or too uncertain.
    """
    recent: list[Activity] = []
    for depth in DEPTHS:
        newest = read_activities(requester, call, outgoing.execution_id, depth, "desc")
        if call.clock is None or call.clock.uncertainty > MOST_UNCERTAIN:
            return None
        earliest = since(call.clock)
        # Timestamps ahead of this clock come from a different clock, so they cannot be compared.
        latest = call.clock.date + timedelta(seconds=MOST_UNCERTAIN)
        if any(each.timestamp and each.timestamp > latest for each in newest):
            return None
        began = call.clock.since(earliest)
        recent = [each for each in newest if each.timestamp and each.timestamp >= earliest]
        if depth is None or len(recent) < depth:
            break
    found = (one for one in recent if is_message(one, outgoing.message, outgoing.execution_id))
    return Trace(tuple(found), began)


def looked(error: AsteroidError, found: AsteroidError | None) -> AsteroidError:
    """Return the error of a send with the result of the search added; it stays unknown."""
    if found is None:
        words = (
            "The message is not among the execution's activities yet; it may still have arrived."
        )
    elif isinstance(found, Interrupted):
        words = "You interrupted the search for it among the execution's activities."
    else:
        words = "Reading the execution's activities failed too."
    parts = (error.detail, words)
    error.detail = " ".join(f"{part.rstrip('. ')}." for part in parts if part)
    error.args = (error.detail,)
    return error


def arrived(error: AsteroidError, why: str) -> AsteroidError:
    """Return the error of an interrupted send, changed to say why the message is delivered."""
    error.outcome = "delivered"
    error.detail = why
    error.hint = "You need to do nothing: the agent has the message."
    error.args = (error.detail,)
    return error
