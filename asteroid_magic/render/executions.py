"""Cards about an execution: its transcript, a watch, a change of its status.

After `--wait`, the card of a delivery shows the outcome and what happened since. Each text has a
budget, so that no card exceeds 200,000 bytes.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from ..models.activities import Activities, Activity, ActivityKind
from ..models.delivery import Delivery, StatusChange
from ..models.executions import WAITING, Execution, status_words
from ..models.links import links_of
from ..models.timeline import Period, timeline_of
from ..models.watch import Ending, Transcript, WatchResult, ending_of_status
from ..text import bytes_in_card, counted, shorten, span
from .card import Card, CardRow, Lane, Timeline, TranscriptCard
from .outcomes import delivery_card, subject_rows, workflow_name
from .times import clock, lasted, local, stamp
from .transcript import entries_of, in_command

# Bytes for all entries of a card; everything else takes at most 45,000.
BUDGET = 150_000
FIELD = 300
STATE_WORDS = {
    "queued": "waited to start",
    "working": "worked",
    "waiting": "waited for a person",
    "paused": "was paused",
    "unknown": "not known",
}
# The least length of a bar, in thousandths, so that it can be seen.
LEAST_BAR = 4
# How many states a line of text names one by one.
MOST_NAMED = 12
ENDS_BY_ITSELF = (
    "Asteroid ends such a pause by itself after a while, which lets the execution fail; it does "
    "not state how long that is."
)
DONE = {"pause": "paused", "resume": "running", "cancel": "cancelled"}


def heard_delivery_card(delivery: Delivery) -> Card:
    """Return the card of a delivery, with what the agent did since if the send waited."""
    return (
        delivery_card(delivery) if delivery.heard is None else _delivery(delivery, delivery.heard)
    )


def _delivery(delivery: Delivery, heard: WatchResult) -> TranscriptCard:
    card = delivery_card(delivery)
    after = span(heard.elapsed)
    note = {
        "spoke": "The agent has spoken",
        "asks": "The agent asks",
        "confirm": "The agent waits for a confirmation",
        "over": "The execution is over",
        "time": f"No answer within {after}; it may still come",
        "interrupted": "You stopped waiting; this did not stop the agent",
        "unreadable": f"The execution could not be read: {heard.trouble}",
    }[heard.ending]
    told = watch_card(replace(heard, activities=_without(delivery, heard.activities)))
    return replace(
        told,
        outcome=card.outcome,
        rows=card.rows,
        title=card.title,
        brief=card.brief,
        notes=(*card.notes, f"{note}.", *told.notes),
    )


def _without(delivery: Delivery, activities: Activities) -> Activities:
    """Return the activities without the message itself, which the card shows already."""
    for at, activity in enumerate(activities):
        if activity.kind == ActivityKind.USER_MESSAGE and activity.text == delivery.message:
            return Activities((*activities[:at], *activities[at + 1 :]))
    return activities


def watch_card(heard: WatchResult) -> TranscriptCard:
    """Return the card of a watched execution."""
    entries, left_out = entries_of(heard.activities, BUDGET)
    gap = "Some activities may be missing here: too many came at once to read them all."
    above = [_left_out(left_out)] if left_out else []
    above += [gap] if heard.has_gap else []
    failed = f"The latest attempt to read it failed: {heard.trouble}." if heard.trouble else ""
    nothing = "" if entries else nothing_words(heard.execution, "Nothing has happened since.")
    is_unreadable = heard.ending == "unreadable"
    return TranscriptCard(
        outcome=heard.ending,
        rows=tuple(subject_rows(heard.execution_id)),
        title=heard.trouble if is_unreadable else "",
        hint=_next(heard.ending, heard.execution_id, is_paused=heard.is_paused),
        entries=entries,
        above=" ".join(above),
        below="" if is_unreadable else " ".join(filter(None, (nothing, failed))),
        notes=_waiting_notes(heard.ending, heard.activities),
        links=() if heard.execution is None else links_of(heard.execution),
    )


def nothing_words(execution: Execution | None, nothing: str = "Nothing has happened yet.") -> str:
    """Return why there are no entries of an execution; `nothing` if it is not known otherwise."""
    if execution is None or not execution.is_purged:
        return nothing
    moment = execution.purged_at
    when = "" if moment is None else f" on {stamp(moment)}"
    return f"The activities of this execution were deleted{when}."


def _waiting_notes(ending: Ending | None, activities: Sequence[Activity]) -> tuple[str, ...]:
    """Return since when the agent waits, as far as the activities tell, and what that may end."""
    if ending not in ("asks", "confirm"):
        return ()
    changed = next((one for one in reversed(activities) if one.status is not None), None)
    is_this = changed is not None and WAITING.get(changed.status or "") == ending
    moment = changed.timestamp if changed is not None and is_this else None
    whom = "you" if ending == "asks" else "your confirmation"
    since = "" if moment is None else f"It has waited for {whom} since {stamp(moment)}."
    words = (since, ENDS_BY_ITSELF if ending == "asks" else "")
    note = " ".join(filter(None, words))
    return (note,) if note else ()


def _next(ending: Ending | None, execution_id: str, *, is_paused: bool = False) -> str:
    run = in_command(execution_id)
    if ending in {"time", "interrupted"} and is_paused:
        return f"The execution is paused. Resume it with %asteroid_resume {run}"
    if ending in {"asks", "confirm"}:
        return f"Answer with %asteroid_send {run} your answer"
    if ending in {"time", "interrupted"}:
        return f"Continue watching with %asteroid_watch {run}"
    if ending == "unreadable":
        return f"Try again with %asteroid_activities {run}"
    return ""


def transcript_card(transcript: Transcript) -> TranscriptCard:
    """Return the card of a transcript."""
    execution, activities = transcript.execution, transcript.activities
    entries, left_out = entries_of(activities, BUDGET)
    shown = counted(len(activities), "activity", "activities")
    above = [f"Shown: the newest {shown}. For older ones, --last N or --all."]
    above = above if transcript.has_older else []
    ending = ending_of_status(execution.status)
    above += [_left_out(left_out)] if left_out else []
    return TranscriptCard(
        outcome="transcript",
        rows=(
            CardRow("Execution", (_field(execution.id),), code=True),
            CardRow("Status", (_field(status_words(execution.status)),)),
        ),
        title=_field(" ".join(execution.workflow_name.split())),
        hint=_next(ending, execution.id),
        entries=entries,
        above=" ".join(above),
        below="" if entries else nothing_words(execution),
        notes=_waiting_notes(ending, activities),
        links=links_of(execution),
        timeline=_timeline(timeline_of(transcript)),
    )


def _timeline(periods: Sequence[Period]) -> Timeline | None:
    """Return the lanes of a timeline, one for each state that occurs; None without a state."""
    if not periods:
        return None
    began, ended = periods[0].began, periods[-1].ended
    whole = (ended - began).total_seconds()
    lanes = [
        _lane(state, [one for one in periods if one.state == state], began, whole)
        for state in STATE_WORDS
        if any(one.state == state for one in periods)
    ]
    is_one_day = local(began).date() == local(ended).date()
    end = f"{clock(ended) if is_one_day else stamp(ended)}"
    named = [f"{_at(one.began, ended)} {STATE_WORDS[one.state]}" for one in periods[-MOST_NAMED:]]
    if periods[MOST_NAMED:]:
        named.insert(0, f"{counted(len(periods) - MOST_NAMED, 'earlier change')} not shown")
    return Timeline(
        tuple(lanes),
        stamp(began),
        end,
        (
            f"{stamp(began)} to {end}",
            ", ".join(one.words for one in lanes),
            *(["; ".join(named)] if len(periods) > 1 else []),
        ),
    )


def _lane(state: str, periods: Sequence[Period], start: datetime, whole: float) -> Lane:
    total = sum(one.seconds for one in periods)
    bars = []
    for one in periods:
        width = max(1000 * one.seconds / whole, LEAST_BAR)
        at = min(1000 * (one.began - start).total_seconds() / whole, 1000 - width)
        bars.append((round(max(at, 0), 1), round(width, 1)))
    times = [f"{stamp(one.began)}, {lasted(one.seconds)}" for one in periods[-MOST_NAMED:]]
    if periods[MOST_NAMED:]:
        times.insert(0, f"{len(periods) - MOST_NAMED:,} earlier ones")
    words = f"{STATE_WORDS[state]} {lasted(total)}"
    if state == "unknown":
        words = f"{lasted(total)} {STATE_WORDS[state]}"
    return Lane(state, words, "; ".join(times), tuple(bars))


def _at(moment: datetime, end: datetime) -> str:
    """Return a moment of a timeline: only its time of day if that is on the day of the end."""
    is_same_day = local(moment).date() == local(end).date()
    return clock(moment) if is_same_day else f"{local(moment):%Y-%m-%d %H:%M:%S}"


def _left_out(entries: int) -> str:
    what = counted(entries, "older entry", "older entries")
    return f"{what} left out here: the card is full. .activities holds everything."


def status_change_card(change: StatusChange) -> Card:
    """Return the card of a pause, a resumption or a cancellation."""
    is_done = DONE.get(change.asked) == change.status
    run = in_command(change.execution_id)
    hints = {
        "pause": f"Resume it with %asteroid_resume {run}",
        "resume": f"Watch it with %asteroid_watch {run}",
    }
    status = _field(status_words(change.status))
    name = workflow_name(change.execution_id)
    todo = f"to {change.asked}; the execution is now: {status}"
    return Card(
        change.asked if is_done else "changed",
        tuple(subject_rows(change.execution_id))[bool(name and is_done) :],
        title=name if is_done else todo,
        hint=hints.get(change.asked, "") if is_done else "",
    )


def _field(text: str) -> str:
    return shorten(text, FIELD, bytes_in_card)
