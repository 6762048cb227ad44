"""The fields that name the execution: a list of the active ones, and the ID."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace

from ..config.session import session
from ..errors import Forbidden, NotFound
from ..input.execution_ref import id_inside
from ..models.executions import SHORT_ID, status_words
from ..models.message import hyphenated, is_execution_id
from ..monitor import ConversationState, InboxEntry, InboxState
from ..render.times import age
from ..text import counted, shorten, visible
from . import html
from .widgets import FormWidgets

EXAMPLE = "123e4567-e89b-12d3-a456-426614174000"
LONGEST_STATUS = 60
CHOOSE_AGAIN = "The list has just changed. Choose again."


class Picker:
    """Keeps the list and the ID in step, and says what is wrong with the ID.

    It calls `choose` with each new ID, "" for none.
    """

    def __init__(self, fields: FormWidgets, choose: Callable[[str], None]) -> None:
        self._fields, self._choose = fields, choose
        self._inbox = InboxState()
        self._chosen = ""
        self._must_choose_again = False
        fields.execution.observe(self._look, "value")
        fields.listing.when_chosen(self._take, self._refuse)

    @property
    def value(self) -> str:
        """The text of the ID field, without the spaces around it that pasting brings."""
        return hyphenated(str(self._fields.execution.value).strip())

    @property
    def execution_id(self) -> str:
        """The ID in lower case; empty if there is none."""
        return self.value.lower() if is_execution_id(self.value) else ""

    def show(
        self, inbox: InboxState, conversation: ConversationState | None, *, has_key: bool
    ) -> None:
        """Show the active executions, and what is known of the chosen one."""
        if inbox is not self._inbox:
            for entry in reversed(inbox.entries):
                session.remember(entry.execution.id, entry.execution.workflow_name)
        self._inbox = inbox
        entries = _with_latest(inbox.entries, conversation)
        lines = [(_heading(inbox, has_key=has_key), ""), *lines_of(entries)]
        self._fields.listing.offer(lines, self.execution_id)
        self._say(conversation)

    def look(self) -> None:
        """Look at the ID that the form begins with."""
        self._look()

    def _take(self, execution_id: str, seen: Collection[str]) -> None:
        """Fill in the ID of the line that the user has chosen."""
        self._accept()
        # To choose none leaves an ID alone that the list did not have.
        if execution_id or self.execution_id in seen:
            self._fields.fill(self._fields.execution, execution_id)

    def _refuse(self) -> None:
        """Choose none, as the user no longer wants what was chosen; ask the user to choose again.

        What the user sends now, without having seen that, is not sent.
        """
        self._fields.fill(self._fields.execution, "")
        self._must_choose_again = True
        self._fields.announce("choose-again")
        self._say(None)

    def _accept(self) -> None:
        """Ask the user no longer to choose again."""
        self._must_choose_again = False
        if self._fields.said == "choose-again":
            self._fields.announce("")

    def _look(self, _change: object = None) -> None:
        if is_execution_id(self.value) and self._fields.execution.value != self.value:
            # This calls `_look` again, with the ID alone.
            self._fields.execution.value = self.value
            return
        with self._fields.lock:
            chosen = self.execution_id
            self._fields.listing.offer(self._fields.listing.options, chosen)
            if self.value:
                self._accept()
            is_another, self._chosen = chosen != self._chosen, chosen
            self._say(None)
            if is_another:
                self._choose(chosen)

    def _say(self, conversation: ConversationState | None) -> None:
        wrong = self._what_is_wrong()
        self._fields.mark_wrong(is_wrong=bool(wrong))
        if wrong:
            self._fields.announce("no-id")
        elif self._fields.said == "no-id":
            self._fields.announce("")
        is_it = conversation is not None and conversation.execution_id == self.execution_id
        if conversation is not None and is_it and not wrong:
            wrong = _trouble(conversation)
        if self._must_choose_again and not wrong:
            wrong = CHOOSE_AGAIN
        self._fields.about.value = html.note(wrong, "wrong")

    def _what_is_wrong(self) -> str:
        if not self.value or self.execution_id:
            return ""
        if inside := id_inside(self.value):
            return f"This is not an execution ID, but contains one: {inside}"
        return f"This is not an execution ID. An ID has 36 characters, such as {EXAMPLE}"


def _trouble(conversation: ConversationState) -> str:
    """Return why the chosen execution cannot be read, if it never could."""
    error = conversation.error
    if error is None or conversation.execution is not None:
        return ""
    if isinstance(error, NotFound | Forbidden):
        return f"{error.title}. {error.hint}".strip()
    return f"This execution could not be read: {error.title}."


def _with_latest(
    entries: Sequence[InboxEntry], conversation: ConversationState | None
) -> list[InboxEntry]:
    """Return the entries with what is known of the chosen one, those that wait first."""
    known = None if conversation is None else conversation.execution
    if conversation is None or known is None:
        return list(entries)
    same = known.id.lower()
    shown = [
        replace(one, execution=known, since=conversation.since)
        if one.execution.id.lower() == same
        else one
        for one in entries
    ]
    return sorted(shown, key=lambda one: not one.execution.is_waiting)


def _heading(inbox: InboxState, *, has_key: bool) -> str:
    """Return the line above the executions, which chooses none of them."""
    if not has_key:
        return "Set an API key to list the active executions"
    if inbox.updated_at is None:
        return "Reading the list…" if inbox.error is None else "The list could not be read"
    if not inbox.entries:
        return "No execution is active now"
    more = "or more " if inbox.has_more else ""
    return f"Choose one of {more}{counted(len(inbox.entries), 'active execution')}"


def lines_of(entries: Iterable[InboxEntry]) -> list[tuple[str, str]]:
    """Return a line for each execution, ``workflow · status · age · short ID``, with its ID.

    The age is that of the status. If it is unknown, the line says how long ago it began to exist.
    """
    lines = []
    for entry in entries:
        one = entry.execution
        parts = [
            html.workflow_of(one),
            shorten(status_words(one.status), LONGEST_STATUS),
            _age(entry),
            one.id[:SHORT_ID],
        ]
        lines.append((visible(" · ".join(filter(None, parts)), keep=""), one.id.lower()))
    return lines


def _age(entry: InboxEntry) -> str:
    moment = entry.since or entry.created
    words = "" if moment is None else age(moment)
    words = "under 1 min" if words.endswith(" s") else words
    # One that has not started has had its status since then.
    is_since = entry.since is not None or entry.execution.phase == "pending"
    return words if is_since or not words else f"began {words} ago"
