"""Draws every result of the package, by its type."""

from functools import singledispatch

from ..models.executions import Executions
from ..models.files import Files
from ..models.report import Report
from . import cards, files, report, table


@singledispatch
def as_html(shown: object) -> str:
    """Return a card, a table or a report as HTML; `TypeError` for other objects."""
    return cards.as_html(shown)


@singledispatch
def as_text(shown: object) -> str:
    """Return the same as plain text; `TypeError` for other objects."""
    return cards.as_text(shown)


def as_line(shown: object) -> str:
    """Return an outcome in at most 300 characters; of a table or a report, its first line."""
    if isinstance(shown, Executions | Files | Report):
        return as_text(shown).partition("\n")[0]
    return cards.as_line(shown)


as_html.register(Executions, table.as_html)
as_text.register(Executions, table.as_text)
as_html.register(Files, files.as_html)
as_text.register(Files, files.as_text)
as_html.register(Report, report.as_html)
as_text.register(Report, report.as_text)
