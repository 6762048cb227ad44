"""Turns activities into entries for the reader: who said or did what, and when.

Pure, and in the order of the activities. An action from start to end is one entry, only the latest
to-do list is complete, and activities that say nothing new are skipped. Each text is cut to its
budget, and the newest entries that fit the total budget are shown. What the server marks as meant
for machines is folded, several such activities in a row into one entry.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any

from ..config.session import session
from ..models import coerce
from ..models.activities import Activity, ActivityKind, Question
from ..models.executions import PHASES, SHORT_ID, WAITING, status_words
from ..models.watch import unfinished
from ..text import (
    Excerpt,
    beginning,
    bytes_in_card,
    counted,
    excerpt,
    shorten,
    size_words,
    span,
)
from .times import local, zone

# Budgets in bytes, each for one text.
SPOKEN, THOUGHT, RESULT, LINE, ITEM = 12_000, 4_000, 12_000, 400, 240
MOST_ITEMS = 40
# Characters that a folded thought shows.
START = 90
# Bytes of markup for an entry, and for one of its items, besides their texts.
ENTRY_COST, ITEM_COST = 480, 200
TODO_MARKS = {
    "completed": "✓",
    "in_progress": "▸",
    "pending": "○",
    "blocked": "!",
    "failed": "✗",
    "canceled": "-",
}
LABELS: Mapping[str, str] = {
    ActivityKind.GENERIC: "Note",
    ActivityKind.TERMINAL: "Ended",
    ActivityKind.TRANSITIONED_NODE: "Moved on to",
}
# These only repeat what another activity says.
PASSED_OVER = frozenset({ActivityKind.STEP_STARTED, ActivityKind.STEP_COMPLETED})
# These are for people, even if the server says otherwise.
NEVER_FOLDED = frozenset({ActivityKind.USER_MESSAGE, ActivityKind.STATUS_CHANGED})

Told = tuple[Activity, Activity | None]


@dataclass(frozen=True)
class Item:
    """An item of a list: a to-do with its state, or an option with its description."""

    text: str
    note: str = ""
    mark: str = "•"


@dataclass(frozen=True)
class TranscriptEntry:
    """What the reader sees of one activity, or of one action from start to end.

    `kind` is one of person, agent, asks, thinking, action, todos, node, result or note, or own for
    a message of the reader, or system for what is folded: `number` such activities, as `items`.
    `label` is its name on screen. `when` is a time of day and `day` its date with its zone, both in
    the zone of this machine, empty if unknown. For an action, `mark` says how it went and `extent`
    how long it took. `data` is what a result holds, as JSON. `activity_id` is the ID of its (first)
    activity.
    """

    kind: str
    label: str
    text: Excerpt = Excerpt("")  # noqa: RUF009 (immutable)
    data: Excerpt = Excerpt("")  # noqa: RUF009 (as above)
    items: tuple[Item, ...] = ()
    mark: str = ""
    extent: str = ""
    day: str = ""
    when: str = ""
    activity_id: str = ""
    number: int = 0

    @property
    def start(self) -> str:
        """Return the first words, which a folded text shows."""
        words = " ".join(self.text.head[: 2 * START].split())
        return words if len(words) <= START else beginning(words, START) + " …"

    @property
    def is_short(self) -> bool:
        """Return True if the text fits on one line."""
        return len(self.text.head) <= START and "\n" not in self.text.head and not self.text.tail

    @property
    def cost(self) -> int:
        """Return how many bytes the entry takes in a card, at most."""
        start = self.start if self.kind == "thinking" else ""
        excerpts = (self.text.head, self.text.tail, self.data.head, self.data.tail)
        texts = (self.label, start, self.extent, self.day, *excerpts)
        listed = (part for item in self.items for part in (item.text, item.note))
        spent = sum(bytes_in_card(one) for text in (*texts, *listed) for one in text)
        return ENTRY_COST + ITEM_COST * len(self.items) + spent


def entries_of(
    activities: Iterable[Activity], budget: int
) -> tuple[tuple[TranscriptEntry, ...], int]:
    """Return the newest entries that fit into `budget` bytes, and how many do not."""
    told = _told(list(activities))
    groups = [(folded, list(group)) for folded, group in groupby(told, key=_is_folded)]
    shown: list[TranscriptEntry] = []
    lists = told_in = 0
    # Newest first, so that a long history costs no more than what is shown.
    for is_folded, group in reversed(groups):
        for part in [group] if is_folded else [[one] for one in reversed(group)]:
            activity, end = part[0]
            if is_folded:
                entry = _system(part)
            else:
                lists += activity.kind == ActivityKind.TODOS_UPDATED
                entry = _entry(activity, end, is_latest_list=lists == 1)
            entry = replace(_dated(entry, activity.timestamp), activity_id=activity.id)
            budget -= entry.cost
            if budget < 0:
                return tuple(reversed(shown)), len(told) - told_in
            shown.append(entry)
            told_in += len(part)
    return tuple(reversed(shown)), 0


def tells_doing(activities: Sequence[Activity], entries: Sequence[TranscriptEntry]) -> bool:
    """Return True if the last of the entries tells what the agent is doing."""
    told = [one for one in entries if one.kind != "system"]
    if not told or told[-1].kind == "person":
        # What the agent does since a message is in no entry.
        return False
    going = [one for one in unfinished(activities) if not one.is_system]
    return not going or going[-1].id == told[-1].activity_id


def _is_folded(told: Told) -> bool:
    """Return True for an activity that is for machines: the end of an action decides for both."""
    start, end = told
    if start.kind in NEVER_FOLDED or start.speaks_to_user:
        return False
    return (end or start).is_system


def _system(group: Sequence[Told]) -> TranscriptEntry:
    """Return one entry for activities in a row that are for machines."""
    items = []
    # More are only counted.
    for activity, end in group[: MOST_ITEMS + 1]:
        entry = _dated(_entry(activity, end, is_latest_list=False), activity.timestamp)
        words = " ".join(entry.text.head.split())
        if entry.kind != "action":
            words = f"{entry.label}: {words}" if words else entry.label
        items.append(Item(words, ", ".join(filter(None, (entry.extent, entry.when)))))
    items += [Item("")] * (len(group) - len(items))
    label = counted(len(group), "system entry", "system entries")
    return TranscriptEntry("system", label, items=_cut(tuple(items)), number=len(group))


def _told(activities: Sequence[Activity]) -> list[Told]:
    """Return the activities that say something new, each start of an action with its end."""
    begun = {one.action_id for one in activities if one.kind == ActivityKind.ACTION_STARTED}
    ends = {
        one.action_id: one
        for one in activities
        if one.kind in {ActivityKind.ACTION_COMPLETED, ActivityKind.ACTION_FAILED}
        and one.action_id in begun
    }
    is_over = any(PHASES.get(one.status or "") == "terminal" for one in activities)
    passed_over = PASSED_OVER | ({ActivityKind.TERMINAL} if is_over else set())
    return [
        (one, ends.get(one.action_id or ""))
        for one in activities
        if one.kind not in passed_over and one is not ends.get(one.action_id or "")
    ]


def _dated(entry: TranscriptEntry, moment: datetime | None) -> TranscriptEntry:
    if moment is None:
        return entry
    moment = local(moment)
    return replace(entry, day=f"{moment:%Y-%m-%d} ({zone(moment)})", when=f"{moment:%H:%M:%S}")


def _entry(activity: Activity, end: Activity | None, *, is_latest_list: bool) -> TranscriptEntry:
    if activity.kind == ActivityKind.ACTION_STARTED:
        return _action(activity, end)
    if activity.kind == ActivityKind.TODOS_UPDATED and not is_latest_list:
        return _shorter_list(activity)
    tell = ENTRY_MAKERS.get(activity.kind)
    if tell is not None:
        return tell(activity)
    label = LABELS.get(activity.kind) or _named(activity.kind)
    if activity.kind == ActivityKind.TERMINAL and not activity.is_end:
        label = "Stream closed"
    return TranscriptEntry("note", label, _line(activity.text))


def _action(activity: Activity, end: Activity | None) -> TranscriptEntry:
    told = end if end is not None and end.text else activity
    if activity.speaks_to_user and (end is None or end.speaks_to_user):
        return TranscriptEntry("agent", "Agent", _fit(told.text, SPOKEN))
    words = _line(told.text or _named(activity.action_name or activity.kind))
    if end is None:
        return TranscriptEntry("action", "Started", words, mark="▸", extent="started")
    failed = end.kind == ActivityKind.ACTION_FAILED
    took = _took(activity, end)
    extent = ", ".join(filter(None, ("failed" if failed else "", took)))
    label, mark = ("Failed", "✗") if failed else ("Did", "✓")
    return TranscriptEntry("action", label, words, mark=mark, extent=extent)


def _took(start: Activity, end: Activity) -> str:
    seconds = end.duration
    if seconds is None and start is not end and start.timestamp and end.timestamp:
        seconds = (end.timestamp - start.timestamp).total_seconds()
    return "" if seconds is None or seconds < 0 else span(seconds)


def _status(activity: Activity) -> TranscriptEntry:
    status = activity.status or "unknown"
    waits_for = WAITING.get(status)
    asked = activity.question if waits_for == "asks" else ()
    if asked:
        return _question(asked)
    if waits_for is not None:
        label = "Agent asks" if waits_for == "asks" else "Agent waits for a confirmation"
        return TranscriptEntry("asks", label, _fit(activity.explanation, SPOKEN))
    if PHASES.get(status) == "terminal":
        return _result(activity, status)
    words, reason = status_words(status), activity.explanation
    return TranscriptEntry("note", "Status", _line(f"{words}: {reason}" if reason else words))


def _question(asked: Sequence[Question]) -> TranscriptEntry:
    words = [f"{one.header}: {one.question}" if one.header else one.question for one in asked]
    several = any(one.multi_select for one in asked)
    options = [one for each in asked for one in each.options]
    first = tuple(Item(one.label, one.description) for one in options[:MOST_ITEMS])
    items = _cut(first, len(options) - len(first))
    extent = "choose one or more" if several else ""
    return TranscriptEntry(
        "asks", "Agent asks", _fit("\n".join(words), SPOKEN), items=items, extent=extent
    )


def _result(activity: Activity, status: str) -> TranscriptEntry:
    told = coerce.members(activity.data.get("completedPayload")) or {}
    outcome = coerce.text(told.get("outcome"))
    words = status_words(status)
    result = told.get("result")
    said = [activity.explanation, result if isinstance(result, str) else ""]
    return TranscriptEntry(
        "result",
        "Result",
        _fit("\n".join(filter(None, said)), RESULT),
        _fit(_json(result), RESULT),
        extent=f"{words}, {outcome}" if outcome else words,
    )


def _json(value: Any) -> str:
    if value is None or isinstance(value, str):
        return ""
    try:
        return json.dumps(value, ensure_ascii=False, indent=2)
    except (TypeError, ValueError, RecursionError):
        return str(type(value).__name__)


def _shorter_list(activity: Activity) -> TranscriptEntry:
    todos = activity.todos
    done = sum(state == "completed" for _, state in todos)
    return TranscriptEntry(
        "note", "To-do list", _line(f"{done:,} of {counted(len(todos), 'item')} done")
    )


def _todos(activity: Activity) -> tuple[Item, ...]:
    listed = (
        Item(
            content,
            ": ".join(filter(None, (state.replace("_", " "), outcome))),
            TODO_MARKS.get(state, "○"),
        )
        for (content, state), outcome in zip(activity.todos, activity.todo_outcomes, strict=True)
    )
    return _cut(tuple(listed))


def _node(activity: Activity) -> TranscriptEntry:
    """Return what a node of the workflow did, or only the name of the next one."""
    following = _brief(activity.text, ITEM)
    if activity.node_summary is None:
        label = LABELS[ActivityKind.TRANSITIONED_NODE]
        return TranscriptEntry("note", label, _line(activity.text))
    extent = f"next: {following}" if following else ""
    return TranscriptEntry(
        "node", "Node finished", _fit(activity.node_summary, THOUGHT), extent=extent
    )


def _cut(items: tuple[Item, ...], more: int = 0) -> tuple[Item, ...]:
    """Return the first items, each cut to its budget, then how many others there are.

    There are `more` than `items` has.
    """
    shown = [
        replace(one, text=_brief(one.text, ITEM), note=_brief(one.note, ITEM))
        for one in items[:MOST_ITEMS]
    ]
    if left_out := len(items) + more - len(shown):
        shown.append(Item(f"and {counted(left_out, 'item')} more", mark="…"))
    return tuple(shown)


def _file(activity: Activity) -> TranscriptEntry:
    """Return the entry of a file: its name, its size, and the command that saves it."""
    size = activity.file_size
    named = _brief(activity.text, ITEM) + ("" if size is None else f" ({size_words(size)})")
    if not activity.execution_id:
        return TranscriptEntry("note", "File", Excerpt(named))
    command = f"%asteroid_files {in_command(activity.execution_id)} --save ."
    return TranscriptEntry("note", "File", Excerpt(f"{named}. To save it: {command}"))


def in_command(execution_id: str) -> str:
    """Return the start of an ID where that is enough for a magic of this session, or all of it."""
    start = execution_id[:SHORT_ID].lower()
    alike = [seen for seen in session.seen if seen.startswith(start)]
    return shorten(
        execution_id[:SHORT_ID] if alike == [execution_id.lower()] else execution_id,
        ITEM,
        bytes_in_card,
    )


def _fit(text: str, limit: int) -> Excerpt:
    return excerpt(text, limit, bytes_in_card)


def _line(text: str) -> Excerpt:
    return Excerpt(_brief(text, LINE))


def _brief(text: str, limit: int) -> str:
    return shorten(" ".join(text.split()), limit, bytes_in_card)


def _named(kind: str) -> str:
    """Return a name from the API as words."""
    return _brief(kind.replace("_", " "), ITEM) or "activity"


ENTRY_MAKERS: Mapping[str, Callable[[Activity], TranscriptEntry]] = {
    ActivityKind.USER_MESSAGE: lambda one: TranscriptEntry(
        "person", "User", _fit(one.text, SPOKEN)
    ),
    ActivityKind.REASONING: lambda one: TranscriptEntry(
        "thinking", "Thinking", _fit(one.text, THOUGHT)
    ),
    ActivityKind.ACTION_COMPLETED: lambda one: _action(one, one),
    ActivityKind.ACTION_FAILED: lambda one: _action(one, one),
    ActivityKind.TODOS_UPDATED: lambda one: TranscriptEntry(
        "todos", "To-do list", items=_todos(one)
    ),
    ActivityKind.STATUS_CHANGED: _status,
    ActivityKind.TRANSITIONED_NODE: _node,
    ActivityKind.FILE_ADDED: _file,
}
