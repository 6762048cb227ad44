"""The open forms: each hears of every cell that has run, which may have set a key or a base URL.

A form that a new run of its cell makes takes the place of those of earlier runs.
"""

from typing import Any, NamedTuple, Protocol

from IPython.core.events import EventManager
from IPython.core.getipython import get_ipython


class CellRun(NamedTuple):
    """A run of a cell: the ID of the cell in its notebook, and that of the request to run it."""

    cell: str
    run: str


class OpenForm(Protocol):
    """A form that is open: `made_in` is the run of the cell that made it, None if unknown."""

    made_in: CellRun | None
    message: str

    @property
    def execution(self) -> str:
        """The execution ID in the form."""

    def check_settings(self) -> None:
        """Check the settings for changes."""

    def replace(self) -> None:
        """Close the form for a newer one of its cell."""

    def close(self) -> None:
        """Close the form."""


_open: dict[int, OpenForm] = {}
# The events of the shell, while a form is open.
_events: list[EventManager] = []


def running_cell() -> CellRun | None:
    """Return which cell runs; None outside of a notebook, or in one that does not tell."""
    shell = get_ipython()
    parent: Any = getattr(shell, "get_parent", dict)()
    try:
        cell, run = parent["metadata"]["cellId"], parent["header"]["msg_id"]
    except (KeyError, TypeError):
        return None
    return CellRun(str(cell), str(run)) if cell else None


def watch(form: OpenForm) -> None:
    """Tell this form about every cell that runs, until `forget`."""
    shell = get_ipython()
    if shell is not None and not _events:
        shell.events.register("post_run_cell", _tell)
        _events.append(shell.events)
    _open[id(form)] = form


def replaced_by(form: OpenForm) -> list[OpenForm]:
    """Return the open forms that earlier runs of this form's cell have made, the latest last."""
    made = form.made_in
    if made is None:
        return []
    return [
        one
        for one in _open.values()
        if one.made_in is not None and one.made_in.cell == made.cell and one.made_in.run != made.run
    ]


def forget(form: OpenForm) -> None:
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
