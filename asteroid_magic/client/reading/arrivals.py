"""Reads what an execution's activities show of one message.

Finding it needs the newest activities only. Concluding that it is *not* there needs much more: see
`ArrivalList.gap`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from ...models import coerce
from ...models.activities import Activity, message_of, read_activity
from ...models.arrivals import FIRST, UNREADABLE, Arrival, Comparison, distinct, is_same
from ...models.message import Outgoing
from ..requester import Call, Requester
from ..transport.response import without
from ..transport.server_clock import Clock
from .executions import get_json, list_activities, list_anything

# How many of the newest activities to read, in turn; None means all.
DEPTHS = (50, 500, None)
# A server clock that is uncertain by more seconds than this is not used.
MOST_UNCERTAIN = 60.0
# A timestamp may be behind the server's Date by this much: some are rounded to minutes. If one is
# ahead of it by more, it comes from a different clock, so none of them can be compared.
BEHIND = AHEAD = timedelta(seconds=60)
NO_CLOCK = (
    "The server's answers do not tell its time, so it is unknown which of the execution's "
    "activities are new."
)
OTHER_CLOCK = "The times of the execution's activities are ahead of the server's clock."
UNDATED = "The times of some of the execution's activities cannot be read."
NOT_SORTED = "The server does not list the execution's activities in the order of their times."
CUT_OFF = "The list of the execution's activities does not reach back to the send."
MAY_BE_OLD = (
    "The server's answers do not tell its time, or come from a cache: the list of the execution's "
    "activities may be an old one."
)
PURGED = "Asteroid has deleted the execution's activities."


@dataclass(frozen=True)
class ArrivalList:
    """The activities of one execution that are, or may be, the arrival of one text.

    `arrivals` are sorted by time. `clock` is the server's clock, None if it is unknown; then
    there are no arrivals. `gap` says why a message may have arrived although it is not among them,
    None if that is certain. It is only known if it was asked for.
    """

    arrivals: tuple[Arrival, ...]
    clock: Clock | None
    gap: str | None


def read_arrivals(
    requester: Requester,
    call: Call,
    outgoing: Outgoing,
    since: Callable[[Clock], datetime],
    *,
    is_conclusive: bool = False,
) -> ArrivalList:
    """Read the arrivals of a text that are not older than `since`; with `is_conclusive`, any gap.

    They include those without a readable time, and those that are up to a minute older, as far as
    the list was read.
    """
    for depth in DEPTHS:
        found = list_activities(requester, call, outgoing.execution_id, depth, "desc", None)
        page = [read_activity(item) for item in found]
        clock = call.clock
        if clock is None or clock.uncertainty > MOST_UNCERTAIN:
            return ArrivalList((), None, NO_CLOCK)
        if any(each.timestamp and each.timestamp > clock.date + AHEAD for each in page):
            return ArrivalList((), None, OTHER_CLOCK)
        earliest = since(clock) - BEHIND
        recent = [each.timestamp is None or each.timestamp >= earliest for each in page]
        # To find a message, the time from its send on is enough.
        oldest = earliest if is_conclusive else since(clock)
        reached = sum(each.timestamp is None or each.timestamp >= oldest for each in page)
        if depth is None or reached < depth:
            break
    comparison = Comparison(outgoing.message, outgoing.execution_id)
    arrivals = [
        # The key is compared as it is, as a part of the text, and handed on masked.
        Arrival(read_activity(without(call.key, item)), is_exact)
        for one, item, is_recent in zip(page, found, recent, strict=True)
        if is_recent and (is_exact := comparison.is_exact(one)) is not None
    ]
    gap = _gap(requester, call, outgoing.execution_id, page, earliest) if is_conclusive else None
    return ArrivalList(tuple(distinct(arrivals)), clock, gap)


@dataclass(frozen=True)
class EarlierMessage:
    """The latest message with a text that an execution has: `activity`, with the key masked.

    Not `is_exact`: it has another form of the text. Without any such message, `activity` is None,
    and `gap` says why there may be one all the same, None if there is none.
    """

    activity: Activity | None
    is_exact: bool = False
    gap: str | None = None


def read_earlier(requester: Requester, call: Call, outgoing: Outgoing) -> EarlierMessage:
    """Look for a text among all messages of an execution, as long as it has existed."""
    newest = list_activities(requester, call, outgoing.execution_id, 1, "desc", None)
    listed = list_anything(requester, call, outgoing.execution_id, None, "desc", None)
    found = [item for item in listed if isinstance(item, dict)]
    page = [read_activity(item) for item in found]
    comparison = Comparison(outgoing.message, outgoing.execution_id)
    doubt = UNREADABLE if len(found) < len(listed) else None
    others: list[int] = []
    for at, activity in enumerate(page):
        words = message_of(activity, outgoing.execution_id)
        if words == outgoing.message:
            return EarlierMessage(read_activity(without(call.key, found[at])), is_exact=True)
        if words is not None and is_same(words, outgoing.message):
            others.append(at)
        else:
            doubt = doubt or comparison.doubt(activity)
    if others:
        return EarlierMessage(read_activity(without(call.key, found[others[0]])))
    known = {_identity(one) for one in page}
    if not known.issuperset(_identity(read_activity(item)) for item in newest):
        doubt = doubt or CUT_OFF
    gap = doubt or _gap(requester, call, outgoing.execution_id, page, FIRST)
    if call.clock is None:
        gap = gap or MAY_BE_OLD
    return EarlierMessage(None, gap=gap)


def _gap(
    requester: Requester,
    call: Call,
    execution_id: str,
    page: Sequence[Activity],
    earliest: datetime,
) -> str | None:
    """Return why a message that arrived after `earliest` may be missing from the page, or None.

    The page must reach back past that moment, or to the first activity of all: a server may list
    fewer than it was asked for, without a word.
    """
    stamps = [one.timestamp for one in page if one.timestamp is not None]
    if len(stamps) < len(page):
        return UNDATED
    # Only neighbours of the same minute or so may have changed places.
    if any(later - earlier > BEHIND for earlier, later in pairwise(stamps)):
        return NOT_SORTED
    if stamps and stamps[0] < stamps[-1]:
        return NOT_SORTED
    if not (stamps and stamps[-1] < earliest):
        first = list_activities(requester, call, execution_id, 1, "asc", None)
        oldest = page[-1:] if stamps[:1] == stamps[-1:] else page
        known = {_identity(one) for one in oldest}
        if len(first) != len(oldest[:1]) or not known.issuperset(
            _identity(read_activity(item)) for item in first
        ):
            return CUT_OFF
    body = get_json(requester, call, f"/executions/{execution_id}", None)
    return PURGED if coerce.text((coerce.members(body) or {}).get("purgedAt")) else None


def _identity(activity: Activity) -> str:
    return activity.id or repr((activity.timestamp, activity.kind, activity.data))
