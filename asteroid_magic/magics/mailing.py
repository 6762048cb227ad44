"""`%%asteroid_send --each`: the cell's body goes to every row, filled from the row."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..batch.batch import send_rows
from ..batch.rows import open_rows
from ..client.client import AsteroidClient
from ..errors import InvalidInput
from ..input.send_line import SendCommand
from ..models.delivery import DryRun
from ..models.report import Report
from ..text import shorten

WORKERS = 16
LONGEST_QUOTE = 60


def send_each(command: SendCommand, namespace: Mapping[str, Any]) -> Report | DryRun:
    """Send the message to every row, and return the report, or the dry run of the first row."""
    name = command.options["--each"]
    rows = _rows(name, namespace)
    base_url = command.options.get("--base-url")
    with AsteroidClient(base_url=base_url, timeout=command.timeout) as client:
        if "--dry-run" in command.options:
            return _dry_run(client, rows, command.message)
        journal = command.options.get("--journal")
        return send_rows(rows, command.message, client, WORKERS, journal, None, progress=True)


def _rows(name: str, namespace: Mapping[str, Any]) -> Any:
    """Return what a variable holds, or one of its attributes, as in ``report.failed``."""
    first, *attributes = name.split(".")
    try:
        value = namespace[first]
        for attribute in attributes:
            value = getattr(value, attribute)
    except Exception:  # noqa: BLE001 (a property may fail in any way)
        missing = InvalidInput(
            f"There is no variable {shorten(name, LONGEST_QUOTE)!r} that holds the rows.",
            hint="Put the rows into a variable first, such as a data frame, and name that.",
        )
    else:
        return value
    raise missing


def _dry_run(client: AsteroidClient, rows: Any, template: str) -> DryRun:
    if isinstance(rows, Iterator):
        raise InvalidInput(
            "The rows can be read only once, and a dry run would use them up.",
            hint="Put them into a list first, as with rows = list(rows).",
        )
    opened = open_rows(rows, template)
    first = next(iter(opened.rows), None)
    if first is None:
        raise InvalidInput("There are no rows.", hint="Name a variable that holds some.")
    if isinstance(first, InvalidInput):
        raise first
    return replace(client.dry_run(*first), rows=opened.total)
