"""The executions that the sandbox opens with, and those that a user can add."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Literal

from .activities import (
    Payload,
    acted,
    for_machines,
    paused_by_agent,
    reasoning,
    said,
    status_changed,
    step_completed,
    step_started,
    todos_updated,
    transitioned_node,
    with_outcomes,
)
from .executions import Execution

Waiting = Literal["question", "choices", "confirmation"]


def opening_scene() -> Iterator[Execution]:
    """Yield the executions in the sandbox's order: asking, running, finished, another account's."""
    now = datetime.now(UTC)
    yield _asking(now - timedelta(minutes=4))
    yield _running(now - timedelta(minutes=47))
    # Not at the edge of what a user looks for with `--since 24h`.
    yield _finished(now - timedelta(days=1, hours=2))
    yield _foreign(now - timedelta(hours=2))


def waiting_scenes(count: int, kind: Waiting) -> Iterator[Execution]:
    """Yield executions that wait for the user; each is a little younger than the one before."""
    name, waits = _what_it_waits_for(kind)
    status = waits["status"]
    start = datetime.now(UTC) - timedelta(seconds=30)
    for number in range(1, count + 1):
        moment = start + timedelta(milliseconds=number)
        execution = Execution(
            f"{name} {number}", status, moment, {"number": number}, metadata={"number": str(number)}
        )
        yield _with_past(execution, [[status_changed("running"), waits]])


def _what_it_waits_for(kind: Waiting) -> tuple[str, Payload]:
    if kind == "confirmation":
        why = {"reason": "About to pay 29.90 euros for the 09:10 to Rome."}
        return "Buy a ticket", status_changed(
            "awaiting_confirmation", awaitingConfirmationPayload=why
        )
    if kind == "choices":
        return "Order supplies", paused_by_agent(
            "Three things on the list are out of stock",
            "Substitutes",
            "Which of these shall I order instead?",
            {
                "Recycled paper": "In stock, a little dearer",
                "Blue pens": "In stock, the same price",
                "Larger envelopes": "In stock on Monday",
            },
            several=True,
        )
    return "Renew a contract", paused_by_agent(
        "There are two tariffs",
        "Tariff",
        "Which tariff shall I choose?",
        {"Monthly": "Can be cancelled at any time", "Yearly": "Two months for free"},
    )


def _asking(start: datetime) -> Execution:
    inputs = {"restaurant": "Trattoria Lucia", "guests": 4, "when": "Friday 20:00"}
    metadata = {"customer": "4711", "team": "office"}
    execution = Execution("Book a table", "paused_by_agent", start, inputs, metadata=metadata)
    question = paused_by_agent(
        "Friday 20:00 is fully booked",
        "Time",
        "Trattoria Lucia has no table for four on Friday at 20:00. Which time shall I book?",
        {
            "Friday 18:30": "Inside, the table must be left by 20:15",
            "Friday 21:15": "On the terrace, as long as you like",
            "Saturday 20:00": "The time you wanted, a day later",
        },
    )
    past = [
        [status_changed("running"), step_started(1)],
        acted("nav_to", "Opening the booking page", "Opened the booking page", 1840),
        [reasoning("Four guests on Friday at 20:00: look at the evening's free tables first.")],
        acted("element_fill_form", "Filling in guests and day", "Filled in guests and day", 920),
        [todos_updated(Find_a_free_table="in_progress", Book_it="pending"), step_completed(1)],
        [step_started(2)],
        acted("obs_snapshot", "Reading the free times", "Found three free times, not 20:00", 610),
        [reasoning("20:00 is gone. Only the guest can choose another time."), question],
    ]
    return _with_past(execution, past)


def _running(start: datetime) -> Execution:
    execution = Execution(
        "Sort incoming invoices",
        "running",
        start,
        {"mailbox": "invoices"},
        metadata={"team": "accounting"},
        profile_id=str(uuid.uuid4()),
    )
    past = [
        [status_changed("running"), step_started(1)],
        acted("ext_get_mail", "Looking for new mail", "Found 12 new messages", 1320),
        [todos_updated(Read_new_mail="completed", File_the_invoices="in_progress")],
        acted("file_download", "Saving an attachment", "Saved invoice-2291.pdf", 480),
        [said("I am sorting today's invoices. Write to me if one of them is urgent.")],
    ]
    return _with_past(execution, past)


def _finished(start: datetime) -> Execution:
    execution = Execution(
        "Compare train fares",
        "running",
        start,
        {"from": "Turin", "to": "Rome"},
        metadata={"customer": "4711", "team": "travel"},
    )
    past = [
        [status_changed("running"), step_started(1)],
        acted("nav_to", "Opening the timetable", "Opened the timetable", 1510),
        acted("element_get_text", "Reading the fares", "Read 9 fares", 730),
        [for_machines("Browser session is alive")],
        [transitioned_node("Read 9 fares from Turin to Rome.", "Compare fares")],
        [
            with_outcomes(
                todos_updated(Read_the_fares="completed", Compare_them="completed"),
                "9 fares, from 29.90 to 84 euros",
                "The 09:10 is the cheapest",
            )
        ],
        [said("The 09:10 is the cheapest, at 29.90 euros."), step_completed(1)],
    ]
    _with_past(execution, past)
    result = {"train": "09:10", "price": 29.9, "currency": "EUR", "compared": 9}
    execution.complete("All nine fares were compared.", result, start + timedelta(seconds=94))
    return execution


def _foreign(start: datetime) -> Execution:
    execution = Execution("Somebody else's work", "running", start, {}, foreign=True)
    return _with_past(execution, [[status_changed("running")]])


def _with_past(execution: Execution, past: list[list[Payload]]) -> Execution:
    """Add past activities, one every four seconds from the execution's start."""
    for number, payload in enumerate(chain.from_iterable(past)):
        execution.add(payload, execution.created_at + timedelta(seconds=4 * number))
    return execution
