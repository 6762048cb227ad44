"""How an outcome finds its card: IPython's display hooks, which load `cards` when one is drawn.

Records and errors know neither HTML nor IPython. They inherit these hooks, so that `cards`, and
Jinja2 with it, is imported at the moment something is shown, and no sooner.
"""

from typing import Any


class Shown:
    """Something a notebook shows as a card and a terminal as plain text."""

    def _repr_html_(self) -> str:
        from . import cards  # noqa: PLC0415 (Jinja2 loads when the first card is drawn)

        return cards.as_html(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        # IPython prefers this to its own way with exceptions, which would print a traceback.
        printer.text("…" if cycle else self.as_text())

    def as_text(self) -> str:
        """Return the card as plain text, for terminals, logs and diffs."""
        from . import cards  # noqa: PLC0415 (as above)

        return cards.as_text(self)

    def traceback_lines(self) -> list[str]:
        """Return the one line that stands where a traceback would."""
        from . import cards  # noqa: PLC0415 (as above)

        return [cards.as_line(self)]
