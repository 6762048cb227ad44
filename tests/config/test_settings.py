"""The precedence of the settings, and which values raise errors."""

import pickle
import subprocess
import sys

import keyring
import keyring.backend
import pytest

from asteroid_magic import AsteroidClient, ConfigurationError
from asteroid_magic.config.api_key import ApiKey
from asteroid_magic.config.session import session
from asteroid_magic.config.settings import resolve

DEFAULT = "https://odyssey.asteroid.ai/agents/v2"


class MemoryKeyring(keyring.backend.KeyringBackend):
    """A keyring that lasts as long as the test."""

    priority = 1

    def __init__(self) -> None:
        self.stored: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.stored.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.stored[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.stored[service, username]


def test_each_source_of_the_key_gives_way_to_the_one_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def key() -> str | None:
        found = resolve().key
        return found.reveal() if found else None

    assert key() is None
    before = keyring.get_keyring()
    stored = MemoryKeyring()
    stored.set_password("asteroid-magic", "ASTEROID_API_KEY", "from-keyring")
    keyring.set_keyring(stored)
    try:
        assert key() == "from-keyring"
        monkeypatch.setenv("ASTEROID_API_KEY", " from-environment\n")
        assert key() == "from-environment"
        session.key = ApiKey("from-login", "%asteroid_login")
        assert key() == "from-login"
        argument = resolve("from-argument").key
        assert argument is not None
        assert argument.reveal() == "from-argument"
    finally:
        keyring.set_keyring(before)


def test_each_source_of_the_base_url_gives_way_to_the_one_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert resolve().base_url == DEFAULT
    monkeypatch.setenv("ASTEROID_BASE_URL", "https://environment.invalid")
    assert resolve().base_url == "https://environment.invalid/agents/v2"
    session.base_url = "https://session.invalid/x/"
    assert resolve().base_url == "https://session.invalid/x"
    assert resolve(base_url="https://argument.invalid").base_url.startswith("https://argument.")


def test_each_source_of_the_timeout_gives_way_to_the_one_before() -> None:
    assert resolve().timeout == AsteroidClient().timeout == 30.0
    session.timeout = 5
    assert resolve().timeout == 5
    assert resolve(timeout=7).timeout == 7


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://a.example", "https://a.example/agents/v2"),
        (" https://a.example\n", "https://a.example/agents/v2"),
        ("HTTPS://a.example/", "https://a.example/agents/v2"),
        ("https://a.example:8443/v3/", "https://a.example:8443/v3"),
        ("http://127.0.0.1:80", "http://127.0.0.1:80/agents/v2"),
        ("http://127.9.9.9", "http://127.9.9.9/agents/v2"),
        ("http://[::1]:8080", "http://[::1]:8080/agents/v2"),
        ("http://localhost:1/x", "http://localhost:1/x"),
    ],
)
def test_a_base_url_is_brought_into_one_form(given: str, used: str) -> None:
    assert resolve(base_url=given).base_url == used


@pytest.mark.parametrize(
    "url",
    [
        "http://odyssey.asteroid.ai",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://box.localhost",
        "http://0.0.0.0",
        "http://2130706433",
        "http://127.1",
    ],
)
def test_plain_http_to_a_remote_host_is_refused_before_the_key_leaves(url: str) -> None:
    with pytest.raises(ConfigurationError, match="unencrypted"):
        resolve(base_url=url)
    assert resolve(base_url=url, allow_insecure=True).base_url.startswith("http://")


@pytest.mark.parametrize(
    "url",
    [
        "odyssey.asteroid.ai",
        "ftp://a.example",
        "https://",
        "https:///x",
        "https://a.example:port",
        "https://a.example:99999",
        "https://user:hunter2@a.example",
        "https://a.example/?key=hunter2",
        "https://a.example/#hunter2",
        "https://a.example?",
        "https://a.example\\@b.example",
        "https://a.exa\nmple",
        "https://a b.example",
        "https://a.example/../x",
        "https://münchen.example",
        "https://a.example/\r\nX: y",
        "https://[::1",
        5,
        b"https://a.example",
    ],
)
def test_a_base_url_that_could_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="base URL") as caught:
        resolve(base_url=url)
    assert "hunter2" not in str(caught.value)
    assert DEFAULT in caught.value.hint


@pytest.mark.parametrize(
    "key", ["", " ", "two words", "new\nline", "schlüssel", "\x7f", "a\r\nX: y", "k\u200b"]
)
def test_a_malformed_key_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(ConfigurationError, match="API key") as caught:
        AsteroidClient(api_key=key)
    if key.strip():
        assert key.strip() not in str(caught.value)


def test_a_key_from_the_environment_is_named_by_its_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ASTEROID_API_KEY", "two words")
    with pytest.raises(ConfigurationError, match="the environment variable ASTEROID_API_KEY"):
        resolve()


def test_a_key_does_not_show_itself() -> None:
    key = ApiKey("key-4711", "a test")
    assert "4711" not in f"{key} {key!r} {resolve('key-4711')!r}"
    assert key == ApiKey(" key-4711 ", "elsewhere")
    assert hash(key) == hash(ApiKey("key-4711", "elsewhere"))
    assert key != "key-4711"
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(key)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), 86_401, "5", True])
def test_a_timeout_that_is_none_is_refused(timeout: float) -> None:
    with pytest.raises(ConfigurationError, match="number of seconds"):
        AsteroidClient(timeout=timeout)


def test_in_pyodide_a_client_says_that_it_cannot_work_there() -> None:
    # A subprocess, because other libraries ask for the platform when they are imported.
    code = """
import sys
from asteroid_magic import AsteroidClient, ConfigurationError
from asteroid_magic.client.session_client import session_client
sys.platform = "emscripten"
for make in (lambda: AsteroidClient("key"), lambda: session_client().__enter__()):
    try:
        make()
    except ConfigurationError as error:
        print(error.title, error.detail, error.hint, sep="|")
"""
    said = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    first, second = said.splitlines()
    assert first == second
    title, detail, hint = first.split("|")
    assert title == "asteroid-magic does not work in a browser"
    assert "Pyodide" in detail
    assert "kernel" in hint
