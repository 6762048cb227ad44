"""Draws an outcome as a card in HTML, as plain text and as a single line.

`card_for` chooses the content by the type of the record. All text counts as hostile: drawing makes
its invisible characters visible, and the template engine escapes it.
"""

import textwrap
from functools import singledispatch

from ..display import has_card_above
from ..errors import AsteroidError
from ..models.delivery import Delivery, DryRun, StatusChange
from ..models.files import Upload
from ..models.watch import Transcript, WatchResult
from ..text import Excerpt, beginning, counted, shorten, visible
from .card import Card, CardBlock, CardRow, TranscriptCard
from .executions import heard_delivery_card, status_change_card, transcript_card, watch_card
from .files import upload_card
from .outcomes import dry_run_card, error_card
from .templates import draw
from .transcript import TranscriptEntry

LINE_LENGTH, TEXT_WIDTH = 300, 88
# The column where the text of an entry starts, after its time of day.
ENTRY_COLUMN = 12
# Characters of a thought in plain text; a notebook folds it instead.
FOLDED = 300


@singledispatch
def card_for(shown: object) -> Card:
    """Return the content of a card; `TypeError` for an object that has none."""
    raise TypeError(f"There is no card for {type(shown).__name__}.")


card_for.register(Delivery, heard_delivery_card)
card_for.register(DryRun, dry_run_card)
card_for.register(AsteroidError, error_card)
card_for.register(WatchResult, watch_card)
card_for.register(Transcript, transcript_card)
card_for.register(StatusChange, status_change_card)
card_for.register(Upload, upload_card)


def as_html(shown: object) -> str:
    """Return the card as HTML; `TypeError` for an object that has none.

    It stays under 20,000 bytes, or under 200,000 with a transcript.
    """
    return draw("card.html", card=card_for(shown))


def as_text(shown: object) -> str:
    """Return the card as plain text; `TypeError` for an object that has none.

    Only the first line starts at the margin, and all labels share one column, so that no text from
    outside can imitate a line of the card.
    """
    card = card_for(shown)
    rows = (
        *_row("Why", card.why),
        *(row for row in card.rows if not row.folded),
        *(CardRow(one.name, (one.url,), code=True) for one in card.links),
        *_timeline_row(card),
    )
    last = _row("Next", card.hint)
    column = max((len(row.label) for row in (*rows, *last)), default=0) + 4
    lines = [visible(_headline(card), keep=""), *_row_lines(rows, column)]
    lines += [line for note in card.notes for line in _wrapped(note, 2)]
    if isinstance(card, TranscriptCard):
        lines += _account_lines(card)
    return "\n".join([*lines, *_row_lines(last, column)])


def _timeline_row(card: Card) -> tuple[CardRow, ...]:
    timeline = card.timeline if isinstance(card, TranscriptCard) else None
    return (CardRow("Timeline", timeline.lines),) if timeline else ()


def _headline(card: Card) -> str:
    start = f"{card.icon} {card.word}"
    if card.brief:
        # A message that does not fit follows in a row of its own.
        is_below = any(isinstance(row, CardBlock) and not row.folded for row in card.rows)
        return f"{start} {card.title}" + ("" if is_below else f": {card.brief}")
    return f"{start}: {card.title}" if card.title else start


def _row_lines(rows: tuple[CardRow | CardBlock, ...], column: int) -> list[str]:
    lines = []
    for row in rows:
        margin = f"  {visible(row.label.lower())}".ljust(column)
        for line in _text_lines(row, TEXT_WIDTH - column):
            lines.append(margin + line if line else margin.rstrip())
            margin = " " * column
    return lines


def as_line(shown: object) -> str:
    """Return the outcome in at most 300 characters; `TypeError` for an object without a card.

    Below the card of an error, in the same cell, the line only says that it is the same outcome.
    """
    card = card_for(shown)
    if isinstance(shown, AsteroidError) and has_card_above(shown):
        return f"{type(shown).__name__}: {card.word.lower()} (see above)"
    first = card.rows[0] if card.rows else None
    subject = (
        "" if card.hint or not isinstance(first, CardRow) else f"{first.label}: {first.lines[0]}"
    )
    outcome, why, hint = (
        " ".join(visible(_sentence(part), keep="") for part in parts if part)
        for parts in ((card.word, card.title), (card.why,), (card.hint, subject))
    )
    outcome = f"{type(shown).__name__}: {outcome}"
    # If there is no room for both, shorten what happened and keep what to do next.
    room = LINE_LENGTH - len(outcome) - len(hint) - len(" …  ")
    if len(why) > room:
        why = beginning(why, max(room, 0)).rstrip() + " …"
    line = " ".join(part for part in (outcome, why, hint) if part)
    return line if len(line) <= LINE_LENGTH else beginning(line, LINE_LENGTH - 1) + "…"


def _account_lines(account: TranscriptCard) -> list[str]:
    """Return the lines of the transcript, each entry after its time of day."""
    lines = ["", *_wrapped(account.above, 2)]
    day = ""
    for entry in account.entries:
        if entry.kind == "system":
            # A notebook folds it.
            continue
        if entry.day and entry.day != day:
            day = entry.day
            lines.append(f"  {day}")
        margin = f"  {entry.when}".ljust(ENTRY_COLUMN)
        for line in _entry_lines(entry):
            lines.append((margin + line).rstrip())
            margin = " " * ENTRY_COLUMN
    folded = counted(account.folded, "system entry", "system entries")
    left_out = f"{folded} left out here: .activities holds everything." if account.folded else ""
    return [*lines, *_wrapped(left_out, 2), *_wrapped(account.below, 2)]


def _entry_lines(entry: TranscriptEntry) -> list[str]:
    width = TEXT_WIDTH - ENTRY_COLUMN
    if entry.kind == "action":
        extent = f" ({entry.extent})" if entry.extent else ""
        return _wrap(visible(f"{entry.mark} {entry.text.head}{extent}", keep=""), width)
    label = f"{entry.label} ({entry.extent}):" if entry.extent else f"{entry.label}:"
    is_folded = entry.kind == "thinking"
    words = shorten(" ".join(entry.text.head.split()), FOLDED) if is_folded else _all_words(entry)
    shown = visible(words).split("\n")
    if len(shown) == 1 and len(shown[0]) + len(label) < width:
        lines = [visible(f"{label} {words}", keep="").rstrip()]
    else:
        parts = (part for line in shown for part in _wrap(line, width - 2))
        lines = [visible(label, keep=""), *(f"  {part}" for part in parts)]
    for item in entry.items:
        note = f" ({item.note})" if item.note else ""
        line = visible(f"{item.mark} {item.text}{note}", keep="")
        lines += [f"  {part}" for part in _wrap(line, width - 2)]
    return lines


def _all_words(entry: TranscriptEntry) -> str:
    return "\n".join(filter(None, map(_whole, (entry.text, entry.data))))


def _whole(text: Excerpt) -> str:
    gap = f"\n[… {counted(text.left_out, 'character')} left out here …]\n" if text.left_out else ""
    return f"{text.head}{gap}{text.tail}"


def _wrapped(text: str, margin: int) -> list[str]:
    return [" " * margin + line for line in textwrap.wrap(visible(text), TEXT_WIDTH - margin)]


def _wrap(line: str, width: int) -> list[str]:
    wrapper = textwrap.TextWrapper(
        width, break_long_words=False, break_on_hyphens=False, replace_whitespace=False
    )
    return wrapper.wrap(line) or [""]


def _text_lines(row: CardRow | CardBlock, width: int) -> list[str]:
    if isinstance(row, CardBlock):
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


def _row(label: str, text: str) -> tuple[CardRow, ...]:
    return (CardRow(label, (text,)),) if text else ()
