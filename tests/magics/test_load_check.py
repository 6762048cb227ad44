"""`%load_ext` and a send in one cell: what was typed arrives, or the cell stops and says why."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import IPython
import pytest
from IPython.core.displayhook import DisplayHook
from nbconvert import PythonExporter

from asteroid_magic import InvalidInput
from asteroid_magic.sandbox import Sandbox
from tests.support import notebooks
from tests.support.shells import Notebook

CHANGED = [
    "%asteroid_send run_id Are you done?",
    "%asteroid_send run_id Are you done??",
    "r = %asteroid_send run_id Are you done?",
    "%asteroid_send run_id one\u2028ran = True",
    "%asteroid_send run_id one\x0bran = True",
    "for _ in range(1):\n    %asteroid_send run_id Why?",
]


@pytest.fixture
def unloaded(notebook: Notebook, box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Notebook:
    monkeypatch.setenv("ASTEROID_API_KEY", box.api_key)
    monkeypatch.setenv("ASTEROID_BASE_URL", box.base_url)
    notebook.run("%unload_ext asteroid_magic")
    return notebook


@pytest.mark.parametrize("above", ["", "%%time\n"])
@pytest.mark.parametrize("send", CHANGED)
def test_a_cell_that_would_change_the_message_stops_and_says_that_nothing_was_sent(
    unloaded: Notebook, box: Sandbox, run_id: str, send: str, above: str
) -> None:
    cell = f"{above}%load_ext asteroid_magic\n{send}"
    unloaded.run(cell)
    # %%time of IPython 7 shows errors itself, and ends as if there were none.
    if IPython.version_info >= (8,) or not above:
        assert isinstance(error := unloaded.error, InvalidInput)
        assert error.outcome == "not_delivered"
    assert "Nothing was sent" in unloaded.html()
    assert "Run the cell again" in unloaded.html()
    assert box.messages(run_id) == []
    assert "ran" not in unloaded.shell.user_ns
    unloaded.run(cell)
    assert unloaded.error is None, "as the card says"
    assert len(box.messages(run_id)) == 1
    assert box.messages(run_id)[0] in send


@pytest.mark.parametrize(
    "send",
    [
        "%asteroid_send run_id I am done.",
        "%asteroid_send run_id I am done.\nx = 1",
        "%asteroid_send --show run_id I am done.\nx = 1",
        "x = %asteroid_send run_id I am done.",
        "for _ in range(1):\n    %asteroid_send   run_id   I am done.  ",
        "%asteroid_send run_id \\\n  I am done.",
        "%asteroid_send run_id I am done.\nrun_id",
        "# %asteroid_send is next\nx = '%asteroid_send run_id really?'",
    ],
)
@pytest.mark.parametrize("above", ["", "%%time\n"])
def test_a_cell_that_sends_what_was_typed_runs(
    unloaded: Notebook, box: Sandbox, run_id: str, send: str, above: str
) -> None:
    unloaded.run(f"{above}%load_ext asteroid_magic\n{send}")
    assert unloaded.error is None
    assert box.messages(run_id) == (["I am done."] if "I am done." in send else [])


@pytest.mark.skipif(
    not hasattr(DisplayHook, "semicolon_at_end_of_expression"), reason="new in IPython 8.5"
)
@pytest.mark.parametrize("above", ["%%time\n", "%%capture out\n", "%%time\n%%capture out\n"])
@pytest.mark.parametrize("text", ["see (1", "yes;"])
def test_a_cell_below_a_magic_whose_outcome_ipython_would_hide_stops(
    unloaded: Notebook, box: Sandbox, run_id: str, above: str, text: str
) -> None:
    cell = f"{above}%load_ext asteroid_magic\n%asteroid_send run_id {text}"
    unloaded.run(cell)
    assert box.messages(run_id) == []
    unloaded.run(cell)
    assert box.messages(run_id) == [text], "as the card says"


def test_a_transformer_that_the_cell_adds_does_not_count(
    unloaded: Notebook, box: Sandbox, run_id: str
) -> None:
    transformers = unloaded.shell.input_transformers_post
    before = list(transformers)
    unloaded.run(
        "get_ipython().input_transformers_post.append(lambda lines: [*lines, '# more'])\n"
        "get_ipython().input_transformers_post.append(lambda lines: ['n = 1\\n', *lines])\n"
        "%load_ext asteroid_magic\n%asteroid_send run_id hello"
    )
    transformers[:] = before
    assert unloaded.error is None
    assert box.messages(run_id) == ["hello"]


@pytest.mark.usefixtures("unloaded")
def test_a_script_stops_and_names_the_option_that_loads_the_extension_first(
    box: Sandbox, run_id: str, tmp_path: Path
) -> None:
    script = tmp_path / "job.ipy"
    send = f"%asteroid_send {run_id} Are you done?\nprint('the end')\n"

    def run(*options: str) -> str:
        command = [sys.executable, "-m", "IPython", "--colors=nocolor", *options, str(script)]
        environment = {**os.environ, "IPYTHONDIR": str(tmp_path)}
        ended = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=60, env=environment
        )
        return ended.stdout + ended.stderr

    script.write_text(f"%load_ext asteroid_magic\n{send}")
    said = run()
    assert "Nothing was sent" in said
    assert "ipython --ext asteroid_magic script.ipy" in " ".join(said.split())
    assert "the end" not in said
    assert box.messages(run_id) == []
    script.write_text(send)
    assert "the end" in run("--ext", "asteroid_magic")
    assert box.messages(run_id) == ["Are you done?"]


@pytest.mark.usefixtures("unloaded")
@pytest.mark.parametrize(
    "send",
    [
        "%asteroid_send {} Are you done?",
        "%asteroid_send {} Really??",
        "r = %asteroid_send {} Are you done?",
        "for _ in range(1):\n    %asteroid_send {} Why?",
        "%asteroid_send {} Do you mean *this*?",
    ],
)
def test_a_script_in_which_nbconvert_lost_a_message_stops_before_it_sends_anything(
    box: Sandbox, run_id: str, tmp_path: Path, send: str
) -> None:
    ended = run_exported(
        tmp_path, "%load_ext asteroid_magic", f"%asteroid_send {run_id} First.", send.format(run_id)
    )
    assert ended.returncode == 1
    assert "Nothing was sent" in ended.stdout
    assert "of this script asks for help" in " ".join(ended.stdout.split())
    assert "%%asteroid_send" in ended.stdout
    assert box.messages(run_id) == []


@pytest.mark.usefixtures("unloaded")
def test_another_script_of_nbconvert_sends_what_was_typed(
    box: Sandbox, run_id: str, tmp_path: Path
) -> None:
    cells = [
        "%load_ext asteroid_magic",
        f"%asteroid_send {run_id} It's $5 {{each}}.",
        f"%%asteroid_send {run_id}\nAre you\u2028done?\nReally?",
        "%asteroid_send?",
        "?%%asteroid_send",
    ]
    ended = run_exported(tmp_path, *cells)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert box.messages(run_id) == ["It's $5 {each}.", "Are you\u2028done?\nReally?"]


@pytest.mark.usefixtures("unloaded")
@pytest.mark.parametrize("ending", ["py", "ipy"])
def test_such_a_script_stops_also_if_an_option_loads_the_extension(
    box: Sandbox, run_id: str, tmp_path: Path, ending: str
) -> None:
    cells = (f"%asteroid_send {run_id} First.", f"%asteroid_send {run_id} Are you done?")
    ended = run_exported(tmp_path, *cells, options=["--ext", "asteroid_magic"], ending=ending)
    assert "of this script asks for help" in " ".join(ended.stdout.split())
    assert box.messages(run_id) == []
    ended = run_exported(tmp_path, cells[0], options=["--ext", "asteroid_magic"], ending=ending)
    assert box.messages(run_id) == ["First."], ended.stdout


@pytest.mark.usefixtures("unloaded")
@pytest.mark.parametrize("ending", ["py", "ipy"])
def test_a_script_that_has_lost_all_its_messages_stops_there(
    run_id: str, tmp_path: Path, ending: str
) -> None:
    cells = ("known = 1", "known?", "%asteroid_send?", "print('reached')")
    options = ["--ext", "asteroid_magic"]
    ended = run_exported(tmp_path, *cells, options=options, ending=ending)
    assert ended.returncode == 0, ended.stdout
    assert "reached" in ended.stdout
    lost = (f"%asteroid_send {run_id} Are you done?", *cells)
    ended = run_exported(tmp_path, *lost, options=options, ending=ending)
    assert ended.returncode == 1
    assert "Nothing was sent" in ended.stdout
    assert "of this script asks for help" in " ".join(ended.stdout.split())
    assert "reached" not in ended.stdout


def test_a_cell_that_would_be_refused_again_says_why_at_once(
    unloaded: Notebook, box: Sandbox, run_id: str
) -> None:
    unloaded.run("%load_ext asteroid_magic\n%%asteroid_send run_id\nThanks")
    assert isinstance(unloaded.error, InvalidInput)
    assert "%%asteroid_send must be the first line of its cell" in unloaded.html()
    assert "Run the cell again" not in unloaded.html()
    assert box.messages(run_id) == []


def test_a_cell_that_loads_the_extension_may_ask_for_help(
    unloaded: Notebook, box: Sandbox, run_id: str
) -> None:
    unloaded.run("%load_ext asteroid_magic\nlen?")
    assert unloaded.error is None
    unloaded.run("len?\n%asteroid_send run_id hello")
    assert box.messages(run_id) == ["hello"]


def run_exported(
    folder: Path, *cells: str, options: Iterable[str] = (), ending: str = "py"
) -> subprocess.CompletedProcess[str]:
    """Make a script of these cells, as ``nbconvert --to script`` does, and run it."""
    script = folder / f"job.{ending}"
    body, _ = PythonExporter().from_notebook_node(notebooks.of_cells(*cells))
    script.write_text(body, encoding="utf-8")
    command = [sys.executable, "-m", "IPython", "--colors=nocolor", *options, str(script)]
    environment = {**os.environ, "IPYTHONDIR": str(folder)}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env=environment
    )
