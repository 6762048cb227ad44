"""A forked process sends, whatever other threads of its parent were doing."""

import os
import subprocess
import sys

import pytest

from tests.support.servers import CREATED, FaultServer, answers

ID = "123e4567-e89b-12d3-a456-426614174000"

# Another thread holds a lock while the process forks. The child sends, or its alarm ends it.
SCRIPT = """
import os, signal, sys, threading, warnings
from asteroid_magic import AsteroidClient, send_many
from asteroid_magic.batch import executor_sender
from asteroid_magic.client.sending.ledger import ledger
from asteroid_magic.models.report import Report

base_url, way = sys.argv[1:]
client = AsteroidClient("key-4711", base_url, 5)
client.send("{id}", "by the parent")
held, over = threading.Event(), threading.Event()

def hold():
    with ledger._lock:
        held.set()
        over.wait(30)

threading.Thread(target=hold, daemon=True).start()
held.wait(10)
# From Python 3.12 on, it warns of just what is tested here.
warnings.simplefilter("ignore", DeprecationWarning)
child = os.fork()
if not child:
    signal.alarm(10)
    if way == "one":
        assert client.send("{id}", "by the child").outcome == "delivered"
    elif way == "batch":
        report = send_many([("{id}", "by the child")], client=client, progress=False)
        assert report.outcome == "delivered"
    else:
        rows = ((0, ("{id}", "by the child")),)
        key = client.requester.settings.key
        task = executor_sender.RemoteTask(base_url, 5, b"", 1, rows, key)
        (result,) = executor_sender.deliver(task)
        assert result.state == "delivered"
    os._exit(0)
over.set()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
""".replace("{id}", ID)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("way", ["one", "batch", "task"])
def test_a_child_sends_although_a_thread_of_its_parent_held_the_lock(way: str) -> None:
    with FaultServer(answers(CREATED)) as server:
        command = [sys.executable, "-W", "error", "-c", SCRIPT, server.base_url, way]
        subprocess.run(command, check=True, timeout=60)
    assert len(server.requests) == 2
    assert b"by the child" in server.requests[1]
