"""Tells the open forms when a cell has run, since it may have set a key or a base URL."""

import os
from typing import Protocol

from IPython.core.events import EventManager
from IPython.core.getipython import get_ipython

from ..config.session import session
from ..constants import API_KEY_VARIABLE, BASE_URL_VARIABLE


class SettingsListener(Protocol):
    """What is told."""

    def check_settings(self) -> None:
        """Look at the settings."""

    def close(self) -> None:
        """End."""


_open: dict[int, SettingsListener] = {}
# The events of the shell that tells us, while there is an open form.
_events: list[EventManager] = []


def watch(form: SettingsListener) -> None:
    """Tell this form of every cell that runs, until it is forgotten."""
    shell = get_ipython()
    if shell is not None and not _events:
        shell.events.register("post_run_cell", _tell)
        _events.append(shell.events)
    _open[id(form)] = form


def forget(form: SettingsListener) -> None:
    """Tell this form no more."""
    _open.pop(id(form), None)
    while _events and not _open:
        _events.pop().unregister("post_run_cell", _tell)


def close_all() -> None:
    """Close every form that is open."""
    for form in list(_open.values()):
        form.close()


def fingerprint() -> int:
    """Return a number that is another when the settings are, and that tells nothing of the key.

    The system keyring is not asked: that may be slow, or ask the person.
    """
    variables = (os.environ.get(name) for name in (API_KEY_VARIABLE, BASE_URL_VARIABLE))
    return hash((session.sandbox, session.key, session.base_url, *variables))


def _tell(*_: object) -> None:
    for form in list(_open.values()):
        form.check_settings()
