"""The hooks with which IPython shows records and errors; they load the renderer on first use.

Records and errors depend neither on HTML nor on IPython nor on a renderer. The package calls
`set_renderer_loader` once, and imports Jinja2 only when IPython first shows something.
"""

import sys
from typing import TYPE_CHECKING, Any, Protocol, Self

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

    class TransferBar(Protocol):
        """A bar that shows how many bytes of a file have moved."""

        def open(self, total: int | None, done: int) -> None:
            """Show the bar."""

        def move(self, done: int) -> None:
            """Show the bytes so far."""

        def finish(self) -> None:
            """Leave the last state."""


# A question mark would do as little for a tick as for a cross: it stands for an unknown outcome.
PLAIN_MARKS = str.maketrans({"✓": "+", "✗": "x", "…": "...", "⟨": "<", "⟩": ">"})

# Smaller transfers, in bytes, show no progress.
LEAST_SHOWN = 5_000_000

# A reload of this module, as %autoreload does it, keeps the loader.
_loaders: "list[Callable[[], Renderer]]" = globals().get("_loaders", [])
_bar_loaders: "list[Callable[[], Callable[[str], TransferBar]]]" = globals().get("_bar_loaders", [])
# The errors whose card the running cell has shown, each with the standard output that got the card,
# None if a front end did. An error outlives its cell, so this is no part of it.
_above: list[tuple[object, object]] = []


def set_renderer_loader(load: "Callable[[], Renderer]") -> None:
    """Set the function that loads the renderer; the package calls this once, on import."""
    _loaders[:] = [load]


def set_bar_loader(load: "Callable[[], Callable[[str], TransferBar]]") -> None:
    """Set the function that loads the bar for a file; the package calls this once, on import."""
    _bar_loaders[:] = [load]


def note_card(error: object, output: object) -> None:
    """Note that the running cell has shown the card of `error`.

    `output` is the standard output that the card was printed to, None for a front end's own area.
    """
    _above.append((error, output))


def has_card_above(error: object) -> bool:
    """Return True if what is shown now stands below the card of `error`, in the same cell."""
    # `redirect_stdout` may have taken the card, but not what IPython prints after it.
    return any(one is error and (output is None or output is sys.stdout) for one, output in _above)


def forget_cards() -> None:
    """Forget the cards of the cell, which is over."""
    _above.clear()


def _renderer() -> "Renderer":
    return _loaders[0]()


class TransferBars:
    """Shows the progress of large files, a bar each, within ``with``; smaller ones show nothing.

    `doing` is such as ``"Uploading"``. Call it with the name of a file, the bytes so far and its
    size, in one thread.
    """

    def __init__(self, doing: str) -> None:
        self._doing, self._name = doing, ""
        self._bar: TransferBar | None = None

    def __call__(self, name: str, done: int, size: int) -> None:
        """Show the progress of a file."""
        if size <= LEAST_SHOWN:
            return
        if self._bar is None or name != self._name:
            self.close()
            self._name, self._bar = name, _bar_loaders[0]()(f"{self._doing} {name}")
            self._bar.open(size, 0)
        self._bar.move(done)
        if done >= size:
            self.close()

    def close(self) -> None:
        """Leave the last state."""
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


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
        """Return the object as plain text, for terminals, logs and diffs.

        Returns
        -------
        str
            What a terminal shows, with control characters made visible.
        """
        return _renderer().as_text(self)

    def traceback_lines(self) -> list[str]:
        """Return what replaces the traceback of an error.

        Returns
        -------
        list of str
            A single line.
        """
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
