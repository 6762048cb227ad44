"""What the sandbox knows: executions, their messages and their activities.

Nothing here speaks HTTP. Every method may be called from any thread.
"""

import threading
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from . import activities
from .activities import Payload
from .executions import PHASES, Execution, ExecutionSnapshot
from .file_store import FileStore, StoredFile

EMAIL = "you@sandbox.invalid"
"""The user of the sandbox; no mail server has a name under ``invalid`` (RFC 2606)."""


class UnknownExecutionError(LookupError):
    """No execution has this ID."""


class ForeignExecutionError(PermissionError):
    """The execution belongs to another account."""


class FinishedExecutionError(ValueError):
    """The execution is over and accepts no more messages."""


class WrongStatusError(ValueError):
    """The execution's status does not allow the request."""


class World:
    """The account's executions and one of another account, behind one lock."""

    def __init__(self, executions: Iterable[Execution]) -> None:
        self._lock = threading.RLock()
        self._executions = {execution.id: execution for execution in executions}
        self.files = FileStore()
        self._organization_id = str(uuid.uuid4())
        self._user_id = str(uuid.uuid4())
        self._key_id = str(uuid.uuid4())

    def add(self, executions: Iterable[Execution]) -> tuple[ExecutionSnapshot, ...]:
        """Add executions, and return their snapshots."""
        with self._lock:
            added = {execution.id: execution for execution in executions}
            self._executions |= added
            return tuple(execution.snapshot() for execution in added.values())

    def snapshots(self) -> tuple[ExecutionSnapshot, ...]:
        """Return the account's executions as they are now, in the order of their creation."""
        with self._lock:
            return tuple(execution.snapshot() for execution in self._own())

    def messages(self, execution_id: str) -> list[str]:
        """Return the exact texts that an execution was sent, oldest first.

        Raises :class:`UnknownExecutionError`.
        """
        with self._lock:
            return list(self._find(execution_id).messages)

    def foreign_id(self) -> str:
        """Return the ID of the execution that belongs to another account."""
        with self._lock:
            return next(each.id for each in self._executions.values() if each.foreign)

    def receive(self, execution_id: str, text: str) -> None:
        """Add a user's message to an execution.

        Raises :class:`UnknownExecutionError`, :class:`ForeignExecutionError` or
        :class:`FinishedExecutionError`; then nothing is kept.
        """
        with self._lock:
            execution = self._find_own(execution_id)
            if PHASES[execution.status] == "terminal":
                raise FinishedExecutionError(execution.status)
            execution.messages.append(text)
            received = activities.user_message_received(text, self._user_id)
            execution.add(received, datetime.now(UTC))

    def accepting(self, execution_id: str) -> str:
        """Return the workflow of an execution that still accepts files.

        Raises what :meth:`receive` raises.
        """
        with self._lock:
            execution = self._find_own(execution_id)
            if PHASES[execution.status] == "terminal":
                raise FinishedExecutionError(execution.status)
            return execution.workflow_id

    def save(self, execution_id: str, name: str, body: bytes) -> None:
        """Let the agent save a file among the downloads, and report it."""
        with self._lock:
            execution = self._find(execution_id)
            now = datetime.now(UTC)
            file = StoredFile(
                execution.id, execution.workflow_id, "downloads", name, body, created_at=now
            )
            self.files.add(file)
            url = self.files.signed_url(file)
            self.record(
                execution.id,
                activities.file_added(file.id, name, file.mime_type, len(body), url),
            )

    def pause(self, execution_id: str) -> str:
        """Pause an execution that is at work, and return its status.

        Raises :class:`WrongStatusError` for one that waits or is over, and what :meth:`describe`
        raises.
        """
        with self._lock:
            execution = self._find_own(execution_id)
            if execution.status != "paused":
                _require(execution, {"queued", "starting", "running"})
                reason = {"reason": "A user paused the execution"}
                self.record(execution.id, activities.status_changed("paused", pausedPayload=reason))
            return execution.status

    def resume(self, execution_id: str) -> str:
        """Resume a paused execution, and return its status; raises what :meth:`pause` raises."""
        with self._lock:
            execution = self._find_own(execution_id)
            if execution.status != "running":
                _require(execution, {"paused"})
                self.record(execution.id, activities.status_changed("running"))
            return execution.status

    def cancel(self, execution_id: str) -> str:
        """Cancel an execution for good, and return its status; raises what :meth:`pause` raises."""
        with self._lock:
            execution = self._find_own(execution_id)
            if execution.status != "cancelled":
                _require(execution, {name for name in PHASES if PHASES[name] != "terminal"})
                execution.cancel("user_requested", datetime.now(UTC))
            return execution.status

    def record(self, execution_id: str, *payloads: Payload) -> None:
        """Add activities; one with a status changes the execution's status."""
        with self._lock:
            execution = self._find(execution_id)
            for payload in payloads:
                execution.status = payload.get("status", execution.status)
                execution.add(payload, datetime.now(UTC))

    def complete(self, execution_id: str, reason: str, result: Any) -> None:
        """Finish an execution with success, its result and the activities that report it."""
        with self._lock:
            self._find(execution_id).complete(reason, result, datetime.now(UTC))

    def activities(self, execution_id: str) -> list[Payload]:
        """Return an execution's activities, oldest first.

        Raises :class:`UnknownExecutionError` or :class:`ForeignExecutionError`.
        """
        with self._lock:
            return list(self._find_own(execution_id).activities)

    def describe(self, execution_id: str) -> Payload:
        """Return an execution as the contract's JSON.

        Raises :class:`UnknownExecutionError` or :class:`ForeignExecutionError`.
        """
        with self._lock:
            return self._describe(self._find_own(execution_id))

    def describe_all(self) -> list[Payload]:
        """Return the account's executions as the contract's JSON."""
        with self._lock:
            return [self._describe(execution) for execution in self._own()]

    def describe_user(self) -> Payload:
        """Return the sandbox's one user, as ``whoami`` tells whose the key is."""
        return {
            "kind": "person",
            "id": self._user_id,
            "organizationId": self._organization_id,
            "apiKeyId": self._key_id,
            "credential": "user_api_key",
            "person": {"id": self._user_id, "email": EMAIL},
        }

    def _describe(self, execution: Execution) -> Payload:
        return execution.describe(self._organization_id, {"userId": self._user_id, "email": EMAIL})

    def _own(self) -> list[Execution]:
        return [each for each in self._executions.values() if not each.foreign]

    def _find(self, execution_id: str) -> Execution:
        # A UUID means the same in capitals (RFC 9562).
        execution = self._executions.get(execution_id.lower())
        if execution is None:
            raise UnknownExecutionError(
                f"There is no execution {execution_id!r} in this sandbox. "
                "Take an ID from its `executions`.",
            )
        return execution

    def _find_own(self, execution_id: str) -> Execution:
        execution = self._find(execution_id)
        if execution.foreign:
            raise ForeignExecutionError(execution_id)
        return execution


def _require(execution: Execution, statuses: set[str]) -> None:
    if execution.status not in statuses:
        raise WrongStatusError(execution.status)
