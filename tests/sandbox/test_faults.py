"""The faults on order, over real HTTP."""

import time
import uuid
from typing import Any

import pytest
import requests

from asteroid_magic.sandbox import Sandbox
from tests.support.sandboxes import ADDED, PATIENCE, assert_error, eventually, running, send, url


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


@pytest.mark.parametrize("key", [None, "wrong"])
def test_a_request_without_the_key_uses_up_no_fault(
    box: Sandbox, http: requests.Session, key: str | None
) -> None:
    box.fail_next(500)
    headers = {} if key is None else {"X-Asteroid-Agents-Api-Key": key}
    body = {"message": "x"}
    stranger = requests.post(url(box, running(box)), json=body, headers=headers, timeout=PATIENCE)
    assert_error(stranger, 401, "X-Asteroid-Agents-Api-Key")
    assert send(http, box, running(box), "x").status_code == 500
