"""The conversation notebook, run as by a reader: list, answer, wait, watch."""

import nbformat
import pytest
from nbformat import NotebookNode

from tests.support import notebooks
from tests.support.outcomes import Seen


@pytest.fixture(scope="module")
def ran() -> dict[str, NotebookNode]:
    """The cells of the executed notebook, by their ID."""
    notebook = notebooks.execute(notebooks.read("conversation.ipynb"))
    return {cell.id: cell for cell in notebook.cells}


def words(cell: NotebookNode) -> str:
    return " ".join(notebooks.text(cell).split())


def test_it_is_committed_without_outputs() -> None:
    notebook = notebooks.read("conversation.ipynb")
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells)


def test_the_agent_that_waits_is_found_with_its_question(ran: dict[str, NotebookNode]) -> None:
    for shown in (notebooks.text(ran["list"]), Seen(notebooks.html(ran["list"])).words):
        assert shown.index("waits for you") < shown.index("running")
        assert "Which time shall I book?" in shown
        assert "Friday 18:30 | Friday 21:15 | Saturday 20:00" in shown


def test_the_transcript_tells_what_led_to_it(ran: dict[str, NotebookNode]) -> None:
    shown = words(ran["transcript"])
    for happened in (
        "✓ Opened the booking page (1.8 s)",
        "Thinking: 20:00 is gone.",
        "Agent asks:",
    ):
        assert happened in shown
    assert "<details>" in notebooks.html(ran["transcript"])


def test_the_answer_is_delivered_and_the_agents_words_come_back(
    ran: dict[str, NotebookNode],
) -> None:
    shown = words(ran["send"])
    assert "The agent has spoken." in shown
    assert "Agent: Done, I booked what you said: “Friday 18:30, please.”" in shown
    assert "<strong>Delivered</strong>" in notebooks.html(ran["send"])


@pytest.mark.parametrize("name", ["send", "result", "no-answer"])
def test_one_line_in_place_and_one_card_are_all_that_is_left(
    ran: dict[str, NotebookNode], name: str
) -> None:
    line, card = ran[name].outputs
    assert line.output_type == "display_data"
    assert line.data["text/plain"].startswith("Waited ")
    assert card.output_type == "execute_result"


def test_watching_shows_the_result(ran: dict[str, NotebookNode]) -> None:
    shown = words(ran["result"])
    assert "■ The execution is over" in shown
    assert "Result (finished, success): The guest's answer was booked as given." in shown
    assert '"booked": "Friday 18:30, please."' in shown


def test_the_reply_is_there_for_a_program(ran: dict[str, NotebookNode]) -> None:
    assert len(ran["ask"].outputs) == 1
    assert notebooks.text(ran["words"]) == "['Noted: “Is invoice 2291 filed, too?”']"


def test_an_agent_is_paused_and_no_answer_is_no_failure(ran: dict[str, NotebookNode]) -> None:
    assert "✓ Paused" in words(ran["paused"])
    assert "No answer within 2.0 s; it may still come" in words(ran["no-answer"])
    assert "✓ Resumed" in words(ran["resumed"])
    assert "✓ Cancelled" in words(ran["cancelled"])
