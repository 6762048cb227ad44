"""What the panel shows, as JSON for its front end: texts only, which the front end never parses.

Each text is made visible and cut to its budget here, so that every view shows the same.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ..errors import AsteroidError
from ..form import html
from ..models.activities import Question
from ..models.delivery import Delivery
from ..models.executions import Execution, status_words
from ..models.links import links_of
from ..monitor import ConversationState, InboxEntry, InboxState, MonitorState
from ..monitor.sends import messages_in, own_messages
from ..render.outcomes import error_card, upload_word
from ..render.table import tone_of
from ..render.times import clock
from ..render.transcript import TranscriptEntry, entries_of, tells_doing
from ..text import Excerpt, counted, shorten, size_words, visible
from .outbox import Press

# Bytes of all entries of a conversation.
BUDGET = 170_000
NAME, STATUS, LABEL, ASKED, TEXT = 60, 60, 120, 4_000, 20_000
# Characters of all messages that failed, for editing them again.
TYPED = 2_000_000
LONGEST_FILE = 120
UNNAMED = "(no name)"

Json = dict[str, Any]


class View:
    """Makes the JSON of a panel; remembers which entries the front ends have, by their content."""

    def __init__(self) -> None:
        self._sent: dict[str, str] = {}
        self._execution_id = ""
        # What the entries were last made from, and their order.
        self._made_from: tuple[object, ...] = ()
        self._order: list[str] = []
        self._has_older = self._tells_doing = False

    def forget(self) -> None:
        """Make the next view complete: a front end has none yet."""
        self._sent, self._made_from = {}, ()

    def of(
        self, state: MonitorState, presses: Sequence[Press], chosen: str, *, key_source: str
    ) -> Json:
        """Return the view of a state and of what was pressed, without the entries sent before.

        The presses are those of the `chosen` execution, also while nothing of it can be read.
        """
        now = datetime.now(UTC)
        conversation = state.conversation
        shown: Json = {
            "inbox": inbox(state.inbox, now),
            "conversation": None,
            "stopped": state.is_stopped,
            "key": key_source,
        }
        by_press: dict[str, str] = {}
        if conversation is not None:
            newest_first = presses[::-1]
            own = own_messages(conversation, newest_first)
            by_press = {newest_first[at].id: activity for at, activity in own.items()}
            replies = [
                one
                for one in state.replies
                if one.delivery.execution_id == conversation.execution_id and one.result is None
            ]
            shown["conversation"] = {
                **_conversation(conversation, now),
                "awaits": bool(replies),
                **self._entries(conversation, by_press, presses),
            }
        here = [one for one in presses if one.execution_id == chosen]
        messages = messages_in(conversation) if here and conversation is not None else ()
        typed = _typed(here)
        shown["presses"] = [
            {
                **_press(one, by_press.get(one.id, ""), typed.get(one.id, "")),
                "before": _next_message(one, messages),
            }
            for one in here
        ]
        return shown

    def _entries(
        self, state: ConversationState, by_press: Mapping[str, str], presses: Sequence[Press]
    ) -> Json:
        """Return the order of all entries, and those that are new or have changed."""
        if state.execution_id != self._execution_id:
            self.forget()
            self._execution_id = state.execution_id
        has_question = bool(state.question)
        made_from = (state.activities, has_question, dict(by_press))
        # Making them takes milliseconds, and a press shows several states of itself.
        if made_from == self._made_from:
            return self._parts([])
        entries, left_out = entries_of(state.activities, BUDGET)
        if state.question and entries and entries[-1].kind == "asks":
            # The panel shows it below, with its options.
            entries = entries[:-1]
        own = {activity: press for press, activity in by_press.items()}
        files = {one.id: one.names for one in presses if one.names}
        order, new, known = [], [], {}
        for at, entry in enumerate(entries):
            key = entry.activity_id or f"#{at}"
            press = own.get(entry.activity_id, "")
            made = _entry(entry, key, press)
            made["files"] = _files(files.get(press, ()))
            digest = hashlib.sha256(json.dumps(made).encode()).hexdigest()
            known[key] = digest
            order.append(key)
            if self._sent.get(key) != digest:
                new.append(made)
        self._sent, self._made_from, self._order = known, made_from, order
        self._has_older = state.has_older or bool(left_out)
        self._tells_doing = tells_doing(state.activities, entries)
        return self._parts(new)

    def _parts(self, new: list[Json]) -> Json:
        return {
            "order": self._order,
            "entries": new,
            "hasOlder": self._has_older,
            "tellsDoing": self._tells_doing,
        }


def inbox(state: InboxState, now: datetime) -> Json:
    """Return the list of executions, those that wait first."""
    return {
        "entries": [_listed(one, now) for one in state.entries],
        "waiting": len(state.waiting),
        "hasMore": state.has_more,
        "error": "" if state.error is None else _title(state.error),
        "age": _age(state.updated_at, now),
    }


def _listed(entry: InboxEntry, now: datetime) -> Json:
    asked = entry.question or ()
    return {
        **_execution(entry.execution),
        "age": _age(entry.since or entry.created, now),
        "asks": line(asked[0].question) if asked else "",
    }


def _execution(one: Execution) -> Json:
    return {
        "id": one.id.lower(),
        "name": line(one.workflow_name, NAME) or UNNAMED,
        "status": shown_as(shorten(status_words(one.status), STATUS), keep=""),
        "tone": tone_of(one),
        "waits": one.is_waiting,
        "phase": one.phase or "",
        "isPaused": one.status == "paused",
    }


def _conversation(state: ConversationState, now: datetime) -> Json:
    execution = state.execution or Execution(id=state.execution_id, workflow_name="…")
    return {
        **_execution(execution),
        "id": state.execution_id,
        "isKnown": state.execution is not None,
        "isRead": state.updated_at is not None,
        "isOver": state.is_over,
        "isPurged": state.is_purged,
        "nothing": html.nothing(state),
        # Only what is safe to follow.
        "links": [{"name": one.name, "url": one.url} for one in links_of(execution)],
        "waitsFor": state.waits_for or "",
        "since": _age(state.since, now),
        "began": _age(state.started, now),
        "age": _age(state.updated_at, now),
        "questions": [_question(one) for one in state.question] if state.waits_for else [],
        "doing": line(state.doing),
        "access": state.access,
        "error": "" if state.error is None else _title(state.error),
    }


def _question(asked: Question) -> Json:
    return {
        "header": shown_as(shorten(asked.header, LABEL)),
        "question": shown_as(shorten(asked.question, ASKED)),
        "several": asked.multi_select,
        # The label is what an answer says, so it stays as it is.
        "options": [
            {
                "label": one.label,
                "shown": line(one.label),
                "note": line(one.description),
            }
            for one in asked.options
        ],
    }


def _entry(entry: TranscriptEntry, key: str, press: str) -> Json:
    return {
        "key": key,
        "kind": "own" if press else entry.kind,
        "press": press,
        "label": "You" if press else shown_as(entry.label, keep=""),
        "when": entry.when,
        "day": entry.day,
        "text": _whole(entry.text),
        "data": _whole(entry.data),
        "start": shown_as(entry.start, keep=""),
        "mark": entry.mark,
        "extent": shown_as(entry.extent, keep=""),
        "items": [
            {
                "mark": one.mark,
                "text": shown_as(one.text, keep=""),
                "note": shown_as(one.note, keep=""),
            }
            for one in entry.items
        ],
    }


def _whole(text: Excerpt) -> str:
    """Return the start and the end of a text, and between them how much is left out."""
    gap = f"[… {counted(text.left_out, 'character')} left out here …]" if text.left_out else ""
    return shown_as("\n".join(filter(None, (text.head, gap, text.tail))))


def _typed(presses: Sequence[Press]) -> dict[str, str]:
    """Return the texts of the messages that failed, by their press: the newest that fit."""
    typed, left = {}, TYPED
    for one in reversed(presses):
        if isinstance(one.outcome, AsteroidError) and len(one.text) <= left:
            typed[one.id] = one.text
            left -= len(one.text)
    return typed


def _next_message(press: Press, messages: Iterable[str]) -> str:
    """Return the first message that came after one that failed, which belongs above it.

    Until there is one, a message that failed stays at the end, where the user sees it.
    """
    before = press.listed_before
    if before is None or not isinstance(press.outcome, AsteroidError):
        return ""
    return next((one for one in messages if one not in before), "")


def _press(press: Press, activity_id: str, typed: str) -> Json:
    """Return a bubble: its state in words, and what the user can do about it."""
    shown: Json = {
        "press": press.id,
        "text": shown_as(shorten(press.text, TEXT)),
        # To edit it again, the text as it was typed.
        "typed": typed,
        "stage": press.stage,
        "at": clock(press.at),
        "activity": activity_id,
        "outcome": "" if press.outcome is None else press.outcome.outcome,
        "title": "",
        "why": "",
        "hint": "",
        "note": shown_as(press.note, keep=""),
        "ending": "",
        "files": _files(press.names),
        # Those of the files that arrived, and those that may have, by their place.
        "gone": [],
    }
    if isinstance(press.outcome, AsteroidError) and press.outcome.upload is not None:
        sent = press.outcome.upload.files
        shown["files"] = [
            line(f"{one.name} ({size_words(one.size)}): {upload_word(one)}", LONGEST_FILE)
            for one in sent
        ]
        shown["gone"] = [at for at, one in enumerate(sent) if one.outcome != "not_delivered"]
    if isinstance(press.outcome, Delivery):
        heard = press.outcome.heard
        shown["ending"] = "" if heard is None else heard.ending
        shown["at"] = clock(press.outcome.sent_at or press.at)
    elif press.outcome is not None:
        card = error_card(press.outcome)
        shown |= {
            "title": shown_as(card.title, keep=""),
            "why": shown_as(card.why),
            "hint": html.IN_DOUBT if press.outcome.outcome == "unknown" else shown_as(card.hint),
        }
    return shown


def _files(names: Sequence[tuple[str, int]]) -> list[str]:
    return [line(f"{name} ({size_words(size)})", LONGEST_FILE) for name, size in names]


def _title(error: AsteroidError) -> str:
    return line(error.title)


def line(text: str, limit: int = LABEL) -> str:
    """Return a text from outside as one short line."""
    return shown_as(shorten(" ".join(text.split()), limit), keep="")


def shown_as(text: str, *, keep: str = "\n\t") -> str:
    """Return the text as the cards show it: emoji stay whole."""
    return visible(text, keep=keep, joiners=True)


def _age(moment: datetime | None, now: datetime) -> float | None:
    """Return the seconds since a moment; the browser's own clock may differ."""
    return None if moment is None else max(0.0, round((now - moment).total_seconds(), 1))
