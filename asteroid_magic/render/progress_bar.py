"""How far a batch has come: a bar in a notebook, a line in a terminal, drawn by tqdm."""

import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ..models.report import RowState

# The bar is drawn at most so often, in seconds.
EVERY = 0.1
SHOWN: tuple[RowState, ...] = ("delivered", "failed", "unknown")
LAST = "{desc}: {n_fmt} of {total_fmt} in {elapsed}, {rate_fmt}{postfix}"


class ProgressBar:
    """Draws the counts of a batch, once it is opened.

    A bar that cannot be drawn, as where standard error is closed, is given up: it stops no batch.
    """

    def __init__(self) -> None:
        self._bar: Any = None
        # The output of a notebook that shows the bar, None elsewhere.
        self._output: Any = None
        self._drawn = 0.0

    def open(self, total: int | None, done: int) -> None:
        """Show the bar, of which `done` is there already; called in the caller's thread."""
        if sys.stderr is None or sys.stderr.closed:
            return
        try:
            self._open(total, done)
        except Exception:  # noqa: BLE001 (whatever tqdm meets there)
            self._give_up()

    def draw(self, counts: Mapping[RowState, int], done: int, note: str = "") -> None:
        """Draw the counts, unless that was done a moment ago."""
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
        """Draw the counts for the last time, and leave them as they stand.

        In a notebook as a line of text: of a widget, a saved notebook holds how it began.
        """
        self._drawn = 0.0
        self.draw(counts, done)
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
            # Where writing fails tqdm keeps its lock, and every later bar would wait for it.
            with suppress(Exception):
                bar.get_lock().release()

    def _open(self, total: int | None, done: int) -> None:
        # Loaded here: it is slow, and chooses between a widget and a line.
        from tqdm.auto import tqdm  # noqa: PLC0415 (as said)

        # Only there if tqdm has chosen the widget.
        widget = getattr(sys.modules.get("tqdm.notebook"), "tqdm_notebook", ())
        is_widget = issubclass(tqdm, widget)
        kept: dict[str, Any] = {"display": False} if is_widget else {}
        # The rate, and the time left, come from what follows alone.
        self._bar = tqdm(total=total, initial=done, unit=" messages", desc="Sending", **kept)
        if is_widget:
            # What tqdm's widget has loaded already, and a program never needs.
            from IPython.display import display  # noqa: PLC0415 (as said)

            # By hand: widgets of ipywidgets 7 show themselves, and where cannot be told again.
            view = {
                "version_major": 2,
                "version_minor": 0,
                "model_id": self._bar.container.model_id,
            }
            data = {"text/plain": "Sending", "application/vnd.jupyter.widget-view+json": view}
            self._output = display(data, raw=True, display_id=True)  # type: ignore[no-untyped-call]

    def _end(self, bar: Any) -> None:
        from .templates import draw  # noqa: PLC0415 (Jinja2 loads with the first card)

        line = bar.format_meter(**bar.format_dict | {"bar_format": LAST})
        html = draw("status_line.html", line=line)
        self._output.update({"text/plain": line, "text/html": html}, raw=True)
        bar.container.close()
