"""Tells the open forms that a cell has run, which may have set a key or a base URL."""

from typing import Protocol

from IPython.core.events import EventManager
from IPython.core.getipython import get_ipython


class SettingsListener(Protocol):
    """A form that listens."""

    def check_settings(self) -> None:
        """Check the settings for changes."""

    def close(self) -> None:
        """Close the form."""


_open: dict[int, SettingsListener] = {}
# The events of the shell, while a form is open.
_events: list[EventManager] = []


def watch(form: SettingsListener) -> None:
    """Tell this form about every cell that runs, until `forget`."""
    shell = get_ipython()
    if shell is not None and not _events:
        shell.events.register("post_run_cell", _tell)
        _events.append(shell.events)
    _open[id(form)] = form


def forget(form: SettingsListener) -> None:
    """Stop telling this form."""
    _open.pop(id(form), None)
    while _events and not _open:
        _events.pop().unregister("post_run_cell", _tell)


def close_all() -> None:
    """Close every open form."""
    for form in list(_open.values()):
        form.close()


def _tell(*_: object) -> None:
    for form in list(_open.values()):
        form.check_settings()
