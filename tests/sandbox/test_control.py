"""Pausing, resuming, cancelling and waiting for the end, over real HTTP; and added executions."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from asteroid_magic.sandbox import Sandbox
from tests.support.sandboxes import (
    PATIENCE,
    asking,
    assert_error,
    eventually,
    finished,
    payloads,
    running,
    send,
    spoken,
    url,
)


def control(http: requests.Session, box: Sandbox, execution_id: str, what: str) -> Any:
    return http.post(url(box, execution_id, f"/{what}"), timeout=PATIENCE)


def test_a_paused_agent_does_nothing_until_it_is_resumed(http: requests.Session) -> None:
    with Sandbox(pace=1e-3) as box:
        http.headers["X-Asteroid-Agents-Api-Key"] = box.api_key
        run = running(box)
        answer = control(http, box, run, "pause")
        assert answer.json() == {"executionId": run, "status": "paused"}
        eventually(lambda: len(payloads(http, box, run)))
        assert send(http, box, run, "hello").status_code == 201
        before = payloads(http, box, run)
        time.sleep(0.1)
        assert payloads(http, box, run) == before, "in this time it would do a dozen things"
        assert control(http, box, run, "pause").json()["status"] == "paused"
        assert control(http, box, run, "resume").json()["status"] == "running"
        assert "hello" in eventually(lambda: spoken(http, box, run)[1:])[0]


def test_a_cancelled_agent_is_over(box: Sandbox, http: requests.Session) -> None:
    for each in (asking(box), running(box)):
        assert control(http, box, each, "cancel").json()["status"] == "cancelled"
        last = payloads(http, box, each)[-2:]
        assert [one["activityType"] for one in last] == ["status_changed", "terminal"]
        assert_error(send(http, box, each, "hello"), 400, "cancelled")
        described = http.get(url(box, each, ""), timeout=PATIENCE).json()
        assert "terminalAt" in described
        assert "executionResult" not in described


def test_what_its_status_does_not_allow_is_refused(box: Sandbox, http: requests.Session) -> None:
    for each, what in [
        (asking(box), "pause"),
        (asking(box), "resume"),
        (finished(box), "pause"),
        (finished(box), "cancel"),
    ]:
        assert_error(control(http, box, each, what), 400, "assumption of the sandbox")
    assert_error(control(http, box, str(uuid.uuid4()), "pause"), 404, "not found")
    assert_error(control(http, box, box.foreign_execution_id, "pause"), 403, "another")
    assert_error(control(http, box, "no-id", "pause"), 400, "executionId")
    assert_error(requests.post(url(box, asking(box), "/pause"), timeout=PATIENCE), 401, "Api-Key")
    assert box.executions[0].status == "paused_by_agent"


def sync(http: requests.Session, box: Sandbox, execution_id: str, seconds: Any) -> Any:
    rest = f"/sync?timeoutSeconds={seconds}"
    return http.get(url(box, execution_id, rest), timeout=PATIENCE)


def test_sync_waits_for_the_end(box: Sandbox, http: requests.Session) -> None:
    over = sync(http, box, finished(box), 25)
    assert (over.status_code, over.json()["status"]) == (200, "completed")
    assert over.json()["executionResult"]["outcome"] == "success"
    going = sync(http, box, running(box), 1)
    assert (going.status_code, going.json()["status"]) == (202, "running")
    assert "executionResult" not in going.json()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(sync, http, box, asking(box), 20)
        headers = dict(http.headers)
        body = {"message": "Friday"}
        requests.post(url(box, asking(box)), json=body, headers=headers, timeout=PATIENCE)
        assert waiting.result(PATIENCE).json()["executionResult"]["result"]["booked"] == "Friday"
    for seconds in (0, 26, "x"):
        assert_error(sync(http, box, running(box), seconds), 400, "timeoutSeconds")


def test_waiting_executions_can_be_added(box: Sandbox, http: requests.Session) -> None:
    before = box.executions
    added = box.add_waiting(300)
    assert box.executions == (*before, *added)
    assert {each.status for each in added} == {"paused_by_agent"}
    assert len({each.id for each in added}) == 300
    assert added[0].options == ("Monthly", "Yearly")
    assert send(http, box, added[7].id, "Yearly").status_code == 201
    eventually(lambda: box.executions[10].status == "completed")
    assert "Yearly" in spoken(http, box, added[7].id)[0]
    [several] = box.add_waiting(kind="choices")
    assert payloads(http, box, several.id)[-1]["pausedPayload"]["question"]["questions"][0][
        "multiSelect"
    ]
    [confirming] = box.add_waiting(kind="confirmation")
    assert confirming.status == "awaiting_confirmation"


def test_what_cannot_be_added_is_refused() -> None:
    box = Sandbox()
    with pytest.raises(RuntimeError, match="not open"):
        box.add_waiting()
    with box, pytest.raises(ValueError, match="count"):
        box.add_waiting(0)
    with pytest.raises(RuntimeError, match="not open"):
        box.add_waiting()
