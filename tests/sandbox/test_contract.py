"""Adding a user message, over real HTTP: what the contract says, and every refusal."""

import json
import uuid

import pytest
import requests

from asteroid_magic.sandbox import Sandbox
from tests.support.sandboxes import (
    ADDED,
    PATIENCE,
    asking,
    assert_error,
    finished,
    payloads,
    running,
    send,
    url,
)


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
    [
        "",
        "7",
        "x" * 36,
        f"{{{uuid.UUID(int=7)}}}",
        uuid.UUID(int=7).hex,
        f"{uuid.UUID(int=7)}%0A",
        "%F0%9F",
    ],
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
