"""Implements `%asteroid_login`: asks for the API key, and keeps, saves or forgets it."""

import getpass
import os
import warnings
from collections.abc import Callable

from IPython.core.error import StdinNotImplementedError

from ..config import keystore
from ..config.api_key import ApiKey
from ..config.session import session
from ..constants import API_KEY_VARIABLE
from ..errors import ConfigurationError
from ..input.options import InputError
from ..interrupts import interruptible


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
    session.key = ApiKey(_typed_key(), "%asteroid_login")
    said = "The API key is set for this session. Asteroid checks it with your first request."
    if session.sandbox:
        said += " The sandbox is still in use. To stop it, run %asteroid_sandbox --stop."
    return said


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
        problem = "You interrupted the login. Run it again when you are ready."
    raise ConfigurationError(
        problem,
        title="No API key was set",
        hint=f"Set {API_KEY_VARIABLE} in the environment before you start the notebook.",
    )
