"""The quickstart shows what it promises when a reader runs it."""

import nbformat
import pytest
from nbformat import NotebookNode

from tests.support import notebooks
from tests.support.outcomes import Seen


@pytest.fixture(scope="module")
def ran() -> dict[str, NotebookNode]:
    """The cells of the executed notebook, by their source."""
    notebook = notebooks.execute(notebooks.read("quickstart.ipynb"), hurries=True)
    return {cell.source: cell for cell in notebook.cells if cell.cell_type == "code"}


def cell_with(ran: dict[str, NotebookNode], words: str) -> NotebookNode:
    (found,) = [cell for source, cell in ran.items() if words in source]
    return found


def test_it_is_committed_without_outputs() -> None:
    notebook = notebooks.read("quickstart.ipynb")
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_the_sandbox_lists_its_executions_and_the_question(ran: dict[str, NotebookNode]) -> None:
    listing = cell_with(ran, "box = %asteroid_sandbox")
    for words in ("Book a table", "waits for you", "Which time shall I book?", "%asteroid_send"):
        assert words in notebooks.html(listing)
        assert words in notebooks.text(listing)


def test_the_answer_is_delivered_and_the_agent_goes_on(ran: dict[str, NotebookNode]) -> None:
    answered = cell_with(ran, "send waiting Friday")
    assert "<strong>Delivered</strong>" in notebooks.html(answered)
    assert "at most $50 each." in Seen(notebooks.html(answered)).words
    assert "finished" in notebooks.text(cell_with(ran, "while box.executions"))


def test_a_cell_is_delivered_as_typed(ran: dict[str, NotebookNode]) -> None:
    sent = cell_with(ran, "Dear agent")
    assert "<strong>Delivered</strong>" in notebooks.html(sent)
    assert "  - the one from {Lucia & Sons} is urgent\n" in Seen(notebooks.html(sent)).words


def test_the_delivery_can_be_kept(ran: dict[str, NotebookNode]) -> None:
    assert cell_with(ran, "r = %asteroid_send").outputs == []
    shown = notebooks.text(cell_with(ran, "r.outcome"))
    assert shown == "('delivered', 'Are the invoices of March done, too?!', 1, True)"


def test_a_dry_run_is_shown(ran: dict[str, NotebookNode]) -> None:
    dry = cell_with(ran, "--dry-run")
    assert "Not sent (dry run)" in notebooks.html(dry)
    assert "curl -X POST" in notebooks.html(dry)


def test_a_failure_says_what_and_what_next_and_keeps_the_text(ran: dict[str, NotebookNode]) -> None:
    failed = cell_with(ran, "send finished")
    assert "<strong>Not delivered</strong>" in notebooks.html(failed)
    assert "Thank you, that was all." in notebooks.html(failed)
    assert "Next:" in notebooks.html(failed)
    error = failed.outputs[-1]
    assert error.output_type == "error"
    assert error.ename == "BadRequest"
    assert len(error.traceback) == 1
    assert error.traceback[0].startswith("BadRequest: Not delivered.")


def test_an_unknown_outcome_is_said_to_be_unknown(ran: dict[str, NotebookNode]) -> None:
    unknown = cell_with(ran, "Is anybody there")
    assert "<strong>May have been delivered</strong>" in notebooks.html(unknown)
    assert "deliver it twice" in notebooks.html(unknown)
    assert "it may still have arrived" in notebooks.html(unknown)


def test_a_message_whose_answer_was_lost_is_found(ran: dict[str, NotebookNode]) -> None:
    found = cell_with(ran, "Then carry on")
    assert "<strong>Delivered</strong>" in notebooks.html(found)
    assert "they show the message, but the answer was lost" in notebooks.html(found)
