"""Shows what the monitor knows of the chosen execution: status, conversation, question, reply."""

from collections.abc import Sequence
from datetime import UTC, datetime

from ..models.activities import Activities
from ..models.watch import Ending
from ..monitor import ConversationState, MonitorState, ReplyState, Send
from ..monitor.sends import own_messages
from ..render.times import age, clock
from ..render.transcript import tells_doing
from ..text import shorten, span
from . import html
from .entry_list import EntryList
from .question import QuestionPanel
from .widgets import FormWidgets, show

LONGEST_DOING = 120
# What the form says once it has heard the reply; the conversation itself shows all other endings.
ENDINGS: dict[Ending, str] = {
    "time": "No answer within {}; it may still come.",
    "interrupted": "You stopped waiting; this did not stop the agent.",
    "unreadable": "The execution could not be read: {}.",
}


class ConversationView:
    """Shows the states of a monitor in the fields of a form."""

    def __init__(self, fields: FormWidgets) -> None:
        self._fields = fields
        self._asking = QuestionPanel(fields.question, fields.answer)
        self._entries = EntryList(fields.conversation)
        # What the conversation and the cards were last drawn from.
        self._drawn: tuple[object, ...] = ()
        self._tells_doing = False

    def show(
        self, state: MonitorState, chosen: str, sends: Sequence[Send], *, has_key: bool
    ) -> None:
        """Show a state; `chosen` is the ID in the form, and `sends` are its sends, newest first."""
        conversation = state.conversation if chosen else None
        if chosen and (conversation is None or conversation.execution_id != chosen):
            conversation = ConversationState(execution_id=chosen)
        inbox, fields = state.inbox, self._fields
        waiting, active = len(inbox.waiting), len(inbox.entries)
        fields.header.value = html.header(conversation, waiting, active, has_more=inbox.has_more)
        fields.links.value = html.links(conversation)
        self._show_conversation(conversation if has_key else None, chosen, sends)
        if conversation is None:
            self._asking.show("", None, ())
        elif conversation.updated_at is not None:
            asked_by = f"{chosen} {_status_change(conversation.activities)}"
            self._asking.show(asked_by, conversation.waits_for, conversation.question)
        else:
            # Of another account, or not read yet.
            self._asking.show("", None, ())
        replies = [one for one in state.replies if one.delivery.execution_id == chosen]
        self._show_reply(conversation, replies)
        words, tone = _updated(state, conversation) if has_key else ("", "quiet")
        fields.updated.value = html.note(words, tone)

    def _show_conversation(
        self, state: ConversationState | None, chosen: str, sends: Sequence[Send]
    ) -> None:
        # Drawing takes milliseconds, and the ages change every few seconds.
        is_read = state and (state.updated_at is None, state.error is None)
        told = state and (state.question, is_read, state.is_purged)
        known = (state and state.activities, chosen, told, tuple(sends))
        if len(known) == len(self._drawn) and all(map(_is_same, known, self._drawn)):
            return
        self._drawn = known
        entries, has_older = html.newest_entries(state)
        self._tells_doing = state is not None and tells_doing(state.activities, entries)
        visible = {one.activity_id for one in entries}
        found = own_messages(state, sends) if state else {}
        # What newer entries have pushed out has its card again.
        found = {at: one for at, one in found.items() if one in visible}
        own = html.notes_by_activity(sends, found)
        self._entries.show(state, html.owned_entries(entries, own), has_older=has_older)
        self._fields.cards.value = html.outcomes(sends, chosen, found.keys())

    def _show_reply(
        self, conversation: ConversationState | None, replies: Sequence[ReplyState]
    ) -> None:
        is_awaited = any(one.result is None for one in replies)
        show(self._fields.stop, is_shown=is_awaited)
        doing = shorten(conversation.doing, LONGEST_DOING) if conversation else ""
        is_running = conversation is not None and conversation.waits_for is None
        if is_awaited:
            words = "Waiting for the agent"
            words = f"{words}: {doing}" if doing and is_running else f"{words}…"
            self._fields.doing.value = html.note(words, "busy")
            return
        words = _ended(replies)
        if not words and doing and is_running and not self._tells_doing:
            words = f"Now: {doing}"
        self._fields.doing.value = html.note(words)


def _ended(replies: Sequence[ReplyState]) -> str:
    """Return how the waiting for the latest reply ended, if the conversation does not show it."""
    result = replies[-1].result if replies else None
    if result is None or result.ending not in ENDINGS:
        return ""
    return ENDINGS[result.ending].format(result.trouble or span(result.elapsed))


def _updated(state: MonitorState, conversation: ConversationState | None) -> tuple[str, html.Tone]:
    """Return how old is what the form shows, or why it is not up to date."""
    shown = state.inbox if conversation is None else conversation
    at = shown.updated_at
    if at is not None and conversation is not None and conversation.is_over:
        # It is read no more; that it is over still, the list says.
        at = max(at, state.inbox.updated_at or at)
    if state.is_stopped:
        when = "" if at is None else f" since {clock(at)}"
        return f"Not updated{when}. Press Refresh to go on.", "quiet"
    error = shown.error or state.inbox.error
    if error is not None:
        if conversation is not None and conversation.execution is None and error is shown.error:
            # The note below the ID says why.
            return "Reading failed.", "wrong"
        last = "" if at is None else f" Last updated {age(at)} ago."
        return f"Reading failed: {error.title}.{last}", "wrong"
    if at is None:
        return "Reading…", "busy"
    seconds = (datetime.now(UTC) - at).total_seconds()
    return ("updated just now" if seconds < 1 else f"updated {age(at)} ago"), "quiet"


def _status_change(activities: Activities) -> str:
    """Return the ID of the last change of the status; the same question may come again."""
    return next((one.id for one in reversed(activities) if one.status is not None), "")


def _is_same(one: object, other: object) -> bool:
    return one is other or (not isinstance(one, Activities) and one == other)
