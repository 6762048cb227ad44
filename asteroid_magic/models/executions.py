"""`Execution`: a run of an agent, read leniently, and a list of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Literal, SupportsIndex, overload

from ..display import Displayable
from ..frame import to_frame
from . import coerce

PHASES = {
    "queued": "pending",
    "starting": "active",
    "running": "active",
    "awaiting_confirmation": "active",
    "paused": "active",
    "paused_by_agent": "active",
    "completed": "terminal",
    "cancelled": "terminal",
    "failed": "terminal",
}
# What an execution with this status waits for: the user's answer, or confirmation.
WAITING: Mapping[str, Literal["asks", "confirm"]] = {
    "paused_by_agent": "asks",
    "awaiting_confirmation": "confirm",
}
# How users read a status.
STATUS_WORDS = {
    "queued": "queued",
    "starting": "starting",
    "running": "running",
    "awaiting_confirmation": "waits for confirmation",
    "paused": "paused",
    "paused_by_agent": "waits for you",
    "completed": "finished",
    "cancelled": "cancelled",
    "failed": "failed",
}
SHORT_ID = 8


@dataclass(frozen=True, kw_only=True)
class Execution:
    """A run of an agent, as it was when it was read.

    What the server did not send is None, or ``""`` for `id`, `workflow_name` and `status`. Times
    are aware: `created_at`, `started_at`, and `terminal_at` for its end. `duration` is in seconds.
    `outcome`, `reasoning` and `result` belong to an execution that has ended. `workflow_id`,
    `inputs`, `metadata`, `profile_name`, `live_view_url`, `recording_url` and `platform_url` are
    the contract's members with those names; `data` holds every other member by its own name.
    """

    id: str
    workflow_id: str | None = None
    workflow_name: str = ""
    status: str = ""
    created_at: datetime | None = None
    started_at: datetime | None = None
    terminal_at: datetime | None = None
    duration: float | None = None
    outcome: str | None = None
    reasoning: str | None = field(default=None, repr=False)
    result: Any = field(default=None, repr=False, hash=False)
    inputs: Mapping[str, Any] | None = field(default=None, repr=False, hash=False)
    metadata: Mapping[str, Any] | None = field(default=None, repr=False, hash=False)
    live_view_url: str | None = field(default=None, repr=False)
    recording_url: str | None = field(default=None, repr=False)
    platform_url: str | None = field(default=None, repr=False)
    profile_name: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)

    @property
    def phase(self) -> str | None:
        """``"pending"``, ``"active"`` or ``"terminal"``; None for an unknown status."""
        return PHASES.get(self.status)

    @property
    def is_waiting(self) -> bool:
        """Return True if it waits for the user's answer or confirmation."""
        return self.status in WAITING

    @property
    def is_purged(self) -> bool:
        """Return True if Asteroid has deleted its activities, inputs, files and recordings."""
        return bool(coerce.text(self.data.get("purgedAt")))

    @property
    def purged_at(self) -> datetime | None:
        """When those were deleted (aware); None if they were not, or if the time is unknown."""
        return coerce.moment(self.data.get("purgedAt"))

    @property
    def short_id(self) -> str:
        """The beginning of the ID, enough for a reader to recognize it."""
        return self.id[:SHORT_ID]


def status_words(status: str) -> str:
    """Return a status in words; of one that this version does not know, the server's own."""
    return STATUS_WORDS.get(status) or " ".join(status.replace("_", " ").split()) or "unknown"


class Executions(Displayable, tuple[Execution, ...]):
    """Executions, in the order of the server's list; shown as a table."""

    __slots__ = ()

    def to_frame(self) -> Any:
        """Return a `pandas.DataFrame`, one row per execution, with all fields except `data`.

        Raises `ImportError` if pandas is not installed.
        """
        columns = [each.name for each in fields(Execution) if each.name != "data"]
        rows = ([getattr(execution, name) for name in columns] for execution in self)
        return to_frame(rows, columns)

    def __str__(self) -> str:
        return self.as_text()

    @overload
    def __getitem__(self, at: SupportsIndex) -> Execution: ...
    @overload
    def __getitem__(self, at: slice) -> "Executions": ...
    def __getitem__(self, at: SupportsIndex | slice) -> "Execution | Executions":
        if isinstance(at, slice):
            return Executions(super().__getitem__(at))
        return super().__getitem__(at)


def read_execution(body: dict[str, Any]) -> Execution:
    """Return the execution that a JSON object describes; any member may be missing."""
    rest = dict(body)
    take = rest.pop
    result = coerce.members(rest.get("executionResult"))
    if result is not None:
        del rest["executionResult"]
    told = result or {}
    older_id, older_name = take("agentId", None), take("agentName", None)
    older_profile = take("agentProfileName", None)
    older_view, older_recording = (
        coerce.text(take(f"browser{name}Url", None)) for name in ("LiveView", "Recording")
    )
    return Execution(
        id=coerce.text(take("id", None)) or "",
        workflow_id=coerce.text(take("workflowId", None)) or coerce.text(older_id),
        workflow_name=coerce.text(take("workflowName", None)) or coerce.text(older_name) or "",
        status=coerce.text(take("status", None)) or "",
        created_at=coerce.moment(take("createdAt", None)),
        started_at=coerce.moment(take("startedAt", None)),
        terminal_at=coerce.moment(take("terminalAt", None)),
        duration=coerce.number(take("duration", None)),
        outcome=coerce.text(told.get("outcome")),
        reasoning=coerce.text(told.get("reasoning")),
        result=told.get("result"),
        inputs=coerce.members(take("inputs", None)),
        metadata=coerce.members(take("metadata", None)),
        live_view_url=coerce.text(take("liveViewUrl", None)) or older_view,
        recording_url=coerce.text(take("recordingUrl", None)) or older_recording,
        platform_url=coerce.text(take("platformUrl", None)),
        profile_name=coerce.text(take("profileName", None)) or coerce.text(older_profile),
        data=rest,
    )
