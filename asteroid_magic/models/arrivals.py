"""What an execution's activities show of one message: which of them is, or may be, its arrival.

Only an activity with exactly the text, and with a time that fits the send, is an arrival. One that
is merely similar, or a little early, leaves it unknown: it may be the message, or another one.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from .activities import Activity, ActivityKind, message_of

# A text that the server cut off after fewer characters than this is not recognized.
SHORTEST_PART = 20
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
EARLY = (
    "A message with this text is among the execution's activities, but its time does not fit "
    "this send."
)
UNDATED = (
    "A message with this text is among the execution's activities, but its time cannot be read."
)
SIMILAR = (
    "A message that differs from this one only in spaces, line ends, Unicode form or length is "
    "among the execution's activities."
)
OF_ANOTHER = "The list of the execution's activities has some of another execution."
UNREADABLE = "A user's message among the execution's activities cannot be read."
UNKNOWN_KIND = (
    "This text is among the execution's activities, but in one of an unknown kind, which may be a "
    "message."
)
KINDS = frozenset(ActivityKind)
OTHERS = (
    "The messages with this text among the execution's activities may all belong to other sends."
)


class Window(NamedTuple):
    """The time, by the server's clock, in which the activity of a send lies if it arrived."""

    earliest: datetime
    latest: datetime

    def has(self, moment: datetime | None) -> bool:
        """Return True if the moment is known and lies within."""
        return moment is not None and self.earliest <= moment <= self.latest


class Arrival(NamedTuple):
    """A user message among the activities; if not `is_exact`, its text is only similar."""

    activity: Activity
    is_exact: bool = True

    @property
    def at(self) -> datetime | None:
        """When the server says that it arrived, None if that cannot be read."""
        return self.activity.timestamp

    @property
    def id(self) -> str:
        """The ID of the activity; without one, what else makes it different from the others."""
        return self.activity.id or repr((self.at, self.activity.data))


class Comparison:
    """Compares activities of one execution with one text."""

    def __init__(self, text: str, execution_id: str) -> None:
        self._text, self._execution_id = text, execution_id
        self._plain = _plain(text)

    def is_exact(self, activity: Activity) -> bool | None:
        """Return True if it is a user's message with exactly this text, None if it is another.

        False means that a server may have made it of the text: trimmed, normalized or cut off.
        """
        words = message_of(activity, self._execution_id)
        if words is None or words == self._text:
            return None if words is None else True
        short, long = sorted((_plain(words), self._plain), key=len)
        start = short.removesuffix("...").removesuffix("…").rstrip()
        is_cut_off = len(start) >= SHORTEST_PART and long.startswith(start)
        return False if short == long or is_cut_off else None

    def doubt(self, activity: Activity) -> str | None:
        """Return why the activity may be a message with this text, None if it is not.

        It shows the text changed, cut off, or in a way that this version cannot read.
        """
        if activity.execution_id.lower() not in {"", self._execution_id.lower()}:
            return OF_ANOTHER
        words = message_of(activity, self._execution_id)
        if words is not None:
            return SIMILAR if self._is_made_of_it(words) else None
        if activity.kind == ActivityKind.USER_MESSAGE:
            return UNREADABLE
        if activity.kind in KINDS:
            return None
        return UNKNOWN_KIND if any(map(self._is_made_of_it, _texts_in(activity.data))) else None

    def _is_made_of_it(self, words: str) -> bool:
        shown = _plain(words)
        start = shown.removesuffix("...").removesuffix("…").rstrip()
        # An ellipsis says that something was cut off, however little is left.
        is_enough = len(start) >= (SHORTEST_PART if start == shown else 1)
        is_cut_off = len(start) < len(self._plain) and self._plain.startswith(start)
        return shown == self._plain or (is_enough and is_cut_off)


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts_in(one)


def is_same(text: str, other: str) -> bool:
    """Return True if two texts differ at most in line ends, Unicode form and outer white space.

    The form is NFC: compatible characters, such as a full-width digit, count as different.
    """
    return text == other or canonical(text) == canonical(other)


def canonical(text: str) -> str:
    """Return the form that all texts share that count as the same."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", lines).strip()


def _plain(text: str) -> str:
    words = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return " ".join(words.split())


class Doubt(NamedTuple):
    """A send of the text that may have arrived.

    Its arrival lies in `window`; one outside of it, but from `since` to `until`, may be its own.
    """

    window: Window
    since: datetime
    until: datetime

    def why_not(self, arrival: Arrival) -> str | None:
        """Return why the arrival may, but need not, be that of this send; None if it is not."""
        if arrival.at is None:
            return UNDATED
        if not self.since <= arrival.at <= self.until:
            return None
        if not arrival.is_exact:
            return SIMILAR
        return OTHERS if self.window.has(arrival.at) else EARLY


def distinct(arrivals: Iterable[Arrival]) -> list[Arrival]:
    """Return the arrivals in the order of time; one that is listed twice counts once."""
    by_id = {arrival.id: arrival for arrival in arrivals}
    return sorted(by_id.values(), key=lambda one: one.at.timestamp() if one.at else 0.0)


class Attribution(NamedTuple):
    """Whose arrivals they are: for each doubt its arrival, a reason for doubt, or None if absent.

    `is_whole`: every message that has surely arrived is among the arrivals.
    """

    results: list[Arrival | str | None]
    is_whole: bool


def attribute(
    doubts: Sequence[Doubt],
    certain: Iterable[Window],
    possible: Iterable[Window],
    arrivals: Iterable[Arrival],
) -> Attribution:
    """Attribute the arrivals of one text to its sends.

    `certain` are the windows of sends that have surely arrived, `possible` those of other sends
    that may have. Each takes an arrival first, the certain ones those that fit best, so that no
    arrival counts for two. For example, with arrivals at 12:00:01 and 12:00:31, a certain send at
    12:00:00 takes the first; a doubt of 12:00:30 has arrived with the second.
    """
    free = distinct(arrivals)
    missing = [one for one in sorted(certain, key=_latest) if _take(free, one) is None]
    candidates = list(free)
    # If a message that has surely arrived is missing, its arrival may be any other one.
    unbounded = [Window(FIRST, LAST)] * len(missing)
    for window in [*sorted(possible, key=_latest), *unbounded]:
        _take(free, window)
    found: dict[int, Arrival] = {}
    for number in sorted(range(len(doubts)), key=lambda number: doubts[number].window.latest):
        arrival = _take(free, doubts[number].window)
        if arrival is not None:
            found[number] = arrival
            candidates.remove(arrival)
    results = [
        found.get(number) or next(filter(None, map(doubt.why_not, candidates)), None)
        for number, doubt in enumerate(doubts)
    ]
    return Attribution(results, not missing)


def _latest(window: Window) -> datetime:
    return window.latest


def _take(free: list[Arrival], window: Window) -> Arrival | None:
    """Take the first exact arrival within the window."""
    for arrival in free:
        if arrival.is_exact and window.has(arrival.at):
            free.remove(arrival)
            return arrival
    return None
