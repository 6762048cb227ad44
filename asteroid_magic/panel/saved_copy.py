"""What a notebook keeps of a panel, for the day without a kernel: plain HTML."""

import heapq
from collections.abc import Sequence
from datetime import datetime

from ..form import html
from ..monitor import ConversationState, Send
from ..monitor.sends import own_messages
from ..render.card import TranscriptCard
from ..render.templates import draw
from ..render.times import stamp
from ..render.transcript import TranscriptEntry, in_command
from .outbox import Press

INSTEAD = (
    "This panel needs a notebook that shows widgets, such as JupyterLab. "
    "Elsewhere, use %asteroid_executions and %asteroid_send EXECUTION message"
)
GONE = "This panel works only while its kernel runs. To get it back, run its cell again."
CLOSED = "This panel is closed. To get a new one, run %asteroid_chat"
REPLACED = "A newer run of its cell has replaced this panel."
# IPython 12215: after a reload, the page no longer updates what a cell has shown before.
KEPT = (
    "This copy is from {}. If the page was reloaded after that, what came later is missing here; "
    "%asteroid_activities shows it."
)


def draw_copy(
    panel_id: str,
    state: ConversationState | None,
    sends: Sequence[Send],
    now: datetime,
    *,
    words: str = GONE,
) -> str:
    """Return the copy of a conversation and of the messages that it does not show, as HTML.

    `sends` are the newest first. `words` say what to do.
    """
    entries, has_older = html.newest_entries(state)
    visible = {one.activity_id for one in entries}
    own = own_messages(state, sends) if state is not None else {}
    # What newer entries have pushed out has its card again.
    own = {at: one for at, one in own.items() if one in visible}
    notes = html.notes_by_activity(sends, own)
    parts = (
        draw("saved_copy_head.html", "asteroid_magic.panel", panel_id=panel_id),
        html.style(),
        html.header(state, 0, 0) if state is not None else "",
        html.links(state),
        _conversation(state, html.owned_entries(entries, notes), has_older=has_older),
        html.outcomes(sends, "" if state is None else state.execution_id, own.keys()),
        draw(
            "saved_copy_foot.html",
            "asteroid_magic.panel",
            words=words,
            kept=KEPT.format(stamp(now)) if words == GONE else "",
        ),
    )
    # Each part is HTML already, drawn by the same engine.
    return "".join(parts)


def newest_first(presses: Sequence[Press], of_the_form: Sequence[Send]) -> list[Send]:
    """Return the messages of a panel, and of the form in its place, that have an outcome."""
    sends = [
        Send(one.at, one.outcome, one.note, one.listed_before, one.listed_as)
        for one in reversed(presses)
        if one.outcome is not None
    ]
    # Each keeps its own order: of two that end at once, the later one was pressed later.
    return list(heapq.merge(sends, of_the_form, key=lambda one: one.at, reverse=True))


def _conversation(
    state: ConversationState | None, entries: Sequence[TranscriptEntry], *, has_older: bool
) -> str:
    if state is None or state.updated_at is None:
        return ""
    command = f"%asteroid_activities --all {in_command(state.execution_id)}"
    card = TranscriptCard(
        outcome="transcript",
        rows=(),
        entries=tuple(entries),
        above=f"Older entries: {command}" if has_older else "",
        below="" if entries else html.nothing(state),
    )
    return draw("saved_copy_conversation.html", "asteroid_magic.panel", card=card)
