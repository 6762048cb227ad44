"""Draws a list of executions as a table, in HTML and in plain text.

As on a card, all text counts as hostile and is cut to its budget.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from ..models.activities import Question
from ..models.executions import WAITING, Execution, Executions, status_words
from ..models.watch import Listing
from ..text import beginning, bytes_in_card, counted, shorten, visible
from .templates import draw
from .times import age, stamp

COLUMNS = ("Status", "Workflow", "Execution", "Age")
# A table that uses all of these stays under 100,000 bytes.
MOST_ROWS = 100
NAME, ID, STATUS, NOTE = 160, 120, 60, 1000
# Characters of a workflow's name in plain text.
NAME_WIDTH = 30
# Limits for what executions ask: bytes of a question and of an option, options of a question,
# questions of an execution, and executions.
QUESTION, OPTION, MOST_OPTIONS, MOST_QUESTIONS, MOST_ASKING = 600, 150, 6, 3, 10


@dataclass(frozen=True)
class TableRow:
    """The cells of one execution; `tone` selects the colour of its status."""

    status: str
    tone: str
    workflow: str
    id: str
    age: str
    created: str
    is_waiting: bool
    asks: tuple["AskedQuestion", ...] = ()


@dataclass(frozen=True)
class AskedQuestion:
    """A question of the agent, and its options on one line."""

    question: str
    options: str
    verb: str


def as_html(executions: Executions) -> str:
    """Return the table as HTML, under 100,000 bytes, or under 200,000 for a `Listing`.

    The browser shows the beginning of an ID, and copies all of it. Each execution takes one line.
    """
    return draw(
        "table.html", columns=COLUMNS, rows=_rows(executions), notes=list(_notes(executions))
    )


def as_text(executions: Executions) -> str:
    """Return the table as plain text: a line per execution, its questions below."""
    rows = _rows(executions)
    lines: list[tuple[str, ...]] = [COLUMNS] if rows else []
    lines += [
        tuple(
            visible(cell, keep="") for cell in (row.status, _fitting(row.workflow), row.id, row.age)
        )
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    drawn = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    asked = [[part for one in row.asks for part in _asked_lines(one)] for row in rows]
    body = [part for line, below in zip(drawn[1:], asked, strict=True) for part in (line, *below)]
    return "\n".join([*drawn[:1], *body, *_notes(executions)])


def _fitting(name: str) -> str:
    return name if len(name) <= NAME_WIDTH else beginning(name, NAME_WIDTH - 1) + "…"


def _asked_lines(asked: AskedQuestion) -> list[str]:
    shown = (f"{asked.verb}: {asked.question}", asked.options)
    return [f"  {visible(line, keep='')}" for line in shown if line]


def _asked(question: Question, execution: Execution) -> AskedQuestion:
    verb = "to confirm" if WAITING.get(execution.status) == "confirm" else "asks"
    several = "; choose one or more" if question.multi_select else ""
    labels = [_in_one_line(one.label, OPTION) for one in question.options[:MOST_OPTIONS]]
    if question.options[MOST_OPTIONS:]:
        labels.append(f"and {len(question.options) - MOST_OPTIONS:,} more")
    options = f"{' | '.join(labels)}{several}"
    return AskedQuestion(_in_one_line(question.question, QUESTION), options, verb)


def _in_one_line(text: str, limit: int) -> str:
    return shorten(" ".join(text.split()), limit, bytes_in_card)


def _rows(executions: Executions) -> list[TableRow]:
    asked = executions.questions if isinstance(executions, Listing) else {}
    questions = dict(islice(asked.items(), MOST_ASKING))
    now = executions.read_at if isinstance(executions, Listing) else None
    return [
        TableRow(
            status=shorten(status_words(execution.status), STATUS, bytes_in_card),
            tone=tone_of(execution),
            workflow=_in_one_line(execution.workflow_name, NAME),
            id=shorten(execution.id, ID, bytes_in_card),
            age="" if execution.created_at is None else age(execution.created_at, now),
            created="" if execution.created_at is None else stamp(execution.created_at),
            is_waiting=execution.is_waiting,
            asks=tuple(
                _asked(question, execution)
                for question in questions.get(execution.id, ())[:MOST_QUESTIONS]
            ),
        )
        for execution in executions[:MOST_ROWS]
    ]


def tone_of(execution: Execution) -> str:
    """Return the tone that selects the colour of a status."""
    if execution.is_waiting:
        return "waiting"
    return "failed" if execution.status == "failed" else execution.phase or "unknown"


def _notes(executions: Executions) -> Iterator[str]:
    """Yield what the table leaves out, so that no waiting execution goes unnoticed."""
    if not executions:
        yield "No executions were found."
    if (left_out := len(executions) - MOST_ROWS) > 0:
        yield f"and {counted(left_out, 'more execution')}, not shown"
    if not isinstance(executions, Listing):
        return
    yield from (shorten(note, NOTE, bytes_in_card) for note in executions.notes)
    if executions.has_more:
        newest = counted(len(executions), "execution")
        yield (
            f"Listed: the newest {newest}. There are older ones, and some of them may be waiting: "
            "--limit N lists more."
        )
    shown = list(islice(executions.questions, MOST_ASKING))
    unasked = [one for one in executions if one.is_waiting and one.id not in shown]
    if unasked:
        more = f"{len(unasked):,} more wait" if len(unasked) > 1 else "1 more waits"
        yield f"{more}. To see for what: %asteroid_activities EXECUTION"
