"""One deadline over everything a request does: resolving, connecting, handshake, sending, reading.

A socket's own timeout starts anew with every byte that arrives, so a server that drips holds a
call without bound; and urllib3 grants each of a host's addresses the whole of it. The sockets
here ask, before each operation, how much is left for the call that their thread is making. No
thread watches over a message. Only a host *name* is resolved in a thread, once a connection,
since nothing else can bound the system's resolver.

Proxies over SOCKS bring sockets of their own: there the deadline bounds each operation alone.
"""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any


class Deadline:
    """A moment after which a call is over, and what the sockets have noted about the call.

    `connecting` is True from the start of a connection until the first byte of a request goes
    out: while it is, the server provably has nothing.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self.connecting = False

    def left(self) -> float:
        """Return the seconds that are left, never less than 0."""
        return max(0.0, self._end - time.monotonic())

    @contextmanager
    def governing(self) -> Iterator[None]:
        """Bound every socket operation of this thread while the context lasts."""
        before = getattr(_thread, "deadline", None)
        _thread.deadline = self
        try:
            yield
        finally:
            _thread.deadline = before


_thread = threading.local()


def current() -> Deadline:
    """Return the deadline of the call that this thread is making."""
    deadline: Deadline = _thread.deadline
    return deadline


if TYPE_CHECKING:
    _AnySocket = socket.socket
else:
    _AnySocket = object


class _Bounded(_AnySocket):
    """What both kinds of socket do before each operation."""

    def _hurry(self) -> None:
        deadline: Deadline | None = getattr(_thread, "deadline", None)
        if deadline is None:
            return
        left = deadline.left()
        if not left:
            raise TimeoutError("the deadline of the call has passed")
        own = self.gettimeout()
        # 0 is a probe of urllib3-future that must not block.
        if own is None or own > left:
            self.settimeout(left)

    def recv(self, *args: Any) -> bytes:
        self._hurry()
        return super().recv(*args)

    def recv_into(self, *args: Any) -> int:
        self._hurry()
        return super().recv_into(*args)

    def send(self, *args: Any) -> int:
        self._hurry()
        return super().send(*args)

    def sendall(self, *args: Any) -> None:
        self._hurry()
        deadline: Deadline | None = getattr(_thread, "deadline", None)
        if deadline is not None:
            deadline.connecting = False
        super().sendall(*args)


class BoundedSocket(_Bounded, socket.socket):
    """A plain socket under the deadline."""

    @classmethod
    def adopt(cls, plain: socket.socket, deadline: Deadline) -> "BoundedSocket":
        """Return a socket of this kind in place of a plain one."""
        adopted = cls(plain.family, plain.type, plain.proto, fileno=plain.detach())
        adopted.settimeout(deadline.left())
        return adopted


class BoundedTLSSocket(_Bounded, ssl.SSLSocket):
    """A TLS socket under the deadline, its handshake included."""

    def do_handshake(self, *args: Any) -> None:
        """Shake hands within what is left."""
        self._hurry()
        super().do_handshake(*args)
