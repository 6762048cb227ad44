"""The system keyring: one that keeps nothing, one that blocks, and one that fails with the key."""

import io
import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import keyring
import keyring.backends.null
import pytest

from asteroid_magic import AsteroidClient, ConfigurationError
from asteroid_magic.config import keystore
from asteroid_magic.config.settings import resolve
from tests.config.test_settings import MemoryKeyring
from tests.support.shells import Notebook

KEY = "key-4711"
ID = "3f2a9c1e-7b44-4d0a-9a53-0c1f6b2e8d71"


class BlockedKeyring(MemoryKeyring):
    """Answers nothing until it is `released`, and counts the questions."""

    def __init__(self) -> None:
        super().__init__()
        self.released = threading.Event()
        self.asked = 0

    def get_password(self, service: str, username: str) -> str | None:
        self.asked += 1
        self.released.wait(30)
        return super().get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self.asked += 1
        self.released.wait(30)
        super().set_password(service, username, password)


Use = Callable[[Any], None]


@pytest.fixture
def use() -> Iterator[Use]:
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


@pytest.fixture
def blocked(use: Use, monkeypatch: pytest.MonkeyPatch) -> Iterator[BlockedKeyring]:
    monkeypatch.setattr(keystore, "LONGEST_ANSWER_S", 0.05)
    stored = BlockedKeyring()
    use(stored)
    yield stored
    stored.released.set()
    for thread in keystore._waiting:
        thread.join(10)


def test_nothing_waits_longer_than_three_seconds() -> None:
    assert keystore.LONGEST_ANSWER_S == 3.0
    assert "3 s" in keystore.NO_ANSWER


def test_a_keyring_that_blocks_is_given_up_and_the_error_says_so(blocked: BlockedKeyring) -> None:
    with AsteroidClient() as client, pytest.raises(ConfigurationError) as raised:
        client.send(ID, "hello")
    assert raised.value.detail == "The system keyring did not answer within 3 s."
    assert "Unlock the keyring" in raised.value.hint
    assert "ASTEROID_API_KEY" in raised.value.hint
    assert blocked.asked == 1


def test_a_keyring_that_blocks_is_not_asked_again_until_it_answers(
    blocked: BlockedKeyring,
) -> None:
    for _ in range(3):
        assert resolve().key is None
        assert resolve().key_problem
    assert blocked.asked == 1
    blocked.stored["asteroid-magic", "ASTEROID_API_KEY"] = KEY
    blocked.released.set()
    keystore._waiting[0].join(10)
    assert resolve().key is not None
    assert resolve().key_problem == ""


def test_a_key_from_elsewhere_asks_no_keyring(
    blocked: BlockedKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASTEROID_API_KEY", KEY)
    assert resolve().key is not None
    assert blocked.asked == 0


def test_saving_into_a_keyring_that_blocks_says_so_and_shows_no_key(
    blocked: BlockedKeyring, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ConfigurationError, match="did not answer within 3 s") as raised:
        keystore.save(KEY)
    seen = "".join(traceback.format_exception(raised.value)) + repr(vars(raised.value))
    seen += caplog.text + repr(threading.enumerate()) + repr(keystore._waiting)
    assert KEY not in seen
    assert blocked.asked == 1


def test_a_keyring_that_keeps_nothing_is_found_out(use: Use) -> None:
    use(keyring.backends.null.Keyring())
    with pytest.raises(ConfigurationError, match="did not keep it") as raised:
        keystore.save(KEY)
    assert "The key is set for this session." in raised.value.hint


def test_a_keyring_whose_error_holds_the_key_shows_only_its_class(
    use: Use, capsys: pytest.CaptureFixture[str]
) -> None:
    class Telling(MemoryKeyring):
        def set_password(self, service: str, username: str, password: str) -> None:
            raise SystemExit(f"{service} {username} {password}")

    use(Telling())
    with pytest.raises(ConfigurationError, match="SystemExit") as raised:
        keystore.save(KEY)
    output = io.StringIO()
    traceback.print_exception(raised.value, file=output)
    assert KEY not in output.getvalue() + "".join(capsys.readouterr())


def test_login_says_what_the_keyring_did(
    notebook: Notebook, use: Use, blocked: BlockedKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No server tells whose this key is.
    notebook.run("%config AsteroidMagics.base_url = 'http://127.0.0.1:9'")
    monkeypatch.setattr("getpass.getpass", lambda _prompt: KEY)
    notebook.run("%asteroid_login --save")
    assert "did not answer within 3 s" in notebook.html()
    notebook.run("%asteroid_login --forget")
    assert "It may still hold the key." in notebook.text
    blocked.released.set()
    keystore._waiting[0].join(10)
    use(keyring.backends.null.Keyring())
    notebook.run("%asteroid_login --save")
    assert "The API key was not saved" in notebook.html()
    assert KEY not in notebook.html() + notebook.text
