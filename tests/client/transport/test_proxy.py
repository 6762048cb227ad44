"""What is known of a message if a proxy stands between the client and Asteroid."""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme

from asteroid_magic import (
    AsteroidClient,
    AsteroidError,
    ConnectionFailed,
    DeliveryUnknown,
    send_many,
)
from asteroid_magic.client.transport.connections import IS_STOCK
from tests.support.servers import CREATED, Behaviour, FaultServer, answers, read_request, silent

EXECUTION = "123e4567-e89b-12d3-a456-426614174000"
URL = "https://asteroid.test/agents/v2"
KEY = "proxy-test-key"

Start = Callable[[Behaviour], FaultServer]
CONNECTED = b"HTTP/1.1 200 Connection established\r\n\r\n"

REFUSALS: dict[str, tuple[bytes, str]] = {
    "407": (b"HTTP/1.1 407 Authenticate\r\nContent-Length: 0\r\n\r\n", "asks for a password (407)"),
    "403": (b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "does not allow a connection"),
    "502": (b"HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n", "answered 502 Bad Gateway"),
}


def hangs_in_the_handshake(connection: socket.socket, server: FaultServer) -> None:
    connection.sendall(CONNECTED)
    silent(connection, server)


FAULTS: dict[str, Behaviour] = {
    "closes": answers(b""),
    "hangs": silent,
    "answers garbage": answers(b"\x00\xffnot HTTP at all\r\n\r\n"),
    "closes behind its 200": answers(CONNECTED),
    "breaks the handshake": answers(CONNECTED + b"\x15\x03\x01\x00\x02\x02\x28 no TLS"),
    "hangs in the handshake": hangs_in_the_handshake,
}


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    return made


def tunnel(authority: trustme.CA, answer: bytes, seen: list[bytes]) -> Behaviour:
    """Connect, and behave like Asteroid on the other side of the tunnel."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("asteroid.test").configure_cert(context)

    def behave(connection: socket.socket, _server: FaultServer) -> None:
        connection.sendall(CONNECTED)
        with context.wrap_socket(connection, server_side=True) as inner:
            seen.append(read_request(inner))
            inner.sendall(answer)

    return behave


@pytest.fixture
def proxy_that(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts a proxy that behaves in a way, and names it in the environment."""
    with ExitStack() as running:

        def start(behave: Behaviour) -> FaultServer:
            proxy = running.enter_context(FaultServer(behave))
            monkeypatch.setenv("HTTPS_PROXY", proxy.base_url.removesuffix("/agents/v2"))
            return proxy

        yield start


def failure(proxy: FaultServer, timeout: float = 5.0) -> AsteroidError:
    with (
        AsteroidClient(KEY, URL, timeout, confirm_grace=0) as client,
        pytest.raises(AsteroidError) as caught,
    ):
        client.send(EXECUTION, "hello")
    assert proxy.requests
    assert all(seen.startswith(b"CONNECT asteroid.test:443 ") for seen in proxy.requests)
    assert not any(KEY.encode() in seen for seen in proxy.requests)
    return caught.value


@pytest.mark.parametrize("status", REFUSALS)
def test_a_proxy_that_refuses_means_not_delivered_and_says_what_to_change(
    proxy_that: Start, status: str
) -> None:
    answer, why = REFUSALS[status]
    error = failure(proxy_that(answers(answer)))
    assert type(error) is ConnectionFailed
    assert error.outcome == "not_delivered"
    if IS_STOCK:
        # urllib3-future does not say what the proxy answered.
        assert why in error.detail
        assert error.attempts == (3 if status == "502" else 1)
    assert "HTTPS_PROXY" in error.hint


@pytest.mark.parametrize("kind", FAULTS)
def test_a_proxy_that_breaks_off_means_not_delivered(proxy_that: Start, kind: str) -> None:
    error = failure(proxy_that(FAULTS[kind]), 0.7)
    assert type(error) is ConnectionFailed
    assert error.outcome == "not_delivered"
    assert "proxy" in error.detail


def test_a_proxy_that_connects_delivers(proxy_that: Start, authority: trustme.CA) -> None:
    seen: list[bytes] = []
    proxy_that(tunnel(authority, CREATED, seen))
    with AsteroidClient(KEY, URL, 5) as client:
        assert client.send(EXECUTION, "hello").status_code == 201
    assert b"hello" in seen[0]


def test_a_message_that_went_through_the_tunnel_may_have_been_delivered(
    proxy_that: Start, authority: trustme.CA
) -> None:
    seen: list[bytes] = []
    error = failure(proxy_that(tunnel(authority, b"", seen)))
    assert type(error) is DeliveryUnknown
    assert error.outcome == "unknown"
    assert len(seen) == 1


@pytest.mark.parametrize("kind", ["407", "closes", "closes behind its 200"])
def test_a_batch_stops_at_once_with_its_rows_waiting(proxy_that: Start, kind: str) -> None:
    behave = answers(REFUSALS[kind][0]) if kind in REFUSALS else FAULTS[kind]
    proxy = proxy_that(behave)
    rows = [(EXECUTION, f"message {number}") for number in range(200)]
    with AsteroidClient(KEY, URL, 5, confirm_grace=0) as client:
        report = send_many(rows, client=client, workers=4, progress=False)
    assert len(proxy.requests) < 40
    assert report.counts == {"waiting": 200}
    assert "No message can be sent" in report.stopped
