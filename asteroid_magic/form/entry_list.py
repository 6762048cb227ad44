"""The conversation in the form: each entry is a widget of its own.

So what the user has opened stays open while others come and change: the front end draws a widget
anew only if its own value changes, or if one before it in the list goes.
"""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ipywidgets import HTML, VBox

from ..monitor import ConversationState
from ..render.transcript import TranscriptEntry
from . import html
from .widgets import close, show

# The style sheet hides all but the newest. Without them, the front end would draw the rest anew.
MOST_KEPT = 30


class _Shown(NamedTuple):
    """The widget of an entry, with the ID of its element and the day of the entry."""

    element_id: str
    widget: HTML
    day: str


class EntryList:
    """Shows the entries of a conversation in `box`, which scrolls, the newest at its bottom."""

    def __init__(self, box: VBox) -> None:
        self._box = box
        self._start, self._entries = HTML(), VBox()
        self._entries.add_class("asteroid-form-entries")
        card = VBox([self._start, self._entries])
        for name in ("asteroid-card", "asteroid-form-conversation", "mathjax_ignore"):
            card.add_class(name)
        # A box cannot take the keyboard; what can must not be drawn anew meanwhile.
        stop = HTML(html.scroll_stop())
        stop.add_class("asteroid-form-stop")
        # The style sheet turns their order round, which keeps the end in sight.
        box.children = (stop, card)
        show(box, is_shown=False)
        self._prefix = f"asteroid-entry-{uuid.uuid4().hex[:8]}"
        self._made = 0
        self._execution_id = ""
        # By their keys, in the order of the list.
        self._shown: dict[str, _Shown] = {}

    def show(
        self,
        state: ConversationState | None,
        entries: Sequence[TranscriptEntry],
        *,
        has_older: bool,
    ) -> None:
        """Show these entries, at most `html.MOST_ENTRIES`, the newest one last."""
        if state is None or state.updated_at is None:
            # What comes once it has been read then moves nothing below it.
            show(self._box, is_shown=state is not None and state.error is None)
            self._replace({})
            self._start.value = ""
            return
        known = self._shown if state.execution_id == self._execution_id else {}
        self._execution_id = state.execution_id
        keys = _keys(entries)
        before = list(known)
        kept = before[: before.index(keys[0])] if keys and keys[0] in known else []
        # Those in another order than before take their places anew.
        if len(kept) + len(keys) > MOST_KEPT or not set(kept).isdisjoint(keys):
            kept = []
        shown = {key: known[key] for key in kept}
        day = known[kept[-1]].day if kept else ""
        for key, entry in zip(keys, entries, strict=True):
            element_id, widget = known[key][:2] if key in known else self._new()
            widget.value = html.conversation_entry(
                entry, element_id, is_new_day=entry.day not in ("", day)
            )
            day = entry.day or day
            shown[key] = _Shown(element_id, widget, day)
        self._replace(shown)
        owned = [shown[key].element_id for key in keys]
        self._start.value = html.conversation_start(state, owned, has_older=has_older)
        show(self._box, is_shown=True)

    def _new(self) -> tuple[str, HTML]:
        self._made += 1
        # With a layout and a style of its own, as usual: a page that is being loaded hears of it
        # before it knows those of others, and would then show nothing of the form.
        return f"{self._prefix}-{self._made}", HTML()

    def _replace(self, shown: Mapping[str, _Shown]) -> None:
        before, self._shown = self._shown, dict(shown)
        now = tuple(one.widget for one in shown.values())
        if now != self._entries.children:
            self._entries.children = now
        for one in before.values():
            if one.widget not in now:
                close(one.widget)


def _keys(entries: Sequence[TranscriptEntry]) -> list[str]:
    """Return a key for each entry, all of them different, even if the server repeats an ID."""
    seen: Counter[str] = Counter()
    keys = []
    for one in entries:
        seen[one.activity_id] += 1
        keys.append(f"{one.activity_id} {seen[one.activity_id]}")
    return keys
