"""Jupyter console: it shows text, and never updates an output."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from asteroid_magic.sandbox import Sandbox
from tests.live.test_terminal import Terminal

COMMAND = [
    *("-m", "jupyter_console", "--simple-prompt"),
    "--ZMQTerminalInteractiveShell.kernel_timeout=60",
]


class Console(Terminal):
    """A terminal with Jupyter console in it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.process = pexpect.spawn(
            sys.executable,
            COMMAND,
            env=environment,
            encoding="utf-8",
            timeout=60,
            dimensions=(200, 200),
        )
        self._count = 0
        self.wait()


def opened(environment: dict[str, str], attempts: int = 5) -> Console:
    """Return a console that hears its kernel.

    Jupyter console waits for ever if the kernel has finished its first line before the console
    has subscribed to its messages. A busy machine does that.
    """
    for _ in range(attempts):
        made = Console(environment)
        made.process.sendline("pass")
        if made.process.expect([r"In \[2\]: ", pexpect.TIMEOUT], timeout=15) == 0:
            made.count_prompt()
            return made
        made.process.close(force=True)
    raise AssertionError(f"Jupyter console did not hear its kernel {attempts} times.")


@pytest.fixture
def console(box: Sandbox, tmp_path: Path) -> Iterator[Console]:
    made = opened(
        {
            **os.environ,
            "IPYTHONDIR": str(tmp_path),
            "ASTEROID_BASE_URL": box.base_url,
            "TERM": "xterm",
        }
    )
    made.run("%load_ext asteroid_magic")
    yield made
    made.process.sendline("exit")
    made.process.expect(pexpect.EOF)
    made.process.close()


def test_from_login_to_the_end_of_a_wait(console: Console, box: Sandbox) -> None:
    asking, running = (execution.id for execution in box.executions[:2])
    console.process.sendline("%asteroid_login")
    console.process.expect("Asteroid API key: ")
    console.process.sendline(box.api_key)
    answered = console.wait()
    assert "set for this session" in answered
    assert box.api_key not in answered

    sent = console.run(f"%asteroid_send {running} It's $5, are you done?")
    assert "✓ Delivered" in sent
    assert "It's $5, are you done?" in sent
    refused = console.run("%asteroid_send nobody Please do not lose this.")
    assert "your message  nobody Please do not lose this." in refused
    assert "InvalidInput: not delivered (see above)" in refused
    assert "Traceback" not in refused
    assert "%asteroid_send EXECUTION message" in console.run("%asteroid_form")

    waited = console.run(f"%asteroid_send --wait 30 {asking} Friday")
    assert "This cell waits for the agent, 30 s at most." in waited
    assert "Waiting for the agent" not in waited, "it would stay for ever"
    assert "I booked what you said: “Friday”" in waited
    assert box.messages(running) == ["It's $5, are you done?"]
