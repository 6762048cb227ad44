"""`%%asteroid_send --each` in a real shell: one cell, filled from each row."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from IPython.core.error import UsageError

from asteroid_magic import BatchFailed, DryRun, InvalidInput, Report
from asteroid_magic.sandbox import Sandbox
from tests.support.batches import interrupt_when
from tests.support.outcomes import Seen
from tests.support.shells import Notebook

pandas: Any = import_module("pandas")


@pytest.fixture
def ids(box: Sandbox, notebook: Notebook) -> list[str]:
    ids = [one.id for one in box.add_waiting(3)]
    frame = pandas.DataFrame({"execution_id": ids, "name": ["Ann", "Bob", "{x}"], "n": [1, 2, 3]})
    notebook.shell.user_ns["rows"] = frame
    return ids


def test_the_cell_goes_to_each_row_as_it_was_typed(
    box: Sandbox, notebook: Notebook, ids: list[str]
) -> None:
    body = "Dear {name},\n\n>>> it's ${n}, {} {1+1} {{n}}?\n  --each"
    report = notebook.run(f"%%asteroid_send --each rows\n{body}")
    assert isinstance(report, Report)
    assert report.counts == {"delivered": 3}
    for number, (run_id, name) in enumerate(zip(ids, ("Ann", "Bob", "{x}"), strict=True), 1):
        wanted = body.replace("{name}", name).replace("${n}", f"${number}")
        assert box.messages(run_id) == [wanted]
    assert "3 messages: 3 delivered" in notebook.text
    assert "Sending: 100%" in notebook.text, "the bar"


def test_executions_themselves_are_rows(box: Sandbox, notebook: Notebook, ids: list[str]) -> None:
    notebook.run("from asteroid_magic import AsteroidClient; client = AsteroidClient()")
    notebook.shell.user_ns.update(ids=ids)
    notebook.run("waiting = [client.execution(one) for one in ids]")
    report = notebook.run("%%asteroid_send --each waiting\nGo on, {workflow_name}.")
    assert report.counts == {"delivered": 3}
    assert box.messages(ids[0])[0].startswith("Go on, ")
    notebook.run("client.close()")


def test_a_typo_in_a_column_costs_nothing(box: Sandbox, notebook: Notebook, ids: list[str]) -> None:
    notebook.run("%%asteroid_send --each rows\nDear {nme},")
    assert isinstance(notebook.error, InvalidInput)
    assert "there is no column &#39;nme&#39;" in notebook.html()
    assert "3 rows of 3 cannot be sent" in notebook.html()
    assert box.messages(ids[0]) == []


@pytest.mark.parametrize("empty", [None, float("nan"), pandas.NA, pandas.NaT])
def test_an_empty_cell_fills_nothing(
    box: Sandbox, notebook: Notebook, ids: list[str], empty: Any
) -> None:
    notebook.shell.user_ns["rows"]["name"] = ["Ann", empty, "Bob"]
    notebook.run("%%asteroid_send --each rows\nDear {name},")
    assert "row 1: The column 'name' is empty here" in str(notebook.error)
    assert "Fill it in, or remove the row." in str(notebook.error)
    assert [box.messages(run_id) for run_id in ids] == [[], [], []]


def test_each_row_says_what_to_do_where_that_differs(notebook: Notebook, ids: list[str]) -> None:
    notebook.shell.user_ns["rows"] = [{"execution_id": "x", "name": ""}, {"execution_id": ids[0]}]
    notebook.run("%%asteroid_send --each rows\n{name}")
    for words in (
        "'x' is not a UUID. Copy the execution's ID",
        "no column 'name'. Add the column",
        "Correct these rows",
    ):
        assert words in str(notebook.error)


def test_rows_can_be_an_attribute(box: Sandbox, notebook: Notebook, ids: list[str]) -> None:
    notebook.run("%%asteroid_send --each rows.nothing\nAgain.")
    assert "--each cannot read the variable 'rows.nothing'" in str(notebook.error)
    notebook.run("import types; it = types.SimpleNamespace(rows=rows)")
    assert notebook.run("%%asteroid_send --each it.rows\nAgain.").counts == {"delivered": 3}
    assert box.messages(ids[0])[-1] == "Again."


def test_a_variable_that_is_not_there_is_named(notebook: Notebook) -> None:
    notebook.run("%%asteroid_send --each nobody\nhello")
    assert isinstance(notebook.error, InvalidInput)
    assert "--each cannot read the variable 'nobody'" in str(notebook.error)


@pytest.mark.usefixtures("ids")
def test_a_line_is_refused(notebook: Notebook) -> None:
    notebook.run("%asteroid_send --each rows hello")
    assert isinstance(notebook.error, UsageError)


def test_with_a_journal_the_same_cell_goes_on(
    box: Sandbox, notebook: Notebook, ids: list[str], tmp_path: Path
) -> None:
    cell = f"%%asteroid_send --each rows --journal {tmp_path / 'a.db'} --out kept\nDear {{name}},"
    box.fail_next(status=400)
    assert notebook.run(cell) is None
    first = notebook.shell.user_ns["kept"]
    assert first.counts == {"delivered": 2, "failed": 1}
    again = notebook.run(cell)
    assert notebook.error is None
    assert again.counts == {"delivered": 3}
    assert notebook.shell.user_ns["kept"] is again
    assert [len(box.messages(run_id)) for run_id in ids] == [1, 1, 1]


@pytest.mark.usefixtures("ids")
def test_what_is_quiet_returns_nothing_where_all_is_delivered(
    box: Sandbox, notebook: Notebook
) -> None:
    assert notebook.run("%%asteroid_send --quiet --each rows\nDear {name},") is None
    assert not notebook.error
    box.fail_next(status=400, times=3)
    notebook.run("%%asteroid_send --quiet --each rows\nDear {name},")
    assert isinstance(notebook.error, BatchFailed)
    assert "3 messages: 3 not delivered" in notebook.html()


@pytest.mark.usefixtures("ids")
@pytest.mark.parametrize(
    ("fault", "words"),
    [({"status": 400}, "not delivered"), ({"status": 500}, "may have been delivered")],
)
def test_a_row_that_is_not_delivered_stops_the_cell_after_its_report(
    box: Sandbox, notebook: Notebook, fault: dict[str, Any], words: str
) -> None:
    box.fail_next(**fault)
    assert notebook.run("%%asteroid_send --each rows\nDear {name},") is None
    error = notebook.error
    assert isinstance(error, BatchFailed)
    assert "2 of 3 messages were delivered" in str(error)
    assert len(notebook.shown) == 1, "the report once, and no card of the error"
    assert f"1 {words}" in Seen(notebook.html()).words
    assert notebook.shell.user_ns["_"] is error.report
    assert "BatchFailed" in notebook.text
    assert "Traceback" not in notebook.text


@pytest.mark.usefixtures("ids")
def test_keep_going_lets_the_next_cells_run(box: Sandbox, notebook: Notebook) -> None:
    box.fail_next(status=400)
    report = notebook.run("%%asteroid_send --each rows --keep-going\nDear {name},")
    assert notebook.error is None
    assert report.counts == {"delivered": 2, "failed": 1}


@pytest.mark.parametrize("options", ["", "--keep-going"])
def test_an_interrupt_shows_the_report_and_stops_the_cell(
    box: Sandbox, notebook: Notebook, run_id: str, options: str
) -> None:
    box.fail_next(delay=0.05, times=300)
    notebook.shell.user_ns["rows"] = [{"execution_id": run_id, "n": n} for n in range(300)]
    watching = interrupt_when(lambda: len(box.messages(run_id)) >= 20)
    assert notebook.run(f"%%asteroid_send --each rows {options}\nhello {{n}}") is None
    watching.join()
    assert isinstance(notebook.error, BatchFailed)
    assert notebook.error.report.interrupted
    assert "You interrupted the batch." in notebook.html()
    assert "You interrupted the batch." in str(notebook.error)


def test_a_dry_run_shows_the_first_row_and_sends_nothing(
    box: Sandbox, notebook: Notebook, ids: list[str]
) -> None:
    run = notebook.run("%%asteroid_send --dry-run --each rows\nDear {name},")
    assert isinstance(run, DryRun)
    assert (run.execution_id, run.message) == (ids[0], "Dear Ann,")
    assert box.messages(ids[0]) == []
    assert "This is what would be sent to the first of 3 rows" in notebook.text
    notebook.shell.user_ns["once"] = once = iter([{"execution_id": ids[0], "name": "Ann"}])
    notebook.run("%%asteroid_send --dry-run --each once\nDear {name},")
    assert "rows = list(rows)" in str(notebook.error)
    assert len(list(once)) == 1
    notebook.shell.user_ns["rows"] = []
    notebook.run("%%asteroid_send --dry-run --each rows\nDear {name},")
    assert "There are no rows" in str(notebook.error)


def test_show_displays_the_report_or_the_dry_run_at_once(
    box: Sandbox, notebook: Notebook, ids: list[str]
) -> None:
    """Where IPython shows no result, as at the end of an `.ipy` script."""
    notebook.shell.ast_node_interactivity = "none"
    notebook.run("%%asteroid_send --each rows --dry-run --show\nDear {name},")
    assert "This is what would be sent to the first of 3 rows" in notebook.html()
    assert box.messages(ids[0]) == []
    notebook.run("%%asteroid_send --each rows --show\nDear {name},")
    assert "3 messages: 3 delivered" in notebook.html()


def test_a_dry_run_of_no_rows_says_so(notebook: Notebook, ids: list[str]) -> None:
    notebook.shell.user_ns["rows"] = []
    notebook.run("%%asteroid_send --each rows --dry-run\nhello")
    assert isinstance(notebook.error, InvalidInput)
    assert "no rows" in str(notebook.error)
    assert ids


def test_unknown_rows_are_resent_on_demand(
    notebook: Notebook, box: Sandbox, run_id: str, tmp_path: Path
) -> None:
    journal = tmp_path / "answers.db"
    notebook.run("%config AsteroidMagics.confirm_grace = 0")
    notebook.shell.user_ns["rows"] = [{"execution_id": run_id, "name": "Ada"}]
    box.fail_next(drop="before")
    cell = f"%%asteroid_send --each rows --keep-going --journal {journal} {{}}\nDear {{{{name}}}},"
    report = notebook.run(cell.format(""))
    assert report.counts == {"unknown": 1}
    assert "--resend-unknown" in report.as_text()
    assert notebook.run(cell.format("--resend-unknown")).counts == {"delivered": 1}
    assert box.messages(run_id) == ["Dear Ada,"]
    notebook.run("%%asteroid_send --each rows --resend-unknown\nDear {name},")
    assert "Give the journal of that call." in notebook.html()
    assert len(box.messages(run_id)) == 1
