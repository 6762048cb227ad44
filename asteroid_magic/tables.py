"""What a list of executions looks like: a table, drawn as HTML and as plain text.

As on a card, every string is taken to be hostile, and is cut to its budget.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from .cards import environment
from .executions import Execution
from .text import bytes_in_card, counted, shorten, visible

COLUMNS = ("Status", "Workflow", "Execution", "Created")
# With all of its rows full, a table stays under 100,000 bytes.
MOST_ROWS = 100
NAME, ID, STATUS = 240, 120, 120


@dataclass(frozen=True)
class Row:
    """What the table says of one execution."""

    status: str
    workflow: str
    id: str
    created: str
    is_waiting: bool


def as_html(executions: Sequence[Execution]) -> str:
    """Return the table as HTML, under 100,000 bytes.

    Of an ID only the beginning is seen, and the whole of it is copied.
    """
    template = environment().get_template("executions.html")
    return template.render(columns=COLUMNS, rows=_rows(executions), rest=_rest(executions))


def as_text(executions: Sequence[Execution]) -> str:
    """Return the table as plain text, a line for each execution."""
    lines: list[tuple[str, ...]] = [COLUMNS]
    lines += [
        tuple(visible(cell, keep="") for cell in (row.status, row.workflow, row.id, row.created))
        for row in _rows(executions)
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    drawn = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join([*drawn, *filter(None, (_rest(executions),))])


def _rows(executions: Sequence[Execution]) -> list[Row]:
    return [
        Row(
            status=shorten(execution.status or "unknown", STATUS, bytes_in_card),
            workflow=shorten(" ".join(execution.workflow_name.split()), NAME, bytes_in_card),
            id=shorten(execution.id, ID, bytes_in_card),
            created=_moment(execution.created_at),
            is_waiting=execution.is_waiting,
        )
        for execution in executions[:MOST_ROWS]
    ]


def _rest(executions: Sequence[Execution]) -> str:
    if not executions:
        return "There are no executions."
    left_out = len(executions) - MOST_ROWS
    return f"and {counted(left_out, 'more execution')}, not shown" if left_out > 0 else ""


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
