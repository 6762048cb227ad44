"""The connections that the magics and the form share: reused while that is safe, or not at all."""

import gc
import getpass
import os
import signal
import socket
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from IPython.core.interactiveshell import InteractiveShell

from asteroid_magic import (
    AsteroidClient,
    AsteroidError,
    ConfigurationError,
    ConnectionFailed,
    SendForm,
    SendInterrupted,
)
from asteroid_magic.client import session_client as module
from asteroid_magic.client.session_client import session_client, settings_in_use, without_retries
from asteroid_magic.client.transport import connections
from asteroid_magic.config.api_key import ApiKey
from asteroid_magic.config.session import session
from asteroid_magic.monitor import Monitor
from asteroid_magic.sandbox import Sandbox
from tests.support.servers import KEPT, FaultServer, answers, forwards, keeps, read_request
from tests.support.shells import Notebook
from tests.support.waiting import until

EXECUTION = "123e4567-e89b-12d3-a456-426614174000"
KEY = "key-4711-secret"
SEND = f"%asteroid_send {EXECUTION}"


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer(keeps) as made:
        yield made


@pytest.fixture
def cells(shell: InteractiveShell, server: FaultServer) -> Notebook:
    """A shell whose magics send to the server."""
    return loaded(shell, server.base_url)


def loaded(shell: InteractiveShell, base_url: str, key: str = KEY) -> Notebook:
    shell.run_line_magic("load_ext", "asteroid_magic")
    shell.run_line_magic("config", f"AsteroidMagics.base_url = '{base_url}'")
    session.key = ApiKey(key, "the test")
    return Notebook(shell)


def delivered(cells: Notebook, words: str) -> bool:
    outcome = cells.run(f"{SEND} {words}")
    return cells.error is None and outcome.outcome == "delivered" and outcome.attempts == 1


def send(words: str) -> str:
    with session_client() as client:
        return client.send(EXECUTION, words).outcome


def texts(server: FaultServer) -> list[bytes]:
    return [request.rpartition(b'"message": "')[2].rstrip(b'"}') for request in server.requests]


class Clock:
    """What replaces the clock of the connections."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(connections, "clock", made)
    return made


def test_a_second_send_uses_the_connection_of_the_first(
    cells: Notebook, server: FaultServer
) -> None:
    assert delivered(cells, "one")
    assert delivered(cells, "two")
    assert server.accepted == 1
    assert texts(server) == [b"one", b"two"]


def test_a_connection_that_was_idle_for_long_is_replaced(
    cells: Notebook, server: FaultServer, clock: Clock
) -> None:
    assert delivered(cells, "one")
    clock.now += 49.9
    assert delivered(cells, "two")
    assert server.accepted == 1
    clock.now += 50
    assert delivered(cells, "three")
    assert server.accepted == 2
    clock.now += 49.9
    assert delivered(cells, "four")
    assert server.accepted == 2
    assert texts(server) == [b"one", b"two", b"three", b"four"]


def test_a_connection_that_the_server_has_closed_is_replaced(shell: InteractiveShell) -> None:
    def behave(connection: socket.socket, _server: FaultServer) -> None:
        connection.sendall(KEPT)

    with FaultServer(behave) as server:
        cells = loaded(shell, server.base_url)
        for count, words in enumerate(("one", "two"), 1):
            assert delivered(cells, words)
            server.wait_until_served()
            assert server.accepted == count
        assert texts(server) == [b"one", b"two"]


CHANGES = [
    "%asteroid_login",
    "%asteroid_login --forget",
    "_ = %asteroid_sandbox",
    "%config AsteroidMagics.timeout = 7.0",
    "%config AsteroidMagics.confirm_grace = 1.0",
    "%config AsteroidMagics.base_url = 'https://somewhere.invalid'",
    "%unload_ext asteroid_magic",
    "%reload_ext asteroid_magic",
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_the_settings_closes_the_connection(
    cells: Notebook, server: FaultServer, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setattr(getpass, "getpass", lambda _prompt: "another-key")
    assert delivered(cells, "one")
    cells.run(change)
    assert cells.error is None
    server.wait_until_served()


def test_stopping_the_sandbox_closes_its_connection(cells: Notebook, server: FaultServer) -> None:
    cells.run("box = %asteroid_sandbox")
    cells.run("%asteroid_executions")
    cells.run("%asteroid_sandbox --stop")
    assert delivered(cells, "to the server of before")
    assert server.accepted == 1


def test_each_send_takes_the_key_of_its_moment(
    cells: Notebook, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.key = None
    for key in ("first-key-1", "second-key-2"):
        monkeypatch.setenv("ASTEROID_API_KEY", key)
        assert delivered(cells, key)
    session.key = ApiKey("third-key-3", "a login")
    assert delivered(cells, "third-key-3")
    for request, words in zip(server.requests, texts(server), strict=True):
        assert b"X-Asteroid-Agents-Api-Key: " + words + b"\r\n" in request


def test_each_send_goes_to_the_base_url_of_its_moment(cells: Notebook, server: FaultServer) -> None:
    with FaultServer(keeps) as other:
        assert delivered(cells, "one")
        cells.run(f"%asteroid_send --base-url {other.base_url} {EXECUTION} two")
        assert delivered(cells, "three")
        other.wait_until_served()
        assert texts(other) == [b"two"]
    assert texts(server) == [b"one", b"three"]


def test_another_timeout_needs_no_other_connection(cells: Notebook, server: FaultServer) -> None:
    assert delivered(cells, "one")
    cells.run(f"%asteroid_send --timeout 3 {EXECUTION} two")
    assert delivered(cells, "three")
    assert server.accepted == 1


def test_another_ca_bundle_needs_another_connection(
    cells: Notebook, server: FaultServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for count, name in enumerate(("one.pem", "two.pem"), 1):
        (tmp_path / name).touch()
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / name))
        assert delivered(cells, name)
        assert server.accepted == count


def test_another_proxy_is_used_from_the_next_call_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(connection: socket.socket, _server: FaultServer) -> None:
        connection.sendall(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")

    session.key, session.base_url = ApiKey(KEY, "the test"), "https://somewhere.invalid"
    with FaultServer(refuse) as first, FaultServer(refuse) as second:
        asked = []
        for proxy in (first, second):
            monkeypatch.setenv("HTTPS_PROXY", proxy.base_url.removesuffix("/agents/v2"))
            with pytest.raises(ConnectionFailed, match="The proxy"):
                send("hello")
            asked.append((first.accepted, second.accepted))
        assert asked[0][0]
        assert not asked[0][1]
        assert asked[1][0] == asked[0][0]
        assert asked[1][1]


def test_watching_and_control_use_the_connection_of_the_send(
    shell: InteractiveShell, box: Sandbox
) -> None:
    with FaultServer(forwards(urlsplit(box.base_url).port or 0), reads=False) as front:
        cells = loaded(shell, front.base_url, box.api_key)
        shell.user_ns["run_id"] = box.executions[1].id
        for cell in (
            "%asteroid_executions",
            "%asteroid_send --wait 20 run_id hello",
            "%asteroid_activities run_id",
            "%asteroid_watch run_id 0.5",
            "%asteroid_pause run_id",
        ):
            cells.run(cell)
            assert cells.error is None, cell
        assert box.messages(box.executions[1].id) == ["hello"]
        assert front.accepted == 1


def test_the_form_and_the_magics_share_connections(
    shell: InteractiveShell, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the form reads meanwhile would need a connection of its own.
    monkeypatch.setattr(Monitor, "_wake", lambda _monitor: None)

    def threads() -> list[str]:
        names = [one.name for one in threading.enumerate()]
        return [name for name in names if name.startswith("asteroid-magic")]

    with FaultServer(forwards(urlsplit(box.base_url).port or 0), reads=False) as front:
        cells = loaded(shell, front.base_url, box.api_key)
        form = SendForm(box.executions[1], "from the form")
        form.submit()
        until(lambda: form.outcomes and not threads())
        opened = front.accepted
        cells.run(f"%asteroid_send {box.executions[1].id} from a cell")
        assert front.accepted == opened
        assert box.messages(box.executions[1].id) == ["from the form", "from a cell"]
        form.close()


class Meeting:
    """A server that answers once `count` requests have come, then every request."""

    def __init__(self, count: int) -> None:
        self.barrier = threading.Barrier(count)

    def __call__(self, connection: socket.socket, server: FaultServer) -> None:
        self.barrier.wait(10)
        keeps(connection, server)


def at_once(*works: Callable[[], object]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def test_two_threads_have_a_connection_each_and_keep_both() -> None:
    outcomes: list[str] = []
    with FaultServer(Meeting(2)) as server:
        session.base_url, session.key = server.base_url, ApiKey(KEY, "the test")
        at_once(*(lambda words=words: outcomes.append(send(words)) for words in ("a", "b")))
        assert outcomes == ["delivered", "delivered"]
        assert sorted(texts(server)) == [b"a", b"b"]
        assert send("c") == "delivered"
        assert server.accepted == 2
        session.clear()
        server.wait_until_served()


def test_a_call_under_way_ends_as_it_would_have_and_its_connection_with_it() -> None:
    outcomes: list[str] = []
    meeting = Meeting(2)
    with FaultServer(meeting) as server:
        session.base_url, session.key = server.base_url, ApiKey(KEY, "the test")
        sending = threading.Thread(target=lambda: outcomes.append(send("hello")))
        sending.start()
        until(lambda: server.requests)
        # Else the connection would close when it is collected.
        used = module._connections._latest
        assert used is not None
        session.timeout = 3.0
        meeting.barrier.wait(10)
        sending.join(10)
        assert outcomes == ["delivered"]
        server.wait_until_served()


def test_an_interrupt_in_the_middle_of_an_answer_leaves_no_part_of_it_to_the_next_send(
    shell: InteractiveShell,
) -> None:
    half = KEPT.replace(b"201 Created", b"404 Not Found")
    turn: list[FaultServer] = []

    def behave(connection: socket.socket, server: FaultServer) -> None:
        turn.append(server)
        if len(turn) > 1:
            keeps(connection, server)
            return
        connection.sendall(half[:-8])
        os.kill(os.getpid(), signal.SIGINT)
        server.requests.append(read_request(connection))
        connection.sendall(half[-8:] + half)

    with FaultServer(behave) as server:
        cells = loaded(shell, server.base_url)
        cells.run(f"{SEND} one")
        assert isinstance(cells.error, SendInterrupted)
        assert cells.error.outcome == "unknown"
        assert delivered(cells, "two")
        assert server.accepted == 2


def test_a_forked_child_uses_no_connection_of_its_parent(
    cells: Notebook, server: FaultServer
) -> None:
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with module._connections._lock:
            held.set()
            over.wait(20)

    assert delivered(cells, "parent")
    # In the child, there is no thread that would release the lock.
    holding = threading.Thread(target=hold)
    holding.start()
    assert held.wait(10)
    child = in_child(lambda: (send("child"), send("child")))
    over.set()
    holding.join(10)
    assert child == 0
    assert delivered(cells, "parent again")
    assert server.accepted == 2
    assert texts(server) == [b"parent", b"child", b"child", b"parent again"]


def test_a_forked_child_that_only_closes_leaves_the_connection_to_its_parent(
    cells: Notebook, server: FaultServer
) -> None:
    assert delivered(cells, "one")
    assert in_child(session.clear) == 0
    assert delivered(cells, "two")
    assert server.accepted == 1


def in_child(work: Callable[[], object]) -> int:
    """Do this in a forked child, and return its exit code."""
    child = os.fork()
    if not child:
        signal.alarm(10)
        try:
            work()
            gc.collect()
        except BaseException:  # noqa: BLE001 (nothing of the test may run on in the child)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.skipif(not connections.IS_STOCK, reason="urllib3-future keeps the latest request")
def test_what_is_kept_has_no_key(cells: Notebook) -> None:
    assert delivered(cells, "hello")
    apart = types.ModuleType | types.FunctionType | type | types.FrameType
    seen: dict[int, object] = {}
    waiting: list[object] = [module._connections]
    while waiting:
        one = waiting.pop()
        if id(one) not in seen and not isinstance(one, apart):
            seen[id(one)] = one
            waiting += gc.get_referents(one)
    kept = list(seen.values())
    assert any(isinstance(one, connections.BoundedSocket) for one in kept)
    assert not [one for one in kept if isinstance(one, str | bytes) and KEY in str(one)]
    assert not [one for one in kept if isinstance(one, ApiKey)]


@pytest.mark.parametrize("answer", [b"HTTP/1.1 500 No\r\n\r\n", b"HTTP/1.1 429 No\r\n\r\n", b""])
def test_without_retries_each_read_is_one_request(answer: bytes) -> None:
    with FaultServer(answers(answer)) as failing, AsteroidClient(KEY, failing.base_url) as client:
        once = without_retries(client)
        for requests in (1, 2):
            with pytest.raises(AsteroidError):
                once.executions()
            assert len(failing.requests) == once.requester.requests == requests
        once.close()
        with pytest.raises(AsteroidError) as caught:
            client.executions(timeout=0.3)
        assert caught.value.attempts > 1


def test_without_retries_a_closed_client_stays_closed(server: FaultServer) -> None:
    client = AsteroidClient(KEY, server.base_url)
    client.close()
    with pytest.raises(ConfigurationError, match="closed"):
        without_retries(client)


def test_the_settings_in_use_are_told_without_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    none = settings_in_use()
    assert (none.key_source, none.problem) == (None, None)
    session.key, session.base_url = ApiKey(KEY, "the test"), "https://host.example/agents/v2"
    assert settings_in_use() == ("the test", None, "https://host.example/agents/v2")
    with AsteroidClient("key-4712-secret", "https://other.example/agents/v2") as client:
        own = settings_in_use(client)
        assert own == ("the argument api_key", None, "https://other.example/agents/v2")
    session.clear()
    monkeypatch.setenv("ASTEROID_API_KEY", "not a key")
    source, problem, _ = settings_in_use()
    assert source is None
    assert problem
    assert "holds a character that no key has" in problem
    assert "not a key" not in problem
    monkeypatch.delenv("ASTEROID_API_KEY")
    monkeypatch.setenv("ASTEROID_BASE_URL", "ftp://nowhere")
    source, problem, _ = settings_in_use()
    assert source is None
    assert problem
    assert "The base URL cannot be used" in problem
