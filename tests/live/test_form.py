"""The form notebook, run as by a reader, and what it saves."""

import json

import nbformat
import pytest
from nbformat import NotebookNode

from tests.support import notebooks

KEY = "a-key-that-stands-nowhere-4711"


@pytest.fixture(scope="module")
def ran() -> dict[str, NotebookNode]:
    """The cells of the executed notebook, by their source."""
    notebook = notebooks.execute(notebooks.read("form.ipynb"), hurries=True)
    return {cell.source: cell for cell in notebook.cells if cell.cell_type == "code"}


def cell_with(ran: dict[str, NotebookNode], words: str) -> NotebookNode:
    (found,) = [cell for source, cell in ran.items() if words in source]
    return found


def test_it_is_committed_without_outputs() -> None:
    notebook = notebooks.read("form.ipynb")
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    assert "widgets" not in notebook.metadata


def test_the_form_is_shown_with_words_for_where_it_cannot_be(ran: dict[str, NotebookNode]) -> None:
    shown = cell_with(ran, "%asteroid_form").outputs[0].data
    assert "application/vnd.jupyter.widget-view+json" in shown
    assert "%asteroid_send EXECUTION message" in shown["text/plain"]


def test_the_message_is_delivered_and_the_card_is_kept(ran: dict[str, NotebookNode]) -> None:
    said = notebooks.text(cell_with(ran, "box.messages(waiting.id)"))
    message = "Friday 18:30, please. It's 4 people, at most $50 each."
    assert said == f"""('delivered', ["{message}"])"""
    said = notebooks.text(cell_with(ran, "one.speaks_to_user"))
    assert "I booked what you said" in said
    kept = notebooks.html(cell_with(ran, "SendForm(waiting"))
    assert "<strong>Delivered</strong>" in kept
    assert "<strong>May have been delivered</strong>" in kept


def test_an_unknown_outcome_keeps_the_text(ran: dict[str, NotebookNode]) -> None:
    said = notebooks.text(cell_with(ran, 'fail_next(drop="before")'))
    assert said == "('unknown', 'Is anybody there?')"


def test_the_key_is_nowhere_in_a_saved_notebook_and_its_widgets() -> None:
    ran = notebooks.execute(
        notebooks.of_cells(
            "import getpass\n%load_ext asteroid_magic",
            "from asteroid_magic.sandbox import Sandbox\nbox = Sandbox(pace=0.02).start()",
            f"box._key = {KEY[::-1]!r}[::-1]; box.stop(); box.start()",
            "getpass.getpass = lambda _: box.api_key\n%asteroid_login",
            "%config AsteroidMagics.base_url = box.base_url",
            "run = box.executions[1]\nform = %asteroid_form run\nform",
            "import time\nform.message = 'hello'\nform.submit()\n"
            "while not form.outcomes: time.sleep(0.02)\nform.outcomes[0].outcome",
            "box.stop()",
        )
    )
    assert "delivered" in notebooks.text(ran.cells[-2])
    saved = json.dumps(ran)
    assert "form" in json.dumps(ran.metadata.widgets)
    assert KEY not in saved
