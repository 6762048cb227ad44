"""The parts of the form as HTML: the line about the key, the notes, the history.

The templates escape every string, as those of the cards do.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from ..errors import AsteroidError
from ..models.activities import Question
from ..models.delivery import Delivery
from ..render.cards import card_for
from ..render.templates import draw
from ..render.times import clock
from ..text import shorten

INSTEAD = (
    "This form needs a notebook that shows widgets, such as JupyterLab. "
    "Elsewhere, use %asteroid_send EXECUTION message"
)
GONE = (
    "This form works only while its kernel runs. To get it back, run its cell again. "
    "Where widgets do not appear, use %asteroid_send EXECUTION message"
)
CLOSED = "This form is closed. To get a new one, run %asteroid_form"
LONGEST_START, LONGEST_HEADER, LONGEST_QUESTION = 60, 120, 4_000

Tone = Literal["quiet", "wrong", "busy"]


class FormSend(NamedTuple):
    """One send of a form: when it ended (aware, UTC), and how."""

    at: datetime
    outcome: Delivery | AsteroidError


def style() -> str:
    """Return the style sheet of a form."""
    return f"<style>\n{_drawn('form.css')}</style>"


def key_line(source: str | None, problem: str | None, elsewhere: str | None) -> str:
    """Return the line about the API key; `elsewhere` is a base URL other than Asteroid's own."""
    return _drawn("key.html", source=source, problem=problem, elsewhere=elsewhere)


def note(text: str, tone: Tone = "quiet") -> str:
    """Return a note beside a field; empty for an empty text."""
    return _drawn("note.html", text=text, tone=tone) if text else ""


def question(asked: Question) -> str:
    """Return a question of the agent."""
    return _drawn(
        "question.html",
        header=shorten(asked.header, LONGEST_HEADER),
        question=shorten(asked.question, LONGEST_QUESTION),
        several=asked.multi_select,
    )


def announcement(text: str) -> str:
    """Return words that a screen reader speaks as soon as they appear."""
    return _drawn("announcement.html", text=text)


def history(sends: Sequence[FormSend]) -> str:
    """Return the cards of these sends, newest first; all but the newest are folded."""
    return _drawn("history.html", entries=_entries(sends))


def saved_view(form_id: str, sends: Sequence[FormSend], *, is_closed: bool = False) -> str:
    """Return what a saved notebook shows instead of the form: the cards, and what to do."""
    words = CLOSED if is_closed else GONE
    return _drawn("saved_view.html", form_id=form_id, words=words, entries=_entries(sends))


def _entries(sends: Sequence[FormSend]) -> list[dict[str, object]]:
    return [
        {
            "card": card_for(one.outcome),
            "at": clock(one.at),
            "title": one.outcome.title if isinstance(one.outcome, AsteroidError) else "",
            "start": shorten(" ".join((one.outcome.message or "").split()), LONGEST_START),
        }
        for one in sends
    ]


def _drawn(template: str, **values: object) -> str:
    return draw(template, "asteroid_magic.form", **values)
