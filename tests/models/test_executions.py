"""Executions as records."""

import pickle
from datetime import UTC, datetime

import pytest

from asteroid_magic import Execution, Executions
from asteroid_magic.models.executions import read_execution

NEWER = {
    "id": "3f2a9c1e-7b44-4d0a-9a53-0c1f6b2e8d71",
    "workflowId": "w-1",
    "workflowName": "Book a table",
    "agentId": "w-0",
    "agentName": "older",
    "status": "completed",
    "createdAt": "2026-10-01T18:02:11Z",
    "startedAt": "2026-10-01T20:02:12.5+02:00",
    "terminalAt": "2026-10-01T18:04:11",
    "duration": 119.5,
    "executionResult": {"outcome": "success", "reasoning": "well", "result": {"n": 1}, "id": "r"},
    "inputs": {"guests": 4},
    "metadata": {"source": "test"},
    "liveViewUrl": "https://a.example/live",
    "recordingUrl": "https://a.example/rec",
    "platformUrl": "https://a.example/x",
    "profileName": "guest",
    "mood": "fine",
}


def test_an_execution_has_every_field_of_the_contract() -> None:
    read = read_execution(dict(NEWER))
    assert read == Execution(
        id="3f2a9c1e-7b44-4d0a-9a53-0c1f6b2e8d71",
        workflow_id="w-1",
        workflow_name="Book a table",
        status="completed",
        created_at=datetime(2026, 10, 1, 18, 2, 11, tzinfo=UTC),
        started_at=datetime(2026, 10, 1, 18, 2, 12, 500_000, tzinfo=UTC),
        terminal_at=datetime(2026, 10, 1, 18, 4, 11, tzinfo=UTC),
        duration=119.5,
        outcome="success",
        reasoning="well",
        result={"n": 1},
        inputs={"guests": 4},
        metadata={"source": "test"},
        live_view_url="https://a.example/live",
        recording_url="https://a.example/rec",
        platform_url="https://a.example/x",
        profile_name="guest",
        data={"mood": "fine"},
    )
    assert (read.phase, read.short_id, read.is_waiting) == ("terminal", "3f2a9c1e", False)
    assert pickle.loads(pickle.dumps(read)) == read
    assert {read: 1}[read_execution(dict(NEWER))] == 1


def test_the_older_names_are_read_too() -> None:
    read = read_execution({"agentId": "w", "agentName": "Sort", "agentProfileName": "p"})
    assert (read.workflow_id, read.workflow_name, read.profile_name) == ("w", "Sort", "p")


def test_what_is_missing_or_wrong_is_none() -> None:
    wrong = dict.fromkeys(NEWER, 5) | {"duration": True, "executionResult": "late"}
    for read in (read_execution({}), read_execution(dict(wrong))):
        assert (read.id, read.status, read.workflow_name) == ("", "", "")
        assert (read.created_at, read.duration, read.inputs, read.phase) == (None,) * 4
    assert read_execution(dict(wrong)).data["executionResult"] == "late"


@pytest.mark.parametrize(
    ("status", "phase", "waits"),
    [
        ("queued", "pending", False),
        ("paused_by_agent", "active", True),
        ("awaiting_confirmation", "active", True),
        ("paused", "active", False),
        ("failed", "terminal", False),
        ("dreaming", None, False),
    ],
)
def test_the_phase_follows_from_the_status(status: str, phase: str | None, *, waits: bool) -> None:
    read = Execution(id="x", status=status)
    assert (read.status, read.phase, read.is_waiting) == (status, phase, waits)


def test_a_slice_of_executions_is_one_of_them_again() -> None:
    some = Executions([Execution(id="a"), Execution(id="b")])
    assert isinstance(some[:1], Executions)
    assert some[-1].id == "b"


def test_an_execution_knows_when_it_was_purged() -> None:
    purged = read_execution({"purgedAt": "2026-10-01T18:02:11Z"})
    assert purged.is_purged
    assert purged.purged_at == datetime(2026, 10, 1, 18, 2, 11, tzinfo=UTC)
    unreadable = read_execution({"purgedAt": "last week"})
    assert (unreadable.is_purged, unreadable.purged_at) == (True, None)
    values: list[object] = [None, "", 0, {}, False]
    for value in values:
        kept = read_execution({"purgedAt": value})
        assert (kept.is_purged, kept.purged_at) == (False, None)
