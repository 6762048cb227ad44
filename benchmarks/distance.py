"""The time of a send to a distant server, compared with the alternatives in the same run.

``python benchmarks/distance.py`` starts a TLS server on this machine, behind proxies that delay
every byte: 80 ms from here to there and back. It sends with the magic, an `AsteroidClient`, the
vendor's client and a `requests.Session`, in turns, and prints how many round trips the first send
takes, how many a later one, and how many connections each opened. The delay of connecting, which
a proxy on loopback cannot cause, is added to the first bytes of a connection. Takes under a
minute; needs the extra ``[test]``.
"""

import asyncio
import contextlib
import json
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asteroid_odyssey as odyssey
import requests
import trustme
from delaying_server import Answering
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from asteroid_magic import AsteroidClient

ROUND_TRIP = 0.08
ROUNDS, LATER = 7, 8
EXECUTION = "123e4567-e89b-12d3-a456-426614174000"
MESSAGE = "Yes, book the earlier train."
KEY = "benchmark-key"
OURS = "%asteroid_send"
PEERS = ("AsteroidClient", "vendor's client", "requests.Session")
# Promised for the magic: the round trips of the first send, the ratio of later ones to the best.
FIRST, RATIO = 3.2, 1.15

Send = Callable[[], object]
# Begins anew, without a connection, and returns the way to send.
Way = Callable[[], Send]


class DelayingProxy:
    """Forwards to `port`, each way half a round trip later; counts the connections."""

    def __init__(self, port: int) -> None:
        self.connections = 0
        self._port = port
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection; called by asyncio."""
        self.connections += 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        await asyncio.gather(
            self._carry(reader, far_writer, ROUND_TRIP), self._carry(far_reader, writer, 0.0)
        )

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connecting: float
    ) -> None:
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        clock = asyncio.get_running_loop().time
        opened = clock() + connecting
        writing = asyncio.create_task(self._write(pieces, writer))
        self._tasks.add(writing)
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                pieces.put_nowait((max(clock(), opened) + ROUND_TRIP / 2, data))
        pieces.put_nowait((clock(), b""))
        await writing
        self._tasks.discard(writing)

    async def _write(
        self, pieces: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter
    ) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due, data = await pieces.get()
            if not data:
                writer.close()
                return
            await asyncio.sleep(due - clock())
            writer.write(data)


async def serve(certificate: str) -> None:
    """Serve TLS, and a proxy for each way; answer each line of input with the connections."""
    loop = asyncio.get_running_loop()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = await loop.create_server(lambda: Answering(0.0), "127.0.0.1", 0, ssl=context)
    proxies = [DelayingProxy(server.sockets[0].getsockname()[1]) for _ in (OURS, *PEERS)]
    fronts = [await asyncio.start_server(proxy.serve, "127.0.0.1", 0) for proxy in proxies]
    print(json.dumps([front.sockets[0].getsockname()[1] for front in fronts]), flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps([proxy.connections for proxy in proxies]), flush=True)


@contextlib.contextmanager
def serving() -> Iterator[tuple[dict[str, str], Callable[[], list[int]]]]:
    """Serve in a separate process; yield the base URL of each way, and how to count."""
    with tempfile.TemporaryDirectory() as folder:
        authority, certificate = trustme.CA(), Path(folder, "server.pem")
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(certificate)
        bundle = Path(folder, "authority.pem")
        authority.cert_pem.write_to_path(bundle)
        os.environ["REQUESTS_CA_BUNDLE"] = str(bundle)
        command = [sys.executable, __file__, str(certificate)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            stdin, stdout = process.stdin, process.stdout
            ports = json.loads(stdout.readline())

            def count() -> list[int]:
                stdin.write("\n")
                stdin.flush()
                return list(json.loads(stdout.readline()))

            urls = (f"https://localhost:{port}/agents/v2" for port in ports)
            yield dict(zip((OURS, *PEERS), urls, strict=True)), count
            process.terminate()


def magic(base_url: str) -> Way:
    """Send with the magic, in a shell that has loaded all that it needs."""
    shell = InteractiveShell.instance()
    os.environ["ASTEROID_API_KEY"] = KEY
    shell.run_line_magic("load_ext", "asteroid_magic")

    def send() -> None:
        with capture_output():
            done = shell.run_cell(f"%asteroid_send {EXECUTION} {MESSAGE}")  # type: ignore[no-untyped-call]
        done.raise_error()

    def begin() -> Send:
        # Each change of a setting closes the connections.
        shell.run_cell("%config AsteroidMagics.base_url = ''")  # type: ignore[no-untyped-call]
        shell.run_cell(f"%config AsteroidMagics.base_url = '{base_url}'")  # type: ignore[no-untyped-call]
        return send

    begin()()
    return begin


def client(base_url: str) -> Way:
    """Send with one `AsteroidClient`."""

    def begin() -> Send:
        kept = AsteroidClient(api_key=KEY, base_url=base_url)
        return lambda: kept.send(EXECUTION, MESSAGE)

    return begin


def vendor(base_url: str) -> Way:
    """Send with the vendor's client."""
    body = odyssey.AgentsExecutionUserMessagesAddTextBody(message=MESSAGE)

    def begin() -> Send:
        configuration = odyssey.Configuration(
            host=base_url,
            api_key={"ApiKeyAuth": KEY},
            ssl_ca_cert=os.environ["REQUESTS_CA_BUNDLE"],
        )
        api = odyssey.ExecutionApi(odyssey.ApiClient(configuration))
        return lambda: api.execution_user_messages_add(EXECUTION, body)

    return begin


def session(base_url: str) -> Way:
    """Send with one `requests.Session`, as hand-written code would."""
    url = f"{base_url}/executions/{EXECUTION}/user-messages"
    headers = {"X-Asteroid-Agents-Api-Key": KEY}

    def begin() -> Send:
        kept = requests.Session()

        def send() -> None:
            response = kept.post(url, json={"message": MESSAGE}, headers=headers, timeout=30)
            assert response.status_code == 201

        return send

    return begin


def timed(send: Send) -> float:
    """Return the round trips that one send takes."""
    began = time.perf_counter()
    send()
    return (time.perf_counter() - began) / ROUND_TRIP


def measure() -> None:
    """Send in turns, and print the table."""
    with serving() as (urls, count):
        made = (magic, client, vendor, session)
        ways = {name: way(url) for way, (name, url) in zip(made, urls.items(), strict=True)}
        before = count()
        first: dict[str, list[float]] = {name: [] for name in ways}
        later: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            sends = {name: begin() for name, begin in ways.items()}
            for name, send in sends.items():
                first[name].append(timed(send))
            for _ in range(LATER):
                for name, send in sends.items():
                    later[name].append(timed(send))
        opened = [now - then for now, then in zip(count(), before, strict=True)]
    best = min(statistics.median(later[name]) for name in PEERS)
    ratio = statistics.median(later[OURS]) / best
    print(
        f"round trips of {ROUND_TRIP * 1e3:.0f} ms: {ROUNDS} times a first send, {LATER} later ones"
    )
    print(f"{'median of round trips':24}{'first':>7}{'later':>7}{'magic to it':>13}{'opened':>8}")
    for (name, each), connections in zip(later.items(), opened, strict=True):
        median = statistics.median(each)
        to_it = statistics.median(later[OURS]) / median
        start = statistics.median(first[name])
        print(f"{name:24}{start:7.2f}{median:7.2f}{to_it:13.3f}{connections:8}")
    print(f"promised of the magic: first ≤ {FIRST}; later ≤ {RATIO} of the best peer ({ratio:.3f})")


def main() -> None:
    """Serve if a certificate is given, otherwise measure."""
    if sys.argv[1:]:
        asyncio.run(serve(sys.argv[1]))
    else:
        measure()
        manager = InteractiveShell.instance().history_manager
        if manager is not None:
            manager.end_session()


if __name__ == "__main__":
    main()
