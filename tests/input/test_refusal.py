"""The line of an error refers to its card only where the card is above it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from asteroid_magic import Delivery, Report
from asteroid_magic.sandbox import Sandbox
from tests.support.shells import Notebook

SHORT, WHOLE = "NotFound: not delivered (see above)", "NotFound: Not delivered. No execution has"
START = "import contextlib, io, sys\nfrom asteroid_magic import AsteroidError\n"
KEPT = (
    START
    + "try:\n    %asteroid_send run_id hello\nexcept AsteroidError as error:\n    kept = error"
)
REDIRECTED = START + "with contextlib.redirect_stdout(io.StringIO()) as taken:\n    "
CLOSED = (
    START + "taken = io.StringIO()\ntaken.close()\nwith contextlib.redirect_stdout(taken):\n    "
)

UNKNOWN = "00000000-0000-4000-8000-000000000000"

Run = Callable[[str], str]


@pytest.fixture
def run(notebook: Notebook, box: Sandbox, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a cell as in a terminal, where all sends fail; return what it prints."""
    box.fail_next(status=404, times=4)

    def running(cell: str) -> str:
        notebook.shell.run_cell(cell, store_history=True)
        return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)

    return running


def test_below_its_card_the_line_is_short(run: Run) -> None:
    printed = run("%asteroid_send run_id hello")
    assert printed.index("✗ Not delivered: No execution has this ID") < printed.index(SHORT)
    assert WHOLE not in printed


def test_in_the_same_cell_a_kept_error_is_below_its_card(run: Run) -> None:
    assert SHORT in run(f"{KEPT}\nraise kept")


@pytest.mark.parametrize("start", [REDIRECTED, CLOSED])
@pytest.mark.parametrize("line", ["%asteroid_send run_id hello", f"%asteroid_activities {UNKNOWN}"])
def test_a_card_that_standard_output_did_not_get_is_not_above(
    run: Run, start: str, line: str
) -> None:
    printed = run(start + line)
    assert "see above" not in printed
    assert "No execution has this ID. " in printed
    assert "NotFound: Not d" in printed


def test_a_card_that_standard_output_refuses_is_not_above(run: Run) -> None:
    printed = run(
        "import contextlib\nclass Full:\n    encoding = 'utf-8'\n    def write(self, text):\n"
        "        raise OSError(28, 'No space left on device')\n"
        "with contextlib.redirect_stdout(Full()):\n    %asteroid_send run_id hello"
    )
    assert WHOLE in printed
    assert "OSError" not in printed


def test_where_all_of_a_cell_is_redirected_the_card_is_above(run: Run, notebook: Notebook) -> None:
    run(START + "before, sys.stdout = sys.stdout, io.StringIO()\n%asteroid_send run_id hello")
    run("taken, sys.stdout = sys.stdout.getvalue(), before")
    assert SHORT in notebook.shell.user_ns["taken"]


@pytest.mark.parametrize("mode", ["Plain", "Context", "Verbose", "Minimal"])
@pytest.mark.parametrize("later", ["raise kept", "%tb", "raise KeyError(1) from kept"])
def test_in_a_later_cell_the_line_is_whole(run: Run, later: str, mode: str) -> None:
    assert SHORT in run(f"{KEPT}\nraise kept")
    run(f"%xmode {mode}")
    printed = run(later)
    assert "see above" not in printed
    if mode != "Minimal" or "KeyError" not in later:
        assert "No execution has this ID" in printed


@pytest.mark.parametrize(
    "shown", ["print(kept)", "import traceback; traceback.print_exception(kept, file=sys.stdout)"]
)
def test_printed_an_error_is_always_whole(run: Run, shown: str) -> None:
    assert "No execution has this ID. " in run(f"{KEPT}\n{shown}")


def test_an_error_of_a_thread_is_whole(run: Run) -> None:
    printed = run(
        "import concurrent.futures as futures\nfrom IPython import get_ipython\n"
        "send = get_ipython().run_line_magic\nwith futures.ThreadPoolExecutor() as pool:\n"
        "    sent = pool.submit(send, 'asteroid_send', 'run_id hello')\nsent.result()"
    )
    assert WHOLE in printed


def test_a_script_shows_its_card_and_the_line(run: Run, tmp_path: Path) -> None:
    script = tmp_path / "script.ipy"
    script.write_text("%asteroid_send run_id hello\n")
    printed = run(f"%run -i {script}")
    assert printed.index("✗ Not delivered") < printed.index(SHORT)


def test_a_cell_that_is_refused_as_a_whole_has_its_card_above(run: Run) -> None:
    printed = run("import sys, io\n%asteroid_send run_id Dear agent,\nThanks")
    assert "InvalidInput: not delivered (see above)" in printed


def test_below_its_report_the_line_of_a_batch_is_short(run: Run, notebook: Notebook) -> None:
    notebook.shell.user_ns["rows"] = [notebook.shell.user_ns["run_id"]]
    assert "BatchFailed: not delivered (see above)" in run("%%asteroid_send --each rows\nhello")
    printed = run(
        REDIRECTED + "get_ipython().run_cell_magic('asteroid_send', '--each rows', 'hello')"
    )
    assert "BatchFailed: Not delivered. 0 of 1 message was delivered." in printed
    assert isinstance(notebook.shell.user_ns["_"], Report)


@pytest.mark.parametrize("option", ["--show", "--wait 5"])
def test_a_closed_standard_output_does_not_hide_a_delivery(
    notebook: Notebook, run_id: str, box: Sandbox, option: str
) -> None:
    cell = f"{CLOSED}sent = %asteroid_send {option} run_id hello"
    outcome = notebook.shell.run_cell(cell)
    outcome.raise_error()
    sent = notebook.shell.user_ns["sent"]
    assert isinstance(sent, Delivery)
    assert box.messages(run_id) == ["hello"]
