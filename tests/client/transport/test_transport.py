"""What lies between a send and the network: shared connections, the environment, and the key."""

import logging
import os
import pickle
import signal
import socket
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from asteroid_magic import (
    AsteroidClient,
    AsteroidError,
    ConfigurationError,
    ConnectionFailed,
    DeliveryUnknown,
    InvalidInput,
    NotFound,
)
from asteroid_magic.config.api_key import ApiKey
from asteroid_magic.config.session import session
from tests.support.servers import CREATED, KEPT, FaultServer, answers, read_request, silent
from tests.support.shells import Notebook

EXECUTION = "123e4567-e89b-12d3-a456-426614174000"
KEY = "sk-S3CRET/se'cret+&xyz=="
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def outcome(client: AsteroidClient, message: str) -> str:
    """Return the outcome of a send, with or without an error."""
    try:
        return client.send(EXECUTION, message).outcome
    except AsteroidError as error:
        return error.outcome


@pytest.mark.parametrize("status", [101, 102, 103])
@pytest.mark.parametrize(("late", "then"), [(NOT_FOUND, KEPT), (KEPT, NOT_FOUND)])
def test_an_answer_that_comes_late_is_not_taken_for_that_to_the_next_message(
    status: int, late: bytes, then: bytes
) -> None:
    """The server answers the first message twice: provisionally, and then for good."""
    turn: list[bytes] = []

    def behave(connection: socket.socket, _server: FaultServer) -> None:
        turn.append(b"")
        if len(turn) > 1:
            connection.sendall(then)
            return
        connection.sendall(f"HTTP/1.1 {status} Early\r\n\r\n".encode() + late)
        if read_request(connection):
            connection.sendall(then)

    with FaultServer(behave) as server, AsteroidClient(KEY, server.base_url, 5) as client:
        # urllib3 takes the provisional answer for the last; urllib3-future waits for the next.
        known = "delivered" if late == KEPT else "not_delivered"
        assert outcome(client, "first") in {"unknown", known}
        assert outcome(client, "second") == ("delivered" if then == KEPT else "not_delivered")


def test_a_child_that_was_forked_gets_its_own_answers() -> None:
    def behave(connection: socket.socket, server: FaultServer) -> None:
        request = server.requests[-1]
        while request:
            connection.sendall(NOT_FOUND if b"child" in request else KEPT)
            request = read_request(connection)

    with FaultServer(behave) as server, AsteroidClient(KEY, server.base_url, 5) as client:
        client.send(EXECUTION, "parent, so that there is a connection to share")
        child = os.fork()
        if not child:
            try:
                client.send(EXECUTION, "child")
            except NotFound:
                os._exit(7)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert client.send(EXECUTION, "parent").outcome == "delivered"


def test_closing_closes_the_connections() -> None:
    closed = threading.Event()

    def behave(connection: socket.socket, _server: FaultServer) -> None:
        connection.sendall(KEPT)
        connection.settimeout(10)
        if connection.recv(1) == b"":
            closed.set()

    with FaultServer(behave) as server:
        client = AsteroidClient(KEY, server.base_url)
        client.send(EXECUTION, "hello")
        client.close()
        assert closed.wait(5)


def test_a_client_that_is_closed_tries_no_further() -> None:
    busy = answers(b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n")
    with FaultServer(busy) as server:
        client = AsteroidClient(KEY, server.base_url, 20)
        closing = threading.Timer(0.3, client.close)
        closing.start()
        began = time.monotonic()
        with pytest.raises(AsteroidError):
            client.execution(EXECUTION)
        closing.join()
        assert time.monotonic() - began < 10


def test_cookies_cost_nothing() -> None:
    bomb = b"".join(b"Set-Cookie2: " + b"a " * 32_000 + b"\r\n" for _ in range(90))
    with FaultServer(answers(b"HTTP/1.1 201 C\r\nSet-Cookie: a=b\r\n" + bomb + b"\r\n")) as server:
        began = time.monotonic()
        with AsteroidClient(KEY, server.base_url, 5) as client, suppress(DeliveryUnknown):
            # urllib3-future does not read so many headers.
            assert client.send(EXECUTION, "hello").outcome == "delivered"
        assert time.monotonic() - began < 3


def test_a_name_of_digits_is_resolved_within_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(20) and [])
    began = time.monotonic()
    with (
        AsteroidClient(KEY, "https://256.256.256.256", 0.4) as client,
        pytest.raises(ConnectionFailed),
    ):
        client.send(EXECUTION, "hello")
    over.set()
    assert time.monotonic() - began < 3


def test_a_ca_bundle_that_is_missing_is_told_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    with pytest.raises(ConfigurationError, match="names a file that does not exist"):
        AsteroidClient(KEY)


@pytest.mark.parametrize(
    "proxy", ["socks5://127.0.0.1:1", "http://", "http://127.0.0.1:99999", "http://[::1"]
)
def test_a_proxy_that_cannot_be_used_is_told_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(ConfigurationError, match="proxy in your environment variables") as caught:
        AsteroidClient(KEY)
    assert "HTTPS_PROXY" in caught.value.hint


def test_a_proxy_that_refuses_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:hunter2@127.0.0.1:{port}")
    with AsteroidClient(KEY) as client, pytest.raises(ConnectionFailed) as caught:
        client.send(EXECUTION, "hello")
    assert "(through the proxy 127.0.0.1)" in caught.value.detail
    assert "hunter2" not in str(caught.value)


ECHOES = {
    "HTML": b"HTTP/1.1 400 B\r\n\r\n<p>Bad: sk-S3CRET&#x2F;se&#39;cret+&amp;xyz&#x3D;&#x3D;</p>",
    "JSON": b'HTTP/1.1 400 B\r\n\r\n{"detail": "x", "odd": "bad sk-S3CRET\\/se\'cret+&xyz=="}',
    "escaped JSON": b'HTTP/1.1 400 B\r\n\r\n{"message": "sk-S3CR\\u0045T/se\'cret+\\u0026xyz=="}',
    "text": f"HTTP/1.1 500 B\r\n\r\nbad {KEY}".encode(),
    "cut off": f"HTTP/1.1 500 B\r\nContent-Length: 99\r\n\r\nbad {KEY[:-3]}".encode(),
    "at the bound": b"HTTP/1.1 500 B\r\n\r\n" + b"x" * (65_536 - len(KEY) + 1) + KEY.encode(),
    "header": f"HTTP/1.1 400 B\r\nbad line\r\nX-Key: {KEY}\r\n\r\nok".encode(),
}


@pytest.mark.parametrize("answer", ECHOES.values(), ids=ECHOES)
def test_a_key_that_is_echoed_in_disguise_is_taken_out(
    answer: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.DEBUG),
        FaultServer(answers(answer)) as server,
        AsteroidClient(KEY, server.base_url) as client,
        pytest.raises(AsteroidError) as caught,
    ):
        client.send(EXECUTION, "hello")
    error = caught.value
    kept = f"{vars(error)} {error} {error.as_text()} {error._repr_html_()} {pickle.dumps(error)!r}"
    for part in (KEY, "S3CRET/se", "S3CRET\\/se"):
        assert part not in kept
        assert part not in caplog.text


def test_a_key_in_the_host_of_a_redirect_is_taken_out() -> None:
    answer = b"HTTP/1.1 302 Found\r\nLocation: https://SK-abcdef-0123456.example/\r\n\r\n"
    with (
        FaultServer(answers(answer)) as server,
        AsteroidClient("SK-abcdef-0123456", server.base_url) as client,
        pytest.raises(AsteroidError) as caught,
    ):
        client.send(EXECUTION, "hello")
    assert "abcdef" not in str(caught.value)


class Stop(BaseException):
    """What a signal handler may raise."""


CHAINED = [
    "try: AsteroidClient(key(), 'ftp://x')\nexcept AsteroidError as e: raise RuntimeError from e",
    "try: AsteroidClient(key() + ' two')\nexcept AsteroidError: 1/0",
    "AsteroidClient(key().encode())",
    "AsteroidClient(timeout=10**400, api_key=key())",
    "try: AsteroidClient(key(), silent).send(run_id, 'x', timeout=0.2)\nexcept AsteroidError: 1/0",
    "stop_soon(); AsteroidClient(key(), silent).send(run_id, 'x', timeout=5)",
]


@pytest.mark.parametrize("cell", CHAINED)
def test_no_chain_of_exceptions_and_no_foreign_one_prints_the_key(
    shell: InteractiveShell, cell: str
) -> None:
    def raise_stop(*_: object) -> None:
        raise Stop

    def stop_soon() -> None:
        signal.signal(signal.SIGALRM, raise_stop)
        signal.setitimer(signal.ITIMER_REAL, 0.3)

    notebook = Notebook(shell)
    with FaultServer(silent) as server:
        shell.user_ns.update(
            AsteroidClient=AsteroidClient,
            AsteroidError=AsteroidError,
            key=lambda: "sk-S3CRETsecret",
            run_id=EXECUTION,
            silent=server.base_url,
            stop_soon=stop_soon,
        )
        seen = ""
        for line in ("%xmode Verbose", cell, "%tb Verbose", "%tb"):
            notebook.run(line)
            seen += notebook.text + notebook.html()
    assert "error" in seen.lower() or "Stop" in seen
    assert "S3CRET" not in seen


def test_an_id_may_be_a_uuid_and_a_text_cannot_change_its_mind() -> None:
    class Sly(str):
        __slots__ = ()

        def lower(self) -> str:
            return "../../evil"

        def encode(self, *_: str) -> bytes:
            raise OSError

    with FaultServer(answers(CREATED)) as server, AsteroidClient(KEY, server.base_url) as client:
        client.send(uuid.UUID(EXECUTION), Sly("hello"))
        client.send(Sly(EXECUTION), "hello")
        assert all(EXECUTION.encode() in request for request in server.requests)
        with pytest.raises(InvalidInput):
            client.send(10**5_000, "hello")  # type: ignore[arg-type]


def test_a_handshake_may_take_all_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not just the share of the time that one of several addresses has for connecting."""
    real = socket.getaddrinfo

    def four(_host: str, port: int, *rest: int, **named: int) -> list[object]:
        hosts = [f"127.0.0.{last}" for last in (1, 2, 3, 4)]
        return [entry for host in hosts for entry in real(host, port, *rest, **named)]

    with FaultServer(silent, reads=False) as server:
        monkeypatch.setattr(socket, "getaddrinfo", four)
        port = server.base_url.split(":")[2]
        began = time.monotonic()
        with (
            AsteroidClient(KEY, f"https://somewhere.invalid:{port}", 1.2) as client,
            pytest.raises(ConnectionFailed) as caught,
        ):
            client.send(EXECUTION, "hello")
        assert time.monotonic() - began > 1
        assert caught.value.attempts == 1


def test_the_sandbox_and_a_login_stay_apart(notebook: Notebook) -> None:
    session.key = ApiKey("real-key", "a login")
    notebook.run("box = %asteroid_sandbox")
    notebook.run("%asteroid_send box.foreign_execution_id hello")
    assert "HTTP 403" in notebook.html(), "the sandbox gets its own key, and not the real one"
    notebook.run("%asteroid_login --forget")
    notebook.run("%asteroid_sandbox --stop")
    assert vars(session)["key"] is None
    assert "Messages go to" in notebook.text


def test_a_sandbox_that_was_stopped_by_hand_is_started_anew(notebook: Notebook) -> None:
    notebook.run("box = %asteroid_sandbox\nbox.stop()")
    again = notebook.run("%asteroid_sandbox")
    assert again.is_running


def test_a_send_that_is_not_the_last_line_is_shown(notebook: Notebook) -> None:
    notebook.run("%asteroid_send run_id one\n%asteroid_send run_id two\n# the end")
    shown = "".join(output.data["text/plain"] for output in notebook.shown)
    assert "✓ Delivered" in shown
    assert "one" in shown
    assert "two" in notebook.text
    notebook.run("for word in 'ab':\n    %asteroid_send --fill run_id word {word}")
    assert len(notebook.shown) == 2
    notebook.run("if True:\n    kept = %asteroid_send run_id three\nkept.outcome")
    assert notebook.shown == []
    notebook.run("%asteroid_send run_id four\n1 / 0")
    assert "four" in notebook.text + "".join(one.data["text/plain"] for one in notebook.shown)


def test_unknown_delivery_after_a_slow_answer_is_still_unknown() -> None:
    with (
        FaultServer(silent) as server,
        AsteroidClient(KEY, server.base_url, 0.3) as client,
        pytest.raises(DeliveryUnknown),
    ):
        client.send(EXECUTION, "hello")
