"""A new run of a cell replaces the form of the run before, and keeps the text in it."""

from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from asteroid_magic import SendForm
from asteroid_magic.form import open_views
from asteroid_magic.sandbox import Sandbox
from tests.support.waiting import until

from .conftest import use

EXECUTION = "123e4567-e89b-12d3-a456-426614174000"
OTHER = "123e4567-e89b-12d3-a456-426614174001"


class Cells:
    """Runs cells as a notebook does, which tells the kernel their IDs."""

    def __init__(self, shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> None:
        self._runs = 0
        self._parent: dict[str, Any] = {}
        monkeypatch.setattr(shell, "get_parent", lambda: self._parent, raising=False)

    def run(self, cell: str | None, execution: str = "", message: str = "") -> SendForm:
        """Run the cell with this ID, which makes a form."""
        self._runs += 1
        self.go_on(cell)
        return SendForm(execution, message)

    def go_on(self, cell: str | None) -> None:
        metadata = {} if cell is None else {"cellId": cell}
        self._parent = {"metadata": metadata, "header": {"msg_id": f"run-{self._runs}"}}


@pytest.fixture
def cells(shell: InteractiveShell) -> Iterator[Cells]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield Cells(shell, monkeypatch)


def is_open(form: SendForm) -> bool:
    return "open" in repr(form)


def test_twenty_runs_of_a_cell_leave_one_form(cells: Cells) -> None:
    forms = [cells.run("one") for _ in range(20)]
    assert [is_open(form) for form in forms] == [False] * 19 + [True]
    with capture_output() as captured:
        forms[0]._ipython_display_()
    (kept,) = captured.outputs
    assert "A newer run of its cell has replaced this form." in kept.data["text/html"]


def test_forms_of_different_cells_and_of_one_run_live_side_by_side(cells: Cells) -> None:
    first, other = cells.run("one"), cells.run("other")
    cells.go_on("other")
    second = SendForm()
    assert all(map(is_open, (first, other, second)))


@pytest.mark.parametrize("cell", [None, ""])
def test_without_a_cell_nothing_is_replaced(cells: Cells, cell: str | None) -> None:
    assert all(map(is_open, [cells.run(cell), cells.run(cell)]))


def test_the_text_in_it_is_kept_for_its_execution_alone(cells: Cells) -> None:
    cells.run("one", EXECUTION, "Not sent yet.")
    again = cells.run("one", EXECUTION)
    assert again.message == "Not sent yet."
    without = cells.run("one")
    assert (without.execution, without.message) == (EXECUTION, "Not sent yet.")
    elsewhere = cells.run("one", OTHER)
    assert (elsewhere.execution, elsewhere.message) == (OTHER, "")
    elsewhere.message = "Another draft."
    assert cells.run("one", OTHER, "Given.").message == "Given."


def test_what_it_is_sending_is_sent_to_its_end(cells: Cells, box: Sandbox) -> None:
    use(box.base_url, box.api_key)
    run = box.executions[1].id
    box.fail_next(delay=0.3)
    form = cells.run("one", run, "on its way")
    form.submit()
    again = cells.run("one", run)
    assert is_open(form)
    until(lambda: form.outcomes)
    until(lambda: not is_open(form))
    assert form.outcomes[0].outcome == "delivered"
    assert box.messages(run) == ["on its way"]
    assert is_open(again)


def test_a_cell_runs_from_its_start_to_its_end(shell: InteractiveShell) -> None:
    seen: list[bool] = []
    shell.user_ns.update(SendForm=SendForm, look=lambda: seen.append(open_views.is_cell_running()))
    # The first one begins to run before a view is open.
    for cell in ("form = SendForm(); look()", "look()", "look(); 1 / 0", "look("):
        with capture_output():
            shell.run_cell(cell)
        assert not open_views.is_cell_running()
    assert seen == [True, True, True]
    shell.run_cell("form.close(); look()")
    assert seen[-1] is False


def test_a_view_that_a_button_makes_finds_no_cell_running(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind, is_running in (("comm_msg", False), ("execute_request", True)):
        parent = {"header": {"msg_type": kind, "msg_id": "one"}, "metadata": {}}
        monkeypatch.setattr(shell, "get_parent", lambda parent=parent: parent, raising=False)
        form = SendForm()
        assert open_views.is_cell_running() is is_running
        form.close()


def test_what_the_notebook_says_of_the_cell_is_not_trusted(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    for parent in ({}, {"metadata": None}, {"metadata": {"cellId": "one"}}, None):
        monkeypatch.setattr(shell, "get_parent", lambda parent=parent: parent, raising=False)
        assert open_views.running_cell() is None
