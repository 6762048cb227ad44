"""The life of a sandbox: its start and stop, its threads, its neighbours and its silence."""

import asyncio
import gc
import re
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from asteroid_magic.sandbox import Sandbox
from tests.support.sandboxes import PATIENCE, deliver, eventually, running, send, url


@pytest.mark.parametrize("pace", [0, -1, float("nan"), float("inf")])
def test_a_pace_that_cannot_be_is_refused(pace: float) -> None:
    with pytest.raises(ValueError, match="pace"):
        Sandbox(pace=pace)


@pytest.mark.parametrize("port", [-1, 65_536, "8642"])
def test_a_port_that_cannot_be_is_refused(port: Any) -> None:
    with pytest.raises(ValueError, match="port"):
        Sandbox(port=port)


def test_it_serves_the_port_that_it_is_given(box: Sandbox) -> None:
    port = urlsplit(box.base_url).port or 0
    with pytest.raises(OSError, match="in use"):
        Sandbox(port=port).start()
    box.stop()
    with Sandbox(port=port) as other:
        assert other.base_url == f"http://127.0.0.1:{port}/agents/v2"


def test_a_hundred_messages_at_once_arrive_exactly_once(box: Sandbox) -> None:
    texts = [f"message {number}" for number in range(100)]

    def post(text: str) -> int:
        headers = {"X-Asteroid-Agents-Api-Key": box.api_key}
        body = {"message": text}
        address = url(box, running(box))
        return requests.post(address, json=body, headers=headers, timeout=PATIENCE).status_code

    with ThreadPoolExecutor(32) as pool:
        assert list(pool.map(post, texts)) == [201] * 100
    assert sorted(box.messages(running(box))) == sorted(texts)


def test_two_sandboxes_live_side_by_side(box: Sandbox, http: requests.Session) -> None:
    with Sandbox() as other:
        assert other.base_url != box.base_url
        assert other.api_key != box.api_key
        assert send(http, other, running(other), "x").status_code == 401
        send(http, box, running(box), "mine")
        assert other.messages(running(other)) == []
        with pytest.raises(LookupError, match="executions"):
            other.messages(running(box))
    assert send(http, box, running(box), "still here").status_code == 201


def sandbox_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "asteroid-sandbox"}


def test_stop_leaves_nothing_open() -> None:
    threads = sandbox_threads()
    box = Sandbox()
    with requests.Session() as http:
        http.headers["X-Asteroid-Agents-Api-Key"] = box.api_key
        assert box.start() is box.start()
        send(http, box, running(box), "kept")
        port = urlsplit(box.base_url).port
        with socket.create_connection(("127.0.0.1", port or 0), timeout=PATIENCE) as idle:
            # Once it is answered it is the sandbox's; before, the system may still reset it.
            idle.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
            assert idle.recv(1) == b"H"
            (own,) = sandbox_threads() - threads
            box.stop()
            box.stop()
            while idle.recv(65_536):
                pass
        assert not own.is_alive()
        with socket.socket() as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind(("127.0.0.1", port or 0))
        with pytest.raises(requests.ConnectionError):
            send(http, box, running(box), "too late")
    assert box.messages(running(box)) == ["kept"]
    gc.collect()


@pytest.mark.parametrize("patience", [0.2, PATIENCE])
def test_stop_does_not_wait_for_a_delay(
    box: Sandbox, caplog: pytest.LogCaptureFixture, patience: float
) -> None:
    box.fail_next(delay=600)
    headers = {"X-Asteroid-Agents-Api-Key": box.api_key}

    def post() -> None:
        with pytest.raises((requests.ConnectionError, requests.ReadTimeout)):
            requests.post(url(box, running(box)), b"{}", headers=headers, timeout=patience)

    client = threading.Thread(target=post)
    client.start()
    eventually(lambda: not box._faults._queue)
    if patience < PATIENCE:
        client.join()
    box.stop()
    client.join(PATIENCE)
    assert not client.is_alive()
    assert box.messages(running(box)) == []
    assert caplog.records == []


def test_a_sandbox_can_be_started_again() -> None:
    box = Sandbox()
    with pytest.raises(RuntimeError, match="start"):
        _ = box.base_url
    with pytest.raises(RuntimeError, match="start"):
        _ = box.executions
    box.fail_next(500)
    with requests.Session() as http:
        http.headers["X-Asteroid-Agents-Api-Key"] = box.api_key
        with box:
            first = box.executions
            assert send(http, box, running(box), "x").status_code == 500
        with box:
            assert {e.id for e in first}.isdisjoint(e.id for e in box.executions)
            assert send(http, box, running(box), "x").status_code == 201


def test_the_key_is_recognisable_and_not_shown(box: Sandbox) -> None:
    assert re.fullmatch(r"sandbox-[0-9a-f]{32}", box.api_key)
    assert repr(box) == f"<Sandbox {box.base_url}>"
    box.stop()
    assert repr(box) == "<Sandbox stopped>"


def test_it_leaves_a_running_loop_of_the_caller_alone() -> None:
    async def in_a_notebook() -> list[str]:
        loop = asyncio.get_running_loop()
        with Sandbox(pace=0.02) as box, requests.Session() as http:
            http.headers["X-Asteroid-Agents-Api-Key"] = box.api_key
            await asyncio.to_thread(send, http, box, running(box), "from a thread")
            send(http, box, running(box), "blocking the loop")
            assert asyncio.get_running_loop() is loop
            return box.messages(running(box))

    assert asyncio.run(in_a_notebook()) == ["from a thread", "blocking the loop"]


def test_nothing_is_printed_or_logged(
    box: Sandbox,
    http: requests.Session,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level("DEBUG", "tornado"):
        send(http, box, running(box), "x")
        send(http, box, "bad", "x")
        http.get(f"{box.base_url}/nothing", timeout=PATIENCE)
        box.fail_next(500)
        send(http, box, running(box), "x")
    assert [record for record in caplog.records if record.name.startswith("tornado")] == []
    assert capfd.readouterr() == ("", "")


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_forgotten_sandbox_dies_with_its_process() -> None:
    code = """
import urllib.request
from asteroid_magic.sandbox import Sandbox
from asteroid_magic.sandbox.agents import Agent, sort_invoices
from asteroid_magic.sandbox.scenes import opening_scene
from asteroid_magic.sandbox.world import World
box = Sandbox().start()
request = urllib.request.Request(box.base_url + "/executions")
request.add_header("X-Asteroid-Agents-Api-Key", box.api_key)
urllib.request.urlopen(request).close()
print("served")
"""
    ended = run_python(code)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "served\n", "")


def test_without_tornado_the_import_says_what_to_install() -> None:
    code = "import sys; sys.modules['tornado'] = None; import asteroid_magic.sandbox"
    ended = run_python(code)
    assert ended.returncode == 1
    assert "ImportError: The sandbox needs tornado" in ended.stderr
    assert 'pip install "asteroid-magic[sandbox]"' in ended.stderr


def test_it_listens_on_loopback_only(box: Sandbox) -> None:
    assert urlsplit(box.base_url).hostname == "127.0.0.1"
    assert urlsplit(box.base_url).path == "/agents/v2"
    elsewhere = ("127.0.0.2", urlsplit(box.base_url).port or 0)
    with pytest.raises(OSError, match=r"refused|timed out|reach"):
        socket.create_connection(elsewhere, timeout=2)


def test_messages_takes_what_belongs_to_an_execution(box: Sandbox) -> None:
    deliver(box, running(box), "hello")
    belongs = SimpleNamespace(id="its own", execution_id=running(box))
    assert box.messages(belongs) == box.messages(box.executions[1]) == ["hello"]
