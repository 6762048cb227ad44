"""gevent's patched sockets pass keywords, such as a timeout, to the methods that it overrides."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from asteroid_magic.client.transport.connections import IS_STOCK, _Bounded
from tests.support.servers import CREATED, FaultServer, answers

SCRIPT = """
from gevent import monkey
monkey.patch_all()
import sys
import gevent
from asteroid_magic import AsteroidClient, send_many

ID = "123e4567-e89b-12d3-a456-426614174000"
with AsteroidClient("key-4711", sys.argv[1], 5) as client:
    jobs = [gevent.spawn(client.send, ID, text) for text in ("hello", "long" * 50_000)]
    gevent.joinall(jobs)
    assert [job.value.outcome for job in jobs] == ["delivered"] * 2
    report = send_many([(ID, f"message {n}") for n in range(10)], client=client, progress=False)
    assert report.counts == {"delivered": 10}, report.counts
"""


class FakeGeventSocket:
    """Has the signatures of gevent's socket."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def send(self, data: bytes, flags: int = 0, timeout: float | None = None) -> int:
        self.calls.append((data, flags, timeout))
        return len(data)

    def sendall(self, data: bytes, flags: int = 0) -> None:
        self.send(data, flags, timeout=1.5)


def test_a_bounded_socket_takes_the_keywords_of_gevent() -> None:
    kind = type("Patched", (_Bounded, FakeGeventSocket), {})
    patched = kind()
    patched.sendall(b"one", flags=0)
    patched.send(b"two", timeout=0.5)
    assert patched.calls == [(b"one", 0, 1.5), (b"two", 0, 0.5)]


@pytest.mark.skipif(not IS_STOCK or not find_spec("gevent"), reason="gevent is not installed")
def test_messages_are_delivered_under_gevent() -> None:
    with FaultServer(answers(CREATED)) as server:
        command = [sys.executable, "-c", SCRIPT, server.base_url]
        subprocess.run(command, check=True, timeout=60)
    assert len(server.requests) == 12
