"""A server that misbehaves on the wire, as no mock and no well-made server can."""

import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

Behaviour = Callable[[socket.socket, "FaultServer"], None]

# An answer after which the connection goes on, and one that says that it ends.
KEPT = (
    b"HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\nContent-Length: 19\r\n\r\n"
    b"User message added."
)
CREATED = KEPT.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)


class FaultServer:
    """Listens on loopback, keeps what arrives in `requests`, and answers as it is told.

    `behave` is called with each connection after its request has been read, or at once if
    `reads` is False. `stopping` is set when the test is over, for behaviours that never end.
    """

    def __init__(self, behave: Behaviour, *, reads: bool = True) -> None:
        self.requests: list[bytes] = []
        self.stopping = threading.Event()
        self._behave = behave
        self._reads = reads
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._served = threading.Condition()
        self._open = 0
        self._connections: list[socket.socket] = []

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/agents/v2"

    @property
    def accepted(self) -> int:
        """How many connections it has taken."""
        return len(self._connections)

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stopping.set()
        # Closing alone does not wake a thread that waits in accept.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            hang_up(connection)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def wait_until_served(self) -> None:
        """Wait until the server has closed every connection it has taken."""
        with self._served:
            assert self._served.wait_for(lambda: not self._open, 10)

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            # Before anything is answered, so that who has an answer can wait for the end.
            with self._served:
                self._open += 1
            self._start(lambda connection=connection: self._serve(connection))  # type: ignore[misc]

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self._reads:
                self.requests.append(read_request(connection))
            self._behave(connection, self)
        except OSError:
            pass
        finally:
            connection.close()
            with self._served:
                self._open -= 1
                self._served.notify_all()


def hang_up(connection: socket.socket) -> None:
    """Wake whoever reads or writes this connection."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def read_request(connection: socket.socket) -> bytes:
    """Read one whole request, head and body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += (piece := connection.recv(65_536))
        if not piece:
            return data
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        body += (piece := connection.recv(65_536))
        if not piece:
            break
    return head + b"\r\n\r\n" + body


def answers(data: bytes) -> Behaviour:
    """Send these bytes, then close."""
    return lambda connection, _server: connection.sendall(data)


def drips(head: bytes, drop: bytes, every: float = 0.02) -> Behaviour:
    """Send the head, then a drop again and again, so that no read ever times out."""

    def behave(connection: socket.socket, server: FaultServer) -> None:
        connection.sendall(head)
        while not server.stopping.wait(every):
            connection.sendall(drop)

    return behave


def floods(head: bytes, piece: bytes = b"x" * 65_536) -> Behaviour:
    """Send the head, then a body without end, as fast as it is taken."""

    def behave(connection: socket.socket, server: FaultServer) -> None:
        connection.sendall(head)
        while not server.stopping.is_set():
            connection.sendall(piece)

    return behave


def silent(_connection: socket.socket, server: FaultServer) -> None:
    """Say nothing until the test is over."""
    server.stopping.wait(30)


def resets(connection: socket.socket, _server: FaultServer) -> None:
    """Break the connection off with a reset."""
    linger_none = b"\x01\x00\x00\x00\x00\x00\x00\x00"
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_none)


def keeps(connection: socket.socket, server: FaultServer) -> None:
    """Answer every request of a connection."""
    connection.sendall(KEPT)
    while request := read_request(connection):
        server.requests.append(request)
        connection.sendall(KEPT)


def forwards(port: int) -> Behaviour:
    """Forward to another port of this machine; for a server that does not read."""

    def behave(connection: socket.socket, _server: FaultServer) -> None:
        with socket.create_connection(("127.0.0.1", port)) as far:

            def carry_back() -> None:
                while piece := far.recv(65_536):
                    connection.sendall(piece)
                hang_up(connection)

            carrying = threading.Thread(target=carry_back, daemon=True)
            carrying.start()
            while piece := connection.recv(65_536):
                far.sendall(piece)
            hang_up(far)
            carrying.join(10)

    return behave
