"""Draws a list of executions as a table, in HTML and in plain text.

As on a card, all text counts as hostile and is cut to its budget.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from ..models.activities import Question
from ..models.executions import WAITING, Execution, Executions, status_words
from ..models.links import Link, links_of
from ..models.watch import Listing
from ..text import beginning, bytes_in_card, counted, escaped, shorten, visible
from .templates import draw
from .times import age, stamp

COLUMNS = ("Status", "Workflow", "Execution", "Age")
# A table that uses all of these stays under 100,000 bytes.
MOST_ROWS = 100
NAME, ID, STATUS, NOTE = 160, 120, 60, 1000
# Characters of a workflow's name in plain text.
NAME_WIDTH = 30
LINKS_OF_OTHERS = "Links of the others: the live_view_url, recording_url and platform_url of each."
# Bytes of markup for a link.
LINK_COST = 150
# Limits for what executions ask: bytes of a question and of an option, options of a question,
# questions of an execution, and executions.
# Bytes of all links of a table, and of those of a `Listing`.
LINKS, LINKS_OF_LISTING = 25_000, 80_000
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
    links: tuple[Link, ...] = ()


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
    rows = _rows(executions)
    # Who waits has its links in sight; those of the others are folded.
    folded = [row for row in rows if row.links and not row.is_waiting]
    return draw(
        "table.html",
        columns=COLUMNS,
        rows=rows,
        folded=folded,
        notes=list(_notes(executions, rows)),
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
    asked = [[*map(_line, _asked_lines(row)), *map(_line, _link_lines(row))] for row in rows]
    body = [part for line, below in zip(drawn[1:], asked, strict=True) for part in (line, *below)]
    others = any(row.links and not row.is_waiting for row in rows)
    notes = [*_notes(executions, rows), *([LINKS_OF_OTHERS] if others else [])]
    return "\n".join([*drawn[:1], *body, *notes])


def _fitting(name: str) -> str:
    return name if len(name) <= NAME_WIDTH else beginning(name, NAME_WIDTH - 1) + "…"


def _asked_lines(row: TableRow) -> Iterator[str]:
    for asked in row.asks:
        yield f"{asked.verb}: {asked.question}"
        if asked.options:
            yield asked.options


def _link_lines(row: TableRow) -> Iterator[str]:
    if row.is_waiting:
        yield from (f"{one.name.lower()}: {one.url}" for one in row.links)


def _line(text: str) -> str:
    return f"  {visible(text, keep='')}"


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
    shown = executions[:MOST_ROWS]
    budget = LINKS_OF_LISTING if isinstance(executions, Listing) else LINKS
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
            links=links,
        )
        for execution, links in zip(shown, _links(shown, budget), strict=True)
    ]


def _links(executions: Iterable[Execution], budget: int) -> Iterator[tuple[Link, ...]]:
    """Yield the links of each execution, of as many executions as fit into `budget` bytes."""
    for execution in executions:
        found = links_of(execution)
        # Below the table, the name and the ID come again.
        budget -= (NAME + ID + LINK_COST) if found else 0
        budget -= sum(LINK_COST + len(escaped(one.url)) + len(one.host) for one in found)
        yield found if budget >= 0 else ()


def tone_of(execution: Execution) -> str:
    """Return the tone that selects the colour of a status."""
    if execution.is_waiting:
        return "waiting"
    return "failed" if execution.status == "failed" else execution.phase or "unknown"


def _notes(executions: Executions, rows: Sequence[TableRow]) -> Iterator[str]:
    """Yield what the table leaves out, so that no waiting execution goes unnoticed."""
    if not executions:
        yield "No executions were found."
    if (left_out := len(executions) - MOST_ROWS) > 0:
        yield f"and {counted(left_out, 'more execution')}, not shown"
    with_links = [one for one in executions[:MOST_ROWS] if links_of(one)]
    if len(with_links) > sum(bool(one.links) for one in rows):
        yield "Not all links fit: live_view_url, recording_url and platform_url have them."
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
