"""One execution: its status, its past and its JSON."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from . import activities
from .activities import Payload

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
"""The phase of every status, as the vendor's client documents it."""

BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class ExecutionSnapshot:
    """What one execution was when you looked.

    Attributes
    ----------
    id : str
        Its ID.
    workflow_name : str
        The name of its workflow.
    status : str
        Its status, as Asteroid names it.
    question : str or None
        What it asks, while it waits for an answer.
    options : tuple of str
        The labels of the suggested answers.
    """

    id: str
    workflow_name: str
    status: str
    question: str | None = None
    options: tuple[str, ...] = ()


@dataclass
class Execution:
    """One execution as `World` keeps it; only `World` touches it, under its lock."""

    workflow_name: str
    status: str
    created_at: datetime
    inputs: dict[str, Any]
    foreign: bool = False
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    workflow_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    version_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    terminal_at: datetime | None = None
    result: Payload | None = None
    messages: list[str] = field(default_factory=list)
    activities: list[Payload] = field(default_factory=list)
    latest: datetime = BEFORE_ALL
    purged_at: datetime | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    profile_id: str | None = None

    def add(self, payload: Payload, moment: datetime) -> None:
        """Append an activity, never earlier than the one before it."""
        self.latest = max(moment, self.latest + timedelta(microseconds=1))
        self.activities.append(
            {
                "id": str(uuid.uuid4()),
                "executionId": self.id,
                "timestamp": stamp(self.latest),
                "payload": payload,
            },
        )

    def complete(self, reason: str, result: Any, moment: datetime) -> None:
        """Finish with success, and add the activities that report it."""
        told = {"outcome": "success", "reasoning": reason, "result": result}
        self.status, self.terminal_at = "completed", moment
        identity = {"id": str(uuid.uuid4()), "executionId": self.id, "createdAt": stamp(moment)}
        self.result = identity | told
        self.add(activities.status_changed("completed", completedPayload=told), moment)
        self.add(activities.terminal(), moment)

    def cancel(self, reason: str, moment: datetime) -> None:
        """End before the work is done, and add the activities that report it.

        ``reason`` is one of the contract's.
        """
        self.status, self.terminal_at = "cancelled", moment
        why = {"reason": reason}
        self.add(activities.status_changed("cancelled", cancelledPayload=why), moment)
        self.add(activities.terminal("complete", "Execution cancelled"), moment)

    def fail(self, reason: str, os_error: str, moment: datetime) -> None:
        """End because of an error, and add the activities that report it."""
        self.status, self.terminal_at = "failed", moment
        why = {"reason": reason, "os_error": {"message": os_error}}
        self.add(activities.status_changed("failed", failedPayload=why), moment)
        self.add(activities.terminal("error", "Execution failed"), moment)

    def purge(self, moment: datetime) -> None:
        """Delete what it did, and what it was given."""
        self.purged_at = moment
        self.activities.clear()
        self.inputs = {}

    def snapshot(self) -> ExecutionSnapshot:
        """Return what a user of the sandbox sees of it."""
        question, options = self._pending_question()
        return ExecutionSnapshot(self.id, self.workflow_name, self.status, question, options)

    def _pending_question(self) -> tuple[str | None, tuple[str, ...]]:
        if self.status == "paused_by_agent":
            for activity in reversed(self.activities):
                paused = activity["payload"].get("pausedPayload")
                if paused and "question" in paused:
                    asked = paused["question"]["questions"][0]
                    return asked["question"], tuple(one["label"] for one in asked["options"])
        return None, ()

    def describe(self, organization_id: str, runner: Payload) -> Payload:
        """Return the execution as the contract's JSON, the same in a list and alone.

        ``runner`` is the user who has started it.
        """
        created = stamp(self.created_at)
        described: Payload = {
            "id": self.id,
            "agentId": self.workflow_id,
            "agentName": self.workflow_name,
            "workflowId": self.workflow_id,
            "workflowName": self.workflow_name,
            "workflowVersionId": self.version_id,
            "workflowVersion": 1,
            "organizationId": organization_id,
            "status": self.status,
            "createdAt": created,
            "startedAt": created,
            "inputs": self.inputs,
            "metadata": {"source": "sandbox"} | self.metadata,
            "triggerContext": {"source": "api", "runner": runner},
            "humanLabels": [],
            "comments": [],
            "hasBeenRerun": False,
        }
        if self.profile_id is not None:
            described["profileId"] = self.profile_id
        if self.terminal_at is not None:
            lasted = self.terminal_at - self.created_at
            described["terminalAt"] = stamp(self.terminal_at)
            described["duration"] = lasted.total_seconds()
        if self.result is not None:
            described["executionResult"] = self.result
        if self.purged_at is not None:
            described["purgedAt"] = stamp(self.purged_at)
        return described


def stamp(moment: datetime) -> str:
    """Return a moment in UTC as the service writes it: RFC 3339 with ``Z``."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
