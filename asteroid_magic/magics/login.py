"""How a person gives the API key: asked for unseen, kept for the session, saved if wanted."""

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


def action_for(line: str) -> Callable[[], str]:
    """Return what `%asteroid_login` is to do, which answers with a sentence to show.

    Raises `InputError` for anything but an option, without repeating it: it may be a key.
    """
    actions = {"": _ask, "--save": _ask_and_save, "--forget": _forget}
    action = actions.get(line.strip())
    if action is None and line.lstrip().startswith("-"):
        raise InputError("%asteroid_login takes --save, --forget or nothing, and one of them.")
    if action is None:
        raise InputError(
            "%asteroid_login takes --save, --forget or nothing; it asks for the key itself.\n"
            "If you typed a key here, it now stands in the history of IPython and in this "
            "notebook: delete the line, and have Asteroid give you a new key."
        )
    return action


def _ask() -> str:
    session.key = ApiKey(_typed_key(), "%asteroid_login")
    said = "The API key is set for this session. Nothing has been checked or sent yet."
    if session.sandbox:
        said += " The sandbox is still in use: %asteroid_sandbox --stop."
    return said


def _ask_and_save() -> str:
    said = _ask()
    if session.key is not None:
        keystore.save(session.key.reveal())
    return f"{said} It is saved in the system keyring."


def _forget() -> str:
    session.key = None
    keystore.forget()
    left = []
    if os.environ.get(API_KEY_VARIABLE):
        left.append(f"{API_KEY_VARIABLE} is still set in the environment.")
    if keystore.load():
        left.append("The system keyring still holds it: remove asteroid-magic there.")
    return " ".join(["The API key is removed from this session.", *left])


def _typed_key() -> str:
    problem = "This front end cannot ask for a key."
    try:
        with warnings.catch_warnings():
            # Where the terminal would show what is typed, a key must not be typed.
            warnings.simplefilter("error", getpass.GetPassWarning)
            return getpass.getpass("Asteroid API key: ")
    except getpass.GetPassWarning:
        problem = "This terminal would show the key while you type it."
    except (StdinNotImplementedError, EOFError):
        pass
    except KeyboardInterrupt:
        problem = "You interrupted the login: run it again when you are ready."
    raise ConfigurationError(
        problem,
        title="No API key was set",
        hint=f"Set {API_KEY_VARIABLE} in the environment before the notebook starts.",
    )
