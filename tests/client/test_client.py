"""The client: what it sends, how it reads each answer, and what it keeps secret."""

import copy
import json
import logging
import pickle
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import requests
import responses
from urllib3.exceptions import NewConnectionError, ProtocolError, ReadTimeoutError

from asteroid_magic import (
    ApiError,
    AsteroidClient,
    AsteroidError,
    BadRequest,
    ConfigurationError,
    ConnectionFailed,
    DeliveryUnknown,
    Execution,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    SendInterrupted,
    ServerError,
    Unauthorized,
    UnexpectedAnswer,
    __version__,
    send_many,
)
from asteroid_magic.sandbox import Sandbox
from tests.support.servers import CREATED, KEPT, FaultServer, answers, read_request, silent

KEY = "key-4711-secret"
EXECUTION = "123e4567-e89b-12d3-a456-426614174000"
URL = f"https://odyssey.asteroid.ai/agents/v2/executions/{EXECUTION}/user-messages"
TEXT = "Yes, book the earlier train."


@pytest.fixture
def client() -> Iterator[AsteroidClient]:
    with AsteroidClient(KEY) as made:
        yield made


@pytest.fixture
def server() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def fail(client: AsteroidClient, message: str = TEXT, execution: str = EXECUTION) -> Any:
    with pytest.raises(AsteroidError) as caught:
        client.send(execution, message)
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    assert error.message == message
    return error


def test_the_request_is_the_one_of_the_contract(
    client: AsteroidClient, server: responses.RequestsMock
) -> None:
    server.post(URL, status=201, body="User message added.")
    before = datetime.now(UTC)
    delivery = client.send(EXECUTION.upper(), "Grüße 👍 \u2028 “ok”\ttab")
    request = server.calls[0].request
    body = request.body
    assert isinstance(body, bytes)
    assert json.loads(body) == {"message": "Grüße 👍 \u2028 “ok”\ttab"}
    assert "👍".encode() in body, "UTF-8, not ASCII escapes"
    assert request.headers["X-Asteroid-Agents-Api-Key"] == KEY
    assert request.headers["Accept"] == "text/plain, application/json"
    assert request.headers["Content-Type"].startswith("application/json")
    assert request.headers["User-Agent"] == f"asteroid-magic/{__version__}"
    assert delivery.outcome == "delivered"
    assert delivery.execution_id == EXECUTION
    assert delivery.message == "Grüße 👍 \u2028 “ok”\ttab"
    assert delivery.status_code == 201
    assert delivery.server_text == "User message added."
    assert delivery.attempts == 1
    assert delivery.sent_at is not None
    assert before <= delivery.sent_at <= datetime.now(UTC)
    assert delivery.sent_at.tzinfo is UTC
    assert 0 < delivery.elapsed < 5
    with pytest.raises(AttributeError):
        delivery.message = "other"  # type: ignore[misc]


STATUSES: list[tuple[int, type[ApiError], str]] = [
    (200, UnexpectedAnswer, "unknown"),
    (202, UnexpectedAnswer, "unknown"),
    (302, UnexpectedAnswer, "unknown"),
    (400, BadRequest, "not_delivered"),
    (401, Unauthorized, "not_delivered"),
    (402, ApiError, "not_delivered"),
    (403, Forbidden, "not_delivered"),
    (404, NotFound, "not_delivered"),
    (408, ApiError, "unknown"),
    (409, ApiError, "not_delivered"),
    (413, ApiError, "not_delivered"),
    (429, RateLimited, "not_delivered"),
    (500, ServerError, "unknown"),
    (502, ServerError, "unknown"),
    (503, ServerError, "unknown"),
    (504, ServerError, "unknown"),
]


@pytest.mark.parametrize(("status", "kind", "outcome"), STATUSES)
def test_each_status_becomes_its_error(
    client: AsteroidClient,
    server: responses.RequestsMock,
    status: int,
    kind: type[ApiError],
    outcome: str,
) -> None:
    server.post(URL, status=status, json={"code": status, "message": "so it is"})
    error = fail(client)
    assert type(error) is kind
    assert error.outcome == outcome
    assert error.status_code == error.code == status
    assert error.server_message == "so it is"
    assert error.hint
    assert error.title
    assert len(server.calls) == error.attempts == 1
    if outcome == "unknown":
        assert "The agent may have the message" in error.hint
        assert "twice" in error.hint


def test_every_known_member_of_an_error_body_is_kept(
    client: AsteroidClient, server: responses.RequestsMock
) -> None:
    body = {
        "code": 429,
        "message": "Too many",
        "type": "https://example.invalid/x",
        "title": "Rate",
        "status": 429,
        "detail": "Ten a minute.",
        "instance": "/agents/v2/x",
        "errors": [{"parameter": "message", "detail": "too long"}],
        "reason": "capability_required",
        "capability": "messages",
        "used": 10,
        "limit": 10.0,
        "news": "of which nobody has heard",
    }
    server.post(URL, status=429, json=body, headers={"Retry-After": "7200"})
    error = fail(client)
    assert error.detail == "Ten a minute."
    assert error.server_message == "Too many"
    assert error.instance == "/agents/v2/x"
    assert error.errors == ({"parameter": "message", "detail": "too long"},)
    assert (error.reason, error.capability) == ("capability_required", "messages")
    assert (error.used, error.limit) == (10, 10.0)
    assert error.retry_after == 7200


def test_a_retry_after_may_be_a_date(
    client: AsteroidClient, server: responses.RequestsMock
) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    server.post(URL, status=429, headers={"Retry-After": date})
    assert fail(client).retry_after == pytest.approx(3600, abs=5)


def test_a_date_in_the_past_is_tried_again_at_once(
    client: AsteroidClient, server: responses.RequestsMock
) -> None:
    date = format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)
    server.post(URL, status=429, headers={"Retry-After": date})
    server.post(URL, status=201)
    assert client.send(EXECUTION, TEXT).attempts == 2


FAULTS: list[tuple[Exception, type[AsteroidError]]] = [
    (requests.ConnectTimeout(), ConnectionFailed),
    (requests.ConnectionError(NewConnectionError(None, "x")), ConnectionFailed),  # type: ignore[arg-type]
    (requests.ReadTimeout(), DeliveryUnknown),
    (requests.ConnectionError(), DeliveryUnknown),
    (requests.exceptions.SSLError(), DeliveryUnknown),
    (requests.exceptions.ProxyError(), DeliveryUnknown),
    (requests.exceptions.ChunkedEncodingError(), DeliveryUnknown),
    (ProtocolError("bare urllib3"), DeliveryUnknown),
    (ReadTimeoutError(None, "", "bare urllib3"), DeliveryUnknown),  # type: ignore[arg-type]
    (OSError("no CA file"), DeliveryUnknown),
    (ValueError("bad Location"), DeliveryUnknown),
    (UnicodeDecodeError("utf-8", b"", 0, 1, "x"), DeliveryUnknown),
    (RecursionError(), DeliveryUnknown),
    (MemoryError(), DeliveryUnknown),
]


@pytest.mark.parametrize(("fault", "kind"), FAULTS, ids=lambda value: type(value).__name__)
def test_each_foreign_exception_becomes_one_of_ours_and_its_text_is_dropped(
    client: AsteroidClient,
    server: responses.RequestsMock,
    fault: Exception,
    kind: type[AsteroidError],
) -> None:
    fault.args = (*fault.args, f"the request held {KEY}")
    server.post(URL, body=fault)
    error = fail(client)
    assert type(error) is kind
    assert KEY not in str(error)
    assert KEY not in repr(vars(error))
    assert error.attempts == (3 if kind is ConnectionFailed else 1)


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ("", "empty"),
        (" \n\t\u2003", "only spaces or line breaks"),
        ("half \ud83d", "U+D83D"),
        ("nul \0", "U+0000"),
        ("x" * 1_000_001, "1,000,000 bytes"),
        ("é" * 500_001, "1,000,000 bytes"),
    ],
)
def test_a_message_that_cannot_be_sent_is_refused_before_anything_leaves(
    client: AsteroidClient, message: str, says: str
) -> None:
    error = fail(client, message)
    assert type(error) is InvalidInput
    assert says in error.detail
    assert error.outcome == "not_delivered"
    assert error.attempts == 0


def test_a_message_of_a_million_bytes_is_sent(box: Sandbox) -> None:
    with AsteroidClient(box.api_key, box.base_url) as client:
        run = box.executions[1].id
        client.send(run, "é" * 500_000)
        assert box.messages(run) == ["é" * 500_000]


@pytest.mark.parametrize(
    "execution",
    [
        "",
        "..",
        EXECUTION[:-1],
        EXECUTION + "0",
        EXECUTION + "\n",
        "{" + EXECUTION + "}",
        "urn:uuid:" + EXECUTION,
        "0x3e4567-e89b-12d3-a456-426614174000",
        EXECUTION.replace("1", "\uff11"),
        f"{EXECUTION}/../{EXECUTION}",
        None,
        5,
    ],
)
def test_an_execution_id_that_is_no_uuid_is_refused(client: AsteroidClient, execution: Any) -> None:
    error = fail(client, execution=execution)
    assert type(error) is InvalidInput
    assert "is not a UUID" in error.detail
    assert "36 characters" in error.hint


def test_a_message_before_its_execution_is_pointed_out(client: AsteroidClient) -> None:
    for second in (EXECUTION, Named(id=EXECUTION)):
        with pytest.raises(InvalidInput) as caught:
            client.send("Hello", second)  # type: ignore[arg-type]
        assert caught.value.hint == "The execution comes first, then the message."


class Named:
    """An object that belongs to an execution."""

    def __init__(self, **names: object) -> None:
        vars(self).update(names)

    def __getattr__(self, name: str) -> object:
        # pytest asks for names of its own.
        raise AttributeError(name) if name.startswith("__") else RuntimeError(name)


@pytest.mark.parametrize(
    "execution",
    [
        EXECUTION.upper(),
        EXECUTION.replace("-", ""),
        UUID(EXECUTION),
        Named(id=EXECUTION),
        Named(id=UUID(EXECUTION)),
        Named(execution_id=EXECUTION, id="an activity"),
        Execution(id=EXECUTION),
    ],
)
def test_an_execution_may_be_given_in_many_ways(client: AsteroidClient, execution: Any) -> None:
    assert client.dry_run(execution, TEXT).execution_id == EXECUTION


def test_each_call_takes_the_execution_itself(box: Sandbox) -> None:
    with AsteroidClient(box.api_key, box.base_url) as client:
        (run,) = [one for one in client.executions() if one.id == box.executions[1].id]
        delivery = client.send(run, "Go on.")
        assert client.send(delivery, "And on.").execution_id == run.id
        assert client.execution(run).id == run.id
        assert client.activities(run, limit=1)
        assert client.question(run) == ()
        assert client.pause(run).status == "paused"
        assert client.resume(run).status == "running"
        assert client.cancel(run).status == "cancelled"
        (sent,) = send_many([(run, "Too late.")], client=client, progress=False).entries()
        assert sent.execution_id == run.id
    assert box.messages(run) == box.messages(box.executions[1]) == ["Go on.", "And on."]


def test_a_message_that_is_no_text_is_refused(client: AsteroidClient) -> None:
    with pytest.raises(InvalidInput, match="type bytes"):
        client.send(EXECUTION, b"bytes")  # type: ignore[arg-type]


def test_without_a_key_nothing_is_sent() -> None:
    error = fail(AsteroidClient())
    assert type(error) is ConfigurationError
    assert "%asteroid_login" in error.hint
    assert error.execution_id == EXECUTION


def test_a_closed_client_says_so(client: AsteroidClient) -> None:
    client.close()
    assert "closed" in fail(client).detail


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), "5", True])
def test_a_timeout_of_a_call_is_checked(client: AsteroidClient, timeout: Any) -> None:
    with pytest.raises(ConfigurationError, match="timeout") as caught:
        client.send(EXECUTION, TEXT, timeout=timeout)
    assert caught.value.message == TEXT


def test_a_call_may_have_a_deadline_of_its_own() -> None:
    with FaultServer(silent) as server, AsteroidClient(KEY, server.base_url) as client:
        began = time.monotonic()
        with pytest.raises(DeliveryUnknown):
            client.send(EXECUTION, TEXT, timeout=0.2)
        assert time.monotonic() - began < 2


def interrupt_soon(delay: float = 0.2) -> threading.Timer:
    timer = threading.Timer(
        delay, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT)
    )
    timer.start()
    return timer


def test_an_interrupt_while_waiting_for_the_answer_is_unknown() -> None:
    with FaultServer(silent) as server, AsteroidClient(KEY, server.base_url) as client:
        timer = interrupt_soon()
        with pytest.raises(KeyboardInterrupt) as caught:
            client.send(EXECUTION, TEXT)
        timer.join()
    error = caught.value
    assert isinstance(error, SendInterrupted)
    assert error.outcome == "unknown"
    assert error.message == TEXT
    assert error.__context__ is None


def test_an_interrupt_while_waiting_for_another_try_is_not_delivered() -> None:
    slow = answers(b"HTTP/1.1 429 Slow\r\nRetry-After: 20\r\nContent-Length: 0\r\n\r\n")
    with FaultServer(slow) as server, AsteroidClient(KEY, server.base_url) as client:
        timer = interrupt_soon()
        with pytest.raises(SendInterrupted) as caught:
            client.send(EXECUTION, TEXT)
        timer.join()
    assert caught.value.outcome == "not_delivered"
    assert "did not get the message" in caught.value.hint


def test_an_interrupt_while_connecting_is_not_delivered(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object, **__: object) -> None:
        time.sleep(30)

    monkeypatch.setattr("urllib3.util.connection.create_connection", hang)
    with AsteroidClient(KEY, "http://127.0.0.1:9") as client:
        timer = interrupt_soon()
        with pytest.raises(SendInterrupted) as caught:
            client.send(EXECUTION, TEXT)
        timer.join()
    assert caught.value.outcome == "not_delivered"


def test_many_threads_share_one_client(box: Sandbox) -> None:
    run = box.executions[1].id
    texts = [f"message {number}" for number in range(200)]
    with AsteroidClient(box.api_key, box.base_url) as client, ThreadPoolExecutor(16) as pool:
        deliveries = list(pool.map(lambda text: client.send(run, text), texts))
    assert sorted(box.messages(run)) == sorted(texts)
    assert [delivery.message for delivery in deliveries] == texts


def test_connections_are_kept_and_used_again() -> None:
    def behave(connection: Any, server: FaultServer) -> None:
        for _ in range(2):
            connection.sendall(KEPT)
            server.requests.append(read_request(connection))
        connection.sendall(KEPT)

    with FaultServer(behave) as server, AsteroidClient(KEY, server.base_url) as client:
        for _ in range(3):
            client.send(EXECUTION, TEXT)
        assert len(server._connections) == 1


def test_neither_netrc_nor_a_proxy_touches_a_loopback_request(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with FaultServer(answers(CREATED)) as proxy, FaultServer(answers(CREATED)) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.base_url.removesuffix("/agents/v2"))
        with AsteroidClient(KEY, server.base_url) as client:
            client.send(EXECUTION, TEXT)
        assert b"authorization" not in server.requests[0].lower()
        assert proxy.requests == []


def test_a_proxy_of_the_environment_carries_a_remote_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with FaultServer(answers(CREATED)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.base_url.removesuffix("/agents/v2"))
        with AsteroidClient(KEY, "http://remote.invalid", allow_insecure=True) as client:
            assert client.send(EXECUTION, TEXT).outcome == "delivered"
        assert proxy.requests[0].startswith(b"POST http://remote.invalid/agents/v2/executions/")


def test_a_key_that_the_server_echoes_is_taken_out(
    client: AsteroidClient, server: responses.RequestsMock
) -> None:
    told = {"code": 401, "message": f"bad key {KEY}", "detail": f"{KEY}?", "reason": KEY}
    body = json.dumps(told).replace("secret", "\\u0073ecret")
    server.post(URL, status=401, body=body)
    server.post(URL, status=201, body=f"hello {KEY}")
    error = fail(client)
    assert KEY not in f"{vars(error)} {error} {error.as_text()} {error._repr_html_()}"
    assert error.server_message == "bad key [API key]"
    assert client.send(EXECUTION, TEXT).server_text == "hello [API key]"


def test_the_key_is_in_no_representation_and_no_log(
    box: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), AsteroidClient(box.api_key, box.base_url) as client:
        delivery = client.send(box.executions[1].id, TEXT)
        dry = client.dry_run(box.executions[1].id, TEXT)
    assert caplog.text, "urllib3 does log"
    seen = f"{client!r} {client._settings!r} {delivery!r} {dry!r} {dry.curl} {caplog.text}"
    assert box.api_key not in seen
    assert "with a key" in repr(client)


@pytest.mark.parametrize("copying", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_client_is_neither_pickled_nor_copied(client: AsteroidClient, copying: Any) -> None:
    with pytest.raises(TypeError, match="Create one in each process"):
        copying(client)


def test_a_dry_run_shows_the_request_and_sends_nothing(box: Sandbox) -> None:
    run = box.executions[1].id
    with AsteroidClient(box.api_key, box.base_url) as client:
        dry = client.dry_run(run, "it's $5 \u2028")
    assert dry.method == "POST"
    assert dry.url == f"{box.base_url}/executions/{run}/user-messages"
    assert dry.headers["X-Asteroid-Agents-Api-Key"] == "********"
    assert json.loads(dry.body) == {"message": "it's $5 \u2028"}
    assert "$ASTEROID_API_KEY" in dry.curl
    assert "\u2028" not in dry.curl
    assert box.messages(run) == []


def test_a_dry_run_needs_no_key() -> None:
    with AsteroidClient() as client:
        dry = client.dry_run(EXECUTION, TEXT)
    assert dry.headers["X-Asteroid-Agents-Api-Key"] == "(not set)"


def test_the_curl_command_sends_the_same_message(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("this machine has no curl")
    run = box.executions[1].id
    text = 'it\'s "$5" `ls` \\n {a} !x \u2028 \u202e 👍 \x1b[31m é\nline'
    with AsteroidClient(box.api_key, box.base_url) as client:
        command = client.dry_run(run, text).curl
    monkeypatch.setenv("ASTEROID_API_KEY", box.api_key)
    subprocess.run(["sh", "-c", command], check=True, capture_output=True)
    assert box.messages(run) == [text]
