"""Cards about an execution: its transcript, a watch, a change of its status.

After `--wait`, the card of a delivery shows the outcome and what happened since. Each text has a
budget, so that no card exceeds 200,000 bytes.
"""

from dataclasses import replace

from ..models.activities import Activities, ActivityKind
from ..models.delivery import Delivery, StatusChange
from ..models.executions import status_words
from ..models.watch import Ending, Transcript, WatchResult, ending_of_status
from ..text import bytes_in_card, counted, shorten, span
from .card import Card, CardRow, TranscriptCard
from .outcomes import delivery_card, subject_rows, workflow_name
from .transcript import entries_of, in_command

# Bytes for all entries of a card; everything else takes at most 25,000.
BUDGET = 170_000
FIELD = 300
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
        notes=(*card.notes, f"{note}."),
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
    nothing = "" if entries else "Nothing has happened since."
    is_unreadable = heard.ending == "unreadable"
    return TranscriptCard(
        outcome=heard.ending,
        rows=tuple(subject_rows(heard.execution_id)),
        title=heard.trouble if is_unreadable else "",
        hint=_next(heard.ending, heard.execution_id, is_paused=heard.is_paused),
        entries=entries,
        above=" ".join(above),
        below="" if is_unreadable else " ".join(filter(None, (nothing, failed))),
    )


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
    above += [_left_out(left_out)] if left_out else []
    return TranscriptCard(
        outcome="transcript",
        rows=(
            CardRow("Execution", (_field(execution.id),), code=True),
            CardRow("Status", (_field(status_words(execution.status)),)),
        ),
        title=_field(" ".join(execution.workflow_name.split())),
        hint=_next(ending_of_status(execution.status), execution.id),
        entries=entries,
        above=" ".join(above),
        below="" if entries else "Nothing has happened yet.",
    )


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
