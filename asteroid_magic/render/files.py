"""Draws files: those of an execution as a table, those of an upload as a card.

As on a card, all text counts as hostile and is cut to its budget.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ..models.files import CONTEXT, File, Files, Upload
from ..text import beginning, bytes_in_card, counted, shorten, size_words, visible
from .card import Card, CardRow
from .outcomes import subject_rows, upload_lines, workflow_name
from .templates import draw
from .times import stamp
from .transcript import in_command

COLUMNS = ("Name", "Size", "Type", "Created", "Folder")
SAVED = "Saved as"
# A table that uses all of these stays under 150,000 bytes.
MOST_ROWS = 100
NAME, TYPE, FOLDER, PLACE = 300, 100, 60, 400
# Characters of a name in plain text.
NAME_WIDTH = 40
# How readers call the folder of what users gave.
FOLDER_WORDS = {CONTEXT: "given to it"}


@dataclass(frozen=True)
class FileRow:
    """The cells of one file; `saved` is where it was saved, empty if it was not."""

    name: str
    size: str
    kind: str
    created: str
    folder: str
    saved: str


def as_html(files: Files) -> str:
    """Return the table as HTML, under 200,000 bytes."""
    return draw(
        "files.html",
        columns=COLUMNS,
        rows=[_row(one, files) for one in files[:MOST_ROWS]],
        notes=list(_notes(files)),
    )


def as_text(files: Files) -> str:
    """Return the table as plain text, a line a file."""
    rows = [_row(one, files) for one in files[:MOST_ROWS]]
    lines = [_columns(files)] if rows else []
    for row in rows:
        cells = (_fitting(row.name), row.size, row.kind, row.created, row.folder, row.saved)
        lines.append(tuple(visible(cell, keep="") for cell in cells[: len(_columns(files))]))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    drawn = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join([*drawn, *(visible(note, keep="") for note in _notes(files))])


def _columns(files: Files) -> tuple[str, ...]:
    return (*COLUMNS, SAVED) if files.saved else COLUMNS


def _row(file: File, files: Files) -> FileRow:
    saved = files.saved.get(file.id)
    return FileRow(
        name=_in_one_line(file.name, NAME) or "(no name)",
        size="unknown" if file.size is None else size_words(file.size),
        kind=_in_one_line(file.mime_type, TYPE),
        created="" if file.created_at is None else stamp(file.created_at),
        folder=_in_one_line(FOLDER_WORDS.get(file.directory, file.directory), FOLDER),
        saved="" if saved is None else shorten(str(saved), PLACE, bytes_in_card),
    )


def _in_one_line(text: str, limit: int) -> str:
    return shorten(" ".join(text.split()), limit, bytes_in_card)


def _fitting(name: str) -> str:
    return name if len(name) <= NAME_WIDTH else beginning(name, NAME_WIDTH - 1) + "…"


def _notes(files: Files) -> Iterator[str]:
    if not files:
        yield "This execution has no files yet."
    if files.is_saving and not files.saved:
        yield "Nothing was saved: the agent has no files yet."
    elif not files.saved and any(one.is_from_agent for one in files):
        command = f"%asteroid_files {in_command(files.execution_id)} --save ."
        yield f"To save the agent's files here: {command}"
    if (left_out := len(files) - MOST_ROWS) > 0:
        yield f"and {counted(left_out, 'more file')}, not shown"


def upload_card(upload: Upload) -> Card:
    """Return the card of an upload."""
    total = size_words(sum(one.size for one in upload.files))
    where = workflow_name(upload.execution_id) or upload.execution_id
    names = ", ".join(" ".join(one.name.split()) for one in upload.files)
    is_there = upload.outcome == "delivered"
    return Card(
        upload.outcome,
        (
            *subject_rows(upload.execution_id),
            CardRow("Files", upload_lines(upload)),
        ),
        title=f"{counted(len(upload.files), 'file')} ({total}) to {where}",
        brief=shorten(names, NAME, bytes_in_card) if is_there else "",
    )
