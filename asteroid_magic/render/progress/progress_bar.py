"""The progress of a batch or of a file, drawn by tqdm: a bar in a notebook, a line elsewhere."""

import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ...models.report import RowState
from ...text import shorten, visible

# The least time between two drawings, in seconds.
EVERY = 0.1
# Characters of what a bar says, such as the name of a file.
LONGEST = 60
SHOWN: tuple[RowState, ...] = ("delivered", "failed", "unknown")
# What a console shows in place of the widget. It never shows an update, so this has to stay true.
INSTEAD = "This cell sends a batch of messages. Its report follows."
LAST = "{desc}: {n_fmt} of {total_fmt} in {elapsed}, {rate_fmt}{postfix}"


class ProgressBar:
    """Draws the counts of a batch, after `open`.

    If drawing fails, for instance with standard error closed, only the bar stops, not the batch.
    """

    instead = INSTEAD
    last = LAST
    options: Mapping[str, Any] = {"unit": " messages", "desc": "Sending"}

    def __init__(self) -> None:
        self._bar: Any = None
        # The notebook output that shows the bar; None in a terminal.
        self._output: Any = None
        self._drawn = 0.0
        self._done = 0

    def open(self, total: int | None, done: int) -> None:
        """Show the bar, starting at `done` messages; call this in the caller's thread."""
        if sys.stderr is None or getattr(sys.stderr, "closed", False):
            return
        try:
            self._open(total, done)
        except Exception:  # noqa: BLE001 (tqdm may raise anything)
            self._give_up()

    def draw(self, counts: Mapping[RowState, int], done: int, note: str = "") -> None:
        """Draw the counts, at most once in `EVERY` seconds."""
        if self._bar is None or time.monotonic() - self._drawn < EVERY:
            return
        self._drawn = time.monotonic()
        words = [f"{counts.get(state, 0):,} {state}" for state in SHOWN]
        try:
            self._bar.n = done
            self._bar.set_postfix_str(", ".join([*words, note] if note else words))
        except Exception:  # noqa: BLE001 (as above)
            self._give_up()

    def close(self, counts: Mapping[RowState, int], done: int) -> None:
        """Draw the final counts, and leave them.

        In a notebook they become a line of text: it saves only the first state of a widget.
        """
        self._drawn = 0.0
        self.draw(counts, done)
        self._end_bar()

    def _end_bar(self) -> None:
        bar, self._bar = self._bar, None
        if bar is None:
            return
        with suppress(Exception):
            bar.close()
            if self._output is not None:
                self._end(bar)

    def _give_up(self) -> None:
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.disable = True
            # When writing fails, tqdm keeps its lock, and every later bar would wait for it.
            with suppress(Exception):
                bar.get_lock().release()

    def _open(self, total: int | None, done: int) -> None:
        # Imported late: it is slow, and chooses between a widget and a line.
        from tqdm.auto import tqdm  # noqa: PLC0415 (as said)

        # Loaded only if tqdm chose the widget.
        widget = getattr(sys.modules.get("tqdm.notebook"), "tqdm_notebook", ())
        is_widget = issubclass(tqdm, widget)
        kept: dict[str, Any] = {"display": False} if is_widget else {}
        # `initial` keeps earlier messages out of the rate and the time left.
        self._bar = tqdm(total=total, initial=done, **self.options, **kept)
        if is_widget:
            # tqdm's widget has loaded this already; a program never needs it.
            from IPython.display import display  # noqa: PLC0415 (as said)

            # Displayed by hand: ipywidgets 7 gives no handle with which to replace the output.
            view = {
                "version_major": 2,
                "version_minor": 0,
                "model_id": self._bar.container.model_id,
            }
            data = {"text/plain": self.instead, "application/vnd.jupyter.widget-view+json": view}
            self._output = display(data, raw=True, display_id=True)  # type: ignore[no-untyped-call]

    def _end(self, bar: Any) -> None:
        from ..templates import draw  # noqa: PLC0415 (Jinja2 loads with the first card)

        line = bar.format_meter(**bar.format_dict | {"bar_format": self.last})
        html = draw("status_line.html", line=line)
        self._output.update({"text/plain": line, "text/html": html}, raw=True)
        bar.container.close()


class TransferBar(ProgressBar):
    """Draws how much of a file has been transferred; `doing` says what happens to which file."""

    instead = "This cell transfers a file. Its result follows."
    last = "{desc}: {n_fmt}B of {total_fmt}B in {elapsed}, {rate_fmt}"

    def __init__(self, doing: str) -> None:
        super().__init__()
        # An instance has its own: the name of the file is in it.
        self.options = {
            "unit": "B",
            "unit_scale": True,
            "desc": visible(shorten(doing, LONGEST), keep=""),
        }

    def move(self, done: int) -> None:
        """Draw the number of bytes, at most once in `EVERY` seconds."""
        if self._bar is not None and time.monotonic() - self._drawn >= EVERY:
            self._drawn = time.monotonic()
            try:
                self._bar.n = done
                self._bar.refresh()
            except Exception:  # noqa: BLE001 (as above)
                self._give_up()
        self._done = done

    def finish(self) -> None:
        """Draw the last number of bytes, and leave it."""
        self._drawn = 0.0
        self.move(self._done)
        self._end_bar()
