"""The active executions: in the order in which the user is needed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from asteroid_magic import AsteroidClient, Unauthorized
from asteroid_magic.monitor import Monitor
from asteroid_magic.sandbox import Sandbox
from tests.support.monitors import stepped
from tests.support.records import RecordServer
from tests.support.sandboxes import eventually

from .test_conversation import ASKS


def listed(number: int, status: str, minutes: float) -> dict[str, Any]:
    created = datetime.now(UTC) - timedelta(minutes=minutes)
    identity = f"00000000-0000-4000-8000-{number:012}"
    return {"id": identity, "status": status, "createdAt": created.isoformat()}


def order(monitor: Monitor) -> list[int]:
    return [int(one.execution.id[-12:]) for one in monitor.state.inbox.entries]


def test_those_that_wait_come_first_and_the_newest_question_before_all(
    server: RecordServer,
) -> None:
    server.listed = [
        listed(1, "running", 1),
        listed(2, "paused_by_agent", 90),
        listed(3, "awaiting_confirmation", 30),
        listed(4, "queued", 0.5),
    ]
    with stepped(server) as (monitor, log):
        monitor.touch()
        monitor.run()
        assert order(monitor) == [3, 2, 4, 1]
        assert len(monitor.state.inbox.waiting) == 2
        (path,) = {path for _, path in log.requests}
        assert "phase=pending&phase=active" in path
        server.listed[0]["status"] = "paused_by_agent"
        monitor.run(35)
        assert order(monitor) == [1, 3, 2, 4]
        entry = monitor.state.inbox.entries[0]
        assert entry.since is not None
        assert entry.since > monitor.start
        assert entry.created is not None
        assert abs(monitor.start - entry.created - timedelta(minutes=1)) < timedelta(seconds=10)


def test_questions_are_read_once_and_only_as_many_as_asked_for(server: RecordServer) -> None:
    server.listed = [listed(number, "paused_by_agent", number) for number in range(1, 6)]
    for number, one in enumerate(server.listed):
        server.happen(one["id"], ASKS, ago=40 - 5 * number)
    with stepped(server, questions=2) as (monitor, log):
        monitor.touch()
        state = monitor.run(300).inbox
        assert [one.question is not None for one in state.waiting].count(True) == 2
        read = [path for _, path in log.requests if "activities" in path]
        assert len(read) == 2
        asked = [one for one in state.waiting if one.question]
        assert asked[0].question is not None
        assert asked[0].question[0].question == "Which?"
        assert asked[0].since is not None
        ago = monitor.start - asked[0].since
        assert timedelta(seconds=10) < ago < timedelta(seconds=60)
        assert log.most_in_a_minute(since=60) <= 2


def test_the_question_of_one_that_has_just_begun_to_wait_is_read(server: RecordServer) -> None:
    server.listed = [listed(number, "paused_by_agent", number) for number in range(1, 4)]
    server.listed.append(listed(4, "running", 90))
    for one in server.listed[:3]:
        server.happen(one["id"], ASKS, ago=50)
    with stepped(server, questions=2) as (monitor, _):
        monitor.touch()
        monitor.run(60)
        server.listed[3]["status"] = "paused_by_agent"
        server.happen(server.listed[3]["id"], ASKS)
        first, *_ = monitor.run(60).inbox.entries
        assert first.execution.id == server.listed[3]["id"]
        assert first.question


def test_a_question_that_cannot_be_read_is_not_tried_without_end(server: RecordServer) -> None:
    server.listed = [listed(1, "paused_by_agent", 1)]
    with stepped(server, questions=5) as (monitor, _):
        asked: list[str] = []

        def refuse(path: str) -> tuple[int, dict[str, str]] | None:
            asked.append(path)
            return (403, {}) if "activities" in path else None

        server.refuse = refuse
        monitor.touch()
        state = monitor.run(300).inbox
        assert sum("activities" in path for path in asked) == 1
        assert (state.error, state.entries[0].question) == (None, None)
        # Another question is another matter.
        server.listed[0]["status"] = "running"
        monitor.run(40)
        server.listed[0]["status"] = "paused_by_agent"
        monitor.run(40)
        assert sum("activities" in path for path in asked) == 2


def test_a_question_that_was_lost_on_the_way_is_read_after_the_next_list(
    server: RecordServer,
) -> None:
    server.listed = [listed(1, "paused_by_agent", 1)]
    server.happen(server.listed[0]["id"], ASKS)
    with stepped(server, questions=5) as (monitor, log):
        server.refuse = lambda path: (0, {}) if "activities" in path else None
        monitor.touch()
        assert monitor.run().inbox.entries[0].question is None
        server.refuse = log.note
        assert monitor.run(10).inbox.entries[0].question


def test_questions_of_a_client_that_is_closed_are_not_tried_without_end(
    server: RecordServer,
) -> None:
    server.listed = [listed(number, "paused_by_agent", 1) for number in range(1, 9)]
    with stepped(server, questions=8) as (monitor, log):
        monitor.touch()
        while not monitor.state.inbox.entries:
            monitor.step()
        assert monitor._client is not None
        monitor._client.close()
        monitor.run(60)
        assert len(monitor.state.inbox.entries) == 8
        assert len(log.requests) == 1


def test_a_list_that_is_full_says_that_there_are_more(server: RecordServer) -> None:
    server.listed = [listed(number, "running", number) for number in range(130)]
    with stepped(server) as (monitor, log):
        monitor.touch()
        state = monitor.run().inbox
        assert len(state.entries) == 100
        assert state.has_more
        assert len(log.requests) == 1


@pytest.mark.parametrize("status", [401, 0])
def test_a_list_that_fails_keeps_what_it_had(server: RecordServer, status: int) -> None:
    server.listed = [listed(1, "running", 1)]
    with stepped(server) as (monitor, log):
        monitor.touch()
        monitor.run()
        log.answer = status, {}
        state = monitor.run(60).inbox
        assert state.error is not None
        assert isinstance(state.error, Unauthorized) == (status == 401)
        assert len(state.entries) == 1
        log.answer = None
        assert monitor.run(35).inbox.error is None


def test_the_sandboxs_executions_are_there_with_their_questions(box: Sandbox) -> None:
    box.add_waiting(2, kind="confirmation")
    with AsteroidClient(box.api_key, box.base_url) as client:
        monitor = Monitor(lambda _state: None, client, questions=10)
        monitor.touch()
        eventually(lambda: all(one.question for one in monitor.state.inbox.waiting) and monitor)
        eventually(lambda: len(monitor.state.inbox.entries) == 4)
        assert [one.execution.is_waiting for one in monitor.state.inbox.entries] == [
            True,
            True,
            True,
            False,
        ]
        monitor.close()
