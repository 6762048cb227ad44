"""Activities as records, even if the server leaves out, adds or changes members."""

import pickle
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest
from asteroid_odyssey import AgentsExecutionCancelReason
from hypothesis import given, settings
from hypothesis import strategies as st

from asteroid_magic import Activities, Option, Question
from asteroid_magic.models.activities import CANCEL_WORDS, COLUMNS, Activity, read_activity
from asteroid_magic.models.executions import read_execution
from asteroid_magic.models.watch import Transcript, WatchResult

ASKED = {
    "questions": [
        {
            "question": "Which?",
            "header": "Time",
            "multiSelect": True,
            "options": [{"label": "A", "description": "first"}, {"label": "B"}, {"no": 1}, 5],
        },
        {"header": "no question"},
        None,
    ]
}


# Its types are not installed.
pandas: Any = import_module("pandas")


def activity(kind: Any = "generic", **members: Any) -> Activity:
    payload = {"activityType": kind, **members}
    return read_activity({"id": "a", "executionId": "e", "timestamp": "x", "payload": payload})


def test_an_activity_keeps_all_that_the_server_says() -> None:
    read = read_activity(
        {
            "id": "a-1",
            "executionId": "e-1",
            "timestamp": "2026-10-01T18:02:11.123456789Z",
            "region": "eu",
            "payload": {"activityType": "telepathy", "message": "hm", "strength": [1, {"x": None}]},
        }
    )
    assert (read.id, read.execution_id, read.kind) == ("a-1", "e-1", "telepathy")
    assert read.timestamp == datetime(2026, 10, 1, 18, 2, 11, 123456, tzinfo=UTC)
    assert read.text == "hm"
    assert read.data == {"message": "hm", "strength": [1, {"x": None}], "region": "eu"}
    assert pickle.loads(pickle.dumps(read)) == read
    assert hash(read) == hash(pickle.loads(pickle.dumps(read)))
    with pytest.raises(AttributeError):
        read.kind = "other"  # type: ignore[misc]


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize(
    ("kind", "members", "text"),
    [
        ("user_message_received", {"message": "hello", "userUUID": "u"}, "hello"),
        ("generic", {"message": "said"}, "said"),
        ("reasoning", {"reasoning": "I think"}, "I think"),
        ("step_started", {"stepNumber": 3}, "Step 3"),
        ("action_failed", {"message": "no", "actionName": "nav_to"}, "no"),
        (
            "todos_updated",
            {"todos": [{"content": "one", "status": "pending"}, 5]},
            "[pending] one",
        ),
        ("transitioned_node", {"newNodeName": "Checkout"}, "Checkout"),
        ("file_added", {"fileName": "a.pdf", "fileSize": 3}, "a.pdf"),
        ("terminal", {"reason": "complete", "message": "over"}, "over"),
        ("terminal", {"reason": "complete"}, "complete"),
        ("status_changed", {"status": "running"}, "running"),
        ("status_changed", {"status": "failed", "failedPayload": {"reason": "crash"}}, "crash"),
        (
            "status_changed",
            {"status": "completed", "completedPayload": {"reasoning": "done"}},
            "done",
        ),
        (
            "status_changed",
            {"status": "awaiting_confirmation", "awaitingConfirmationPayload": {"reason": "pay?"}},
            "pay?",
        ),
        ("status_changed", {"pausedPayload": {"reason": "stuck", "question": ASKED}}, "Which?"),
        ("compaction_started", {"display": {"summaryText": "Tidying up"}}, "Tidying up"),
        ("compaction_started", {}, ""),
    ],
)
def test_its_words_are_found_beside_the_type_and_under_data(
    kind: str, members: dict[str, Any], text: str, *, older: bool
) -> None:
    read = activity(kind, **({"data": members} if older else members))
    assert read.text == text
    assert read.data == members


def test_what_lies_beside_the_type_stands_before_what_lies_under_data() -> None:
    assert activity(message="new", data={"message": "old", "more": 1}).data == {
        "message": "new",
        "more": 1,
    }
    assert activity(data="no object").data == {"data": "no object"}


def test_a_pause_has_its_questions_with_their_options() -> None:
    read = activity("status_changed", status="paused_by_agent", pausedPayload={"question": ASKED})
    options = (Option("A", "first"), Option("B", ""))
    assert read.question == (Question("Which?", "Time", multi_select=True, options=options),)
    assert read.status == "paused_by_agent"
    assert activity("status_changed", pausedPayload={"reason": "r"}).question == ()
    assert activity("status_changed", pausedPayload={"reason": "r"}).reason == "r"


@pytest.mark.parametrize("name", ["util_send_user_message", "send_user_message"])
def test_the_agent_speaks_by_its_newer_and_its_older_action(name: str) -> None:
    spoken = activity(
        "action_completed", actionName=name, message="hi", duration=1500, actionId="i"
    )
    assert spoken.speaks_to_user
    assert (spoken.action_name, spoken.action_id, spoken.duration) == (name, "i", 1.5)
    assert not activity("action_failed", actionName=name).speaks_to_user
    assert not activity("action_completed", actionName="nav_to").speaks_to_user


SCALARS = st.sampled_from(
    [None, True, 0, -1.5, float("nan"), float("inf"), 10**400, "", "x", "\ud800", "2026-13-99"]
)
NAMES = st.sampled_from(
    [
        *("id", "executionId", "timestamp", "payload", "activityType", "data", "message", "status"),
        *("todos", "pausedPayload", "question", "questions", "options", "label", "display"),
        *("summaryText", "duration", "actionName", "stepNumber", "executionResult", "createdAt"),
        *("inputs", "workflowName", "agentName", "content", "reason", "\x00"),
        *("outcome", "fromNodeSummary", "failedPayload", "cancelledPayload", "os_error"),
        *("presentationLevel", "purgedAt", "liveViewUrl", "platformUrl", "startedAt"),
    ]
)
ODD = st.recursive(
    SCALARS,
    lambda inner: st.dictionaries(NAMES, inner, max_size=4) | st.lists(inner, max_size=2),
    max_leaves=12,
)


# The first one loads pandas and the templates.
@settings(deadline=None)
@given(st.dictionaries(NAMES, ODD, max_size=6))
def test_no_object_breaks_a_reader(body: dict[str, Any]) -> None:
    read = read_activity(body)
    assert isinstance(read.text, str)
    assert isinstance(read.question, tuple)
    assert len(read.todos) == len(read.todo_outcomes)
    assert isinstance(read.explanation, str)
    assert isinstance(read.is_system, bool)
    assert not (read.is_end and read.is_system)
    _ = (read.node_summary, Activities([read]).to_frame())
    _ = (read.status, read.reason, read.duration, read.action_name, read.speaks_to_user, repr(read))
    execution = read_execution(body)
    assert isinstance(execution.id, str)
    assert execution.phase is None or isinstance(execution.phase, str)
    _ = (execution.is_waiting, execution.short_id, repr(execution), execution.purged_at)
    shown = Transcript(execution=execution, activities=Activities([read, read]))
    assert shown.as_text()
    assert shown._repr_html_()


def test_activities_are_reversed_like_a_tuple() -> None:
    some = [activity(message=text) for text in ("one", "two", "three")]
    assert list(reversed(Activities(some))) == some[::-1]
    assert not list(reversed(Activities()))


def test_a_slice_of_activities_is_one_of_them_again() -> None:
    some = Activities([activity(message="one"), activity(message="two")])
    assert isinstance(some[1:], Activities)
    assert [each.text for each in some[::-1]] == ["two", "one"]
    assert some[0].text == "one"


@pytest.mark.parametrize("stamp", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_moment_that_utc_has_no_date_for_is_none_and_its_card_is_drawn(stamp: str) -> None:
    activity = read_activity({"id": "a", "timestamp": stamp, "payload": {"activityType": "x"}})
    assert activity.timestamp is None
    assert read_execution({"id": "e", "createdAt": stamp}).created_at is None
    heard = WatchResult(
        execution_id="e", ending="time", activities=Activities([activity]), elapsed=1.0
    )
    assert "Not over yet" in heard.as_text()


CANCELLED = {
    "timeout": "It reached its time limit.",
    "max_steps": "It reached its limit of steps.",
    "user_requested": "A user cancelled it.",
    "script_failed": "A script of the workflow failed.",
    "no_activity": "It did nothing for too long.",
    "budget_exceeded": "It exceeded its budget.",
    "no_warm_environment": "No environment was ready for it.",
    "worker_lost": "Asteroid lost the worker that ran it.",
    "some_new_reason": "some_new_reason",
}


def both_forms(kind: str, **members: Any) -> list[Activity]:
    """Return the activity with its members beside the type, and under ``data``."""
    return [activity(kind, **members), activity(kind, data=members)]


def test_the_reasons_of_the_contract_are_all_in_words() -> None:
    assert {one.value for one in AgentsExecutionCancelReason} == set(CANCEL_WORDS)


@pytest.mark.parametrize("reason", CANCELLED)
def test_the_reason_of_a_cancellation_is_in_words(reason: str) -> None:
    why = {"reason": reason}
    for read in both_forms("status_changed", status="cancelled", cancelledPayload=why):
        assert read.text == read.explanation == CANCELLED[reason]
        assert read.reason == reason
    # Elsewhere, the same word is what the agent says.
    for read in both_forms("status_changed", status="paused", pausedPayload=why):
        assert read.text == reason


def test_a_failure_names_the_error_of_the_system() -> None:
    why = {"reason": "It broke.", "os_error": {"message": "No space left"}}
    for read in both_forms("status_changed", status="failed", failedPayload=why):
        assert read.explanation == "It broke.\nSystem error: No space left"
        assert read.reason == "It broke."
    for error, words in [
        ({"os_error": {"message": "No space left"}}, "System error: No space left"),
        ({"reason": "No space left.", "os_error": {"message": "No space left"}}, "No space left."),
        ({"reason": "x", "os_error": {"message": 5}}, "x"),
        ({"reason": "x", "os_error": "No space left"}, "x"),
        ({"os_error": None}, ""),
        ("broken", ""),
    ]:
        for read in both_forms("status_changed", status="failed", failedPayload=error):
            assert read.explanation == words


def test_to_dos_have_outcomes_and_a_finished_node_has_its_summary() -> None:
    todos = [{"content": "a", "status": "completed", "outcome": "done well"}, {"outcome": 1}, 5]
    for read in both_forms("todos_updated", todos=todos):
        assert read.todos == (("a", "completed"), ("", ""))
        assert read.todo_outcomes == ("done well", "")
    for read in both_forms("transitioned_node", newNodeName="Pay", fromNodeSummary="All found"):
        assert (read.text, read.node_summary) == ("Pay", "All found")
    assert activity("transitioned_node", fromNodeSummary=7).node_summary is None


@pytest.mark.parametrize(
    ("display", "is_system"),
    [
        ({"presentationLevel": "system"}, True),
        ({"presentationLevel": "primary"}, False),
        ({"presentationLevel": ["system"]}, False),
        ("system", False),
        (None, False),
    ],
)
def test_what_is_for_machines_is_marked(display: object, is_system: bool) -> None:
    for read in both_forms("generic", message="x", display=display):
        assert read.is_system == is_system


def test_the_end_of_a_stream_is_no_end_of_the_execution() -> None:
    for reason in ("complete", "error", "gone", None, ["unsubscribe"]):
        for read in both_forms("terminal", reason=reason):
            assert read.is_end
            assert not read.is_system
    for read in both_forms("terminal", reason="unsubscribe"):
        assert not read.is_end
        assert read.is_system
    for read in both_forms("generic", reason="unsubscribe"):
        assert not read.is_end
        assert not read.is_system


def test_a_frame_has_a_row_for_each_activity() -> None:
    listed = Activities(
        read_activity({"id": str(n), "executionId": "e", "timestamp": moment, "payload": payload})
        for n, (moment, payload) in enumerate(
            [
                ("2026-10-01T20:02:11.5+02:00", {"activityType": "generic", "message": "hm"}),
                ("nonsense", {"activityType": "status_changed", "status": "failed"}),
                ("0001-01-01T00:00:00Z", {"activityType": "action_completed", "duration": 1500}),
            ]
        )
    )
    frame = listed.to_frame()
    assert list(frame["id"]) == ["0", "1", "2"]
    assert list(frame["text"]) == ["hm", "failed", ""]
    assert frame["timestamp"][0] == datetime(2026, 10, 1, 18, 2, 11, 500_000, tzinfo=UTC)
    assert pandas.isna(frame["timestamp"][1])
    assert frame["duration"][2] == 1.5
    assert pandas.isna(frame["duration"][0])
    assert frame["status"][0] is None or pandas.isna(frame["status"][0])
    assert frame["is_system"].sum() == 0
    types = {
        "id": "object",
        "timestamp": "datetime64[us, UTC]",
        "duration": "float64",
        "is_system": "bool",
    }
    execution = read_execution({"id": "one"})
    shown = Transcript(execution=execution, activities=listed)
    assert shown.to_frame().equals(frame)
    for each in (frame, Activities().to_frame(), listed[:0].to_frame(), listed[1:2].to_frame()):
        assert list(each.columns) == list(COLUMNS)
        assert {name: str(each[name].dtype) for name in types} == types
    # Such a column sorts, filters and subtracts.
    assert (frame["timestamp"] > "2020-01-01").sum() == 1


def test_a_frame_has_odd_values_as_they_are() -> None:
    odd = [activity(kind, message="\ud800\x1b", duration=10**400) for kind in ("", "x", 5)]
    frame = Activities(odd).to_frame()
    assert list(frame["text"]) == ["\ud800\x1b"] * 3
    assert frame["duration"].isna().all()
