"""The open views (forms, panels): each hears of every cell that has run.

A cell may have set a key or a base URL. What a new run of a cell makes takes the place of what
earlier runs of it have made.
"""

from typing import Any, NamedTuple, Protocol

from IPython.core.events import EventManager
from IPython.core.getipython import get_ipython


class CellRun(NamedTuple):
    """A run of a cell: the ID of the cell in its notebook, and that of the request to run it."""

    cell: str
    run: str


class OpenView(Protocol):
    """A view that is open: `made_in` is the run of the cell that made it, None if unknown."""

    made_in: CellRun | None

    def check_settings(self) -> None:
        """Check the settings for changes."""

    def replace(self) -> None:
        """Close the view for a newer one of its cell."""

    def close(self) -> None:
        """Close the view."""


_open: dict[int, OpenView] = {}
# The events of the shell, while a view is open.
_events: list[EventManager] = []
# Holds a thing while a cell runs.
_runs: list[bool] = []


def running_cell() -> CellRun | None:
    """Return which cell runs; None outside of a notebook, or in one that does not tell."""
    parent = _parent(get_ipython())
    try:
        cell, run = parent["metadata"]["cellId"], parent["header"]["msg_id"]
    except (KeyError, TypeError):
        return None
    return CellRun(str(cell), str(run)) if cell else None


def _parent(shell: object) -> Any:
    """Return the message that the kernel is answering; empty outside of a kernel."""
    return getattr(shell, "get_parent", dict)()


def _is_made_by_cell(shell: object) -> bool:
    """Return False if the kernel tells that it answers something else, such as a button."""
    try:
        return bool(_parent(shell)["header"]["msg_type"] == "execute_request")
    except (KeyError, TypeError):
        return True


def watch(view: OpenView) -> None:
    """Tell this view about every cell that runs, until `forget`."""
    shell = get_ipython()
    if shell is not None and not _events:
        shell.events.register("pre_run_cell", _note_run)
        shell.events.register("post_run_cell", _tell)
        _events.append(shell.events)
        if _is_made_by_cell(shell):
            _note_run()
    _open[id(view)] = view


def replaced_by(view: OpenView) -> list[OpenView]:
    """Return the open views that earlier runs of this view's cell have made, the latest last."""
    made = view.made_in
    if made is None:
        return []
    return [
        one
        for one in _open.values()
        if one.made_in is not None and one.made_in.cell == made.cell and one.made_in.run != made.run
    ]


def forget(view: OpenView) -> None:
    """Stop telling this view."""
    _open.pop(id(view), None)
    while _events and not _open:
        events = _events.pop()
        events.unregister("pre_run_cell", _note_run)
        events.unregister("post_run_cell", _tell)
        _runs.clear()


def close_all() -> None:
    """Close every open view."""
    for view in list(_open.values()):
        view.close()


def is_cell_running() -> bool:
    """Return True while a cell runs; meaningful while a view is open."""
    return bool(_runs)


def _note_run(*_: object) -> None:
    _runs[:] = [True]


def _tell(*_: object) -> None:
    _runs.clear()
    for view in list(_open.values()):
        view.check_settings()
