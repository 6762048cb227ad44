"""What an outcome looks like: one card, drawn as HTML, as plain text and as a single line.

What the card says stands in `wording`. All of its text is taken to be hostile: every string is
made visible where it is drawn, and the template engine escapes it.
"""

import textwrap
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from .text import beginning, counted, visible
from .wording import Block, Row, card_of

LINE_LENGTH, TEXT_WIDTH = 300, 88


def as_html(shown: object) -> str:
    """Return the card as HTML, under 20,000 bytes; TypeError for what has no card."""
    return environment().get_template("card.html").render(card=card_of(shown))


def as_text(shown: object) -> str:
    """Return the card as plain text; TypeError for what has no card.

    Only the first line begins at the margin and every label stands in the same column, so that
    no text from outside can pass for a line of the card.
    """
    card = card_of(shown)
    rows = (*_row("Why", card.why), *card.rows, *_row("Next", card.hint))
    column = max((len(row.label) for row in rows), default=0) + 4
    first = f"{card.icon} {card.word}" + (f": {card.title}" if card.title else "")
    lines = [visible(first, keep="")]
    for row in rows:
        margin = f"  {visible(row.label.lower())}".ljust(column)
        for line in _text_lines(row, TEXT_WIDTH - column):
            lines.append(margin + line if line else margin.rstrip())
            margin = " " * column
    return "\n".join(lines)


def as_line(shown: object) -> str:
    """Return the outcome as one line of at most 300 characters; TypeError for what has no card."""
    card = card_of(shown)
    first = card.rows[0] if card.rows else None
    subject = "" if card.hint or not isinstance(first, Row) else f"{first.label}: {first.lines[0]}"
    outcome, why, hint = (
        " ".join(visible(_sentence(part), keep="") for part in parts if part)
        for parts in ((card.word, card.title), (card.why,), (card.hint, subject))
    )
    outcome = f"{type(shown).__name__}: {outcome}"
    # What to do next outlives what happened where there is no room for both.
    room = LINE_LENGTH - len(outcome) - len(hint) - len(" …  ")
    if len(why) > room:
        why = beginning(why, max(room, 0)).rstrip() + " …"
    line = " ".join(part for part in (outcome, why, hint) if part)
    return line if len(line) <= LINE_LENGTH else beginning(line, LINE_LENGTH - 1) + "…"


@cache
def environment() -> Environment:
    """Return what draws the templates: it escapes every string, and makes it visible."""
    """Return the template engine, in which every expression is made visible and escaped."""
    return Environment(
        loader=PackageLoader("asteroid_magic", "cards"),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Here, and not in the templates, so that no expression in them can forget it.
        finalize=lambda value: visible(str(value), joiners=True),
    )


def _text_lines(row: Row | Block, width: int) -> list[str]:
    if isinstance(row, Block):
        lines = visible(row.text.head).split("\n")
        if row.text.left_out:
            left_out = counted(row.text.left_out, "character")
            lines.append(f"[… {left_out} left out here; the whole text is in {row.attribute} …]")
            lines += visible(row.text.tail).split("\n")
        return lines
    lines = [visible(line, keep="") for line in row.lines]
    if row.code:
        return lines
    wrap = textwrap.TextWrapper(width, break_long_words=False, break_on_hyphens=False).wrap
    return [part for line in lines for part in wrap(line)]


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _row(label: str, text: str) -> tuple[Row, ...]:
    return (Row(label, (text,)),) if text else ()
