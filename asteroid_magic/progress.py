"""How far a batch has come: a bar in a notebook, a line in a terminal, drawn by tqdm."""

import time
from collections.abc import Mapping
from typing import Any

from .outcomes import State

# The bar is drawn at most so often, in seconds.
EVERY = 0.1
SHOWN: tuple[State, ...] = ("delivered", "failed", "unknown")


class Progress:
    """Draws the counts of a batch, once it is opened."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._drawn = 0.0

    def open(self, total: int | None, done: int) -> None:
        """Show the bar, of which `done` is there already; called in the caller's thread."""
        # Loaded here: it is slow, and chooses between a widget and a line.
        from tqdm.auto import tqdm  # noqa: PLC0415 (as said)

        # The rate, and the time left, come from what follows alone.
        self._bar = tqdm(total=total, initial=done, unit=" messages", desc="Sending")

    def draw(self, counts: Mapping[State, int], done: int, note: str = "") -> None:
        """Draw the counts, unless that was done a moment ago."""
        if self._bar is None or time.monotonic() - self._drawn < EVERY:
            return
        self._drawn = time.monotonic()
        words = [f"{counts.get(state, 0):,} {state}" for state in SHOWN]
        self._bar.n = done
        self._bar.set_postfix_str(", ".join([*words, note] if note else words))

    def close(self, counts: Mapping[State, int], done: int) -> None:
        """Draw the counts for the last time, and leave the bar as it stands."""
        if self._bar is not None:
            self._drawn = 0.0
            self.draw(counts, done)
            self._bar.close()
