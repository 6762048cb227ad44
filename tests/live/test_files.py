"""The notebook about files shows what it promises when a reader runs it."""

import nbformat
import pytest
from nbformat import NotebookNode

from tests.support import notebooks
from tests.support.outcomes import Seen


@pytest.fixture(scope="module")
def ran() -> dict[str, NotebookNode]:
    """The last cell with each source, of the executed notebook."""
    notebook = notebooks.execute(notebooks.read("files.ipynb"), hurries=True)
    return {cell.source: cell for cell in notebook.cells if cell.cell_type == "code"}


def cell_with(ran: dict[str, NotebookNode], words: str) -> NotebookNode:
    (found,) = [cell for source, cell in ran.items() if words in source]
    return found


def test_it_is_committed_without_outputs() -> None:
    notebook = notebooks.read("files.ipynb")
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_files_go_before_the_message(ran: dict[str, NotebookNode]) -> None:
    seen = Seen(notebooks.html(cell_with(ran, "The guests and the menu"))).words
    assert "Delivered" in seen
    assert "Uploaded before the message: 'guest list.csv' (31 bytes), 'menu.txt'" in seen
    assert "would be uploaded: 'menu.txt'" in notebooks.html(cell_with(ran, "--dry-run")).replace(
        "&#39;", "'"
    )


def test_a_missing_file_keeps_the_text(ran: dict[str, NotebookNode]) -> None:
    seen = Seen(notebooks.html(cell_with(ran, "missing.pdf"))).words
    assert "The message was not sent, because a file cannot be uploaded" in seen
    assert "Please read the contract." in seen


def test_a_lost_answer_is_found(ran: dict[str, NotebookNode]) -> None:
    assert "Delivered" in Seen(notebooks.html(cell_with(ran, "the menu again"))).words


def test_python_uploads(ran: dict[str, NotebookNode]) -> None:
    assert "2 files" in Seen(notebooks.html(cell_with(ran, "client.upload"))).words


def test_the_agents_file_is_listed_and_saved_beside_the_first(
    ran: dict[str, NotebookNode],
) -> None:
    assert "invoices.csv" in notebooks.text(cell_with(ran, "time.sleep"))
    # Two cells have this source: this is the second.
    assert "invoices/invoices (1).csv" in notebooks.text(cell_with(ran, "--save invoices"))
    assert "bytes: True" in notebooks.text(cell_with(ran, "client.download"))


def test_the_transcript_says_how_to_save_it(ran: dict[str, NotebookNode]) -> None:
    shown = Seen(notebooks.html(cell_with(ran, "%asteroid_activities"))).words
    assert "invoices.csv (145 bytes). To save it: %asteroid_files" in shown
