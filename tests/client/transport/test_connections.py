"""One deadline also covers resolving, connecting and the handshake."""

import gc
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme

from asteroid_magic import (
    AsteroidClient,
    AsteroidError,
    ConfigurationError,
    ConnectionFailed,
    DeliveryUnknown,
    NoAnswer,
    SendInterrupted,
    ServerError,
)
from asteroid_magic.client.transport import connections
from asteroid_magic.client.transport.connections import LONGEST_IDLE_S, BoundedSocket
from asteroid_magic.deadline import Deadline
from tests.support.servers import (
    CREATED,
    KEPT,
    FaultServer,
    answers,
    drips,
    keeps,
    read_request,
    silent,
)
from tests.support.waiting import until

EXECUTION = "123e4567-e89b-12d3-a456-426614174000"
KEY = "key-4711-secret"


def send(base_url: str, timeout: float = 5.0) -> str:
    with AsteroidClient(KEY, base_url, timeout, allow_insecure=True) as client:
        return client.send(EXECUTION, "hello").outcome


def test_a_resolver_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        over.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    began = time.monotonic()
    with pytest.raises(ConnectionFailed, match="in time") as caught:
        send("http://somewhere.invalid", 0.4)
    over.set()
    assert time.monotonic() - began < 2
    assert caught.value.outcome == "not_delivered"


def test_a_name_that_does_not_exist_is_said_to_be_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ConnectionFailed, match="found no address for the name") as caught:
        send("http://somewhere.invalid")
    assert caught.value.attempts == 3


def test_a_name_that_no_resolver_can_encode_is_said_to_be_so() -> None:
    with pytest.raises(ConnectionFailed, match="found no address for the name"):
        send(f"http://{'a' * 70}.invalid")


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    original = socket.getaddrinfo

    def fake(host: str, port: int, *rest: int, **named: int) -> list[object]:
        names = addresses if host == "somewhere.invalid" else (host,)
        return [entry for name in names for entry in original(name, port, *rest, **named)]

    monkeypatch.setattr(socket, "getaddrinfo", fake)


def test_the_next_address_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultServer(answers(CREATED)) as server:
        port = server.base_url.split(":")[2]
        resolve_to(monkeypatch, "127.0.0.9", "127.0.0.1")
        assert send(f"http://somewhere.invalid:{port}") == "delivered"
        assert b"Host: somewhere.invalid" in server.requests[0]


@pytest.fixture
def full_port() -> Iterator[int]:
    """Yield a port on two addresses whose queues are full, so that connecting hangs."""
    with ExitStack() as stack:
        port = 0
        for address in ("127.0.0.1", "127.0.0.2"):
            listener = stack.enter_context(socket.create_server((address, port), backlog=0))
            port = listener.getsockname()[1]
            for _ in range(4):
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(listener.getsockname())
        yield port


def test_all_addresses_together_keep_the_deadline(
    monkeypatch: pytest.MonkeyPatch, full_port: int
) -> None:
    resolve_to(monkeypatch, "127.0.0.1", "127.0.0.2")
    began = time.monotonic()
    with pytest.raises(ConnectionFailed, match="in time") as caught:
        send(f"http://somewhere.invalid:{full_port}", 0.6)
    assert time.monotonic() - began < 2
    assert caught.value.outcome == "not_delivered"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def tls(authority: trustme.CA, name: str, behave_after: bytes) -> FaultServer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)

    def behave(connection: socket.socket, server: FaultServer) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            server.requests.append(read_request(secure))
            secure.sendall(behave_after)
            server.stopping.wait(0 if behave_after == CREATED else 30)

    return FaultServer(behave, reads=False)


def test_https_delivers(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        authority.cert_pem.tempfile() as bundle,
        tls(authority, "localhost", CREATED) as server,
    ):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
        port = server.base_url.split(":")[2]
        assert send(f"https://localhost:{port}") == "delivered"
        assert KEY.encode() in server.requests[0]


@pytest.mark.parametrize(("name", "trusted"), [("localhost", False), ("other.invalid", True)])
def test_a_bad_certificate_is_not_delivered_and_not_tried_again(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, name: str, trusted: bool
) -> None:
    with authority.cert_pem.tempfile() as bundle, tls(authority, name, CREATED) as server:
        if trusted:
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
        port = server.base_url.split(":")[2]
        with pytest.raises(ConnectionFailed, match="certificate") as caught:
            send(f"https://localhost:{port}")
        assert server.requests == []
    assert caught.value.outcome == "not_delivered"
    assert caught.value.attempts == 1
    assert "REQUESTS_CA_BUNDLE" in caught.value.hint


def test_a_handshake_that_drips_keeps_the_deadline_and_proves_nothing_was_sent() -> None:
    # The beginning of a long handshake record, then a byte of it now and then.
    with FaultServer(drips(b"\x16\x03\x03\x40\x00", b"\x02", 0.05), reads=False) as server:
        began = time.monotonic()
        with pytest.raises(ConnectionFailed) as caught:
            send(server.base_url.replace("http", "https"), 0.5)
        assert time.monotonic() - began < 2
    assert caught.value.outcome == "not_delivered"


def test_a_tls_server_that_drips_its_answer_keeps_the_deadline(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        authority.cert_pem.tempfile() as bundle,
        tls(authority, "localhost", b"HTTP/1.1 201") as server,
    ):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
        began = time.monotonic()
        with pytest.raises(DeliveryUnknown):
            send(f"https://localhost:{server.base_url.split(':')[2]}", 0.5)
        assert time.monotonic() - began < 2


def test_plain_http_where_https_is_meant_proves_nothing_was_sent() -> None:
    with (
        FaultServer(answers(b"HTTP/1.1 400 Bad Request\r\n\r\n"), reads=False) as server,
        pytest.raises(ConnectionFailed) as caught,
    ):
        send(server.base_url.replace("http", "https"))
    assert caught.value.outcome == "not_delivered"


def test_retries_keep_the_deadline() -> None:
    busy = answers(b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n")
    with FaultServer(busy) as server, AsteroidClient(KEY, server.base_url, 0.6) as one:
        began = time.monotonic()
        # The time runs out before another attempt, or during one.
        with pytest.raises((ServerError, NoAnswer)) as caught:
            one.execution(EXECUTION)
        assert time.monotonic() - began < 2
    assert caught.value.outcome == "not_done"
    assert caught.value.attempts > 1


def test_a_peer_that_does_not_read_keeps_the_deadline() -> None:
    with (
        FaultServer(silent, reads=False) as server,
        AsteroidClient(KEY, server.base_url, 0.5) as one,
    ):
        began = time.monotonic()
        with pytest.raises(DeliveryUnknown):
            one.send(EXECUTION, "x" * 1_000_000)
        assert time.monotonic() - began < 2


def cancelled_while(base_url: str, under_way: Callable[[Deadline], bool]) -> SendInterrupted:
    """Return the error of a send that another thread cancels as soon as it is `under_way`."""
    deadline = Deadline(30)
    ends: list[BaseException] = []

    def work() -> None:
        with AsteroidClient(KEY, base_url, allow_insecure=True) as client:
            try:
                client.send(EXECUTION, "hello", timeout=deadline)
            except SendInterrupted as error:
                ends.append(error)

    sending = threading.Thread(target=work)
    sending.start()
    while not under_way(deadline):
        assert sending.is_alive()
    nothing_sent = deadline.cancel()
    sending.join(10)
    assert not sending.is_alive()
    (end,) = ends
    assert isinstance(end, SendInterrupted)
    assert nothing_sent == (end.outcome == "not_delivered")
    return end


def test_a_send_that_waits_for_its_answer_can_be_cancelled_and_is_unknown() -> None:
    with FaultServer(silent) as server:
        end = cancelled_while(server.base_url, lambda _: bool(server.requests))
    assert (end.outcome, end.attempts) == ("unknown", 1)


def test_a_send_that_is_cancelled_before_its_first_byte_was_not_delivered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    over = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        over.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    end = cancelled_while("http://somewhere.invalid", lambda deadline: deadline.connecting)
    over.set()
    assert end.outcome == "not_delivered"


def test_a_cancelled_deadline_lets_no_byte_out() -> None:
    deadline = Deadline(30)
    deadline.cancel()
    with FaultServer(answers(CREATED)) as server, AsteroidClient(KEY, server.base_url) as client:
        with pytest.raises(SendInterrupted) as caught:
            client.send(EXECUTION, "hello", timeout=deadline)
        assert caught.value.outcome == "not_delivered"
        server.wait_until_served()
    assert server.requests in ([], [b""])


def test_cancelling_a_call_that_is_over_leaves_its_connection_to_the_next() -> None:
    def keeps(connection: socket.socket, _server: FaultServer) -> None:
        connection.sendall(KEPT)
        read_request(connection)
        connection.sendall(KEPT)

    deadline = Deadline(30)
    with FaultServer(keeps) as server, AsteroidClient(KEY, server.base_url) as client:
        client.send(EXECUTION, "one", timeout=deadline)
        deadline.cancel()
        assert client.send(EXECUTION, "two").outcome == "delivered"
    assert len(server.requests) == 1


def test_a_socket_that_is_not_ours_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # truststore and pyOpenSSL replace the standard library's in this way.
    monkeypatch.setattr(BoundedSocket, "adopt", staticmethod(lambda plain, _: plain))
    with FaultServer(answers(b"")) as server:
        with pytest.raises(DeliveryUnknown) as caught:
            send(server.base_url)
        server.wait_until_served()
    assert caught.value.attempts == 1
    assert len([request for request in server.requests if request.startswith(b"POST")]) == 1


def test_a_bundle_without_certificates_is_named_and_not_tried_again(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = tmp_path / "saved-by-mistake.pem"
    page.write_text("<html>Log in to download the certificates</html>")
    monkeypatch.setenv("CURL_CA_BUNDLE", str(page))
    with tls(authority, "localhost", CREATED) as server:
        port = server.base_url.split(":")[2]
        with pytest.raises(
            ConfigurationError, match=r"CURL_CA_BUNDLE .* no certificates"
        ) as caught:
            send(f"https://localhost:{port}")
        assert server.requests == []
    assert caught.value.outcome == "not_delivered"
    assert caught.value.attempts == 1


def test_a_deadline_that_another_call_uses_is_refused() -> None:
    """What the sockets of one call note would count for the other: a lost one as unsent."""
    shared = Deadline(5)
    outcomes: list[str] = []
    with FaultServer(silent) as server, AsteroidClient(KEY, server.base_url) as client:

        def first() -> None:
            try:
                client.send(EXECUTION, "first", timeout=shared)
            except AsteroidError as error:
                outcomes.append(error.outcome)

        sending = threading.Thread(target=first)
        sending.start()
        until(lambda: server.requests)
        with pytest.raises(ConfigurationError, match="Another call is using this Deadline"):
            client.send(EXECUTION, "second", timeout=shared)
        shared.cancel()
        sending.join(10)
        assert len(server.requests) == 1
    assert outcomes == ["unknown"]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[BoundedSocket]:
    """The sockets that the client makes."""
    sockets: list[BoundedSocket] = []
    adopt = BoundedSocket.adopt

    def note(plain: socket.socket, deadline: Deadline) -> BoundedSocket:
        sockets.append(adopt(plain, deadline))
        return sockets[-1]

    monkeypatch.setattr(BoundedSocket, "adopt", note)
    return sockets


def test_an_idle_connection_is_probed(made: list[BoundedSocket]) -> None:
    with FaultServer(keeps) as server, AsteroidClient(KEY, server.base_url) as client:
        client.send(EXECUTION, "hello")
        (one,) = made
        assert one.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        if hasattr(socket, "TCP_KEEPIDLE"):
            assert one.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) < LONGEST_IDLE_S


def test_a_connection_that_was_idle_for_long_is_replaced_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1_000.0
    monkeypatch.setattr(connections, "clock", lambda: now)
    with FaultServer(keeps) as server, AsteroidClient(KEY, server.base_url) as client:
        for seconds, accepted in ((0, 1), (49, 1), (50, 2), (49, 2), (10_000, 3)):
            now += seconds
            assert client.send(EXECUTION, "hello").attempts == 1
            assert server.accepted == accepted
        until(lambda: len(server.requests) == 5)


def test_the_clock_goes_on_while_the_machine_sleeps() -> None:
    if hasattr(time, "CLOCK_BOOTTIME"):
        assert abs(connections.clock() - time.clock_gettime(time.CLOCK_BOOTTIME)) < 60
    assert connections.clock() <= connections.clock()


def serving_tls(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, stack: ExitStack, *answers: bytes
) -> tuple[FaultServer, AsteroidClient]:
    """Return a TLS server, and a client for it.

    The server gives one of the answers on each connection, then KEPT as often as it is asked.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    first = list(answers)

    def behave(connection: socket.socket, server: FaultServer) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            while request := read_request(secure):
                server.requests.append(request)
                secure.sendall(first.pop(0) if first else KEPT)
                if b"close" in request:
                    return

    server = stack.enter_context(FaultServer(behave, reads=False))
    bundle = stack.enter_context(authority.cert_pem.tempfile())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
    base_url = server.base_url.replace("http://127.0.0.1", "https://localhost")
    return server, stack.enter_context(AsteroidClient(KEY, base_url, 5))


def test_a_tls_connection_is_used_again(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        server, client = serving_tls(authority, monkeypatch, stack)
        for _ in range(3):
            assert client.send(EXECUTION, "hello").attempts == 1
        assert server.accepted == 1


def test_a_tls_connection_that_the_server_has_closed_is_replaced(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        server, client = serving_tls(authority, monkeypatch, stack)
        for count in (1, 2):
            assert client.send(EXECUTION, "then close").attempts == 1
            server.wait_until_served()
            assert server.accepted == count


# More than one read of the client takes in, but no more than one record of TLS.
LATE = b"HTTP/1.1 404 Not Found\r\nContent-Length: 12000\r\n\r\n" + b"x" * 12_000


def test_an_answer_that_nothing_asked_for_is_not_taken_for_the_next_one(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It came in one record with the answer before, so that it is in the TLS socket already."""
    with ExitStack() as stack:
        server, client = serving_tls(authority, monkeypatch, stack, KEPT + LATE)
        assert client.send(EXECUTION, "one").outcome == "delivered"
        assert client.send(EXECUTION, "two").outcome == "delivered"
        assert server.accepted == 2


def test_a_forked_child_leaves_the_tls_connection_to_its_parent(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        server, client = serving_tls(authority, monkeypatch, stack)
        client.send(EXECUTION, "parent")
        child = os.fork()
        if not child:
            try:
                client.send(EXECUTION, "child")
                client.close()
                gc.collect()
            except BaseException:  # noqa: BLE001 (nothing of the test may run on in the child)
                os._exit(1)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert client.send(EXECUTION, "parent").attempts == 1
        assert server.accepted == 2
