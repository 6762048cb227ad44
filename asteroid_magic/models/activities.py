"""`Activity`: something that happened in an execution, read leniently, and a list of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple, SupportsIndex, overload

from ..frame import to_frame
from . import coerce

# The actions with which the agent speaks to the user; the second is the older name.
SPEAKING = frozenset({"util_send_user_message", "send_user_message"})
MEMBERS = frozenset({"id", "executionId", "timestamp", "payload"})
# Where to find the text of an activity; the first that is present counts.
WORDS = ("message", "reasoning", "newNodeName", "fileName", "reason", "text", "summary")
WHY = (
    "pausedPayload",
    "awaitingConfirmationPayload",
    "completedPayload",
    "failedPayload",
    "cancelledPayload",
)
# Why Asteroid cancels an execution, in words; the contract has these reasons.
CANCEL_WORDS: Mapping[str, str] = {
    "timeout": "It reached its time limit.",
    "max_steps": "It reached its limit of steps.",
    "user_requested": "A user cancelled it.",
    "script_failed": "A script of the workflow failed.",
    "no_activity": "It did nothing for too long.",
    "budget_exceeded": "It exceeded its budget.",
    "no_warm_environment": "No environment was ready for it.",
    "worker_lost": "Asteroid lost the worker that ran it.",
}
# A `terminal` activity with this reason ends a stream of activities, and perhaps only that.
UNSUBSCRIBE = "unsubscribe"
COLUMNS = (
    "id",
    "execution_id",
    "timestamp",
    "kind",
    "text",
    "status",
    "reason",
    "action_name",
    "action_id",
    "duration",
    "is_system",
)


class ActivityKind(StrEnum):
    """The kinds that this package uses; the contract has others, and may get more."""

    USER_MESSAGE = "user_message_received"
    REASONING = "reasoning"
    STATUS_CHANGED = "status_changed"
    ACTION_STARTED = "action_started"
    ACTION_COMPLETED = "action_completed"
    ACTION_FAILED = "action_failed"
    TODOS_UPDATED = "todos_updated"
    STEP_STARTED = "step_started"
    STEP_COMPLETED = "step_completed"
    TRANSITIONED_NODE = "transitioned_node"
    FILE_ADDED = "file_added"
    GENERIC = "generic"
    TERMINAL = "terminal"


class Option(NamedTuple):
    """A ready answer to a question of the agent.

    Attributes
    ----------
    label : str
        The answer: send it as a message.
    description : str
        What it means, ``""`` if the agent does not say.
    """

    label: str
    description: str = ""


class Question(NamedTuple):
    """A question of the agent, which a message answers.

    Attributes
    ----------
    question : str
        Its text.
    header : str
        A short heading for it, ``""`` if there is none.
    multi_select : bool
        You may choose several of its `options`.
    options : tuple of Option
        Ready answers; you may always answer in words of your own.
    """

    question: str
    header: str = ""
    multi_select: bool = False
    options: tuple[Option, ...] = ()


@dataclass(frozen=True, slots=True)
class Activity:
    """Something that happened in an execution.

    Attributes
    ----------
    id : str
        Its own ID.
    execution_id : str
        The execution.
    timestamp : datetime or None
        When it happened (aware); None if that cannot be read.
    kind : str
        The contract's ``activityType``, even an unknown one.
    data : mapping
        Every other member of the JSON, by its own name.

    Notes
    -----
    The members of newer servers are beside ``activityType``, those of older ones under ``data``:
    both are read.
    """

    id: str
    execution_id: str
    timestamp: datetime | None
    kind: str
    data: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)

    @property
    def text(self) -> str:
        """The text of the activity for a reader, ``""`` if it has no text."""
        data = self.data
        if self.kind == ActivityKind.STATUS_CHANGED:
            return self._why_status_changed()
        if self.kind == ActivityKind.TODOS_UPDATED:
            return "\n".join(f"[{state}] {content}" for content, state in self.todos)
        for name in WORDS:
            if words := coerce.text(data.get(name)):
                return words
        if (step := coerce.number(data.get("stepNumber"))) is not None:
            return f"Step {step}"
        return coerce.text((coerce.members(data.get("display")) or {}).get("summaryText")) or ""

    @property
    def status(self) -> str | None:
        """The new status if the status changed, otherwise None."""
        return (
            coerce.text(self.data.get("status"))
            if self.kind == ActivityKind.STATUS_CHANGED
            else None
        )

    @property
    def reason(self) -> str | None:
        """Why the status changed, as the server says it; None if unknown."""
        for why in self._whys():
            if words := coerce.text(why.get("reason")) or coerce.text(why.get("reasoning")):
                return words
        return None

    @property
    def explanation(self) -> str:
        """Why the status changed, for a reader; empty if unknown.

        The contract's reasons of a cancellation are in words, others as they are. An error of the
        system that the server names comes below.
        """
        words = self.reason or ""
        cancelled = coerce.members(self.data.get("cancelledPayload")) or {}
        if words and cancelled.get("reason") == words:
            words = CANCEL_WORDS.get(words, words)
        failed = coerce.members(self.data.get("failedPayload")) or {}
        trouble = coerce.text((coerce.members(failed.get("os_error")) or {}).get("message"))
        if trouble is None or trouble in words:
            return words
        return "\n".join(filter(None, (words, f"System error: {trouble}")))

    @property
    def question(self) -> tuple[Question, ...]:
        """The questions with which the agent paused."""
        paused = coerce.members(self.data.get("pausedPayload")) or {}
        asked = (coerce.members(paused.get("question")) or {}).get("questions")
        return tuple(
            _question(item)
            for item in (asked if isinstance(asked, list) else ())
            if isinstance(item, dict) and coerce.text(item.get("question"))
        )

    @property
    def todos(self) -> tuple[tuple[str, str], ...]:
        """The agent's to-do list, with the content and the status of each item."""
        todos = self.data.get("todos")
        return tuple(
            (coerce.text(item.get("content")) or "", coerce.text(item.get("status")) or "")
            for item in (todos if isinstance(todos, list) else ())
            if isinstance(item, dict)
        )

    @property
    def todo_outcomes(self) -> tuple[str, ...]:
        """What came of each item of `todos`, ``""`` if unknown."""
        todos = self.data.get("todos")
        return tuple(
            coerce.text(item.get("outcome")) or ""
            for item in (todos if isinstance(todos, list) else ())
            if isinstance(item, dict)
        )

    @property
    def node_summary(self) -> str | None:
        """What the workflow's node did that has just finished; None if unknown."""
        return coerce.text(self.data.get("fromNodeSummary"))

    @property
    def is_system(self) -> bool:
        """Return True if the server marks the activity as one for machines."""
        display = coerce.members(self.data.get("display")) or {}
        return display.get("presentationLevel") == "system" or self._ends_stream_only

    @property
    def is_end(self) -> bool:
        """Return True if the execution has ended, so that no other activity comes.

        One that ends a stream of activities (``unsubscribe``) does not count.
        """
        return self.kind == ActivityKind.TERMINAL and not self._ends_stream_only

    @property
    def action_name(self) -> str | None:
        """The contract's name for what the agent does."""
        return coerce.text(self.data.get("actionName"))

    @property
    def action_id(self) -> str | None:
        """The ID that the start and the end of one action share."""
        return coerce.text(self.data.get("actionId"))

    @property
    def duration(self) -> float | None:
        """How long the action took, in seconds."""
        milliseconds = coerce.number(self.data.get("duration"))
        return None if milliseconds is None else milliseconds / 1000

    @property
    def file_size(self) -> int | None:
        """The bytes of the file that was added; None if unknown."""
        size = coerce.number(self.data.get("fileSize"))
        return int(size) if size is not None and size >= 0 else None

    @property
    def speaks_to_user(self) -> bool:
        """Return True if the agent speaks to the user here, with the words in `text`.

        A failed action says nothing.
        """
        return self.action_name in SPEAKING and self.kind != ActivityKind.ACTION_FAILED

    @property
    def _ends_stream_only(self) -> bool:
        return self.kind == ActivityKind.TERMINAL and self.data.get("reason") == UNSUBSCRIBE

    def _whys(self) -> list[dict[str, Any]]:
        return [why for name in WHY if (why := coerce.members(self.data.get(name)))]

    def _why_status_changed(self) -> str:
        asked = "\n".join(question.question for question in self.question)
        return asked or self.explanation or self.status or ""


def message_of(activity: Activity, execution_id: str) -> str | None:
    """Return the text of a user's message that has arrived in this execution, None if it is none.

    An activity without an execution ID belongs to the execution it was listed for.
    """
    words = activity.data.get("message")
    is_message = activity.kind == ActivityKind.USER_MESSAGE and isinstance(words, str)
    return (
        words
        if is_message and activity.execution_id.lower() in {"", execution_id.lower()}
        else None
    )


class Activities(tuple[Activity, ...]):
    """Activities of one execution, in the requested order.

    It is a tuple of `Activity`, and so is a slice of it.
    """

    __slots__ = ()

    def to_frame(self) -> Any:
        """Return the activities as a data frame, one row each, also if there are none.

        Returns
        -------
        pandas.DataFrame
            Its columns are attributes of `Activity`: `timestamp` is in UTC, `duration` in seconds,
            `is_system` a truth value; all others are text. What is unknown is missing.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        frame = to_frame(([getattr(one, name) for name in COLUMNS] for one in self), COLUMNS)
        types = {"timestamp": "datetime64[us, UTC]", "duration": "float64", "is_system": "bool"}
        moments = [one.timestamp and one.timestamp.astimezone(UTC) for one in self]
        return frame.assign(timestamp=moments).astype(
            {name: types.get(name, "object") for name in COLUMNS}
        )

    @overload
    def __getitem__(self, at: SupportsIndex) -> Activity: ...
    @overload
    def __getitem__(self, at: slice) -> "Activities": ...
    def __getitem__(self, at: SupportsIndex | slice) -> "Activity | Activities":
        if isinstance(at, slice):
            return Activities(super().__getitem__(at))
        return super().__getitem__(at)

    def __reversed__(self) -> Iterator[Activity]:
        # Otherwise Python would call `__getitem__` for each.
        return reversed(tuple(self))


def _question(item: dict[str, Any]) -> Question:
    options = item.get("options")
    return Question(
        question=coerce.text(item.get("question")) or "",
        header=coerce.text(item.get("header")) or "",
        multi_select=item.get("multiSelect") is True,
        options=tuple(
            Option(label, coerce.text(option.get("description")) or "")
            for option in (options if isinstance(options, list) else ())
            if isinstance(option, dict) and (label := coerce.text(option.get("label")))
        ),
    )


def read_activity(body: dict[str, Any]) -> Activity:
    """Return the activity that a JSON object describes; any member may be missing."""
    payload = coerce.members(body.get("payload"))
    data = {} if payload is None else payload.copy()
    kind = data.pop("activityType", None)
    older = data.get("data")
    if isinstance(older, dict):
        del data["data"]
        data = {**older, **data}
    if body.keys() - MEMBERS:
        data = {name: body[name] for name in body.keys() - MEMBERS} | data
    if payload is None and "payload" in body:
        data["payload"] = body["payload"]
    return Activity(
        coerce.text(body.get("id")) or "",
        coerce.text(body.get("executionId")) or "",
        coerce.moment(body.get("timestamp")),
        kind if isinstance(kind, str) else "",
        data,
    )
