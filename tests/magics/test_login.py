"""`%asteroid_login` asks the server whose the key is before it sets it."""

import getpass
import json
from collections.abc import Callable
from typing import Any

import pytest

from asteroid_magic import Unauthorized
from asteroid_magic.config import keystore
from asteroid_magic.config.api_key import ApiKey
from asteroid_magic.config.session import session
from asteroid_magic.magics import login
from asteroid_magic.sandbox import Sandbox
from tests.support.servers import Behaviour, FaultServer, answers, resets, silent
from tests.support.shells import Notebook

KEY = "key-4711-secret"


@pytest.fixture(autouse=True)
def typed_key(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def type_key(key: str) -> None:
        monkeypatch.setattr(getpass, "getpass", lambda _prompt: key)

    type_key(KEY)
    return type_key


def answer(status: str, body: Any = None, *headers: str) -> bytes:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(text)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + text


def logged_in(notebook: Notebook, behave: Behaviour, path: str = "/agents/v2") -> list[bytes]:
    """Log in to a server that behaves so; return the requests that it got."""
    session.key = ApiKey("earlier-key", "the test")
    with FaultServer(behave) as server:
        root = server.base_url.removesuffix("/agents/v2")
        notebook.run(f"%config AsteroidMagics.base_url = '{root}{path}'")
        notebook.run("%asteroid_login")
        seen = notebook.text + notebook.html()
        assert KEY not in seen
        assert "Traceback" not in seen
        return server.requests


PERSON = {
    "kind": "person",
    "id": "u1",
    "organizationId": "org-1",
    "person": {"id": "u1", "email": "anna@example.org"},
}
OWNERS: list[tuple[dict[str, Any], str]] = [
    (PERSON, "It belongs to anna@example.org, organization org-1."),
    ({"kind": "person", "id": "u1"}, "It belongs to u1."),
    ({"kind": "api_key", "id": "k9", "organizationId": "o"}, "It is the key k9 of an organization"),
    ({"kind": "service", "id": "cron"}, "It belongs to the service cron."),
    ({"kind": "robot", "id": "r2"}, "It belongs to r2 (robot)."),
    ({"kind": "person", "person": 7, "organizationId": []}, "It belongs to an owner without a"),
    ({"kind": "person", "id": "a\x1b[2Jb\u202e\nc"}, "It belongs to a⟨U+001B⟩[2Jb⟨U+202E⟩ c."),
    ({"kind": "person", "id": KEY}, "It belongs to [API key]."),
    ({"kind": "person", "id": "x" * 10_000}, "more characters)"),
]


@pytest.mark.parametrize(("body", "says"), OWNERS)
def test_it_says_whose_the_key_is(notebook: Notebook, body: dict[str, Any], says: str) -> None:
    [request] = logged_in(notebook, answers(answer("200 OK", body)))
    assert "Asteroid accepts it. " in notebook.text
    assert says in notebook.text
    assert len(notebook.text) < 600
    assert session.key == ApiKey(KEY, "")
    head, *lines = request.decode().split("\r\n")
    assert head == "GET /users/v2/whoami HTTP/1.1"
    assert [line for line in lines if KEY in line] == [f"X-Asteroid-Agents-Api-Key: {KEY}"]


def test_the_owner_is_asked_for_beside_a_base_url_below_a_path(notebook: Notebook) -> None:
    [request] = logged_in(notebook, answers(answer("200 OK", PERSON)), "/proxy/agents/v2/")
    assert request.startswith(b"GET /proxy/users/v2/whoami HTTP/1.1\r\n")
    assert "anna@example.org" in notebook.text


def test_a_refused_key_does_not_take_the_place_of_another(notebook: Notebook) -> None:
    [request] = logged_in(notebook, answers(answer("401 Unauthorized", {"message": f"no {KEY}"})))
    assert request.startswith(b"GET /users")
    assert isinstance(notebook.error, Unauthorized)
    assert "Asteroid refuses this API key, so it was not set" in notebook.html()
    assert "A key that was set before stays in use." in notebook.html()
    assert session.key == ApiKey("earlier-key", "")


def test_a_refused_key_is_not_saved(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[str] = []
    monkeypatch.setattr(keystore, "save", saved.append)
    session.key = None
    notebook.run("%asteroid_login --save")
    assert isinstance(notebook.error, Unauthorized)
    assert (session.key, saved) == (None, [])


UNCHECKED: dict[str, tuple[Behaviour, str]] = {
    "no such path": (answers(answer("404 Not Found", {})), "does not say whose a key is"),
    "not allowed": (answers(answer("403 Forbidden", {})), "This API key may not read this"),
    "server error": (answers(answer("500 Oops", {})), "Asteroid had an internal error"),
    "busy": (answers(answer("429 Slow", {}, "Retry-After: 60")), "accepts no more requests"),
    "redirect": (answers(answer("302 Found", {}, "Location: https://evil.example/")), "redirect"),
    "a login page": (answers(answer("200 OK", b"<html>Log in")), "is not a description of"),
    "a list": (answers(answer("200 OK", [])), "is not a description of"),
    "no kind": (answers(answer("200 OK", {"kind": None})), "is not a description of"),
    "an empty body": (answers(answer("200 OK", b"")), "No answer came back"),
    "too large": (answers(answer("200 OK", b" " * 100_000)), "The answer is too large"),
    "reset": (resets, "No answer came back"),
    "silence": (silent, "Time ran out"),
}


@pytest.mark.parametrize(("behave", "says"), UNCHECKED.values(), ids=UNCHECKED)
def test_a_key_that_could_not_be_checked_is_kept(
    notebook: Notebook, behave: Behaviour, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "LONGEST_CHECK_S", 0.5)
    requests = logged_in(notebook, behave)
    assert len(requests) == 1, "once is enough"
    assert notebook.error is None
    assert notebook.text.startswith("The API key is set for this session. It could not be checked:")
    assert says in notebook.text
    assert session.key == ApiKey(KEY, "")


def test_without_a_network_the_key_is_kept(notebook: Notebook) -> None:
    notebook.run("%config AsteroidMagics.base_url = 'http://127.0.0.1:9'")
    notebook.run("%asteroid_login")
    assert "It could not be checked: Asteroid could not be reached." in notebook.text
    assert session.key == ApiKey(KEY, "")


def test_another_base_url_is_not_asked(notebook: Notebook) -> None:
    assert logged_in(notebook, answers(answer("200 OK", PERSON)), "/api/v3") == []
    assert "does not end in /agents/v2" in notebook.text
    assert session.key == ApiKey(KEY, "")


def test_the_sandbox_says_whose_its_key_is(
    notebook: Notebook, box: Sandbox, typed_key: Callable[[str], None]
) -> None:
    typed_key(box.api_key)
    notebook.run("%asteroid_login")
    assert "It belongs to you@sandbox.invalid" in notebook.text


def test_the_sandbox_in_use_is_not_shown_the_key(notebook: Notebook) -> None:
    with FaultServer(answers(answer("200 OK", PERSON))) as server:
        notebook.run(f"%config AsteroidMagics.base_url = '{server.base_url}'")
        notebook.run("_ = %asteroid_sandbox")
        notebook.run("%asteroid_login")
        assert "anna@example.org" in notebook.text
        assert "The sandbox is still in use." in notebook.text
        assert len(server.requests) == 1


def test_an_interrupted_check_keeps_the_key(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("asteroid_magic.client.requester.Requester.request", interrupt)
    notebook.run("%asteroid_login")
    assert "It could not be checked: You interrupted the reading." in notebook.text
    assert session.key == ApiKey(KEY, "")
