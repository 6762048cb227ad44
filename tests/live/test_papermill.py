"""Papermill, which runs notebooks on a schedule, stops at a send that fails."""

from pathlib import Path

import nbformat
import papermill
import pytest
from papermill.exceptions import PapermillExecutionError

from asteroid_magic.sandbox import Sandbox
from tests.support import notebooks

pytestmark = pytest.mark.filterwarnings(
    # Papermill's own, and that of the parts it stands on.
    "ignore::DeprecationWarning"
)


def run(folder: Path, box: Sandbox, *cells: str) -> tuple[str, bool]:
    """Run cells by papermill; return what the notebook then shows, and whether it went through."""
    setup = (
        "import os, json, pathlib\n"
        f"os.environ.update(json.loads(pathlib.Path({str(folder / 'key.json')!r}).read_text()))\n"
        f"run_id = {box.executions[1].id!r}\n%load_ext asteroid_magic"
    )
    settings = {"ASTEROID_API_KEY": box.api_key, "ASTEROID_BASE_URL": box.base_url}
    (folder / "key.json").write_text(str(settings).replace("'", '"'))
    notebook = notebooks.of_cells(setup, *cells)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "", "language": "python"}
    nbformat.write(notebook, folder / "in.ipynb")
    went_through = True
    try:
        papermill.execute_notebook(
            folder / "in.ipynb", folder / "out.ipynb", progress_bar=False, log_output=False
        )
    except PapermillExecutionError:
        went_through = False
    return (folder / "out.ipynb").read_text(), went_through


def test_a_delivery_lets_it_go_on(tmp_path: Path, box: Sandbox) -> None:
    saved, went_through = run(tmp_path, box, "%asteroid_send run_id hello", "print('all', 'done')")
    assert went_through
    assert "all done" in saved
    assert box.messages(box.executions[1].id) == ["hello"]
    assert box.api_key not in saved


def test_a_failing_send_stops_it_with_its_card(tmp_path: Path, box: Sandbox) -> None:
    box.fail_next(status=401)
    saved, went_through = run(tmp_path, box, "%asteroid_send run_id hello", "print('all', 'done')")
    assert not went_through
    assert "all done" not in saved
    assert "<strong>Not delivered</strong>" in saved
    assert box.messages(box.executions[1].id) == []
