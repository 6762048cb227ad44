"""Draws the report of a batch as HTML and as text: counts, errors by kind, and rows.

As on a card, all text counts as hostile and is cut to its budget.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING

from ..models.report import RowState
from ..text import bytes_in_card, counted, shorten, visible
from .templates import draw

if TYPE_CHECKING:
    from ..models.report import ErrorGroup, Report

WORDS: dict[RowState, str] = {
    "unknown": "may have been delivered",
    "under_way": "may have been delivered",
    "failed": "not delivered",
    "waiting": "not sent",
    "delivered": "delivered",
}
ICONS = {"delivered": "✓", "not_delivered": "✗", "unknown": "?"}
COLUMNS = ("Row", "Outcome", "Execution", "Message")
# A report that uses all of these stays under 100,000 bytes.
OPEN_ROWS, MOST_ROWS, MOST_GROUPS = 50, 200, 20
MESSAGE, KIND, EXAMPLE, STOPPED = 120, 60, 400, 600
TEXT_MESSAGE = 60


@dataclass(frozen=True)
class ReportRow:
    """The cells of one row; `row` counts from 1."""

    row: str
    outcome: str
    execution: str
    message: str


def as_html(report: "Report") -> str:
    """Return the report as HTML, under 100,000 bytes; rows beyond the first 50 are folded."""
    lines = list(_lines(report))
    return draw(
        "report.html",
        icon=ICONS[report.outcome],
        outcome=report.outcome,
        headline=_headline(report),
        notes=list(_notes(report)),
        groups=list(map(_group, report.errors[:MOST_GROUPS])),
        columns=COLUMNS,
        lines=lines[:OPEN_ROWS],
        folded=lines[OPEN_ROWS:],
        fold=f"{counted(len(lines[OPEN_ROWS:]), 'more row')}",
        rest=_rest(report, len(lines)),
    )


def as_text(report: "Report") -> str:
    """Return the report as plain text, with the first 50 rows that were not delivered."""
    parts = [f"{ICONS[report.outcome]} {_headline(report)}"]
    parts += [f"  {visible(note, keep='')}" for note in _notes(report)]
    for kind, number, example in map(_group, report.errors[:MOST_GROUPS]):
        parts.append(f"  {visible(kind, keep='')}, {number}: {visible(example, keep='')}")
    entries = [line for line in _lines(report) if line.outcome != WORDS["delivered"]]
    for line in entries[:OPEN_ROWS]:
        message = visible(shorten(" ".join(line.message.split()), TEXT_MESSAGE), keep="")
        parts.append(f"  row {line.row}  {line.outcome}  {visible(line.execution)}  {message}")
    missing = report.total - report.counts.get("delivered", 0) - len(entries[:OPEN_ROWS])
    if missing:
        parts.append(f"  and {counted(missing, 'more row')}, not shown: to_frame() has all.")
    return "\n".join(parts)


def _headline(report: "Report") -> str:
    """Return the counts in words, those that need attention first."""
    parts = [
        f"{number:,} {WORDS[state]}"
        for state in WORDS
        if state != "under_way" and (number := report.counts.get(state, 0))
    ]
    total = counted(report.total, "message")
    return f"{total}: {', '.join(parts)}" if parts else "No messages"


def _notes(report: "Report") -> Iterator[str]:
    delivered = report.counts.get("delivered", 0) - report.earlier
    rate = (
        f", {delivered / report.elapsed:,.0f} per second" if delivered >= report.elapsed > 1 else ""
    )
    earlier = f", {report.earlier:,} of them delivered earlier" if report.earlier else ""
    yield f"Took {report.elapsed:,.1f} s{rate}{earlier}."
    if report.stopped:
        yield f"The batch stopped by itself. {shorten(report.stopped, STOPPED, bytes_in_card)}"
    if report.interrupted:
        yield "You interrupted the batch."
    if report.reader.path is not None and report.outcome != "delivered":
        yield "To retry what was not delivered, run the same call with the same journal."
    if report.counts.get("unknown"):
        yield (
            "Check the executions in report.unknown before you resend: "
            "a second send may deliver a message twice."
        )


def _group(group: "ErrorGroup") -> tuple[str, str, str]:
    kind = shorten(group.error, KIND, bytes_in_card)
    example = shorten(" ".join(group.example.split()), EXAMPLE, bytes_in_card)
    return kind, counted(group.number, "row"), f"row {group.position + 1:,}: {example}"


def _lines(report: "Report") -> Iterator[ReportRow]:
    """Yield the rows that are shown, those that need attention first."""
    attention = (report.entries(*states) for states in (("unknown", "under_way"), ("failed",)))
    rows = chain(*attention, report.entries("waiting"), report.entries("delivered"))
    for entry in islice(rows, MOST_ROWS):
        outcome = WORDS[entry.state]
        error = f" ({entry.error})" if entry.error and entry.state != "delivered" else ""
        yield ReportRow(
            row=f"{entry.position + 1:,}",
            outcome=shorten(f"{outcome}{error}", KIND, bytes_in_card),
            execution=shorten(entry.execution_id, KIND, bytes_in_card),
            message=shorten(entry.message, MESSAGE, bytes_in_card),
        )


def _rest(report: "Report", shown: int) -> str:
    left = report.total - shown
    return f"and {counted(left, 'more row')}, not shown: to_frame() has all" if left > 0 else ""
