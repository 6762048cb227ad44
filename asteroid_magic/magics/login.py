"""Implements `%asteroid_login`: asks for the API key, and keeps, saves or forgets it."""

import getpass
import os
import warnings
from collections.abc import Callable

from IPython.core.error import StdinNotImplementedError

from ..client.client import AsteroidClient
from ..client.session_client import without_retries
from ..config import colab, keystore
from ..config.api_key import ApiKey
from ..config.session import session
from ..config.settings import resolve_base_url
from ..constants import API_KEY_VARIABLE
from ..errors import AsteroidError, ConfigurationError, Unauthorized
from ..input.options import InputError
from ..interrupts import interruptible
from ..models.identity import Identity
from ..text import shorten, visible

# Seconds for the check of a key, characters of a name, and of the reason why there was no check.
LONGEST_CHECK_S, LONGEST_NAME, LONGEST_REASON = 10.0, 100, 300
UNCHECKED = "Your first request shows whether Asteroid accepts it."


def action_for(line: str) -> Callable[[], str]:
    """Return the action that `line` asks for; it returns a sentence to show.

    Raises `InputError` for anything but a known option, without quoting it: it may be a key.
    """
    actions = {"": _ask, "--save": _ask_and_save, "--forget": _forget}
    action = actions.get(line.strip())
    if action is None and line.lstrip().startswith("-"):
        raise InputError("%asteroid_login takes --save, --forget or nothing.")
    if action is None:
        raise InputError(
            "%asteroid_login takes --save, --forget or nothing. It asks for the key itself.\n"
            "If you typed a key here, IPython's history and this notebook now hold it. "
            "Delete the line and get a new key from Asteroid."
        )
    return action


def _ask() -> str:
    key = ApiKey(_typed_key(), "%asteroid_login")
    # Before it is set: a key that the server refuses must not take the place of one that works.
    checked = _check(key)
    session.key = key
    said = f"The API key is set for this session. {checked}"
    if session.sandbox:
        said += " The sandbox is still in use. To stop it, run %asteroid_sandbox --stop."
    return said


def _check(key: ApiKey) -> str:
    """Return a sentence that says whose the key is; raises `Unauthorized` if it is refused."""
    try:
        # The key belongs to the server that is used after the sandbox.
        base_url = resolve_base_url(ignore_sandbox=True)
        with AsteroidClient(key.reveal(), base_url, LONGEST_CHECK_S) as client:
            return _owner(without_retries(client).whoami())
    except Unauthorized as error:
        refused = error
    except AsteroidError as error:
        why = visible(f"{error.title}. {error.detail}".strip(), keep="")
        return f"It could not be checked: {shorten(why, LONGEST_REASON)} {UNCHECKED}"
    refused.title = "Asteroid refuses this API key, so it was not set"
    refused.hint = (
        "Copy the whole key from Asteroid, then run %asteroid_login again. A key that was set "
        "before stays in use. If the key is for another server, set that server first: "
        '%config AsteroidMagics.base_url = "https://…"'
    )
    raise refused


def _owner(who: Identity) -> str:
    """Return a sentence that says whose the key is; all of it comes from the server."""
    name = _plain(who.email or who.id) or "an owner without a name"
    owner = {
        "person": f"It belongs to {name}",
        "api_key": f"It is the key {name} of an organization",
        "service": f"It belongs to the service {name}",
    }.get(who.kind, f"It belongs to {name} ({_plain(who.kind)})")
    where = f", organization {_plain(who.organization_id)}" if who.organization_id else ""
    return f"Asteroid accepts it. {owner}{where}."


def _plain(text: str) -> str:
    return shorten(visible(" ".join(text.split()), keep=""), LONGEST_NAME)


def _ask_and_save() -> str:
    said = _ask()
    if session.key is not None:
        keystore.save(session.key.reveal())
    return f"{said} The system keyring holds it, too."


def _forget() -> str:
    session.key = None
    left = []
    if os.environ.get(API_KEY_VARIABLE):
        left.append(f"{API_KEY_VARIABLE} is still set in the environment.")
    if colab.load()[0]:
        left.append(f"{colab.SOURCE} still hold {API_KEY_VARIABLE}.")
    try:
        keystore.forget()
        if keystore.load():
            left.append("The system keyring still holds it. Delete the entry asteroid-magic there.")
    except TimeoutError:
        left.append(f"{keystore.NO_ANSWER} It may still hold the key.")
    return " ".join(["The API key was removed from this session.", *left])


def _typed_key() -> str:
    problem = "This front end cannot ask for a key."
    try:
        with warnings.catch_warnings():
            # getpass warns before it falls back to a prompt that shows the key.
            warnings.simplefilter("error", getpass.GetPassWarning)
            return interruptible(lambda: getpass.getpass("Asteroid API key: "))
    except getpass.GetPassWarning:
        problem = "This terminal would show the key while you type it."
    except (StdinNotImplementedError, EOFError):
        pass
    except KeyboardInterrupt:
        raise ConfigurationError(
            "A key that was set before stays in use.",
            title="You interrupted the login",
            hint="Run %asteroid_login again when you are ready.",
        ) from None
    raise ConfigurationError(
        problem,
        title="No API key was set",
        hint=f"Set {API_KEY_VARIABLE} in the environment before you start the kernel.",
    )
