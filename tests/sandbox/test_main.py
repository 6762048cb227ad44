"""The sandbox as a process of its own, as a user starts and ends it."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests
from jupyter_client.manager import start_new_kernel

from asteroid_magic import AsteroidClient
from asteroid_magic.sandbox import Sandbox
from tests.support.sandboxes import PATIENCE, eventually

COMMAND = [sys.executable, "-X", "dev", "-W", "error", "-m", "asteroid_magic.sandbox"]


@contextmanager
def serving(*arguments: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Start the process, and yield it with all that it says."""
    with subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            said = ""
            # Read as it comes: a pipe must get it at once.
            while "Ctrl+C" not in said:
                line = process.stdout.readline()
                assert line, said
                said += line
            yield process, said
        finally:
            process.kill()


def variables(said: str) -> dict[str, str]:
    """Return what a shell makes of the lines to copy."""
    lines = "\n".join(re.findall(r"^ +(export .*)$", said, re.MULTILINE))
    code = f'{lines}\nprintf "%s %s" "$ASTEROID_BASE_URL" "$ASTEROID_API_KEY"'
    plain = {"PATH": os.environ["PATH"]}
    made = subprocess.run(["sh", "-c", code], env=plain, capture_output=True, text=True, check=True)
    base_url, key = made.stdout.split()
    return {"ASTEROID_BASE_URL": base_url, "ASTEROID_API_KEY": key}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_ended(number: signal.Signals) -> None:
    with serving("--port", "0") as (process, said):
        made = variables(said)
        with AsteroidClient(made["ASTEROID_API_KEY"], made["ASTEROID_BASE_URL"]) as client:
            asking = client.executions(status="paused_by_agent")[0]
            assert asking.id in said
            client.send(asking.id, "Friday 18:30")
            eventually(lambda: client.execution(asking.id).status == "completed")
        process.send_signal(number)
        rest, errors = process.communicate(timeout=PATIENCE)
        assert (process.returncode, rest, errors) == (0, "", "")
    with pytest.raises(requests.ConnectionError):
        requests.get(made["ASTEROID_BASE_URL"], timeout=PATIENCE)


def test_a_port_that_is_taken_is_one_sentence(box: Sandbox) -> None:
    port = re.findall(r":(\d+)/", box.base_url)[0]
    ended = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.startswith(f"Port {port} is taken")
    assert "--port 0" in ended.stderr


@pytest.mark.parametrize("port", ["x", "-1", "65536", "99999999999", "\uff18", ""])
def test_what_is_no_port_is_refused(port: str) -> None:
    ended = subprocess.run(
        [*COMMAND, f"--port={port}"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "is not a number from 0 to 65535" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_kernel_is_restarted_while_the_agents_live_on() -> None:
    with serving("--port", "0") as (_, said):
        lines = "\n".join(re.findall(r"^ +(%env .*)$", said, re.MULTILINE))
        load = f"%load_ext asteroid_magic\n{lines}"
        manager, client = start_new_kernel()
        try:

            def run(code: str) -> str:
                shown: list[str] = []

                def keep(message: dict[str, dict[str, dict[str, str]]]) -> None:
                    shown.append(message["content"].get("data", {}).get("text/plain", ""))

                reply = client.execute_interactive(code, timeout=60, output_hook=keep)
                assert reply["content"]["status"] == "ok", reply["content"]
                return "\n".join(shown)

            run(load)
            asking = re.findall(r"%asteroid_send (\S+) Friday", said)[0]
            assert "Delivered" in run(f"%asteroid_send {asking} Friday 21:15, please.")
            manager.restart_kernel(now=True)
            client.wait_for_ready(timeout=60)
            run(load)
            heard = run(f"%asteroid_watch {asking}")
            assert "I booked what you said: “Friday 21:15, please.”" in heard
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
