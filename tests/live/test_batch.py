"""Batches in a real kernel: the notebook, the bar, and an interrupt."""

import time
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from asteroid_magic.sandbox import Sandbox
from tests.live.test_kernel import Kernel, kernel, shown_as, started  # noqa: F401 (fixtures)
from tests.support import notebooks


@pytest.fixture(scope="module")
def ran() -> dict[str, NotebookNode]:
    """The cells of the executed notebook, by their source."""
    notebook = notebooks.execute(notebooks.read("batch.ipynb"))
    return {cell.source: cell for cell in notebook.cells if cell.cell_type == "code"}


def cell_with(ran: dict[str, NotebookNode], words: str) -> NotebookNode:
    (found,) = [cell for source, cell in ran.items() if words in source]
    return found


def test_the_notebook_is_committed_without_outputs() -> None:
    notebook = notebooks.read("batch.ipynb")
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_every_agent_that_waits_is_found_and_answered(ran: dict[str, NotebookNode]) -> None:
    assert notebooks.text(cell_with(ran, "client.executions")) == "41"
    report = cell_with(ran, "report = send_many")
    assert "41 messages: 41 delivered" in notebooks.html(report)
    assert "41 messages: 41 delivered" in notebooks.text(report)
    assert "Traceback" not in notebooks.text(report)


def test_the_same_cell_goes_on_where_it_stopped(ran: dict[str, NotebookNode]) -> None:
    (again,) = [cell for source, cell in ran.items() if source.startswith("send_many")]
    assert "41 of them delivered earlier" in notebooks.html(again)


def test_a_cell_goes_to_each_row(ran: dict[str, NotebookNode]) -> None:
    assert "3 messages: 3 delivered" in notebooks.html(cell_with(ran, "--each more"))
    arrived = notebooks.text(cell_with(ran, "print([box.messages"))
    assert "['You are number 3. Take the second option, at most $50 each.']" in arrived


def test_a_row_that_is_not_delivered_stops_the_notebook_unless_it_keeps_going(
    box: Sandbox,
) -> None:
    def notebook(options: str) -> NotebookNode:
        box.fail_next(status=400)
        return notebooks.of_cells(
            "%load_ext asteroid_magic",
            f"%config AsteroidMagics.base_url = {box.base_url!r}",
            f"import os; os.environ['ASTEROID_API_KEY'] = {box.api_key!r}",
            f"rows = [{{'execution_id': {box.executions[1].id!r}}}] * 3",
            f"%%asteroid_send --each rows {options}\nhello",
            "print('reached')",
        )

    stopped = notebook("")
    with pytest.raises(CellExecutionError, match="BatchFailed: Not delivered"):
        notebooks.execute(stopped)
    assert stopped.cells[5].outputs == []
    assert "1 not delivered" in notebooks.html(stopped.cells[4])
    assert notebooks.text(stopped.cells[4]).count("BatchFailed") == 1
    assert "Traceback" not in notebooks.text(stopped.cells[4])
    went_on = notebooks.execute(notebook("--keep-going"))
    assert "1 not delivered" in notebooks.html(went_on.cells[4])
    assert notebooks.text(went_on.cells[5]) == "reached\n"


def test_a_saved_notebook_keeps_how_the_bar_ended(ran: dict[str, NotebookNode]) -> None:
    report = cell_with(ran, "report = send_many")
    shown = [output.get("data", {}) for output in report.outputs]
    assert not any("application/vnd.jupyter.widget-view+json" in data for data in shown)
    assert "Sending: 41 of 41 in 00:0" in shown[0]["text/plain"]
    assert "41 delivered, 0 failed, 0 unknown" in shown[0]["text/html"]
    assert not [output for output in report.outputs if output.get("name") == "stderr"]


def test_the_bar_is_a_widget_while_it_runs(kernel: Kernel) -> None:  # noqa: F811 (as below)
    code = "from asteroid_magic import send_many\nsend_many([(run_id, 'one'), (run_id, 'two')])"
    _, shown = kernel.run(code)
    outputs = [one for one in shown if "display_data" in one["msg_type"]]
    kinds = [one["msg_type"] for one in outputs]
    assert kinds == ["display_data", "update_display_data"]
    bar, line = (one["content"] for one in outputs)
    assert bar["transient"] == line["transient"]
    assert "application/vnd.jupyter.widget-view+json" in bar["data"]
    assert "Sending: 2 of 2 in 00:0" in line["data"]["text/plain"]


def test_an_interrupt_brings_the_report(
    kernel: Kernel,  # noqa: F811 (pytest hands it over under this name)
    box: Sandbox,
    tmp_path: Path,
) -> None:
    run_id = box.executions[1].id
    box.fail_next(delay=0.05, times=1_000)
    code = (
        "from asteroid_magic import send_many\n"
        "rows = [(run_id, f'message {number}') for number in range(1000)]\n"
        f"report = send_many(rows, workers=8, progress=False, journal={str(tmp_path / 'a.db')!r})\n"
        "print(report.interrupted, sum(report.counts.values()), report.counts['delivered'])\n"
        "report"
    )
    sending = kernel.client.execute(code)
    began = time.monotonic()
    while len(box.messages(run_id)) < 20:
        assert time.monotonic() - began < 20
        time.sleep(0.01)
    kernel.manager.interrupt_kernel()
    while (reply := kernel.client.get_shell_msg(timeout=30))["parent_header"]["msg_id"] != sending:
        pass
    assert reply["content"]["status"] == "ok"
    arrived = len(box.messages(run_id))
    assert 20 <= arrived < 500
    _, shown = kernel.run("print(report.interrupted, report.counts)\nreport")
    assert f"True {{'delivered': {arrived}" in shown_as("text/plain", shown)
    assert "You interrupted the batch." in shown_as("text/html", shown)
