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

    What the server did not send is None, or ``""`` for `id`, `workflow_name` and `status`.

    Attributes
    ----------
    id : str
        Its ID.
    workflow_id : str or None
        The ID of its workflow.
    workflow_name : str
        The name of its workflow.
    status : str
        Such as ``"running"``, ``"paused_by_agent"`` or ``"completed"``; the server may have more.
    created_at : datetime or None
        When it was created (aware).
    started_at : datetime or None
        When it started (aware).
    terminal_at : datetime or None
        When it ended (aware).
    duration : float or None
        How long it ran, in seconds; of one that has ended.
    outcome : str or None
        How it ended, such as ``"success"``.
    reasoning : str or None
        Why it ended so, in the words of the agent.
    result : object
        What it returned: any JSON.
    inputs : mapping or None
        What it was started with.
    metadata : mapping or None
        Names and values that its creator gave it.
    live_view_url : str or None
        Where you can watch its browser.
    recording_url : str or None
        Where you can watch its recording.
    platform_url : str or None
        Its page at Asteroid.
    profile_name : str or None
        The name of its agent profile.
    data : mapping
        Every other member of the JSON, by its own name.

    Notes
    -----
    Older servers name the members differently (``agentId``, ``agentName``): both are read.
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
    """Executions, in the order of the server's list; shown as a table.

    It is a tuple of `Execution`, and so is a slice of it.
    """

    __slots__ = ()

    def to_frame(self) -> Any:
        """Return the executions as a data frame, one row each.

        Returns
        -------
        pandas.DataFrame
            Its columns are the fields of `Execution`, except `data`.

        Raises
        ------
        ImportError
            If pandas is not installed.
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
