"""The magics in a real kernel: outputs, errors that stop a run, interrupts and the login."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel
from nbclient.exceptions import CellExecutionError

from asteroid_magic.input.send_line import OPTIONS
from asteroid_magic.sandbox import Sandbox
from tests.support import notebooks
from tests.support.servers import FaultServer, silent
from tests.support.shells import needs_matchers

Message = dict[str, Any]


class Kernel:
    """A running kernel, which the test talks to like a front end."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager = manager
        self.client = client

    def run(self, code: str, typed: str | None = None) -> tuple[Message, list[Message]]:
        """Run a cell; return the reply and what it showed. `typed` answers a prompt."""
        shown: list[Message] = []
        prompts: list[Message] = []

        def answer(message: Message) -> None:
            prompts.append(message["content"])
            self.client.input(typed or "")

        reply = self.client.execute_interactive(
            code,
            timeout=60,
            allow_stdin=typed is not None,
            stdin_hook=answer,
            output_hook=shown.append,
            # Otherwise the kernel, after an error, refuses what comes too soon.
            stop_on_error=False,
        )
        self.prompts = prompts
        return reply["content"], shown


@contextmanager
def new_kernel(**options: Any) -> Iterator[Kernel]:
    """Start a kernel, and end it and all that talks to it."""
    manager, client = start_new_kernel(**options)
    try:
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        # Its own end would come whenever the garbage is collected.
        client.context.destroy()


@pytest.fixture(scope="module")
def started() -> Iterator[Kernel]:
    with new_kernel() as made:
        yield made


@pytest.fixture
def kernel(started: Kernel, box: Sandbox) -> Kernel:
    """A kernel with the extension reloaded, which uses the sandbox."""
    started.run(
        f"import os; os.environ.update(ASTEROID_API_KEY={box.api_key!r}, "
        f"ASTEROID_BASE_URL={box.base_url!r})\n%reload_ext asteroid_magic\n"
        f"run_id = {box.executions[1].id!r}"
    )
    return started


def shown_as(kind: str, messages: list[Message]) -> str:
    return "".join(
        message["content"].get("data", {}).get(kind, "") + message["content"].get("text", "")
        for message in messages
    )


def test_a_delivery_is_the_result_of_its_cell(kernel: Kernel, box: Sandbox) -> None:
    reply, shown = kernel.run("%asteroid_send run_id It's $5, isn't it")
    assert reply["status"] == "ok"
    (result,) = [one for one in shown if one["msg_type"] == "execute_result"]
    assert "<strong>Delivered</strong>" in result["content"]["data"]["text/html"]
    assert result["content"]["data"]["text/plain"].startswith("✓ Delivered")
    assert box.messages(box.executions[1].id) == ["It's $5, isn't it"]


@pytest.mark.parametrize("above", ["", "%%time\n"])
@pytest.mark.parametrize("cell", ["%asteroid_send run_id Yes;", "%%asteroid_send run_id\nYes;\n"])
def test_a_semicolon_does_not_hide_the_card(
    kernel: Kernel, box: Sandbox, cell: str, above: str
) -> None:
    reply, shown = kernel.run(above + cell)
    assert reply["status"] == "ok"
    assert shown_as("text/html", shown).count("<strong>Delivered</strong>") == 1
    assert box.messages(box.executions[1].id) == ["Yes;"]


def test_half_a_message_is_not_sent_and_one_card_shows_all_of_it(
    kernel: Kernel, box: Sandbox
) -> None:
    for text in ("Thanks", "I don't know\n  - a\n - b"):
        reply, shown = kernel.run(f"%asteroid_send run_id Dear agent,\n{text}")
        assert reply["status"] == "error"
        assert reply["ename"] == "InvalidInput"
        assert len(reply["traceback"]) == 1
        (card,) = [one for one in shown if one["msg_type"] == "display_data"]
        plain = " ".join(card["content"]["data"]["text/plain"].split())
        assert f"%%asteroid_send run_id Dear agent, {' '.join(text.split())}" in plain
    assert box.messages(box.executions[1].id) == []


def test_a_failure_shows_its_card_and_one_error_line(kernel: Kernel, box: Sandbox) -> None:
    box.fail_next(status=500)
    kernel.run("%config AsteroidMagics.confirm_grace = 0")
    reply, shown = kernel.run("%asteroid_send run_id hello")
    assert reply["status"] == "error"
    assert reply["ename"] == "ServerError"
    assert "May have been delivered" in shown_as("text/html", shown)
    (error,) = [one["content"] for one in shown if one["msg_type"] == "error"]
    assert len(error["traceback"]) == 1
    # Nobody watches, as this front end takes no input: a log needs the whole outcome.
    assert "May have been delivered. Asteroid had an internal error." in error["traceback"][0]


def test_below_the_card_a_watching_user_reads_the_outcome_in_a_few_words(
    kernel: Kernel, box: Sandbox
) -> None:
    box.fail_next(status=404)
    _, shown = kernel.run("%asteroid_send run_id hello", typed="")
    assert "Not delivered" in shown_as("text/html", shown)
    (error,) = [one["content"] for one in shown if one["msg_type"] == "error"]
    assert error["traceback"] == ["NotFound: not delivered (see above)"]
    assert "No execution has this ID" in error["evalue"]


@pytest.mark.parametrize(
    "above",
    ["%%capture\n", "%%capture out\n", "%%capture\n%%capture\n", "%%capture --no-display\n"],
)
def test_a_failure_that_was_captured_is_shown_once_and_fails_the_cell(
    kernel: Kernel, box: Sandbox, above: str
) -> None:
    box.fail_next(status=404)
    reply, shown = kernel.run(f"{above}%asteroid_send run_id hello", typed="")
    (card,) = [one["content"] for one in shown if one["msg_type"] == "display_data"]
    (raised,) = [one["content"] for one in shown if one["msg_type"] == "error"]
    assert "Not delivered" in card["data"]["text/html"]
    assert raised["traceback"] == ["NotFound: not delivered (see above)"]
    assert reply["status"] == "error"


def test_an_error_that_is_not_ours_is_shown_below_capture_as_ever(kernel: Kernel) -> None:
    _, shown = kernel.run("%%capture\n%asteroid_send run_id hello\nint('x')", typed="")
    _, after = kernel.run("int('x')", typed="")
    for shows in (shown, after):
        (error,) = [one["content"] for one in shows if one["msg_type"] == "error"]
        assert error["ename"] == "ValueError"


def test_what_is_printed_elsewhere_leaves_the_card_above(kernel: Kernel, box: Sandbox) -> None:
    box.fail_next(status=404)
    _, shown = kernel.run(
        "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()):\n"
        "    %asteroid_send run_id hello",
        typed="",
    )
    assert [one["msg_type"] for one in shown if "data" in one["content"]] == ["display_data"]
    (error,) = [one["content"] for one in shown if one["msg_type"] == "error"]
    assert error["traceback"] == ["NotFound: not delivered (see above)"]


@pytest.mark.parametrize("later", ["raise kept", "%tb"])
def test_below_a_later_cell_an_error_is_told_in_full(
    kernel: Kernel, box: Sandbox, later: str
) -> None:
    box.fail_next(status=404)
    kernel.run(
        "from asteroid_magic import NotFound\ntry:\n    %asteroid_send run_id hello\n"
        "except NotFound as error:\n    kept = error\nraise kept",
        typed="",
    )
    _, shown = kernel.run(later, typed="")
    (error,) = [one["content"] for one in shown if one["msg_type"] == "error"]
    assert "Not delivered. No execution has this ID." in error["traceback"][0]


def test_the_error_of_a_task_is_told_in_full(kernel: Kernel, box: Sandbox) -> None:
    box.fail_next(status=404)
    kernel.run(
        "import asyncio\nasync def sends():\n    %asteroid_send run_id hello\n"
        "task = asyncio.ensure_future(sends())",
        typed="",
    )
    _, shown = kernel.run("await task", typed="")
    (error,) = [one["content"] for one in shown if one["msg_type"] == "error"]
    assert "Not delivered. No execution has this ID." in error["traceback"][0]


def test_in_an_output_widget_the_card_is_above(kernel: Kernel, box: Sandbox) -> None:
    box.fail_next(status=404)
    _, shown = kernel.run(
        "import ipywidgets\nwith ipywidgets.Output():\n    %asteroid_send run_id hello", typed=""
    )
    (error,) = [one["content"] for one in shown if one["msg_type"] == "error"]
    assert error["traceback"] == ["NotFound: not delivered (see above)"]


def test_a_failure_stops_a_notebook_that_is_run_from_top_to_bottom(box: Sandbox) -> None:
    box.fail_next(status=404)
    notebook = notebooks.of_cells(
        "%load_ext asteroid_magic",
        f"%config AsteroidMagics.base_url = {box.base_url!r}",
        f"import os; os.environ['ASTEROID_API_KEY'] = {box.api_key!r}",
        f"%asteroid_send {box.executions[1].id} hello",
        "print('reached')",
    )
    with pytest.raises(CellExecutionError, match="NotFound: Not delivered"):
        notebooks.execute(notebook)
    assert notebook.cells[4].outputs == []


def test_an_interrupt_is_unknown_and_stops_the_cells_behind(kernel: Kernel) -> None:
    kernel.run("%config AsteroidMagics.confirm_grace = 0")
    with FaultServer(silent) as server:
        line = f"%asteroid_send --base-url {server.base_url} run_id hello"
        sending = kernel.client.execute(line)
        behind = kernel.client.execute("print('reached')")
        began = time.monotonic()
        while not server.requests:
            assert time.monotonic() - began < 20
            time.sleep(0.01)
        kernel.manager.interrupt_kernel()
        replies: dict[str, Message] = {}
        while {sending, behind} - replies.keys():
            message = kernel.client.get_shell_msg(timeout=20)
            replies[message["parent_header"]["msg_id"]] = message["content"]
    assert replies[sending]["status"] == "error"
    assert replies[sending]["ename"] == "SendInterrupted"
    assert replies[sending]["traceback"] == ["SendInterrupted: may have been delivered (see above)"]
    assert replies[behind]["status"] in {"aborted", "error"}


def test_one_output_is_updated_while_an_agent_is_waited_for(kernel: Kernel, box: Sandbox) -> None:
    kernel.run("%asteroid_pause run_id")
    reply, shown = kernel.run("%asteroid_send --wait 2.5 run_id hello")
    assert reply["status"] == "ok"
    kinds = [one["msg_type"] for one in shown if "data" in one["content"]]
    assert kinds[0] == "display_data"
    assert kinds[-1] == "execute_result"
    assert set(kinds[1:-1]) == {"update_display_data"}
    assert len(kinds) < 12
    updates = [one["content"] for one in shown if "display_data" in one["msg_type"]]
    assert len({one["transient"]["display_id"] for one in updates}) == 1
    assert updates[0]["data"]["text/plain"].startswith("This cell waits for the agent, 2 s at most")
    assert updates[1]["data"]["text/plain"].startswith("Waiting for the agent, 0 s of 2")
    assert updates[-1]["data"]["text/plain"] == "Waited 2.5 s."
    assert box.messages(box.executions[1].id) == ["hello"]


def test_interrupting_the_waiting_stops_the_cells_behind_and_keeps_the_delivery(
    kernel: Kernel, box: Sandbox
) -> None:
    kernel.run("%asteroid_pause run_id")
    sending = kernel.client.execute("%asteroid_send --wait 60 --out kept run_id hello")
    behind = kernel.client.execute("print('reached')")
    while True:
        message = kernel.client.get_iopub_msg(timeout=20)
        if "· paused" in message["content"].get("data", {}).get("text/plain", ""):
            break
    kernel.manager.interrupt_kernel()
    replies: dict[str, Message] = {}
    while {sending, behind} - replies.keys():
        message = kernel.client.get_shell_msg(timeout=20)
        replies[message["parent_header"]["msg_id"]] = message["content"]
    assert replies[sending]["ename"] == "SendInterrupted"
    assert "Delivered. You stopped waiting for the answer." in replies[sending]["traceback"][0]
    assert replies[behind]["status"] in {"aborted", "error"}
    reply = {"status": "aborted"}
    while reply["status"] == "aborted":
        # An old ipykernel may also abort cells sent after the failure.
        reply, shown = kernel.run("kept is _, kept.outcome, kept.heard.ending")
    assert "(True, 'delivered', 'interrupted')" in shown_as("text/plain", shown)
    assert box.messages(box.executions[1].id) == ["hello"]


def test_the_key_is_asked_for_unseen(kernel: Kernel, box: Sandbox) -> None:
    kernel.run("del os.environ['ASTEROID_API_KEY']")
    reply, shown = kernel.run("%asteroid_login", typed=box.api_key)
    assert reply["status"] == "ok"
    assert [prompt["password"] for prompt in kernel.prompts] == [True]
    assert "set for this session" in shown_as("text/plain", shown)
    _, shown = kernel.run("%asteroid_send run_id hello")
    assert "Delivered" in shown_as("text/html", shown)


def test_a_front_end_that_cannot_ask_is_told_what_to_do_instead(kernel: Kernel) -> None:
    reply, shown = kernel.run("%asteroid_login")
    assert reply["status"] == "error"
    assert "cannot ask for a key" in shown_as("text/html", shown)
    assert "ASTEROID_API_KEY" in shown_as("text/html", shown)


def test_a_cell_that_runs_beside_a_loop_can_use_the_sandbox(kernel: Kernel) -> None:
    kernel.run("%asteroid_sandbox\n")
    _, shown = kernel.run("import asyncio; await asyncio.sleep(0); 6 * 7")
    assert "42" in shown_as("text/plain", shown)
    reply, _ = kernel.run("%asteroid_sandbox --stop")
    assert reply["status"] == "ok"


@needs_matchers
def test_a_front_end_is_offered_options_variables_and_executions(kernel: Kernel) -> None:
    kernel.run("%asteroid_send run_id hello")
    _, shown = kernel.run("print(run_id)")
    run_id = shown_as("text/plain", shown).strip()
    code = "x = 1\n%asteroid_send "
    reply = kernel.client.complete(code, len(code), reply=True, timeout=30)
    matches = reply["content"]["matches"]
    assert matches[: len(OPTIONS)] == list(OPTIONS)
    assert matches.index("run_id") < matches.index(run_id)


LEAVING = [
    "%load_ext asteroid_magic",
    "%config AsteroidMagics.confirm_grace = 1.5",
    "import logging, sys; logging.basicConfig(level='DEBUG', stream=sys.stdout, force=True)",
    "%xmode Verbose",
    "%asteroid_send run_id fine",
    "%%asteroid_send run_id\na whole cell",
    "r = %asteroid_send run_id kept\nr, vars(r)",
    "%asteroid_send --dry-run run_id shown",
    "%asteroid_send --timeout 0.5 run_id slow",
    "%tb",
    "%tb Verbose",
    "%asteroid_send run_id dropped",
    "%asteroid_executions",
    "%asteroid_activities run_id",
    "w = %asteroid_send --wait 0.3 run_id waited\nw, w.heard",
    "%asteroid_watch run_id 0.3",
    "%asteroid_pause run_id",
    "%asteroid_send run_id echoed",
    "from asteroid_magic import AsteroidClient\nclient = AsteroidClient()\nclient, vars(client)",
    "client.send(run_id, 'refused directly')",
    "%tb Verbose",
    "%config AsteroidMagics",
    "%asteroid_login",
    "import ipywidgets; ipywidgets.Text('a widget, so that its state is saved')",
    "%who\n%whos\n%history -n",
    "from asteroid_magic.config.session import session\nsession.key, session.__dict__",
]


def test_the_key_is_in_nothing_that_a_session_leaves(
    box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outputs, the saved notebook with its widgets, the history database, logs at DEBUG, %tb."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("ASTEROID_API_KEY", box.api_key)
    monkeypatch.setenv("ASTEROID_BASE_URL", box.base_url)
    box.fail_next(delay=0.001, times=3)
    box.fail_next(delay=1)
    box.fail_next(drop="after")
    box.fail_next(status=401, body=f'{{"code": 401, "message": "bad key {box.api_key}"}}')
    box.fail_next(status=500, body=f"stack trace with {box.api_key}")
    setting = f"run_id = {box.executions[1].id!r}"
    notebook = notebooks.execute(
        notebooks.of_cells(setting, *LEAVING),
        allow_errors=True,
        ipython_hist_file=str(tmp_path / "history.sqlite"),
    )
    saved = tmp_path / "saved.ipynb"
    nbformat.write(notebook, saved)
    shown = "".join(notebooks.html(cell) + notebooks.text(cell) for cell in notebook.cells)
    for words in (
        "Delivered",
        "Not sent",
        "May have been",
        "Not delivered",
        "urllib3",
        "[API key]",
    ):
        assert words in shown, "the session went as planned"
    assert "application/vnd.jupyter.widget-state+json" in saved.read_text()
    left = [file for file in tmp_path.rglob("*") if file.is_file()]
    history = b"".join(file.read_bytes() for file in left if "history.sqlite" in file.name)
    assert b"a whole cell" in history
    for file in left:
        assert box.api_key.encode() not in file.read_bytes(), file


@pytest.mark.parametrize(
    ("interactivity", "cell"),
    [
        ("all", "%asteroid_send run one\nx = 1"),
        ("all", "for _ in range(1):\n    %asteroid_send run one"),
        ("all", "def send():\n    %asteroid_send run one\nsend()"),
        ("all", "%asteroid_send --show run one"),
        ("last", "for _ in range(1):\n    %asteroid_send run one"),
        ("last_expr", "%asteroid_send --show run one"),
        ("last_expr", "%asteroid_send run one\nx = 1"),
        ("last_expr", "%asteroid_send --show run one;"),
        ("last_expr_or_assign", "x = %asteroid_send run one"),
        ("none", "%asteroid_send --show run one"),
    ],
)
def test_a_message_has_one_card_whatever_ipython_shows(
    kernel: Kernel, run_id: str, interactivity: str, cell: str
) -> None:
    kernel.run(f"run = {run_id!r}\nget_ipython().ast_node_interactivity = {interactivity!r}")
    _, shown = kernel.run(cell)
    kernel.run("get_ipython().ast_node_interactivity = 'last_expr'")
    kinds = {"display_data", "execute_result"}
    outputs = [one["content"]["data"] for one in shown if one["msg_type"] in kinds]
    assert sum("Delivered" in data["text/plain"] for data in outputs) == 1


def test_a_notebook_that_runs_again_after_a_restart_does_not_write_twice(box: Sandbox) -> None:
    run = box.executions[1].id
    settings = {"ASTEROID_BASE_URL": box.base_url, "ASTEROID_API_KEY": box.api_key}
    begin = f"import os; os.environ.update({settings})\n%load_ext asteroid_magic"
    for attempts in (1, 0):
        cells = (begin, f"_ = %asteroid_send --once {run} Go on.", "_.attempts")
        ran = notebooks.execute(notebooks.of_cells(*cells))
        assert notebooks.text(ran.cells[-1]) == str(attempts)
    assert box.messages(run) == ["Go on."]


CONTROLS = """
import ipywidgets, time
from asteroid_magic import SendForm, ChatPanel
form, panel = SendForm(asking), ChatPanel(asking)
def all_of(one):
    return [one, *(inner for child in getattr(one, "children", ()) for inner in all_of(child))]
while not any(type(one).__name__ == "RadioChoice" for one in all_of(form)):
    time.sleep(0.02)
quiet = ipywidgets.HTML, ipywidgets.Box
controls = [one for one in all_of(form) if not isinstance(one, quiet)] + [form, panel]
kinds = sorted({type(one).__name__ for one in controls})
led = [type(one).__name__ for one in controls if getattr(one.comm, "_reply_subshell_for", None)]
form.close(), panel.close()
print(len(controls) > 10, "RadioChoice" in kinds, led)
"""


def test_the_kernel_leads_no_message_to_a_control_elsewhere(kernel: Kernel, box: Sandbox) -> None:
    """Ipykernel 7.4 would, and a cell that runs would hold it up."""
    _, shown = kernel.run(f"asking = {box.executions[0].id!r}\n{CONTROLS}")
    assert shown_as("text/plain", shown).strip() == "True True []"
