"""Terminal IPython: the same magics, shown as plain text."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from asteroid_magic.sandbox import Sandbox

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]")


class Terminal:
    """A terminal with IPython in it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.process = pexpect.spawn(
            sys.executable,
            ["-m", "IPython", "--simple-prompt", "--no-banner", "--no-confirm-exit"],
            # What is long is shown as well, and does not wait in a pager.
            env=environment | {"PAGER": "cat"},
            encoding="utf-8",
            timeout=30,
            dimensions=(200, 200),
        )
        self._count = 0
        self.wait()

    def wait(self) -> str:
        """Wait for the next prompt; return the text before it, without colours."""
        return _ESCAPES.sub("", self.wait_raw()).replace("\r\n", "\n")

    def wait_raw(self) -> str:
        """Wait for the next prompt; return all characters before it."""
        self._count += 1
        # IPython would lose input that arrives before the prompt.
        self.process.expect(rf"In \[{self._count}\]: ")
        return str(self.process.before)

    def count_prompt(self) -> None:
        """Count a prompt that the caller has awaited itself."""
        self._count += 1

    def run(self, line: str) -> str:
        """Type a line; return its output."""
        self.process.sendline(line)
        return self.wait()


@pytest.fixture
def terminal(box: Sandbox, tmp_path: Path) -> Iterator[Terminal]:
    environment = {
        **os.environ,
        "IPYTHONDIR": str(tmp_path),
        "ASTEROID_BASE_URL": box.base_url,
        "RUN": box.executions[1].id,
        "TERM": "xterm",
    }
    made = Terminal(environment)
    made.run("%load_ext asteroid_magic")
    made.run("import os; run_id = os.environ['RUN']")
    yield made
    made.process.sendline("exit")
    made.process.expect(pexpect.EOF)
    made.process.close()
    assert made.process.exitstatus == 0


def test_from_login_to_delivery(terminal: Terminal, box: Sandbox) -> None:
    refused = terminal.run("%asteroid_send run_id too early")
    assert "✗ Not delivered: There is no API key" in refused
    assert "too early" in refused
    assert "%asteroid_login" in refused
    assert "Traceback" not in refused

    terminal.process.sendline("%asteroid_login")
    terminal.process.expect("Asteroid API key: ")
    terminal.process.sendline(box.api_key)
    answered = terminal.wait()
    assert "set for this session" in answered
    assert box.api_key not in answered, "it is not echoed"

    shown = terminal.run("%asteroid_send run_id It costs $5 {each}, don't you think")
    assert "✓ Delivered" in shown
    assert "It costs $5 {each}, don't you think" in shown
    assert "<div" not in shown
    assert box.messages(box.executions[1].id) == ["It costs $5 {each}, don't you think"]


def test_escape_sequences_of_a_server_do_not_reach_the_terminal(
    terminal: Terminal, box: Sandbox
) -> None:
    terminal.run(f"os.environ['ASTEROID_API_KEY'] = '{box.api_key}'")
    box.fail_next(status=400, body='{"message": "\\u001b[2J\\u001b]0;owned\\u0007 \\u202e sorry"}')
    terminal.process.sendline("%asteroid_send run_id hello")
    raw = terminal.wait_raw()
    assert "⟨U+001B⟩[2J" in raw
    assert "\x1b[2J" not in raw
    assert "\x1b]0;" not in raw
    assert "\u202e" not in raw


def test_a_card_that_was_redirected_is_not_above(terminal: Terminal, box: Sandbox) -> None:
    terminal.run(f"os.environ['ASTEROID_API_KEY'] = '{box.api_key}'; import contextlib, io")
    box.fail_next(status=404, times=2)
    assert "NotFound: not delivered (see above)" in terminal.run("%asteroid_send run_id hello")
    assert "Not delivered. No execution has this ID." in terminal.run("%tb")
    send = "get_ipython().run_line_magic('asteroid_send', 'run_id hello')"
    shown = terminal.run(f"with contextlib.redirect_stdout(io.StringIO()): {send}\n")
    assert "Not delivered. No execution has this ID." in shown
    assert "see above" not in shown


def test_an_agent_is_waited_for_on_one_line(terminal: Terminal, box: Sandbox) -> None:
    terminal.run(f"os.environ['ASTEROID_API_KEY'] = '{box.api_key}'")
    listed = terminal.run("%asteroid_executions")
    assert "asks: Trattoria Lucia has no table" in listed
    asking = box.executions[0].id
    terminal.process.sendline(f"%asteroid_send --wait 30 {asking[:8]} Friday")
    raw = terminal.wait_raw()
    assert raw.count("\r\x1b[K") >= 2, "the line is rewritten"
    assert raw.count("Waited ") == 1
    shown = _ESCAPES.sub("", raw)
    assert "✓ Delivered to Book a table" in shown
    assert "Agent: Done, I booked what you said: “Friday”" in shown


def test_help_is_shown(terminal: Terminal) -> None:
    assert "EXECUTION is the ID of the run" in terminal.run("%asteroid_send?")
