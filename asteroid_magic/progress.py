"""How far a batch has come: a bar in a notebook, a line in a terminal, drawn by tqdm."""

import sys
import time
from collections.abc import Mapping
from typing import Any

from .outcomes import State

# The bar is drawn at most so often, in seconds.
EVERY = 0.1
SHOWN: tuple[State, ...] = ("delivered", "failed", "unknown")
LAST = "{desc}: {n_fmt} of {total_fmt} in {elapsed}, {rate_fmt}{postfix}"


class Progress:
    """Draws the counts of a batch, once it is opened."""

    def __init__(self) -> None:
        self._bar: Any = None
        # The output of a notebook that shows the bar, None elsewhere.
        self._output: Any = None
        self._drawn = 0.0

    def open(self, total: int | None, done: int) -> None:
        """Show the bar, of which `done` is there already; called in the caller's thread."""
        # Loaded here: it is slow, and chooses between a widget and a line.
        from tqdm.auto import tqdm  # noqa: PLC0415 (as said)

        # Only there if tqdm has chosen the widget.
        widget = getattr(sys.modules.get("tqdm.notebook"), "tqdm_notebook", ())
        is_widget = issubclass(tqdm, widget)
        kept: dict[str, Any] = {"display": False} if is_widget else {}
        # The rate, and the time left, come from what follows alone.
        self._bar = tqdm(
            total=total,
            initial=done,
            unit=" messages",
            desc="Sending",
            **kept,
        )
        if is_widget:
            # What tqdm's widget has loaded already, and a program never needs.
            from IPython.display import display  # noqa: PLC0415 (as said)

            self._output = display(self._bar.container, display_id=True)  # type: ignore[no-untyped-call]

    def draw(self, counts: Mapping[State, int], done: int, note: str = "") -> None:
        """Draw the counts, unless that was done a moment ago."""
        if self._bar is None or time.monotonic() - self._drawn < EVERY:
            return
        self._drawn = time.monotonic()
        words = [f"{counts.get(state, 0):,} {state}" for state in SHOWN]
        self._bar.n = done
        self._bar.set_postfix_str(", ".join([*words, note] if note else words))

    def close(self, counts: Mapping[State, int], done: int) -> None:
        """Draw the counts for the last time, and leave them as they stand.

        In a notebook as a line of text: of a widget, a saved notebook holds how it began.
        """
        if self._bar is None:
            return
        self._drawn = 0.0
        self.draw(counts, done)
        self._bar.close()
        if self._output is not None:
            from .cards import environment  # noqa: PLC0415 (Jinja2 loads with the first card)

            line = self._bar.format_meter(**self._bar.format_dict | {"bar_format": LAST})
            html = environment().get_template("live.html").render(line=line)
            self._output.update({"text/plain": line, "text/html": html}, raw=True)
            self._bar.container.close()
