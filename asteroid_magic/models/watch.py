"""What you see of executions: a listing with questions, a transcript, the result of watching one.

The functions say what activities mean for a user who waits: whether the agent has spoken, asks or
is done, and what it is doing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Self

from ..display import Displayable
from .activities import Activities, Activity, ActivityKind, Question, message_of
from .executions import PHASES, WAITING, Execution, Executions

# Why the watching ended.
Ending = Literal["spoke", "asks", "confirm", "over", "time", "interrupted", "unreadable"]
ANSWERS: frozenset[Ending] = frozenset({"spoke", "asks", "confirm", "over"})
WAITS_OR_ENDS = ANSWERS - {"spoke"}


class Listing(Executions):
    """Executions, those that wait for the user first, with what they ask.

    It is a tuple of `Execution`. `%asteroid_executions` returns it.

    Attributes
    ----------
    questions : mapping of str to tuple of Question
        What they ask, by ID.
    has_more : bool
        There are older executions that were not requested.
    read_at : datetime or None
        When they were read, by the server's clock (aware); None if unknown.
    notes : tuple of str
        What else is not known, in sentences.
    """

    questions: Mapping[str, tuple[Question, ...]]
    has_more: bool
    read_at: datetime | None
    notes: tuple[str, ...]

    def __new__(
        cls,
        executions: Iterable[Execution] = (),
        questions: Mapping[str, tuple[Question, ...]] | None = None,
        *,
        has_more: bool = False,
        read_at: datetime | None = None,
        notes: tuple[str, ...] = (),
    ) -> Self:
        """Return the listing, with its executions in the order of display."""
        made = super().__new__(cls, sorted(executions, key=lambda one: not one.is_waiting))
        made.questions, made.has_more, made.read_at = questions or {}, has_more, read_at
        made.notes = notes
        return made

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        names = ("has_more", "read_at", "notes")
        return (tuple(self), self.questions), {name: getattr(self, name) for name in names}


@dataclass(frozen=True, kw_only=True)
class Transcript(Displayable):
    """What was said and done in an execution.

    `%asteroid_activities` returns it.

    Attributes
    ----------
    execution : Execution
        The execution as it was then.
    activities : Activities
        What happened, oldest first.
    has_older : bool
        There are older activities that were not requested.
    read_at : datetime or None
        When they were read, by the server's clock (aware); None if unknown.
    """

    execution: Execution
    activities: Activities = field(repr=False)
    has_older: bool = False
    read_at: datetime | None = field(default=None, repr=False)

    def to_frame(self) -> Any:
        """Return the activities as a data frame, one row each.

        Returns
        -------
        pandas.DataFrame
            As that of `Activities`.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        return self.activities.to_frame()

    _repr_pretty_ = Displayable._repr_pretty_


@dataclass(frozen=True, kw_only=True)
class WatchResult(Displayable):
    """What happened in an execution while it was watched.

    `%asteroid_watch` returns it, and it is the `heard` of a `Delivery`.

    Attributes
    ----------
    execution_id : str
        The execution.
    ending : {"spoke", "asks", "confirm", "over", "unreadable", "time", "interrupted"}
        Why the watching ended: the agent spoke, asks, or waits for the user to confirm; the
        execution is over or unreadable; the time ran out; or the user interrupted it.
    activities : Activities
        What happened, oldest first.
    elapsed : float
        How long it was watched, in seconds.
    trouble : str
        Why the latest attempt to read failed, ``""`` if it did not.
    has_gap : bool
        Some activities may be missing.
    is_paused : bool
        A user has paused the execution.
    execution : Execution or None
        What was last read of the execution itself; None if that was not read.
    """

    execution_id: str
    ending: Ending
    activities: Activities = field(repr=False)
    elapsed: float
    trouble: str = ""
    has_gap: bool = False
    is_paused: bool = False
    execution: Execution | None = field(default=None, repr=False)

    def to_frame(self) -> Any:
        """Return the activities as a data frame, one row each.

        Returns
        -------
        pandas.DataFrame
            As that of `Activities`.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        return self.activities.to_frame()

    _repr_pretty_ = Displayable._repr_pretty_


@dataclass(frozen=True)
class AwaitedMessage:
    """A message that waits for its reply; `began`, by the watcher's clock, is when it was sent."""

    text: str
    began: float
    activity_id: str | None = None


def is_sent(activity: Activity, execution_id: str, sent: AwaitedMessage) -> bool:
    """Return True if this activity of the execution may be that message."""
    if sent.activity_id:
        return activity.id == sent.activity_id
    return message_of(activity, execution_id) == sent.text


@dataclass(frozen=True)
class WatchProgress:
    """The progress of watching an execution; times are in seconds.

    `doing` is what the agent does, first seen `since` seconds ago; `trouble` says why the latest
    look failed, if it did.
    """

    elapsed: float
    limit: float
    doing: str = ""
    since: float = 0.0
    trouble: str = ""


def ending_of(activities: Iterable[Activity]) -> Ending | None:
    """Return what the latest of these activities mean for a user who waits; None: keep waiting.

    The end of the execution counts most, then that it waits, then that the agent spoke.
    """
    spoke: Ending | None = None
    waits: Ending | None = None
    for activity in activities:
        if activity.is_end:
            return "over"
        if activity.status is not None:
            waits = ending_of_status(activity.status)
            if waits == "over":
                return waits
        elif activity.kind == ActivityKind.USER_MESSAGE:
            # From any sender: the question counts as answered.
            waits = None
        elif activity.speaks_to_user and activity.text:
            spoke = "spoke"
    return waits or spoke


def ending_of_status(status: str) -> Ending | None:
    """Return what a status means for a user who waits; None: keep waiting."""
    return "over" if PHASES.get(status) == "terminal" else WAITING.get(status)


def question_of(newest: Iterable[Activity]) -> tuple[Question, ...] | None:
    """Return what an execution asks by its activities, newest first; () for nothing.

    None: these activities do not tell. A pause may come without a question; then its reason says
    what the agent waits for. Once a message has arrived, the question counts as answered.
    """
    for activity in newest:
        if activity.kind == ActivityKind.USER_MESSAGE:
            return ()
        if activity.status is not None:
            waits = activity.status in WAITING
            return (activity.question or (Question(activity.text),)) if waits else ()
    return None


def is_mid_sentence(heard: Iterable[Activity]) -> bool:
    """Return True if the agent has only begun to speak: its words may still change."""
    going = unfinished(known := tuple(heard))
    spoken = [one for one in known if one.speaks_to_user]
    return ending_of(known) == "spoke" and all(one in going for one in spoken)


def unfinished(activities: Iterable[Activity]) -> tuple[Activity, ...]:
    """Return the actions that have started but not ended, in the order of their start."""
    going: dict[str, Activity] = {}
    for activity in activities:
        if activity.action_id and activity.kind == ActivityKind.ACTION_STARTED:
            going[activity.action_id] = activity
        elif activity.action_id:
            going.pop(activity.action_id, None)
    return tuple(going.values())


def is_paused(activities: Sequence[Activity]) -> bool:
    """Return True if a user has paused the execution and nobody has resumed it since."""
    # Not with a generator: Python loses an interrupt that comes while it closes an unfinished one.
    for one in reversed(activities):
        if one.status:
            return one.status == "paused"
    return False


def doing(activities: Iterable[Activity]) -> str:
    """Return what the agent was doing last, in its own words, on one line."""
    known = tuple(activities)
    if is_paused(known):
        return "paused"
    known = tuple(one for one in known if not one.is_system)
    going = unfinished(known)
    for activity in (*going[-1:], *reversed(known)):
        # As above, without a generator.
        if words := " ".join(_briefly(activity).split()):
            return words
    return ""


def _briefly(activity: Activity) -> str:
    if activity.kind == ActivityKind.REASONING:
        return "thinking"
    if activity.kind == ActivityKind.USER_MESSAGE:
        return "has a message to read"
    if activity.kind == ActivityKind.TODOS_UPDATED:
        return "updating its to-do list"
    if activity.status == "running":
        return "at work"
    return activity.text
