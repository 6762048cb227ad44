"""The client against servers that misbehave on the wire: what is known stays true."""

import gzip
import resource
import socket
import threading
import time

import pytest

from asteroid_magic import (
    ApiError,
    AsteroidClient,
    AsteroidError,
    BadRequest,
    ConnectionFailed,
    Delivery,
    DeliveryUnknown,
    RateLimited,
    ServerError,
    UnexpectedAnswer,
)
from tests.support import servers
from tests.support.servers import (
    CREATED,
    KEPT,
    Behaviour,
    FaultServer,
    answers,
    drips,
    floods,
    keeps,
    resets,
    silent,
)

EXECUTION = "123e4567-e89b-12d3-a456-426614174000"
KEY = "key-4711-secret"
TEXT = "Yes, book the earlier train."


def head(status: str, *lines: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode()


def send(server: FaultServer, timeout: float = 5.0) -> Delivery:
    with AsteroidClient(KEY, server.base_url, timeout) as client:
        return client.send(EXECUTION, TEXT)


def failure(behave: Behaviour, *, timeout: float = 5.0, reads: bool = True) -> AsteroidError:
    with FaultServer(behave, reads=reads) as server:
        with pytest.raises(AsteroidError) as caught:
            send(server, timeout)
        error = caught.value
        if reads:
            assert len(server.requests) == error.attempts == 1, "a POST is not repeated"
    assert error.execution_id == EXECUTION
    assert error.message == TEXT
    assert KEY not in str(error)
    return error


BROKEN_ANSWERS: dict[str, Behaviour] = {
    "reset after reading": resets,
    "closed after reading": lambda _connection, _server: None,
    "half a status line": answers(b"HTTP/1.1 20"),
    "garbage": answers(b"\x00\xff SSH-2.0 hello\r\n\r\n"),
    "headers without end": floods(b"HTTP/1.1 201 Created\r\nX: ", b"x" * 65_536),
}


@pytest.mark.parametrize("behave", BROKEN_ANSWERS.values(), ids=BROKEN_ANSWERS)
def test_a_connection_that_breaks_before_an_answer_leaves_the_outcome_unknown(
    behave: Behaviour,
) -> None:
    error = failure(behave)
    assert type(error) is DeliveryUnknown
    assert error.outcome == "unknown"
    assert "may have the message" in str(error)
    assert "twice" in str(error)


def test_a_reset_before_reading_is_unknown_as_well() -> None:
    def resets_unread(connection: socket.socket, server: FaultServer) -> None:
        # A reset before the request may belong to a connection that was never made.
        connection.recv(1, socket.MSG_PEEK)
        resets(connection, server)

    error = failure(resets_unread, reads=False)
    assert type(error) is DeliveryUnknown


SLOW: dict[str, Behaviour] = {
    "silence": silent,
    "drip in the status line": drips(b"HTTP/1.1 201", b" "),
    "drip in a header": drips(b"HTTP/1.1 201 Created\r\nX-Slow: ", b"x"),
    "drip of headers": drips(b"HTTP/1.1 201 Created\r\n", b"X-Slow: x\r\n", every=0.05),
}


@pytest.mark.parametrize("behave", SLOW.values(), ids=SLOW)
def test_the_deadline_holds_against_servers_that_never_finish(behave: Behaviour) -> None:
    began = time.monotonic()
    error = failure(behave, timeout=0.5)
    assert time.monotonic() - began < 2
    assert type(error) is DeliveryUnknown
    assert "Time ran out" in error.detail


BODIES: dict[str, Behaviour] = {
    "short": answers(head("201 Created", "Content-Length: 100") + b"User mess"),
    "reset": answers(head("201 Created", "Content-Length: 100")),
    "dripping": drips(head("201 Created", "Content-Length: 99999"), b"u"),
    "endless": floods(head("201 Created", "Content-Type: text/plain")),
    "bad chunks": answers(head("201 Created", "Transfer-Encoding: chunked") + b"zz\r\nhello"),
    "bad gzip": answers(head("201 Created", "Content-Encoding: gzip") + b"no gzip"),
    "bad UTF-8": answers(head("201 Created", "Content-Length: 2") + b"\xff\xfe"),
    "quoted as JSON": answers(head("201 Created", "Content-Length: 4") + b'"ok"'),
    "none": answers(head("201 Created", "Content-Length: 0")),
}


@pytest.mark.parametrize("behave", BODIES.values(), ids=BODIES)
def test_a_201_is_delivered_whatever_its_body_does(behave: Behaviour) -> None:
    began = time.monotonic()
    with FaultServer(behave) as server:
        delivery = send(server, timeout=1)
    assert delivery.outcome == "delivered"
    assert delivery.status_code == 201
    assert time.monotonic() - began < 3


def test_of_a_body_that_breaks_off_what_came_is_kept() -> None:
    error = failure(answers(head("400 Bad Request", "Content-Length: 500") + b"the ID is of"))
    assert type(error) is BadRequest
    assert error.detail == "the ID is of"


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308])
@pytest.mark.parametrize("location", ["{other}", "//x:y:z/", "http://[", "\xff\xfe", ""])
def test_a_redirect_is_never_followed_and_the_key_stays(status: int, location: str) -> None:
    with FaultServer(answers(CREATED)) as other:
        where = location.format(other=other.base_url + "/executions")
        error = failure(answers(head(f"{status} Found", f"Location: {where}", "Content-Length: 0")))
        assert other.requests == []
    assert type(error) is UnexpectedAnswer
    assert error.outcome == "unknown"
    assert error.status_code == status
    assert "never followed" in error.detail


def test_the_body_of_a_redirect_is_not_read_without_end() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    error = failure(floods(head("302 Found", "Location: /elsewhere")))
    assert isinstance(error, UnexpectedAnswer)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 50_000, "kilobytes"


def test_a_gzip_bomb_stays_small() -> None:
    bomb = gzip.compress(b"0" * 300_000_000, compresslevel=9)
    lines = ("Content-Encoding: gzip", f"Content-Length: {len(bomb)}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    error = failure(answers(head("500 Error", *lines) + bomb))
    assert isinstance(error, ServerError)
    assert len(error.server_text) < 3_000
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 50_000, "kilobytes"


def test_a_compressed_error_is_read() -> None:
    body = gzip.compress(b'{"code": 400, "message": "no such thing"}')
    error = failure(answers(head("400 Bad", "Content-Encoding: gzip") + body))
    assert error.detail == "no such thing"


def test_a_502_with_a_page_of_html_keeps_its_words_and_is_unknown() -> None:
    page = b"<html><style>p {color: red}</style><h1>502 Bad &amp; Gateway</h1><p>nginx</p></html>"
    error = failure(answers(head("502 Bad Gateway", "Content-Type: text/html") + page))
    assert type(error) is ServerError
    assert error.outcome == "unknown"
    assert error.detail == "502 Bad & Gateway nginx"


def test_a_200_with_a_login_page_is_unknown() -> None:
    error = failure(answers(head("200 OK") + b"<title>Log in</title>"))
    assert type(error) is UnexpectedAnswer
    assert error.outcome == "unknown"
    assert "200" in error.detail
    assert error.server_text == "Log in"


@pytest.mark.parametrize("status", [101, 204, 299, 600, 999])
def test_a_status_that_the_contract_does_not_know_is_unknown(status: int) -> None:
    error = failure(answers(head(f"{status} Odd", "Content-Length: 0")))
    # urllib3-future takes a 101 for the end of the connection.
    assert type(error) is UnexpectedAnswer or status == 101
    assert error.outcome == "unknown"


ODD_BODIES = {
    "a list": b"[1, 2]",
    "nulls": b'{"code": null, "message": null, "errors": null, "detail": null, "used": null}',
    "wrong kinds": b'{"code": "x", "message": {"a": 1}, "errors": {"a": 1}, "detail": 5}',
    "odd errors": b'{"message": "m", "errors": [null, 5, {"parameter": 3}, {"detail": "d"}]}',
    "bad UTF-8": b"\xff\xfe\xfa",
    "empty": b"",
    "deep": b"[" * 60_000,
    "a huge number": b'{"code": ' + b"9" * 5_000 + b"}",
    "not a number": b'{"code": NaN, "used": Infinity, "limit": true}',
    "10 MB": b"x" * 10_000_000,
}


@pytest.mark.parametrize("body", ODD_BODIES.values(), ids=ODD_BODIES)
def test_an_error_body_of_any_shape_gives_a_clean_error(body: bytes) -> None:
    error = failure(answers(head("400 Bad Request", f"Content-Length: {len(body)}") + body))
    assert type(error) is BadRequest
    assert error.detail
    assert error.code is None
    assert len(str(error)) < 3_000
    assert "Traceback" not in str(error)


def test_a_429_is_tried_again_when_its_wait_fits() -> None:
    replies = [head("429 Slow down", "Retry-After: 0", "Content-Length: 0"), CREATED]
    with FaultServer(lambda connection, _: connection.sendall(replies.pop(0))) as server:
        delivery = send(server)
        assert delivery.attempts == 2
        assert len(server.requests) == 2


@pytest.mark.parametrize("retry_after", ["3600", "Fri, 31 Dec 2100 23:59:59 GMT", None, "soon"])
def test_a_wait_that_does_not_fit_is_not_waited(retry_after: str | None) -> None:
    lines = [f"Retry-After: {retry_after}"] if retry_after else []
    error = failure(answers(head("429 Slow down", *lines, "Content-Length: 0")))
    assert type(error) is RateLimited
    assert error.outcome == "not_delivered"


def test_a_429_is_sent_three_times_at_most() -> None:
    busy = answers(head("429 Slow down", "Retry-After: 0", "Content-Length: 0"))
    with FaultServer(busy) as server, pytest.raises(RateLimited) as caught:
        send(server)
    assert caught.value.outcome == "not_delivered"
    assert caught.value.attempts == len(server.requests) == 3


@pytest.mark.parametrize("retry_after", ["", "Retry-After: 0\r\n", "Retry-After: 1\r\n"])
@pytest.mark.parametrize("status", ["500", "502", "503", "504", "408", "302", "303", "307"])
def test_what_a_gateway_answers_after_storing_is_never_sent_again(
    status: str, retry_after: str
) -> None:
    """Envoy and Heroku answer 503 if the server breaks after it has stored the message."""
    answer = f"HTTP/1.1 {status} Gone\r\n{retry_after}Location: /x\r\nContent-Length: 0\r\n\r\n"
    with FaultServer(answers(answer.encode())) as server, pytest.raises(ApiError) as caught:
        send(server)
    assert caught.value.outcome == "unknown"
    assert len(server.requests) == 1


def test_a_refused_connection_is_tried_three_times_and_not_delivered() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with (
        AsteroidClient(KEY, f"http://127.0.0.1:{port}", 5) as client,
        pytest.raises(ConnectionFailed) as caught,
    ):
        client.send(EXECUTION, TEXT)
    assert caught.value.attempts == 3
    assert caught.value.outcome == "not_delivered"
    assert "refused" in caught.value.detail


def test_a_server_that_comes_up_in_between_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    late: list[FaultServer] = []

    def come_up() -> None:
        server = FaultServer(answers(CREATED))
        server._listener.close()
        server._listener = socket.create_server(("127.0.0.1", port))
        late.append(server)
        server.__enter__()

    starting = threading.Timer(0.05, come_up)
    starting.start()
    try:
        with AsteroidClient(KEY, f"http://127.0.0.1:{port}", 5) as client:
            delivery = client.send(EXECUTION, TEXT)
        assert delivery.attempts in {2, 3}
    finally:
        starting.join()
        late[0].__exit__(None, None, None)


def test_a_stale_connection_is_never_resent_blindly() -> None:
    """The server reads the second request of a connection and closes without an answer."""

    def behave(connection: socket.socket, server: FaultServer) -> None:
        connection.sendall(KEPT)
        server.requests.append(servers.read_request(connection))

    with FaultServer(behave) as server, AsteroidClient(KEY, server.base_url, 5) as client:
        client.send(EXECUTION, "first")
        with pytest.raises(DeliveryUnknown):
            client.send(EXECUTION, "second")
        assert len([one for one in server.requests if b"second" in one]) == 1


def test_a_connection_that_the_server_has_closed_in_between_is_replaced() -> None:
    with FaultServer(answers(KEPT)) as server, AsteroidClient(KEY, server.base_url, 5) as client:
        for count in range(3):
            assert client.send(EXECUTION, str(count)).attempts == 1
            server.wait_until_served()
        assert len(server.requests) == 3


def test_no_thread_is_started_for_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultServer(keeps) as server, AsteroidClient(KEY, server.base_url, 5) as client:
        client.send(EXECUTION, TEXT)
        started: list[str] = []
        original = threading.Thread.start

        def note(thread: threading.Thread) -> None:
            if "asteroid-magic" in thread.name:
                started.append(thread.name)
            original(thread)

        monkeypatch.setattr(threading.Thread, "start", note)
        client.send(EXECUTION, TEXT)
    assert started == []


def test_an_error_body_may_begin_with_a_byte_order_mark() -> None:
    body = b'\xef\xbb\xbf{"code": 400, "message": "too long"}'
    error = failure(answers(head("400 Bad", f"Content-Length: {len(body)}") + body))
    assert error.detail == "too long"


def test_what_a_server_says_prints_no_escape_sequence() -> None:
    body = b'{"code": 400, "message": "\\u001b[2J\\u202edone"}'
    error = failure(answers(head("400 Bad", f"Content-Length: {len(body)}") + body))
    assert not set(str(error)) & set("\x1b\u202e")
    assert "⟨U+001B⟩[2J" in str(error)


def test_the_debug_level_of_http_client_prints_no_key(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("http.client.HTTPConnection.debuglevel", 1)
    with FaultServer(answers(CREATED)) as server:
        send(server)
    shown = capfd.readouterr()
    assert KEY not in shown.out + shown.err
