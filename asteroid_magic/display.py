"""How IPython shows a record or an error: by hooks that load what draws it on first use.

Records and errors know neither HTML nor IPython, nor what draws them. The package says once, with
`set_renderer_loader`, how a `Renderer` is loaded; Jinja2 is imported when something is first shown.
"""

from collections.abc import Callable
from typing import Any, Protocol


class Renderer(Protocol):
    """Draws what can be shown; each function raises `TypeError` for what it cannot draw."""

    def as_html(self, shown: object) -> str:
        """Return a card or a table as HTML."""

    def as_text(self, shown: object) -> str:
        """Return the same as plain text."""

    def as_line(self, shown: object) -> str:
        """Return an outcome as a single line."""


_loaders: list[Callable[[], Renderer]] = []


def set_renderer_loader(load: Callable[[], Renderer]) -> None:
    """Say how the renderer is loaded; called once, when the package is imported."""
    _loaders[:] = [load]


def _renderer() -> Renderer:
    return _loaders[0]()


class Displayable:
    """Something that a notebook shows as a card or a table, and a terminal as plain text."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return _renderer().as_html(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        # IPython prefers this to its own way with exceptions, which would print a traceback.
        printer.text("…" if cycle else self.as_text())

    def as_text(self) -> str:
        """Return what is shown as plain text, for terminals, logs and diffs."""
        return _renderer().as_text(self)

    def traceback_lines(self) -> list[str]:
        """Return the one line that replaces the traceback of an error."""
        return [_renderer().as_line(self)]
