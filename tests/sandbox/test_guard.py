"""What the sandbox refuses before it reads the body: foreign names, pages, and large strangers."""

import socket
from urllib.parse import urlsplit

import pytest
import requests

from asteroid_magic.sandbox import Sandbox
from asteroid_magic.sandbox.guard import LARGEST_UNKNOWN
from tests.support.sandboxes import PATIENCE, assert_error, running, send, url


def port_of(box: Sandbox) -> int:
    return urlsplit(box.base_url).port or 0


def listed(http: requests.Session, box: Sandbox, **headers: str) -> requests.Response:
    return http.get(f"{box.base_url}/executions", headers=headers, timeout=PATIENCE)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LocalHost", "[::1]"])
def test_the_names_of_this_machine_are_answered(
    box: Sandbox, http: requests.Session, name: str
) -> None:
    host = f"{name}:{port_of(box)}"
    assert listed(http, box, Host=host).status_code == 200
    assert listed(http, box, Host=host, Origin=f"http://{host}").status_code == 200
    assert listed(http, box, Host=name).status_code == 200
    assert listed(http, box, Host=f"{name}:1").status_code == 200, "as through a tunnel"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:PORT",
        "127.0.0.1.evil.example:PORT",
        "localhost.:PORT",
        "127.0.0.1:",
        "127.0.0.2:PORT",
        "sandbox.localhost:PORT",
        "127.0.0.1:PORT, evil.example",
        "x" * 3000,
    ],
)
def test_a_foreign_host_is_refused(box: Sandbox, http: requests.Session, host: str) -> None:
    answer = listed(http, box, Host=host.replace("PORT", str(port_of(box))))
    assert_error(answer, 403, "this sandbox serves this machine")
    assert answer.headers["Connection"] == "close"
    assert len(answer.text) < 2000


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "", "http://localhost:1", "https://127.0.0.1:PORT", "file://"],
)
def test_a_foreign_origin_is_refused_even_with_the_key(
    box: Sandbox, http: requests.Session, origin: str
) -> None:
    headers = {"Origin": origin.replace("PORT", str(port_of(box)))}
    body = {"message": "from a page"}
    answer = http.post(url(box, running(box)), json=body, headers=headers, timeout=PATIENCE)
    assert_error(answer, 403, "web pages")
    assert box.messages(running(box)) == []


def answer_to(box: Sandbox, request: str) -> bytes:
    """Return all that the sandbox answers to the beginning of a request, up to its hanging up."""
    with socket.create_connection(("127.0.0.1", port_of(box)), timeout=PATIENCE) as plain:
        plain.sendall(request.encode("latin-1"))
        answer = b""
        while piece := plain.recv(65_536):
            answer += piece
    return answer


def post(box: Sandbox, *headers: str) -> str:
    path = urlsplit(url(box, running(box))).path
    lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port_of(box)}", *headers, "", ""]
    return "\r\n".join(lines)


@pytest.mark.parametrize("length", [LARGEST_UNKNOWN + 1, 16_000_000, 10**30])
@pytest.mark.parametrize("key", [None, "wrong"])
def test_a_large_body_without_the_key_is_refused_unread(
    box: Sandbox, length: int, key: str | None
) -> None:
    headers = [f"Content-Length: {length}"]
    headers += [] if key is None else [f"X-Asteroid-Agents-Api-Key: {key}"]
    # No byte of the body follows: the answer does not wait for one.
    answer = answer_to(box, post(box, *headers))
    assert answer.startswith(b"HTTP/1.1 401 Unauthorized\r\n")
    assert b"X-Asteroid-Agents-Api-Key" in answer
    assert box.api_key.encode() not in answer


def test_a_length_that_is_no_number_is_refused(box: Sandbox) -> None:
    # Python counts a superscript as a digit.
    answer = answer_to(box, post(box, "Content-Length: \u00b2"))
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_a_body_of_unknown_length_without_the_key_is_cut_off(box: Sandbox) -> None:
    begun = post(box, "Transfer-Encoding: chunked") + f"{LARGEST_UNKNOWN + 1:x}\r\n"
    assert answer_to(box, begun).startswith(b"HTTP/1.1 400 ")


def test_a_large_body_with_the_key_arrives(box: Sandbox, http: requests.Session) -> None:
    assert send(http, box, running(box), "x" * 900_000).status_code == 201


def test_a_request_without_a_host_is_refused(box: Sandbox) -> None:
    answer = answer_to(box, "GET /agents/v2/executions HTTP/1.0\r\n\r\n")
    assert b" 403 " in answer.splitlines()[0] or b" 400 " in answer.splitlines()[0]
