"""What a notebook keeps of a panel, for the day without a kernel: plain HTML."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from ..form import html
from ..monitor import ConversationState, Send
from ..monitor.sends import own_messages
from ..render.templates import draw
from ..render.times import stamp
from .outbox import Press

INSTEAD = (
    "This panel needs a notebook that shows widgets, such as JupyterLab. "
    "Elsewhere, use %asteroid_executions and %asteroid_send EXECUTION message"
)
GONE = "This panel works only while its kernel runs. To get it back, run its cell again."
CLOSED = "This panel is closed. To get a new one, run %asteroid_chat"
KEPT = (
    "This copy is from {}. If the page was reloaded after that, what came later is missing here; "
    "%asteroid_activities shows it."
)


class KeptCopy(NamedTuple):
    """A copy as HTML; `body` is the part that changes only if something happens."""

    body: str
    html: str


def draw_copy(
    panel_id: str,
    state: ConversationState | None,
    presses: Sequence[Press],
    now: datetime,
    *,
    is_closed: bool = False,
) -> KeptCopy:
    """Return the copy of a conversation, and of the messages that it does not show."""
    sends = [
        Send(one.at, one.outcome, one.note, one.listed_before)
        for one in reversed(presses)
        if one.outcome is not None
    ]
    own = own_messages(state, sends) if state is not None else {}
    parts = (
        html.style(),
        html.header(state, 0, 0) if state is not None else "",
        html.conversation(state, set(own.values())),
        html.outcomes(sends, "" if state is None else state.execution_id, own.keys()),
    )
    words = CLOSED if is_closed else GONE
    kept = "" if is_closed else KEPT.format(stamp(now))
    head = draw("kept_copy_head.html", "asteroid_magic.panel", panel_id=panel_id)
    foot = draw("kept_copy_foot.html", "asteroid_magic.panel", words=words, kept=kept)
    # Each part is HTML already, drawn by the same engine.
    return KeptCopy("".join(parts[1:]) + words, "".join((head, *parts, foot)))
