"""Confirms an unknown delivery: looks for the message among the execution's activities.

Nothing is sent again. A message that is not found stays unknown: it may still have arrived.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from ...deadline import Deadline, Timeout
from ...errors import READ, AsteroidError, Interrupted, InvalidInput
from ...models.activities import Activity
from ...models.arrivals import OTHERS, Doubt, Window
from ...models.message import Outgoing
from ..reading.arrivals import AHEAD, BEHIND, NO_CLOCK, ArrivalList, read_arrivals
from ..reading.executions import read
from ..requester import Call, Requester, guarded
from ..retry import CONFIRMATION
from ..transport.server_clock import Clock
from .ledger import SentMessage, ledger


@dataclass(frozen=True)
class Search:
    """What a search came to: the activity that is the message, or None, and why it is unknown."""

    found: Activity | None
    why: str = ""


def confirm(
    requester: Requester,
    sent: Call,
    outgoing: Outgoing,
    entry: SentMessage,
    deadline: Deadline,
    until: float,
) -> Search:
    """Look for a message whose delivery is unknown among the activities of its execution.

    Looks repeatedly until `until`, by `time.monotonic`, and at least once. Raises the error that
    kept it from reading the activities within `deadline`.
    """
    looking = Call(READ, deadline, sent.key)

    def since(clock: Clock) -> datetime:
        return clock.earliest(sent.asked)

    def work() -> Search:
        search = Search(None)
        for looks in count():
            listing = read_arrivals(requester, looking, outgoing, since)
            search = _search(entry, listing, sent.asked)
            rest = until - time.monotonic()
            if search.found is not None or rest <= 0:
                break
            looking.deadline.wait(min(CONFIRMATION.after_s(looks), rest))
            if not looking.deadline.left():
                break
        return search

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
        listing = read_arrivals(requester, call, outgoing, lambda _clock: since)
        if listing.clock is None:
            return None
        entry = ledger.begin(outgoing.execution_id, outgoing.message)
        ledger.lost(entry)
        return _search(entry, listing, listing.clock.since(since), since, accounted).found

    return read(requester, timeout, outgoing.execution_id, work)


def _search(
    entry: SentMessage,
    listing: ArrivalList,
    began: float,
    since: datetime | None = None,
    accounted: int = 0,
) -> Search:
    """Claim an arrival for a message that was sent at `began`, by `time.monotonic`."""
    clock = listing.clock
    if clock is None:
        return Search(None, listing.gap or NO_CLOCK)
    since = since or clock.earliest(began)
    window = Window(since, clock.latest(time.monotonic()))
    own = [one for one in listing.arrivals if one.is_exact and window.has(one.at)]
    claimed = ledger.claim(entry, [one.id for one in own], clock.since(since), accounted)
    for one in own:
        if one.id == claimed:
            return Search(one.activity)
    doubt = Doubt(window, since - BEHIND, window.latest + AHEAD)
    reasons = [why for one in listing.arrivals if (why := doubt.why_not(one))]
    # That others have the same text says the least.
    return Search(None, min(reasons, key=lambda why: why == OTHERS, default=""))


def looked(error: AsteroidError, found: AsteroidError | Search) -> AsteroidError:
    """Return the error of a send with the result of the search added; it stays unknown."""
    if isinstance(found, Search):
        words = found.why or (
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
