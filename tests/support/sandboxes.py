"""How the tests of the sandbox speak to it, and what they wait for."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests

from asteroid_magic.sandbox import Sandbox
from asteroid_magic.sandbox.executions import Execution

PATIENCE = 15.0
ADDED = "User message added."
T = TypeVar("T")


def url(box: Sandbox, execution_id: str, rest: str = "/user-messages") -> str:
    return f"{box.base_url}/executions/{execution_id}{rest}"


def send(http: requests.Session, box: Sandbox, execution_id: str, text: str) -> requests.Response:
    return http.post(url(box, execution_id), json={"message": text}, timeout=PATIENCE)


def deliver(box: Sandbox, execution_id: str, *texts: str) -> None:
    """Send messages as another process would: this one's client knows nothing of them."""
    with requests.Session() as http:
        http.headers["X-Asteroid-Agents-Api-Key"] = box.api_key
        for text in texts:
            assert send(http, box, execution_id, text).status_code == 201


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


def twin(box: Sandbox, execution_id: str, status: str = "running") -> str:
    """Add an execution whose ID differs from another one only at its end; return that ID."""
    assert box._service is not None
    own = f"{execution_id[:-1]}{'0' if execution_id[-1] != '0' else '1'}"
    made = Execution("A twin", status, datetime.now(UTC), {}, id=own)
    box._service.world.add([made])
    return own
