"""One conversation: its status, its question and its activities, with few requests."""

from datetime import UTC, datetime, timedelta

import pytest

from asteroid_magic import AsteroidClient, Forbidden, NoAnswer, NotFound, RateLimited
from asteroid_magic.models.links import links_of
from asteroid_magic.monitor.monitor import Monitor
from asteroid_magic.sandbox import Sandbox
from tests.render.test_transcript import payload
from tests.support.monitors import OTHER, stepped
from tests.support.outcomes import ID
from tests.support.records import RecordServer
from tests.support.sandboxes import deliver, eventually

RUNNING = payload("status_changed", status="running")
ASKS = payload("status_changed", status="paused_by_agent", pausedPayload={"reason": "Which?"})
CONFIRM = payload(
    "status_changed",
    status="awaiting_confirmation",
    awaitingConfirmationPayload={"reason": "Pay 100 euros?"},
)
OVER = payload("status_changed", status="completed")
WORK = payload("reasoning", reasoning="hm")


def test_it_shows_the_question_of_an_execution_and_since_when_it_waits(
    server: RecordServer,
) -> None:
    server.happen(ID, ASKS, ago=240)
    server.execution = {"status": "paused_by_agent", "workflowName": "Book a table"}
    with stepped(server) as (monitor, log):
        shown = monitor.open()
        assert shown.access == "readable"
        assert shown.execution is not None
        assert shown.execution.workflow_name == "Book a table"
        assert [one.question for one in shown.question] == ["Which?"]
        assert shown.waits_for == "asks"
        assert shown.since is not None
        # The server's clock is known to a few seconds.
        assert timedelta(seconds=225) < monitor.start - shown.since < timedelta(seconds=275)
        assert len(log.requests) == 3


def test_an_execution_that_awaits_a_confirmation_shows_the_reason(server: RecordServer) -> None:
    server.happen(ID, CONFIRM)
    server.execution = {"status": "awaiting_confirmation"}
    with stepped(server) as (monitor, _):
        shown = monitor.open()
        assert shown.waits_for == "confirm"
        assert shown.question[0].question == "Pay 100 euros?"


def test_a_look_without_news_takes_one_request(server: RecordServer) -> None:
    server.happen(ID, RUNNING)
    server.listed = [{"id": ID, "status": "running"}]
    with stepped(server) as (monitor, log):
        monitor.open()
        log.requests.clear()
        monitor.run(120)
        assert {path.partition("?")[0].rpartition("/")[2] for _, path in log.requests} == {
            "activities",
            "executions",
        }
        assert all("limit=10" in path for _, path in log.requests if "activities" in path)


def test_a_question_that_is_answered_elsewhere_disappears(server: RecordServer) -> None:
    server.happen(ID, ASKS, ago=60)
    server.execution = {"status": "paused_by_agent"}
    with stepped(server) as (monitor, _):
        assert monitor.open().question
        server.accept(ID, "the second")
        assert not monitor.shown(40).question
        server.happen(ID, RUNNING)
        server.execution = {"status": "running"}
        shown = monitor.shown(40)
        assert shown.waits_for is None
        assert shown.execution is not None
        assert shown.execution.status == "running"


def test_what_the_activities_do_not_tell_the_list_tells(server: RecordServer) -> None:
    server.happen(ID, RUNNING, ago=60)
    server.listed = [{"id": ID, "status": "running"}]
    with stepped(server) as (monitor, log):
        monitor.open()
        server.execution = {"status": "paused"}
        server.listed = [{"id": ID, "status": "paused"}]
        shown = monitor.shown(40)
        assert shown.execution is not None
        assert shown.execution.status == "paused"
        log.requests.clear()
        # A list that is behind costs no request more than once.
        server.listed = [{"id": ID, "status": "running"}]
        monitor.run(600)
        assert sum(path.endswith(ID) for _, path in log.requests) == 1


def test_a_question_below_a_hundred_activities_is_found(server: RecordServer) -> None:
    server.happen(ID, ASKS, ago=500)
    for number in range(150):
        server.happen(ID, WORK, ago=400 - number)
    server.execution = {"status": "paused_by_agent"}
    server.listed = [{"id": ID, "status": "paused_by_agent"}]
    with stepped(server) as (monitor, log):
        assert monitor.open().question[0].question == "Which?"
        log.requests.clear()
        assert monitor.shown(59).question
        assert all("limit=10" in path or "/executions?" in path for _, path in log.requests)
        server.accept(ID, "the second")
        assert not monitor.shown(35).question


def test_a_status_that_changes_while_it_is_opened_is_read_again(server: RecordServer) -> None:
    server.happen(ID, ASKS)
    with stepped(server) as (monitor, _):

        def change(path: str) -> None:
            if "activities" in path:
                server.execution = {"status": "paused_by_agent"}

        server.refuse = change
        shown = monitor.open()
        assert shown.waits_for == "asks"
        assert shown.question


def test_a_status_that_is_listed_late_does_not_replace_a_later_one(server: RecordServer) -> None:
    server.happen(ID, RUNNING, ago=60)
    server.listed = [{"id": ID, "status": "paused_by_agent"}]
    with stepped(server) as (monitor, _):
        monitor.open()
        server.execution = {"status": "paused_by_agent"}
        server.happen(ID, ASKS)
        assert monitor.shown(35).question
        server.happen(ID, RUNNING, ago=30)
        shown = monitor.shown(35)
        assert shown.waits_for == "asks"
        assert shown.question
        assert [one.status for one in shown.activities] == ["running", "running", "paused_by_agent"]


def test_one_that_is_not_on_a_full_list_is_not_read_for_that(server: RecordServer) -> None:
    server.listed = [{"id": str(number), "status": "running"} for number in range(100)]
    with stepped(server) as (monitor, log):
        monitor.open()
        log.requests.clear()
        monitor.run(100)
        assert not any(path.endswith(ID) for _, path in log.requests)


def test_an_execution_that_has_left_the_list_is_read_once(server: RecordServer) -> None:
    server.listed = [{"id": ID, "status": "running"}]
    with stepped(server) as (monitor, _):
        monitor.open()
        server.listed = []
        server.execution = {"status": "failed"}
        shown = monitor.shown(40)
        assert shown.is_over


def test_one_that_ends_is_read_no_further(server: RecordServer) -> None:
    server.happen(ID, RUNNING, ago=60)
    with stepped(server) as (monitor, log):
        monitor.open()
        server.happen(ID, OVER)
        shown = monitor.shown(60)
        assert shown.is_over
        assert not shown.doing
        log.requests.clear()
        monitor.run(300)
        assert log.requests
        assert all("/executions?" in path for _, path in log.requests)
        monitor.refresh()
        monitor.run()
        assert any("activities" in path for _, path in log.requests)


def test_ten_thousand_activities_open_with_the_newest_alone(server: RecordServer) -> None:
    server._activities = [
        {
            "id": str(number),
            "executionId": ID,
            "timestamp": (datetime.now(UTC) - timedelta(seconds=10_000 - number)).isoformat(),
            "payload": WORK,
        }
        for number in range(10_000)
    ]
    with stepped(server) as (monitor, log):
        shown = monitor.open()
        assert len(shown.activities) == 100
        assert shown.activities[-1].id == "9999"
        assert shown.has_older
        assert len(log.requests) == 3
        for _ in range(15):
            for _ in range(50):
                server.happen(ID, WORK)
            shown = monitor.shown(31)
        assert len(shown.activities) == 200


@pytest.mark.parametrize(
    ("status", "access"),
    [(404, "not_found"), (403, "forbidden"), (401, "unreadable"), (500, "unreadable")],
)
def test_it_tells_apart_why_it_cannot_be_read(
    server: RecordServer, status: int, access: str
) -> None:
    with stepped(server) as (monitor, log):
        monitor.choose(ID)
        assert monitor.state.conversation is None
        log.answer = status, {}
        shown = monitor.shown()
        first = monitor.states[0].conversation
        # Nothing is said about an ID before it was read.
        assert first is not None
        assert first.access == "unread"
        assert shown.access == access
        assert shown.error is not None
        assert shown.execution is None
        log.answer = None
        shown = monitor.shown(35)
        assert (shown.access, shown.error) == ("readable", None)


def test_an_execution_whose_activities_are_refused_is_still_known(server: RecordServer) -> None:
    def refuse(path: str) -> tuple[int, dict[str, str]] | None:
        return (403, {}) if "activities" in path else None

    with stepped(server) as (monitor, _):
        server.refuse = refuse
        shown = monitor.open()
        assert shown.access == "forbidden"
        assert isinstance(shown.error, Forbidden)
        assert shown.execution is not None


def test_a_purged_execution_is_no_unknown_one(server: RecordServer) -> None:
    server.happen(ID, ASKS)
    server.execution = {"status": "paused_by_agent"}
    with stepped(server) as (monitor, log):
        monitor.open()

        def refuse(path: str) -> tuple[int, dict[str, str]] | None:
            log.requests.append((monitor.time, path))
            return (404, {}) if "activities" in path else None

        server.refuse = refuse
        server.execution = {"status": "completed", "purgedAt": "2026-10-01T00:00:00Z"}
        shown = monitor.shown(40)
        assert shown.is_purged
        assert shown.is_over
        assert (shown.access, shown.error, shown.question) == ("readable", None, ())
        log.requests.clear()
        monitor.run(300)
        assert all("/executions?" in path for _, path in log.requests)
        assert monitor.open(OTHER).is_purged
        assert monitor.shown().activities == ()


def test_activities_that_are_missing_are_not_a_missing_execution(server: RecordServer) -> None:
    with stepped(server) as (monitor, _):
        server.refuse = lambda path: (404, {}) if "activities" in path else None
        shown = monitor.open()
        assert shown.access == "unreadable"
        assert shown.execution is not None


def test_one_that_is_deleted_while_it_is_open_is_not_found(server: RecordServer) -> None:
    server.happen(ID, ASKS)
    server.execution = {"status": "paused_by_agent"}
    with stepped(server) as (monitor, _):
        monitor.open()
        server.refuse = lambda path: (404, {}) if ID in path else None
        shown = monitor.shown(40)
        assert (shown.access, shown.question) == ("not_found", ())
        assert isinstance(shown.error, NotFound)


def test_a_lost_network_keeps_what_is_known_and_comes_back(server: RecordServer) -> None:
    server.happen(ID, ASKS)
    server.execution = {"status": "paused_by_agent"}
    with stepped(server) as (monitor, log):
        before = monitor.open()
        log.answer = 0, {}
        shown = monitor.shown(300)
        assert isinstance(shown.error, NoAnswer)
        assert (shown.access, shown.question) == ("readable", before.question)
        assert shown.updated_at is not None
        assert shown.updated_at < monitor.start + timedelta(seconds=35)
        log.answer = None
        shown = monitor.shown(35)
        assert shown.error is None
        assert shown.updated_at > monitor.start + timedelta(seconds=300)  # type: ignore[operator]


def test_the_wait_that_a_server_asks_for_is_kept_whatever_the_user_does(
    server: RecordServer,
) -> None:
    with stepped(server) as (monitor, log):
        monitor.open()
        log.answer = 429, {"Retry-After": "50"}
        monitor.run(2)
        shown = monitor.shown()
        assert isinstance(shown.error, RateLimited)
        log.requests.clear()
        log.answer = None
        for _ in range(47):
            monitor.refresh()
            monitor.run(1)
        assert not log.requests
        assert monitor.shown(5).error is None


def test_another_choice_ends_the_earlier_one(server: RecordServer) -> None:
    with stepped(server) as (monitor, log):
        monitor.open()
        assert monitor.open(OTHER).execution_id == OTHER
        log.requests.clear()
        monitor.run(100)
        assert not any(ID in path for _, path in log.requests)
        monitor.choose(None)
        assert monitor.run(1).conversation is None


def test_a_real_execution_is_followed_to_its_end(box: Sandbox) -> None:
    asking = box.executions[0].id
    with AsteroidClient(box.api_key, box.base_url) as client:
        monitor = Monitor(lambda _state: None, client)
        monitor.choose(asking)
        eventually(lambda: monitor.state.conversation and monitor.state.conversation.question)
        deliver(box, asking, "Friday 18:30, please.")
        eventually(lambda: monitor.state.conversation and monitor.state.conversation.is_over)
        assert monitor.state.conversation is not None
        assert not monitor.state.conversation.question
        monitor.choose(box.foreign_execution_id)
        eventually(
            lambda: monitor.state.conversation and monitor.state.conversation.access == "forbidden"
        )
        monitor.choose(ID)
        eventually(
            lambda: monitor.state.conversation and monitor.state.conversation.access == "not_found"
        )
        monitor.close()


def test_the_end_of_a_stream_is_not_the_end_of_the_execution(server: RecordServer) -> None:
    server.happen(ID, RUNNING, ago=60)
    server.listed = [{"id": ID, "status": "running"}]
    with stepped(server) as (monitor, log):
        monitor.open()
        log.requests.clear()
        server.happen(ID, payload("terminal", data={"reason": "unsubscribe"}))
        shown = monitor.shown(30)
        assert not shown.is_over
        # It may have been: the execution itself is asked once.
        read = [path for _, path in log.requests if path.endswith(ID)]
        assert len(read) == 1
        server.happen(ID, WORK)
        assert monitor.shown(30).activities[-1].kind == "reasoning"


def test_a_stream_that_ends_with_the_execution_shows_that_it_is_over(server: RecordServer) -> None:
    server.happen(ID, RUNNING, ago=60)
    with stepped(server) as (monitor, _):
        monitor.open()
        server.execution = {"status": "cancelled"}
        server.happen(ID, payload("terminal", reason="unsubscribe"))
        assert monitor.shown(30).is_over


def test_the_recording_is_known_once_the_execution_is_over(server: RecordServer) -> None:
    server.happen(ID, RUNNING, ago=60)
    server.execution = {"liveViewUrl": "https://live.example"}
    with stepped(server) as (monitor, _):
        opened = monitor.open().execution
        assert opened is not None
        assert [one.name for one in links_of(opened)] == ["Live view"]
        server.execution = {"status": "completed", "recordingUrl": "https://rec.example"}
        server.happen(ID, OVER)
        ended = monitor.shown(30).execution
        assert ended is not None
        assert [one.name for one in links_of(ended)] == ["Recording"]


def test_an_end_whose_links_cannot_be_read_is_still_an_end(server: RecordServer) -> None:
    server.happen(ID, RUNNING, ago=60)
    server.listed = [{"id": ID, "status": "running"}]
    with stepped(server) as (monitor, _):
        monitor.open()
        server.refuse = lambda path: (500, {}) if path.endswith(ID) else None
        server.happen(ID, OVER)
        monitor.run(30)
        shown = [one.conversation for one in monitor.states if one.conversation]
        assert next(one for one in shown if one.is_over).error is None
