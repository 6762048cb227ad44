"""The sandbox over real HTTP: the contract, the story its agents tell, and the faults on order."""

import asyncio
import gc
import json
import re
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
import requests

from asteroid_magic.sandbox import Sandbox
from asteroid_magic.sandbox.agents import Agent, sort_invoices
from asteroid_magic.sandbox.scenes import opening_scene
from asteroid_magic.sandbox.world import World

PATIENCE = 15.0
ADDED = "User message added."
T = TypeVar("T")


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(pace=0.02) as sandbox:
        yield sandbox


@pytest.fixture
def http(box: Sandbox) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.headers["X-Asteroid-Agents-Api-Key"] = box.api_key
        yield session


def url(box: Sandbox, execution_id: str, rest: str = "/user-messages") -> str:
    return f"{box.base_url}/executions/{execution_id}{rest}"


def send(http: requests.Session, box: Sandbox, execution_id: str, text: str) -> requests.Response:
    return http.post(url(box, execution_id), json={"message": text}, timeout=PATIENCE)


def asking(box: Sandbox) -> str:
    return box.executions[0].id


def running(box: Sandbox) -> str:
    return box.executions[1].id


def finished(box: Sandbox) -> str:
    return box.executions[2].id


def payloads(http: requests.Session, box: Sandbox, execution_id: str) -> list[dict[str, Any]]:
    answer = http.get(url(box, execution_id, "/activities?order=asc"), timeout=PATIENCE)
    assert answer.status_code == 200
    return [activity["payload"] for activity in answer.json()]


def spoken(http: requests.Session, box: Sandbox, execution_id: str) -> list[str]:
    return [
        payload["message"]
        for payload in payloads(http, box, execution_id)
        if payload.get("actionName") == "util_send_user_message"
    ]


def eventually(look: Callable[[], T], enough: Callable[[T], bool] = bool) -> T:
    deadline = time.monotonic() + PATIENCE
    while not enough(seen := look()):
        assert time.monotonic() < deadline, f"gave up waiting; last seen: {seen!r}"
        threading.Event().wait(0.01)
    return seen


def assert_error(answer: requests.Response, status: int, word: str) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("application/json")
    body: dict[str, Any] = answer.json()
    assert body["code"] == body["status"] == status
    assert word in body["message"]
    assert body["detail"] == body["message"]
    assert body["type"] == "about:blank"
    assert body["title"] == answer.reason
    assert body["instance"] == urlsplit(answer.url).path
    return body


def test_a_message_is_added_as_the_contract_says(box: Sandbox, http: requests.Session) -> None:
    answer = send(http, box, running(box), "hello")
    assert answer.status_code == 201
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.text == ADDED
    assert box.messages(running(box)) == ["hello"]


TEXTS = [
    "",
    " leading and trailing \t\n",
    "line\r\nline\u2028separator\u2029 and \x00 and \x85",
    "👩🏽\u200d🚀 family 👨\u200d👩\u200d👧",
    "e\u0301 is not \u00e9, \u0130 \u202eright to left\u202c \ufeffmark",
    '{x} $x "quoted" \\u0041 \\n </script> %s',
    "\U0010ffff\ud7ff\ue000",
    "x" * 1_000_000,
    "🌍" * 300_000,
]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_text_arrives_code_point_for_code_point(
    box: Sandbox, http: requests.Session, text: str, ascii_only: bool
) -> None:
    body = json.dumps({"message": text}, ensure_ascii=ascii_only).encode()
    assert http.post(url(box, asking(box)), data=body, timeout=PATIENCE).text == ADDED
    assert box.messages(asking(box)) == [text]
    received = [p for p in payloads(http, box, asking(box)) if "userUUID" in p]
    assert [payload["message"] for payload in received] == [text]


def test_messages_keep_their_order(box: Sandbox, http: requests.Session) -> None:
    texts = [f"message {number}" for number in range(30)]
    for text in texts:
        assert send(http, box, running(box), text).status_code == 201
    assert box.messages(running(box)) == texts


def test_members_besides_the_message_are_ignored(box: Sandbox, http: requests.Session) -> None:
    body = {"message": "hello", "files": [], "Message": 3}
    assert http.post(url(box, running(box)), json=body, timeout=PATIENCE).status_code == 201
    assert box.messages(running(box)) == ["hello"]


def test_an_id_in_capitals_is_the_same_id(box: Sandbox, http: requests.Session) -> None:
    assert send(http, box, running(box).upper(), "hello").status_code == 201
    assert box.messages(running(box).upper()) == ["hello"]


@pytest.mark.parametrize("key", [None, "", "wrong", "schlüssel".encode(), "Bearer"])
@pytest.mark.parametrize("rest", ["/user-messages", "", "/activities"])
def test_the_key_is_checked_before_all_else(box: Sandbox, key: str | None, rest: str) -> None:
    method = "POST" if rest == "/user-messages" else "GET"
    headers = {} if key is None else {"X-Asteroid-Agents-Api-Key": key}
    answer = requests.request(
        method, url(box, "no-id", rest), headers=headers, data=b"no JSON", timeout=PATIENCE
    )
    assert_error(answer, 401, "X-Asteroid-Agents-Api-Key")
    assert box.api_key not in answer.text


@pytest.mark.parametrize(
    "execution_id",
    ["", "7", "x" * 36, f"{{{uuid.uuid4()}}}", uuid.uuid4().hex, f"{uuid.uuid4()}%0A", "%F0%9F"],
)
@pytest.mark.parametrize("rest", ["/user-messages", "/activities", ""])
def test_a_bad_id_is_a_bad_request(
    box: Sandbox, http: requests.Session, execution_id: str, rest: str
) -> None:
    method = "POST" if rest == "/user-messages" else "GET"
    address = url(box, execution_id, rest)
    answer = http.request(method, address, json={"message": "hello"}, timeout=PATIENCE)
    assert answer.status_code == 400
    assert answer.json()["code"] == 400
    if "%F0" not in execution_id:
        body = assert_error(answer, 400, "executionId must be a UUID")
        assert body["errors"] == [{"parameter": "executionId", "detail": body["message"]}]


@pytest.mark.parametrize(
    ("body", "word", "parameter"),
    [
        (b"", "not JSON", None),
        (b"hello", "not JSON", None),
        (b'{"message": "caf\xe9"}', "not JSON", None),
        (b'{"message": "x", "n": NaN}', "not JSON", None),
        (b"[" * 200_000, "not JSON", None),
        (b'"hello"', "object", None),
        (b"[]", "object", None),
        (b"null", "object", None),
        (b"{}", "message is required", "message"),
        (b'{"Message": "x"}', "message is required", "message"),
        (b'{"message": null}', "string", "message"),
        (b'{"message": 7}', "string", "message"),
        (b'{"message": ["x"]}', "string", "message"),
        (b'{"message": "\\ud83d"}', "surrogate", "message"),
    ],
)
def test_a_bad_body_is_a_bad_request(
    box: Sandbox, http: requests.Session, body: bytes, word: str, parameter: str | None
) -> None:
    answer = http.post(url(box, running(box)), data=body, timeout=PATIENCE)
    error = assert_error(answer, 400, word)
    assert [e["parameter"] for e in error.get("errors", [])] == ([parameter] if parameter else [])
    assert box.messages(running(box)) == []


@pytest.mark.parametrize("rest", ["/user-messages", "/activities", ""])
def test_unknown_and_foreign_executions_are_refused(
    box: Sandbox, http: requests.Session, rest: str
) -> None:
    method = "POST" if rest == "/user-messages" else "GET"
    message = {"message": "hello"}
    for execution_id, status, word in [
        (str(uuid.uuid4()), 404, "not found"),
        (box.foreign_execution_id, 403, "another organization"),
    ]:
        address = url(box, execution_id, rest)
        assert_error(http.request(method, address, json=message, timeout=PATIENCE), status, word)
    assert box.messages(box.foreign_execution_id) == []


def test_a_finished_execution_hears_nothing(box: Sandbox, http: requests.Session) -> None:
    assert_error(send(http, box, finished(box), "hello"), 400, "assumption of the sandbox")
    assert box.messages(finished(box)) == []


def test_unknown_paths_and_methods_are_errors_in_json(box: Sandbox, http: requests.Session) -> None:
    assert_error(http.get(f"{box.base_url}/agents", timeout=PATIENCE), 404, "serves nothing")
    assert_error(http.get(url(box, running(box)), timeout=PATIENCE), 405, "Method Not Allowed")
    assert_error(http.delete(url(box, running(box), ""), timeout=PATIENCE), 405, "Not Allowed")
    assert_error(http.request("BREW", url(box, "x"), timeout=PATIENCE), 405, "Not Allowed")


def test_the_account_holds_three_executions(box: Sandbox, http: requests.Session) -> None:
    statuses = [execution.status for execution in box.executions]
    assert statuses == ["paused_by_agent", "running", "completed"]
    assert box.executions[0].workflow_name == "Book a table"
    answer = http.get(f"{box.base_url}/executions", timeout=PATIENCE).json()
    assert (answer["page"], answer["pageSize"], answer["total"]) == (1, 20, 3)
    assert [item["id"] for item in answer["items"]] == [e.id for e in box.executions]
    for item in answer["items"]:
        alone = http.get(url(box, item["id"], ""), timeout=PATIENCE).json()
        assert alone == item
    assert "result" in answer["items"][2]["executionResult"]
    assert answer["items"][2]["duration"] == 94


@pytest.mark.parametrize(
    ("query", "indexes"),
    [
        ("sort=created_at:asc", [2, 1, 0]),
        ("sort=created_at:desc", [0, 1, 2]),
        ("sort=status:asc", [2, 0, 1]),
        ("pageSize=2", [0, 1]),
        ("pageSize=2&page=2", [2]),
        ("page=9", []),
        ("status=paused_by_agent", [0]),
        ("status=running&status=completed", [1, 2]),
        ("status=queued", []),
        ("phase=active", [0, 1]),
        ("phase=active&phase=terminal", [0, 1, 2]),
        ("phase=terminal&status=running", []),
        ("createdWithin=30m", [0]),
        ("createdWithin=1h", [0, 1]),
        ("createdWithin=1w2d3h4m", [0, 1, 2]),
        ("workflowId=unknown", []),
    ],
)
def test_the_list_can_be_filtered_sorted_and_paged(
    box: Sandbox, http: requests.Session, query: str, indexes: list[int]
) -> None:
    answer = http.get(f"{box.base_url}/executions?{query}", timeout=PATIENCE)
    assert answer.status_code == 200
    found = [item["id"] for item in answer.json()["items"]]
    assert found == [box.executions[index].id for index in indexes]


def test_the_list_can_be_filtered_by_workflow(box: Sandbox, http: requests.Session) -> None:
    workflow = http.get(url(box, running(box), ""), timeout=PATIENCE).json()["workflowId"]
    answer = http.get(f"{box.base_url}/executions?workflowId={workflow}", timeout=PATIENCE)
    assert [item["id"] for item in answer.json()["items"]] == [running(box)]


@pytest.mark.parametrize(
    "query",
    [
        "page=0",
        "page=two",
        "pageSize=-1",
        "pageSize=",
        "status=asleep",
        "phase=ended",
        "sort=created_at",
        "sort=name:asc",
        "sort=created_at:up",
        "createdWithin=",
        "createdWithin=24",
        "createdWithin=2h1d",
        "createdWithin=99999999w",
        "createdWithin=11000d",
    ],
)
def test_a_bad_filter_is_a_bad_request(box: Sandbox, http: requests.Session, query: str) -> None:
    name = query.partition("=")[0]
    error = assert_error(
        http.get(f"{box.base_url}/executions?{query}", timeout=PATIENCE), 400, name
    )
    assert [e["parameter"] for e in error["errors"]] == [name]


def test_activities_come_in_both_orders_and_limited(box: Sandbox, http: requests.Session) -> None:
    def activities(query: str) -> list[dict[str, Any]]:
        answer = http.get(url(box, finished(box), f"/activities{query}"), timeout=PATIENCE)
        listed: list[dict[str, Any]] = answer.json()
        return listed

    ascending = activities("?order=asc")
    assert activities("") == ascending
    assert activities("?order=desc") == ascending[::-1]
    assert activities("?order=desc&limit=2") == ascending[:-3:-1]
    assert activities("?limit=3") == ascending[:3]
    stamps = [activity["timestamp"] for activity in ascending]
    assert stamps == sorted(set(stamps))
    assert ascending[-1]["payload"]["activityType"] == "terminal"
    for query in ("order=up", "limit=0", "limit=x"):
        answer = http.get(url(box, finished(box), f"/activities?{query}"), timeout=PATIENCE)
        assert_error(answer, 400, query.partition("=")[0])


def test_the_paused_agent_asks_with_ready_answers(box: Sandbox, http: requests.Session) -> None:
    last = payloads(http, box, asking(box))[-1]
    assert (last["activityType"], last["status"]) == ("status_changed", "paused_by_agent")
    [question] = last["pausedPayload"]["question"]["questions"]
    assert question["question"].endswith("?")
    assert question["multiSelect"] is False
    assert [set(option) for option in question["options"]] == [{"label", "description"}] * 3


def test_the_paused_agent_goes_on_with_exactly_the_answer(
    box: Sandbox, http: requests.Session
) -> None:
    before = len(payloads(http, box, asking(box)))
    answer = "Friday 21:15 \u2012 e\u0301 🍝"
    assert send(http, box, asking(box), answer).status_code == 201
    eventually(lambda: box.executions[0].status, lambda status: status == "completed")
    told = payloads(http, box, asking(box))[before:]
    assert told[0]["activityType"] == "user_message_received"
    assert told[0]["message"] == answer
    assert (told[1]["activityType"], told[1]["status"]) == ("status_changed", "running")
    durations = [p["duration"] for p in told if p["activityType"] == "action_completed"]
    assert all(isinstance(duration, int) for duration in durations)
    assert answer in spoken(http, box, asking(box))[-1]
    assert told[-2]["completedPayload"]["result"]["booked"] == answer
    assert told[-1]["activityType"] == "terminal"
    execution = http.get(url(box, asking(box), ""), timeout=PATIENCE).json()
    assert execution["executionResult"]["outcome"] == "success"
    assert execution["executionResult"]["result"]["booked"] == answer
    assert_error(send(http, box, asking(box), "too late"), 400, "completed")
    assert box.messages(asking(box)) == [answer]


def test_a_message_during_the_work_is_kept_and_the_first_one_counts() -> None:
    with Sandbox() as box, requests.Session() as http:
        http.headers["X-Asteroid-Agents-Api-Key"] = box.api_key
        send(http, box, asking(box), "the answer")
        eventually(lambda: box.executions[0].status, lambda status: status == "running")
        assert send(http, box, asking(box), "and another thing").status_code == 201
        assert box.messages(asking(box)) == ["the answer", "and another thing"]
        eventually(lambda: box.executions[0].status, lambda status: status == "completed")
        execution = http.get(url(box, asking(box), ""), timeout=PATIENCE).json()
        assert execution["executionResult"]["result"]["booked"] == "the answer"


def test_the_running_agent_acknowledges_every_message(box: Sandbox, http: requests.Session) -> None:
    texts = ["first", "second 🌍", "third"]
    for text in texts:
        send(http, box, running(box), text)
    heard = eventually(lambda: spoken(http, box, running(box))[1:], lambda said: len(said) == 3)
    assert all(text in said for text, said in zip(texts, heard, strict=True))
    assert box.executions[1].status == "running"


def test_the_running_agent_works_on_its_own_but_not_for_ever(http: requests.Session) -> None:
    with Sandbox(pace=1e-6) as box:
        http.headers["X-Asteroid-Agents-Api-Key"] = box.api_key

        def filed() -> int:
            messages = [p.get("message") for p in payloads(http, box, running(box))]
            return messages.count("Filed an invoice")

        eventually(filed, lambda count: count == 60)
        send(http, box, running(box), "still there?")
        eventually(lambda: spoken(http, box, running(box))[1:])
        assert filed() == 60


def test_a_very_long_message_is_quoted_in_short(box: Sandbox, http: requests.Session) -> None:
    send(http, box, running(box), "x" * 100_000)
    [said] = eventually(lambda: spoken(http, box, running(box))[1:])
    assert len(said) < 1100


def test_a_status_on_order_is_answered_once_and_stores_nothing(
    box: Sandbox, http: requests.Session
) -> None:
    box.fail_next(503, retry_after=2)
    box.fail_next(429, retry_after="Wed, 21 Oct 2026 07:28:00 GMT")
    box.fail_next(599)
    answer = send(http, box, running(box), "one")
    assert_error(answer, 503, "fail_next")
    assert answer.headers["Retry-After"] == "2"
    answer = send(http, box, running(box), "two")
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "Wed, 21 Oct 2026 07:28:00 GMT"
    answer = send(http, box, running(box), "three")
    assert (answer.status_code, answer.json()["code"]) == (599, 599)
    assert "Retry-After" not in answer.headers
    assert send(http, box, running(box), "four").status_code == 201
    assert box.messages(running(box)) == ["four"]


def test_a_fault_leaves_other_requests_alone(box: Sandbox, http: requests.Session) -> None:
    box.fail_next(500, times=2)
    assert http.get(url(box, running(box), ""), timeout=PATIENCE).status_code == 200
    statuses = [send(http, box, running(box), "x").status_code for _ in range(3)]
    assert statuses == [500, 500, 201]


@pytest.mark.parametrize(
    ("status", "body", "sent", "kind"),
    [
        (502, "<html>Bad gateway ü", "<html>Bad gateway ü".encode(), "text/html"),
        (500, b'{"code": "x"', b'{"code": "x"', "application/json"),
        (500, b"\xff\xfe", b"\xff\xfe", "text/plain"),
        (500, "", b"", "text/plain"),
        (200, "odd", b"odd", "text/plain"),
        (204, None, b"", ""),
    ],
)
def test_a_body_on_order_is_sent_as_given(
    box: Sandbox,
    http: requests.Session,
    status: int,
    body: bytes | str | None,
    sent: bytes,
    kind: str,
) -> None:
    box.fail_next(status, body=body)
    answer = send(http, box, running(box), "x")
    assert (answer.status_code, answer.content) == (status, sent)
    assert answer.headers.get("Content-Type", "").startswith(kind)


def test_a_delay_alone_only_delays(box: Sandbox, http: requests.Session) -> None:
    box.fail_next(delay=0.2)
    start = time.monotonic()
    assert send(http, box, running(box), "slow").text == ADDED
    assert time.monotonic() - start >= 0.2
    assert box.messages(running(box)) == ["slow"]


def test_a_delayed_message_arrives_although_the_client_gave_up(
    box: Sandbox, http: requests.Session
) -> None:
    box.fail_next(delay=0.3)
    with pytest.raises(requests.ReadTimeout):
        http.post(url(box, running(box)), json={"message": "slow"}, timeout=0.1)
    assert box.messages(running(box)) == []
    eventually(lambda: box.messages(running(box)))
    assert box.messages(running(box)) == ["slow"]


@pytest.mark.parametrize(("drop", "kept"), [("before", []), ("after", ["lost?"])])
def test_a_dropped_connection_gives_no_answer(
    box: Sandbox, http: requests.Session, drop: Any, kept: list[str]
) -> None:
    box.fail_next(drop=drop, delay=0.01)
    box.fail_next(drop=drop)
    with pytest.raises(requests.ConnectionError):
        send(http, box, running(box), "lost?")
    assert box.messages(running(box)) == kept
    with pytest.raises(requests.ConnectionError):
        send(http, box, str(uuid.uuid4()), "no such execution")
    assert send(http, box, running(box), "next").status_code == 201
    assert box.messages(running(box)) == [*kept, "next"]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({}, "nothing"),
        ({"status": 99}, "200 to 599"),
        ({"status": 600}, "200 to 599"),
        ({"status": True}, "200 to 599"),
        ({"status": "500"}, "200 to 599"),
        ({"status": 500, "drop": "after"}, "not both"),
        ({"drop": "later"}, "before"),
        ({"drop": "after", "body": "x"}, "give a status"),
        ({"retry_after": 1}, "give a status"),
        ({"status": 503, "retry_after": -1}, "retry_after"),
        ({"status": 503, "retry_after": float("nan")}, "retry_after"),
        ({"status": 503, "retry_after": "1\r\nX: y"}, "retry_after"),
        ({"status": 204, "body": "x"}, "no body"),
        ({"delay": -1}, "delay"),
        ({"delay": float("inf")}, "delay"),
        ({"delay": "1"}, "delay"),
        ({"status": 500, "times": 0}, "times"),
        ({"status": 500, "times": 1.5}, "times"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(
    box: Sandbox, http: requests.Session, arguments: dict[str, Any], word: str
) -> None:
    with pytest.raises(ValueError, match=word):
        box.fail_next(**arguments)
    assert send(http, box, running(box), "x").status_code == 201


@pytest.mark.parametrize("pace", [0, -1, float("nan"), float("inf")])
def test_a_pace_that_cannot_be_is_refused(pace: float) -> None:
    with pytest.raises(ValueError, match="pace"):
        Sandbox(pace=pace)


def test_a_hundred_messages_at_once_arrive_exactly_once(box: Sandbox) -> None:
    texts = [f"message {number}" for number in range(100)]

    def post(text: str) -> int:
        headers = {"X-Asteroid-Agents-Api-Key": box.api_key}
        body = {"message": text}
        address = url(box, running(box))
        return requests.post(address, json=body, headers=headers, timeout=PATIENCE).status_code

    with ThreadPoolExecutor(32) as pool:
        assert list(pool.map(post, texts)) == [201] * 100
    assert sorted(box.messages(running(box))) == sorted(texts)


def test_two_sandboxes_live_side_by_side(box: Sandbox, http: requests.Session) -> None:
    with Sandbox() as other:
        assert other.base_url != box.base_url
        assert other.api_key != box.api_key
        assert send(http, other, running(other), "x").status_code == 401
        send(http, box, running(box), "mine")
        assert other.messages(running(other)) == []
        with pytest.raises(LookupError, match="executions"):
            other.messages(running(box))
    assert send(http, box, running(box), "still here").status_code == 201


def sandbox_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "asteroid-sandbox"]


def test_stop_leaves_nothing_open() -> None:
    threads = sandbox_threads()
    box = Sandbox()
    with requests.Session() as http:
        http.headers["X-Asteroid-Agents-Api-Key"] = box.api_key
        assert box.start() is box.start()
        send(http, box, running(box), "kept")
        port = urlsplit(box.base_url).port
        with socket.create_connection(("127.0.0.1", port or 0), timeout=PATIENCE) as idle:
            box.stop()
            box.stop()
            assert idle.recv(1) == b""
        assert sandbox_threads() == threads
        with socket.socket() as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind(("127.0.0.1", port or 0))
        with pytest.raises(requests.ConnectionError):
            send(http, box, running(box), "too late")
    assert box.messages(running(box)) == ["kept"]
    gc.collect()


@pytest.mark.parametrize("steps", range(5))
def test_an_agent_stops_even_as_a_message_reaches_it(steps: int) -> None:
    async def stop_at_step() -> bool:
        world = World(opening_scene())
        agent = Agent(world, world.snapshots()[1].id, 1.0)
        script = asyncio.create_task(sort_invoices(agent))
        await asyncio.sleep(0.01)
        agent.inbox.put_nowait("hello")
        for _ in range(steps):
            await asyncio.sleep(0)
        script.cancel()
        await asyncio.wait([script], timeout=0.5)
        return script.cancelled()

    assert asyncio.run(stop_at_step())


@pytest.mark.parametrize("patience", [0.2, PATIENCE])
def test_stop_does_not_wait_for_a_delay(
    box: Sandbox, caplog: pytest.LogCaptureFixture, patience: float
) -> None:
    box.fail_next(delay=600)
    headers = {"X-Asteroid-Agents-Api-Key": box.api_key}

    def post() -> None:
        with pytest.raises((requests.ConnectionError, requests.ReadTimeout)):
            requests.post(url(box, running(box)), b"{}", headers=headers, timeout=patience)

    client = threading.Thread(target=post)
    client.start()
    eventually(lambda: not box._faults._queue)
    if patience < PATIENCE:
        client.join()
    box.stop()
    client.join(PATIENCE)
    assert not client.is_alive()
    assert box.messages(running(box)) == []
    assert caplog.records == []


def test_a_sandbox_can_be_started_again() -> None:
    box = Sandbox()
    with pytest.raises(RuntimeError, match="start"):
        _ = box.base_url
    with pytest.raises(RuntimeError, match="start"):
        _ = box.executions
    box.fail_next(500)
    with requests.Session() as http:
        http.headers["X-Asteroid-Agents-Api-Key"] = box.api_key
        with box:
            first = box.executions
            assert send(http, box, running(box), "x").status_code == 500
        with box:
            assert {e.id for e in first}.isdisjoint(e.id for e in box.executions)
            assert send(http, box, running(box), "x").status_code == 201


def test_the_key_is_recognisable_and_not_shown(box: Sandbox) -> None:
    assert re.fullmatch(r"sandbox-[0-9a-f]{32}", box.api_key)
    assert repr(box) == f"<Sandbox {box.base_url}>"
    box.stop()
    assert repr(box) == "<Sandbox stopped>"


def test_it_leaves_a_running_loop_of_the_caller_alone() -> None:
    async def in_a_notebook() -> list[str]:
        loop = asyncio.get_running_loop()
        with Sandbox(pace=0.02) as box, requests.Session() as http:
            http.headers["X-Asteroid-Agents-Api-Key"] = box.api_key
            await asyncio.to_thread(send, http, box, running(box), "from a thread")
            send(http, box, running(box), "blocking the loop")
            assert asyncio.get_running_loop() is loop
            return box.messages(running(box))

    assert asyncio.run(in_a_notebook()) == ["from a thread", "blocking the loop"]


def test_nothing_is_printed_or_logged(
    box: Sandbox,
    http: requests.Session,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level("DEBUG", "tornado"):
        send(http, box, running(box), "x")
        send(http, box, "bad", "x")
        http.get(f"{box.base_url}/nothing", timeout=PATIENCE)
        box.fail_next(500)
        send(http, box, running(box), "x")
    assert [record for record in caplog.records if record.name.startswith("tornado")] == []
    assert capfd.readouterr() == ("", "")


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_forgotten_sandbox_dies_with_its_process() -> None:
    code = """
import urllib.request
from asteroid_magic.sandbox import Sandbox
from asteroid_magic.sandbox.agents import Agent, sort_invoices
from asteroid_magic.sandbox.scenes import opening_scene
from asteroid_magic.sandbox.world import World
box = Sandbox().start()
request = urllib.request.Request(box.base_url + "/executions")
request.add_header("X-Asteroid-Agents-Api-Key", box.api_key)
urllib.request.urlopen(request).close()
print("served")
"""
    ended = run_python(code)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "served\n", "")


def test_without_tornado_the_import_says_what_to_install() -> None:
    code = "import sys; sys.modules['tornado'] = None; import asteroid_magic.sandbox"
    ended = run_python(code)
    assert ended.returncode == 1
    assert "ImportError: The sandbox needs tornado" in ended.stderr
    assert 'pip install "asteroid-magic[sandbox]"' in ended.stderr


def test_it_listens_on_loopback_only(box: Sandbox) -> None:
    assert urlsplit(box.base_url).hostname == "127.0.0.1"
    assert urlsplit(box.base_url).path == "/agents/v2"
    elsewhere = ("127.0.0.2", urlsplit(box.base_url).port or 0)
    with pytest.raises(OSError, match=r"refused|timed out|reach"):
        socket.create_connection(elsewhere, timeout=2)
