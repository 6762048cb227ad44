"""With `%load_ext rich`, which replaces how IPython shows results and tracebacks."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from asteroid_magic import AsteroidClient
from asteroid_magic.sandbox import Sandbox
from tests.live.test_kernel import Kernel, Message, new_kernel
from tests.live.test_terminal import Terminal

WORDS = "Is [bold]5[/bold] :smile: 'enough'"


ORDERS = ["rich first", "rich second"]


@contextmanager
def rich_kernel(box: Sandbox, order: str) -> Iterator[Kernel]:
    """Start a kernel with rich and the extension, loaded in that order."""
    # The key is in no cell, so it could come only from our own frames.
    reach = {**os.environ, "ASTEROID_API_KEY": box.api_key, "ASTEROID_BASE_URL": box.base_url}
    install = "import rich.traceback; rich.traceback.install(show_locals=True); None"
    loads = [f"%load_ext rich\n{install}", "%load_ext asteroid_magic"]
    with new_kernel(env=reach) as made:
        for load in loads if order == "rich first" else reversed(loads):
            made.run(load)
        made.run(f"run_id = {box.executions[1].id!r}")
        yield made


@pytest.fixture(params=ORDERS)
def kernel(request: pytest.FixtureRequest, box: Sandbox) -> Iterator[Kernel]:
    with rich_kernel(box, request.param) as made:
        yield made


@pytest.fixture(scope="module", params=ORDERS)
def shared_kernel(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    """One for the tests that leave it as it was."""
    with Sandbox(pace=0.02) as box, rich_kernel(box, request.param) as made:
        yield made


def outputs(shown: list[Message]) -> list[Message]:
    return [one for one in shown if one["msg_type"] not in {"status", "execute_input"}]


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (f"%asteroid_send run_id {WORDS}", WORDS),
        ("%asteroid_executions", "Book a table"),
        ("%asteroid_activities run_id", "Sort incoming invoices"),
        ("import asteroid_magic as a; a.AsteroidClient().executions()", "Book a table"),
        ("%asteroid_sandbox", "Book a table"),
    ],
)
def test_a_result_in_a_kernel_is_one_card(shared_kernel: Kernel, cell: str, words: str) -> None:
    reply, shown = shared_kernel.run(cell)
    if cell == "%asteroid_sandbox":
        shared_kernel.run("%asteroid_sandbox --stop")
    assert reply["status"] == "ok"
    (result,) = outputs(shown)
    assert result["msg_type"] == "execute_result"
    data = result["content"]["data"]
    assert words in data["text/plain"]
    assert "\x1b" not in data["text/plain"]
    assert "<div" in data["text/html"]


def test_an_error_in_a_kernel_is_its_line_and_no_frame(kernel: Kernel, box: Sandbox) -> None:
    reply, shown = kernel.run("%asteroid_send nobody Please do not lose this.")
    assert reply["status"] == "error"
    card, error = outputs(shown)
    assert "Please do not lose this." in card["content"]["data"]["text/plain"]
    assert error["msg_type"] == "error"
    assert len(error["content"]["traceback"]) == 1
    assert error["content"]["traceback"][0].startswith("InvalidInput: Not delivered")

    box.fail_next(status=500)
    code = "import asteroid_magic as a\na.AsteroidClient(confirm_grace=0).send(run_id, 'hello')"
    _, shown = kernel.run(code)
    (error,) = outputs(shown)
    assert error["content"]["traceback"][0].startswith("ServerError: May have been delivered")
    assert box.api_key not in str(error)

    _, shown = kernel.run("1 / 0")
    assert "Traceback" in str(outputs(shown)), "of others, rich shows the traceback"
    reply, shown = kernel.run("%unload_ext asteroid_magic")
    assert reply["status"] == "ok", shown
    _, shown = kernel.run("a.AsteroidClient().send('nobody', 'hello')")
    assert "Traceback" in str(outputs(shown))
    assert box.api_key not in str(shown)


@pytest.fixture
def terminal(box: Sandbox, tmp_path: Path) -> Iterator[Terminal]:
    environment = {
        **os.environ,
        "IPYTHONDIR": str(tmp_path),
        "ASTEROID_API_KEY": box.api_key,
        "ASTEROID_BASE_URL": box.base_url,
        "TERM": "xterm",
    }
    made = Terminal(environment)
    made.run("%load_ext asteroid_magic")
    made.run("%load_ext rich")
    yield made
    made.process.sendline("exit")
    made.process.close(force=True)


def test_a_terminal_shows_cards_as_text_and_errors_as_lines(
    terminal: Terminal, box: Sandbox
) -> None:
    run = box.executions[1].id
    shown = terminal.run(f"%asteroid_send {run} {WORDS}")
    assert "✓ Delivered" in shown
    assert WORDS in shown
    assert "Delivery(" not in shown
    assert "waits for you" in (listed := terminal.run("%asteroid_executions"))
    assert "Execution(" not in listed
    refused = terminal.run("%asteroid_send nobody hello")
    assert "✗ Not delivered" in refused
    assert "InvalidInput: not delivered (see above)" in refused
    assert "Traceback" not in refused
    terminal.run("import asteroid_magic as a; import rich")
    printed = terminal.run("rich.print(a.AsteroidClient().executions())")
    assert "waits for you" in printed
    assert "Execution(" not in printed


def test_rich_prints_the_text_of_a_record_and_interprets_and_loses_nothing_of_it(
    box: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    message = f"{WORDS} {'x' * 300} [/] https://example.org 12"
    with AsteroidClient(box.api_key, box.base_url) as client:
        delivery = client.send(box.executions[1].id, message)
    console = Console(file=sys.stdout, force_terminal=True, width=60)
    console.print(delivery)
    written = capsys.readouterr().out
    assert "\x1b" not in written, "no colour: nothing was read as markup or highlighted"
    assert "".join(message.split()) in "".join(written.split())
