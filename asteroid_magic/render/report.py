"""Draws the report of a batch as HTML and as text: a bar, counts, errors by kind, and rows.

As on a card, all text counts as hostile and is cut to its budget.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING

from ..errors import JournalError
from ..models.report import MISSING, STATE_WORDS, RowState, count_words, next_steps
from ..text import beginning, bytes_in_card, counted, shorten, visible
from .outcomes import workflow_name
from .templates import draw

if TYPE_CHECKING:
    from ..models.report import ErrorGroup, Report

ICONS = {"delivered": "✓", "not_delivered": "✗", "unknown": "?"}
# What draws the rows of a state in the bar: a class in a notebook, a mark in a terminal.
CLASSES = {"unknown": "unknown", "failed": "not-delivered", "waiting": "unsent"}
MARKS: dict[RowState, str] = {"unknown": "?", "failed": "x", "waiting": ".", "delivered": "#"}
BAR_WIDTH = 20
COLUMNS = ("Row", "Outcome", "Execution", "Message")
# A report that uses all of these stays under 100,000 bytes.
OPEN_ROWS, MOST_ROWS, MOST_GROUPS = 50, 200, 20
MESSAGE, KIND, NAME, EXAMPLE, STOPPED = 120, 60, 40, 400, 600
TEXT_MESSAGE = 60
NOT_LISTED = "To list the rows: to_frame() or entries()."


@dataclass(frozen=True)
class ReportPart:
    """The rows of one state: their number in the bar, and the words for it."""

    kind: str
    number: int
    words: str


@dataclass(frozen=True)
class ReportRow:
    """The cells of one row; `workflow` is empty if the session does not know its name."""

    row: str
    outcome: str
    execution: str
    workflow: str
    message: str


def as_html(report: "Report") -> str:
    """Return the report as HTML, under 100,000 bytes; it lists the rows that were not delivered.

    Those beyond the first 50 are folded.
    """
    groups, lines, problem = _read(report)
    return draw(
        "report.html",
        icon=ICONS[report.outcome],
        outcome=report.outcome,
        headline=_headline(report),
        messages=counted(report.total, "message"),
        parts=_parts(report),
        notes=[*_notes(report), *problem],
        steps=" ".join(next_steps(report)),
        groups=groups,
        columns=COLUMNS,
        lines=lines[:OPEN_ROWS],
        folded=lines[OPEN_ROWS:],
        fold=f"{counted(len(lines[OPEN_ROWS:]), 'more row')}",
        rest="" if problem else _rest(report, len(lines)),
    )


def as_text(report: "Report") -> str:
    """Return the report as plain text, with the first 50 rows that were not delivered."""
    groups, lines, problem = _read(report)
    parts = [f"{ICONS[report.outcome]} {_headline(report)}", *_bar(report)]
    parts += [f"  {visible(note, keep='')}" for note in (*_notes(report), *problem)]
    for kind, number, example in groups:
        parts.append(f"  {visible(kind, keep='')} ({number}): {visible(example, keep='')}")
    for line in lines[:OPEN_ROWS]:
        message = visible(shorten(" ".join(line.message.split()), TEXT_MESSAGE), keep="")
        execution = visible(" ".join(line.execution.split()), keep="")
        if line.workflow:
            execution += f" ({visible(line.workflow, keep='')})"
        parts.append(f"  row {line.row}  {line.outcome}  {execution}  {message}")
    rest = _rest(report, len(lines[:OPEN_ROWS]))
    if rest and not problem:
        parts.append(f"  {rest}.")
    parts += [f"  next  {step}" for step in [" ".join(next_steps(report))] if step]
    return "\n".join(parts)


def _read(report: "Report") -> tuple[list[tuple[str, str, str]], list[ReportRow], list[str]]:
    """Return the errors and the rows to list, and a note if they cannot be read."""
    if not count_words(report, missing=True):
        return [], [], [NOT_LISTED] if report.total else []
    try:
        groups = list(map(_group, report.errors[:MOST_GROUPS]))
        return groups, list(_lines(report)), []
    except JournalError as error:
        return [], [], [f"The rows cannot be read. {error}"]


def _headline(report: "Report") -> str:
    """Return the counts in words, those that need attention first."""
    words = ", ".join(count_words(report))
    return f"{counted(report.total, 'message')}: {words}" if words else "No messages"


def _parts(report: "Report") -> list[ReportPart]:
    """Return the parts of the bar, in the order of the headline."""
    numbers = {state: report.counts.get(state, 0) for state in MARKS}
    return [
        ReportPart(CLASSES.get(state, state), number, f"{number:,} {STATE_WORDS[state]}")
        for state, number in numbers.items()
        if number
    ]


def _bar(report: "Report") -> Iterator[str]:
    """Yield a bar of characters, if there is more than one kind of outcome."""
    numbers = {state: report.counts[state] for state in MARKS if report.counts.get(state)}
    if len(numbers) < 2:  # noqa: PLR2004 (as said)
        return
    # Each kind gets at least one character, however small its part is; the largest gets the rest.
    room = BAR_WIDTH - len(numbers)
    sizes = {state: 1 + room * number // report.total for state, number in numbers.items()}
    sizes[max(sizes, key=numbers.__getitem__)] += BAR_WIDTH - sum(sizes.values())
    bar = "".join(MARKS[state] * size for state, size in sizes.items())
    legend = ", ".join(f"{MARKS[state]} {STATE_WORDS[state]}" for state in numbers)
    yield f"  [{bar}] {legend}"


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


def _group(group: "ErrorGroup") -> tuple[str, str, str]:
    kind = shorten(group.error, KIND, bytes_in_card)
    example = shorten(" ".join(group.example.split()), EXAMPLE, bytes_in_card)
    return kind, f"{group.number:,}", f"row {group.position:,}: {example}"


def _lines(report: "Report") -> Iterator[ReportRow]:
    """Yield the rows that were not delivered, those first that need attention most."""
    rows = chain.from_iterable(map(report.entries, MISSING))
    for entry in islice(rows, MOST_ROWS):
        error = f" ({entry.error})" if entry.error else ""
        yield ReportRow(
            row=f"{entry.position:,}",
            outcome=shorten(f"{STATE_WORDS[entry.state]}{error}", KIND, bytes_in_card),
            execution=shorten(entry.execution_id, KIND, bytes_in_card),
            workflow=_name(entry.execution_id),
            message=shorten(entry.message, MESSAGE, bytes_in_card),
        )


def _name(execution_id: str) -> str:
    name = workflow_name(execution_id)
    start = beginning(name, NAME, bytes_in_card)
    return name if start == name else f"{start.rstrip()}…"


def _rest(report: "Report", shown: int) -> str:
    left = report.total - report.counts.get("delivered", 0) - shown
    return f"and {counted(left, 'more row')}, not shown: to_frame() has all" if left > 0 else ""
