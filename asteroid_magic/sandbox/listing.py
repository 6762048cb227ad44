"""What a notebook shows of a sandbox: its executions, and how to send to one of them."""

from collections.abc import Sequence
from html import escape

from .executions import ExecutionSnapshot

# As the cards of the extension call them. All others read as they are.
STATUS_WORDS = {
    "awaiting_confirmation": "waits for confirmation",
    "paused_by_agent": "waits for you",
    "completed": "finished",
}
COLUMNS = ("Workflow", "Status", "Execution")
_CELL = "padding: 3px 14px 3px 0; text-align: left; vertical-align: top"
_CODE = "background: none; padding: 0; color: inherit"


def as_text(base_url: str, executions: Sequence[ExecutionSnapshot]) -> str:
    """Return the listing as plain text."""
    rows = [COLUMNS, *((one.workflow_name, _status(one), one.id) for one in executions)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = [f"A small Asteroid on this machine: {base_url}", ""]
    for row in rows:
        cells = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        lines.append("  " + "  ".join(cells).rstrip())
    for asking in _asking(executions):
        lines += ["", f"{asking.workflow_name} asks: {asking.question}"]
        lines += [f"  - {option}" for option in asking.options]
        lines += ["Answer it:", f"  {_answer(asking)}"]
    return "\n".join(lines)


def as_html(base_url: str, executions: Sequence[ExecutionSnapshot]) -> str:
    """Return the listing as HTML, in the colours of the notebook."""
    heads = "".join(f'<th style="{_CELL}">{name}</th>' for name in COLUMNS)
    rows = "".join(
        f'<tr><td style="{_CELL}">{escape(one.workflow_name)}</td>'
        f'<td style="{_CELL}">{escape(_status(one))}</td>'
        f'<td style="{_CELL}"><code style="{_CODE}">{escape(one.id)}</code></td></tr>'
        for one in executions
    )
    return (
        f'<p style="margin: 0 0 6px">A small Asteroid on this machine: '
        f'<code style="{_CODE}">{escape(base_url)}</code></p>'
        f'<div style="overflow-x: auto"><table style="margin: 0 0 6px"><thead><tr>{heads}</tr>'
        f"</thead><tbody>{rows}</tbody></table></div>"
        + "".join(_question_as_html(one) for one in _asking(executions))
    )


def _question_as_html(asking: ExecutionSnapshot) -> str:
    options = "".join(f"<li>{escape(option)}</li>" for option in asking.options)
    return (
        f'<p style="margin: 0"><strong>{escape(asking.workflow_name)}</strong> asks: '
        f"{escape(asking.question or '')}</p><ul>{options}</ul>"
        f'<p style="margin: 0">Answer it: '
        f'<code style="{_CODE}">{escape(_answer(asking))}</code></p>'
    )


def _status(execution: ExecutionSnapshot) -> str:
    return STATUS_WORDS.get(execution.status, execution.status)


def _asking(executions: Sequence[ExecutionSnapshot]) -> list[ExecutionSnapshot]:
    return [one for one in executions if one.question]


def _answer(asking: ExecutionSnapshot) -> str:
    answer = asking.options[0] if asking.options else "your answer"
    return f"%asteroid_send {asking.id} {answer}"
