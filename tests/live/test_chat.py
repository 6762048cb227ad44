"""The chat notebook, run as by a reader: the panel answers two agents, and hears both."""

import ast

import nbformat
import pytest
from nbformat import NotebookNode

from tests.support import notebooks

ANSWER = "Friday 18:30, please. It's 4 people, at most $50 each."
QUESTION = "Is invoice 2291 filed, too?"


@pytest.fixture(scope="module")
def ran() -> dict[str, NotebookNode]:
    """The cells of the executed notebook, by their ID."""
    notebook = notebooks.execute(notebooks.read("chat.ipynb"))
    return {cell.id: cell for cell in notebook.cells}


def test_it_is_committed_without_outputs() -> None:
    notebook = notebooks.read("chat.ipynb")
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    assert "widgets" not in notebook.metadata


def test_the_panel_is_shown_with_words_for_where_it_cannot_be(ran: dict[str, NotebookNode]) -> None:
    shown = ran["open"].outputs[0].data
    assert "application/vnd.jupyter.widget-view+json" in shown
    assert "use %asteroid_executions and %asteroid_send" in shown["text/plain"]


def test_two_agents_are_answered_and_both_replies_are_heard(ran: dict[str, NotebookNode]) -> None:
    asking, running, outcomes = (
        ast.literal_eval(notebooks.text(ran[name]))
        for name in ("answer-asking", "answer-running", "outcomes")
    )
    assert asking == ("delivered", [f"Thank you. You said: “{ANSWER}”"])
    assert running == ("delivered", [f"Noted: “{QUESTION}”"])
    assert outcomes == [QUESTION, ANSWER]


def test_the_notebook_keeps_the_conversation(ran: dict[str, NotebookNode]) -> None:
    kept = notebooks.html(ran["open"])
    assert "Noted: “Is invoice 2291 filed, too?”" in kept
    assert "This panel works only while its kernel runs" in kept
