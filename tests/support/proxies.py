"""A proxy in front of a sandbox that loses requests and answers, each as it is told."""

import re
import socket
from collections import deque
from collections.abc import Callable
from typing import Literal
from urllib.parse import urlsplit

from asteroid_magic.sandbox import Sandbox
from tests.support.servers import FaultServer, read_request, resets, silent

Fate = Literal[
    "passed",
    "answer lost",
    "answer cut",
    "reset after",
    "reset before",
    "closed before",
    "silent after",
    "silent before",
    "late",
    "slow",
    "error after",
    "error before",
]
ERROR = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class LossyProxy(FaultServer):
    """Forwards each request on a connection of its own, and lets messages suffer their fates.

    `fate` gives that of a message from its request; `reads` holds fates of the reads to come, in
    turn, which pass when there are none.
    """

    def __init__(self, box: Sandbox, fate: Callable[[bytes], Fate], hold: float = 0.3) -> None:
        super().__init__(silent)
        self._port = urlsplit(box.base_url).port or 0
        self._fate, self._hold = fate, hold
        self.reads: deque[Fate] = deque()

    def _serve(self, connection: socket.socket) -> None:
        try:
            request = read_request(connection)
            self._suffer(connection, request)
        except OSError:
            pass
        finally:
            connection.close()

    def _suffer(self, connection: socket.socket, request: bytes) -> None:
        if request.startswith(b"POST"):
            fate = self._fate(request)
        else:
            fate = self.reads.popleft() if self.reads else "passed"
        if fate == "late":
            # Processed only after the client has given up.
            self.stopping.wait(self._hold)
        answer = b"" if fate.endswith("before") else self._forward(request)
        if fate == "slow":
            # Processed at once, and answered while the client still waits.
            self.stopping.wait(self._hold / 3)
        if fate in {"passed", "late", "slow"}:
            connection.sendall(answer)
        elif fate == "answer cut":
            connection.sendall(answer[:11])
        elif fate.startswith("reset"):
            resets(connection, self)
        elif fate.startswith("error"):
            connection.sendall(ERROR)
        elif fate.startswith("silent"):
            self.stopping.wait(self._hold)

    def _forward(self, request: bytes) -> bytes:
        request = re.sub(rb"\r\nConnection: [^\r]*", b"", request)
        request = request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
        with socket.create_connection(("127.0.0.1", self._port), timeout=10) as upstream:
            upstream.sendall(request)
            answer = b""
            while piece := upstream.recv(65_536):
                answer += piece
        return answer
