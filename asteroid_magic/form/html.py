"""The parts of the form as HTML: its header, the conversation, the notes, the outcomes.

The templates escape every string, as those of the cards do.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

from ..errors import AsteroidError
from ..models.activities import Question
from ..models.delivery import Delivery
from ..models.executions import SHORT_ID, Execution, status_words
from ..models.links import links_of
from ..monitor import ConversationState, Send
from ..monitor.attachments import Attachment, note_of
from ..render.card import Card
from ..render.cards import card_for
from ..render.executions import nothing_words
from ..render.table import tone_of
from ..render.templates import draw
from ..render.times import age, clock, stamp
from ..render.transcript import TranscriptEntry, entries_of, in_command
from ..text import counted, shorten, size_words

INSTEAD = (
    "This form needs a notebook that shows widgets, such as JupyterLab. "
    "Elsewhere, use %asteroid_send EXECUTION message"
)
GONE = (
    "This form works only while its kernel runs. To get it back, run its cell again. "
    "Where widgets do not appear, use %asteroid_send EXECUTION message"
)
CLOSED = "This form is closed. To get a new one, run %asteroid_form"
REPLACED = "A newer run of its cell has replaced this form."
# IPython 12215: after a reload, the page no longer updates what a cell has shown before.
KEPT = (
    "This copy is from {}. If the page was reloaded after that, messages that were sent later are "
    "missing here; %asteroid_activities shows them."
)
UNNAMED = "(no name)"
IN_DOUBT = (
    "Press Look again: it looks for the message in the execution, and sends nothing. A second send "
    "may deliver it twice."
)
LONGEST_START, LONGEST_HEADER, LONGEST_QUESTION, LONGEST_NAME = 60, 120, 4_000, 60
# The newest entries of a conversation, and their bytes.
MOST_ENTRIES, ENTRIES_BUDGET = 10, 60_000

Tone = Literal["quiet", "wrong", "busy"]
# What a screen reader is told. The words exist from the first render; a class shows one of them.
ANNOUNCEMENTS = {
    "sending": "Sending.",
    "delivered": "Delivered.",
    "already": "Already delivered.",
    "not-delivered": "Not delivered. The card above the message says why.",
    "unknown": "The message may have been delivered. The card above it says what to do.",
    "cancelling": "Cancelling.",
    "no-id": "This is not an execution ID.",
    "choose-again": "The list has just changed. Choose again.",
    "unreadable": "The execution could not be read.",
    "changed": "Nothing was sent: the form has just changed.",
    "spoke": "The agent has spoken.",
    "asks": "The agent asks you something.",
    "confirm": "The agent waits for your confirmation.",
    "over": "The execution is over.",
    "time": "No answer so far.",
    "not-found": "The message is not among the activities so far.",
    "stopped": "The form has stopped updating.",
}


def style() -> str:
    """Return the style sheet of a form."""
    sheets = ["form.css", "card.css", "transcript.css"]
    return _drawn(
        "style.html", sheets=sheets, announcements=ANNOUNCEMENTS, most_entries=MOST_ENTRIES
    )


def header(
    state: ConversationState | None, waiting: int, active: int, *, has_more: bool = False
) -> str:
    """Return the name of the chosen workflow, its status and for how long it has had that.

    If that is unknown, it says how long ago the execution began. Without a chosen execution, it
    says how many wait for the user; `has_more`: more may do so.
    """
    if state is None:
        more = "or more " if has_more else ""
        words = f"{waiting:,} of {more}{counted(active, 'active execution')} "
        words += "waits for you" if waiting == 1 else "wait for you"
        name = words if active and waiting else "Choose an execution"
        return _drawn("header.html", name=name, status="", tone="", age="", since="")
    execution = state.execution
    if execution is None:
        # What cannot be read has no name; the form says why, below.
        name = "…" if state.error is None else f"Execution {state.execution_id[:SHORT_ID]}"
        return _drawn("header.html", name=name, status="", tone="", age="", since="")
    # Since when it has its status, or else the time that is known.
    moment = state.since or state.started
    words = "" if moment is None else age(moment)
    if moment is not None and state.since is None:
        words = f"began {words} ago"
    return _drawn(
        "header.html",
        name=workflow_of(execution),
        status=shorten(status_words(execution.status), LONGEST_NAME),
        tone=tone_of(execution),
        age=words,
        since="" if moment is None else stamp(moment),
    )


def links(state: ConversationState | None) -> str:
    """Return the links of the chosen execution, empty if there are none."""
    found = () if state is None or state.execution is None else links_of(state.execution)
    return _drawn("execution_links.html", links=found) if found else ""


def workflow_of(execution: Execution) -> str:
    """Return the name of an execution's workflow on one line."""
    return shorten(" ".join(execution.workflow_name.split()), LONGEST_NAME) or UNNAMED


def newest_entries(state: ConversationState | None) -> tuple[tuple[TranscriptEntry, ...], bool]:
    """Return the entries to show, the newest one last, and True if there are older ones."""
    if state is None or state.updated_at is None:
        return (), False
    entries, left_out = entries_of(state.activities, ENTRIES_BUDGET)
    if state.question and entries and entries[-1].kind == "asks":
        # The form shows it below, with its options.
        entries = entries[:-1]
    shown = entries[-MOST_ENTRIES:]
    return shown, state.has_older or bool(left_out) or len(entries) > len(shown)


def conversation_start(state: ConversationState, owned: Sequence[str], *, has_older: bool) -> str:
    """Return what stands above the entries of a conversation.

    `owned` are the `element_id`s of its entries: for a screen reader, they are inside of it.
    """
    command = f"%asteroid_activities --all {in_command(state.execution_id)}"
    above = f"Older entries: {command}" if has_older else ""
    below = "" if owned else nothing(state)
    return _drawn("conversation_start.html", owned=owned, above=above, below=below)


def scroll_stop() -> str:
    """Return the element that takes the keyboard, to scroll the conversation with it."""
    return _drawn("scroll_stop.html")


def conversation_entry(entry: TranscriptEntry, element_id: str, *, is_new_day: bool) -> str:
    """Return an entry of a conversation; `is_new_day`: the one before it is of another day."""
    return _drawn(
        "conversation_entry.html", entry=entry, element_id=element_id, is_new_day=is_new_day
    )


def owned_entries(
    entries: Iterable[TranscriptEntry], own: Mapping[str, str]
) -> list[TranscriptEntry]:
    """Return the entries; the activities in `own` are messages which this view has delivered.

    Each has a note of its delivery, which may be empty.
    """
    return [_owned(one, own) for one in entries]


def _owned(entry: TranscriptEntry, own: Mapping[str, str]) -> TranscriptEntry:
    if entry.activity_id not in own:
        return entry
    extent = " · ".join(filter(None, ["✓ Delivered", own[entry.activity_id]]))
    return replace(entry, kind="own", label="You", extent=extent)


def notes_by_activity(sends: Sequence[Send], own: Mapping[int, str]) -> dict[str, str]:
    """Return what went before each delivery, by the activity that `own` gives for its place."""
    return {activity: note_of(sends[at].outcome) for at, activity in own.items()}


def attached(files: Sequence[Attachment]) -> str:
    """Return the line that names the files of the next message; empty for none."""
    if not files:
        return ""
    named = [f"{shorten(name, 60)} ({size_words(len(contents))})" for name, contents in files]
    return note(f"With the message go: {', '.join(named)}")


def nothing(state: ConversationState) -> str:
    """Return what a conversation without entries says."""
    return nothing_words(state.execution)


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


def announcements() -> str:
    """Return the live region with all its words, all of them hidden."""
    return _drawn("announcements.html", announcements=ANNOUNCEMENTS)


def announcement_of(outcome: Delivery | AsteroidError) -> str:
    """Return which of the `ANNOUNCEMENTS` tells this outcome."""
    if isinstance(outcome, Delivery):
        return "delivered" if outcome.attempts else "already"
    return "unknown" if outcome.outcome == "unknown" else "not-delivered"


def outcomes(sends: Sequence[Send], chosen: str, in_conversation: Collection[int] = ()) -> str:
    """Return the cards of these sends, the newest one last and open, the earlier ones folded.

    `sends` are the newest first. Those at the places `in_conversation` are left out, because the
    conversation shows them. One to another execution than the `chosen` one is folded, too.
    """
    shown = [one for at, one in enumerate(sends) if at not in in_conversation]
    is_latest = bool(shown) and shown[0] is sends[0] and _is_to(shown[0].outcome, chosen)
    earlier, latest = (shown[1:], shown[:1]) if is_latest else (shown, [])
    return _drawn("outcomes.html", earlier=_entries(earlier[::-1]), latest=_entries(latest))


def _is_to(outcome: Delivery | AsteroidError, execution_id: str) -> bool:
    return not execution_id or (outcome.execution_id or "").lower() == execution_id


def saved_view(
    form_id: str,
    sends: Sequence[Send],
    now: datetime,
    *,
    is_closed: bool = False,
    is_replaced: bool = False,
) -> str:
    """Return what a saved notebook shows instead of the form: the cards, and what to do."""
    words = REPLACED if is_replaced else CLOSED if is_closed else GONE
    kept = "" if is_closed or is_replaced else KEPT.format(stamp(now))
    return _drawn(
        "saved_view.html",
        form_id=form_id,
        words=words,
        kept=kept,
        earlier=(),
        latest=_entries(sends[::-1], with_replies=True),
    )


def _entries(sends: Sequence[Send], *, with_replies: bool = False) -> list[dict[str, object]]:
    return [
        {
            "card": card_for(one.outcome) if with_replies else _card(one.outcome),
            "at": clock(one.at),
            "title": one.outcome.title if isinstance(one.outcome, AsteroidError) else "",
            "start": shorten(" ".join((one.outcome.message or "").split()), LONGEST_START),
            "note": one.note,
        }
        for one in sends
    ]


def _card(outcome: Delivery | AsteroidError) -> Card:
    """Return the card without what the form itself shows or does."""
    if isinstance(outcome, Delivery):
        return card_for(replace(outcome, heard=None))
    card = card_for(outcome)
    return replace(card, hint=IN_DOUBT) if outcome.outcome == "unknown" else card


def _drawn(template: str, **values: object) -> str:
    return draw(template, "asteroid_magic.form", **values)
