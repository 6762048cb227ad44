"""The hooks with which IPython shows records and errors; they load the renderer on first use.

Records and errors depend neither on HTML nor on IPython nor on a renderer. The package calls
`set_renderer_loader` once, and imports Jinja2 only when IPython first shows something.
"""

import sys
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    class Renderer(Protocol):
        """Renders records and errors; each method raises `TypeError` for any other object."""

        def as_html(self, shown: object) -> str:
            """Return the object as HTML, a card or a table."""

        def as_text(self, shown: object) -> str:
            """Return the object as plain text."""

        def as_line(self, shown: object) -> str:
            """Return an outcome as one line."""


# A question mark would do as little for a tick as for a cross: it stands for an unknown outcome.
PLAIN_MARKS = str.maketrans({"✓": "+", "✗": "x", "…": "...", "⟨": "<", "⟩": ">"})

# A reload of this module, as %autoreload does it, keeps the loader.
_loaders: "list[Callable[[], Renderer]]" = globals().get("_loaders", [])


def set_renderer_loader(load: "Callable[[], Renderer]") -> None:
    """Set the function that loads the renderer; the package calls this once, on import."""
    _loaders[:] = [load]


def _renderer() -> "Renderer":
    return _loaders[0]()


class Displayable:
    """An object that a notebook shows as a card or a table, and a terminal as plain text."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return _renderer().as_html(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        # IPython uses this for exceptions, too, in place of its own output, a traceback.
        printer.text("..." if cycle else writable(self.as_text()))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        # IPython then does not ask the formatter for plain text that `%load_ext rich` installs,
        # which in a kernel shows an empty output besides (hazard 41).
        return {"text/plain": writable(self.as_text())}

    def __rich__(self) -> Any:
        # Only rich calls this. It marks up and highlights no `Text`, and drops none of it.
        from rich.text import Text  # noqa: PLC0415 (rich need not be installed)

        return Text(self.as_text(), overflow="fold")

    def as_text(self) -> str:
        """Return the object as plain text, for terminals, logs and diffs."""
        return _renderer().as_text(self)

    def traceback_lines(self) -> list[str]:
        """Return the single line that replaces the traceback of an error."""
        return [writable(_renderer().as_line(self))]


def writable(text: str) -> str:
    """Return the text with what standard output cannot write replaced (hazard 42).

    A file or a pipe may be cp1252 or ASCII: then an error would hide that a message was delivered.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except LookupError:
        return ascii(text)
    except UnicodeEncodeError:
        plain = text.translate(PLAIN_MARKS)
        return plain.encode(encoding, "backslashreplace").decode(encoding)
    return text
