"""Stores the API key in the system keyring, if `keyring` is installed, and nowhere else.

A keyring may wait for a password prompt that nobody sees. So a thread asks it, and is given up
after `LONGEST_ANSWER_S`; while it still waits, no other question follows.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import TypeVar

from ..constants import API_KEY_VARIABLE
from ..errors import ConfigurationError
from ..interrupts import interruptible

T = TypeVar("T")

LONGEST_ANSWER_S = 3.0
NO_ANSWER = f"The system keyring did not answer within {LONGEST_ANSWER_S:g} s."
_SERVICE = "asteroid-magic"
_NAME = API_KEY_VARIABLE


class KeyringError(Exception):
    """The keyring failed; names only the class of its error, whose text may hold the key."""


# The thread that waits for an answer, if one still does.
_waiting: list[threading.Thread] = []


def load() -> str | None:
    """Return the stored key; None if there is no key, no keyring, or if the keyring is locked.

    Raises `TimeoutError` if the keyring does not answer.
    """
    try:
        stored: str | None = _ask(lambda keyring: keyring.get_password(_SERVICE, _NAME))
    except (ImportError, KeyringError):
        return None
    return stored


def save(key: str) -> None:
    """Store the key; raises `ConfigurationError` if the keyring does not give it back."""

    def store(keyring: ModuleType) -> bool:
        keyring.set_password(_SERVICE, _NAME, key)
        # The null backend, for one, stores nothing and says nothing.
        return bool(keyring.get_password(_SERVICE, _NAME) == key)

    hint = f"For later sessions, set {API_KEY_VARIABLE} in the environment."
    try:
        if _ask(store):
            return
        problem = "The system keyring did not keep it."
    except TimeoutError:
        problem = NO_ANSWER
        hint = f"Unlock the keyring and save again, or set {API_KEY_VARIABLE} in the environment."
    except KeyboardInterrupt:
        problem = "You interrupted the wait for the system keyring, which may still store it."
    except ImportError:
        problem = "The package keyring is not installed."
        hint = 'To save it, first run pip install "asteroid-magic[keyring]".'
    except KeyringError as error:
        problem = f"The system keyring rejected it ({error})."
    raise ConfigurationError(
        problem, title="The API key was not saved", hint=f"The key is set for this session. {hint}"
    )


def forget() -> None:
    """Remove the stored key, if there is one; raises `TimeoutError` as `load` does."""
    # No key or no keyring: nothing to remove.
    with suppress(ImportError, KeyringError):
        _ask(lambda keyring: keyring.delete_password(_SERVICE, _NAME))


def _ask(question: Callable[[ModuleType], T]) -> T:
    """Return the answer of the module `keyring`, asked on a thread of its own.

    Raises `ImportError` if there is no such module, `KeyringError` if asking fails, and
    `TimeoutError` if no answer comes.
    """
    answers: list[T] = []
    faults: list[Exception] = []

    def work() -> None:
        try:
            # Here, because it is slow to load, and a backend may wait as it loads.
            import keyring  # noqa: PLC0415 (as said)

            answers.append(question(keyring))
        except ImportError:
            faults.append(ImportError("keyring"))
        except BaseException as error:  # noqa: BLE001 (each backend has its own)
            faults.append(KeyringError(type(error).__name__))

    if any(thread.is_alive() for thread in _waiting):
        raise TimeoutError
    # A daemon: a program can end while the keyring waits.
    asking = threading.Thread(target=work, name="asteroid-magic keyring", daemon=True)
    _waiting[:] = [asking]
    asking.start()
    interruptible(lambda: asking.join(LONGEST_ANSWER_S))
    if answers:
        return answers[0]
    raise faults[0] if faults else TimeoutError
