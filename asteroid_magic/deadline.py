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

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.ssl_ import create_urllib3_context


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


class _Socket(_Bounded, socket.socket):
    """A plain socket under the deadline."""

    @classmethod
    def adopt(cls, plain: socket.socket) -> "_Socket":
        timeout = plain.gettimeout()
        adopted = cls(plain.family, plain.type, plain.proto, fileno=plain.detach())
        adopted.settimeout(timeout)
        return adopted


class _TLSSocket(_Bounded, ssl.SSLSocket):
    """A TLS socket under the deadline, its handshake included."""

    def do_handshake(self, *args: Any) -> None:
        self._hurry()
        super().do_handshake(*args)


class _Connecting(HTTPConnection):
    """Connects to each address of the host in turn, within what is left for all of them."""

    def _new_conn(self) -> socket.socket:
        deadline: Deadline = _thread.deadline
        deadline.connecting = True
        host, port = self._dns_host, self.port
        addresses = _resolve(self, host, port, deadline)
        fault: Exception | None = None
        try:
            for tried, address in enumerate(addresses):
                # urllib3 reads the address from here; as a number it needs no resolver.
                self._dns_host = address
                self.timeout = max(0.001, deadline.left() / (len(addresses) - tried))
                try:
                    return _Socket.adopt(super()._new_conn())
                except (NewConnectionError, ConnectTimeoutError) as error:
                    fault = error
        finally:
            self._dns_host = host
        raise fault or NewConnectionError(self, "the host has no address")


def _resolve(connection: Any, host: str, port: int, deadline: Deadline) -> list[str]:
    """Return the host's addresses; raises urllib3's errors for none, and for none in time."""
    answers: list[str] = []
    faults: list[OSError | UnicodeError] = []

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
            answers.extend(str(entry[4][0]) for entry in found)
        except (OSError, UnicodeError) as error:
            faults.append(error)

    if host.strip("[]").replace(".", "").isdigit() or ":" in host:
        ask()
    else:
        asking = threading.Thread(target=ask, name="asteroid-magic resolver", daemon=True)
        asking.start()
        asking.join(deadline.left())
        if asking.is_alive():
            raise ConnectTimeoutError(connection, f"Resolving {host} took too long.")
    if faults:
        raise NameResolutionError(host, connection, socket.gaierror(*faults[0].args))
    return list(dict.fromkeys(answers))


class _HTTPConnection(_Connecting, HTTPConnection):
    pass


class _HTTPSConnection(_Connecting, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


_POOLS = {"http": _HTTPPool, "https": _HTTPSPool}


class DeadlineAdapter(HTTPAdapter):
    """The adapter of requests, for one base URL, over connections that keep the deadline."""

    _pool: Any = None

    def init_poolmanager(self, *args: Any, **keywords: Any) -> None:
        """Make the pool manager; called by requests."""
        super().init_poolmanager(*args, ssl_context=_tls_context(), **keywords)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **keywords: Any) -> Any:
        """Return the manager for one proxy; called by requests."""
        if proxy.lower().startswith("socks"):
            return super().proxy_manager_for(proxy, **keywords)
        manager = super().proxy_manager_for(proxy, ssl_context=_tls_context(), **keywords)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def get_connection_with_tls_context(self, *args: Any, **keywords: Any) -> Any:
        """Return the pool of connections; called by requests.

        There is one base URL, so what requests would work out at every message stays the same:
        an eighth of the time of a send on loopback.
        """
        if self._pool is None:
            self._pool = super().get_connection_with_tls_context(*args, **keywords)
        return self._pool

    def request_url(self, request: Any, proxies: Any) -> str:
        """Return what stands in the request line; called by requests."""
        return super().request_url(request, proxies) if proxies else str(request.path_url)


def _tls_context() -> ssl.SSLContext:
    context = create_urllib3_context()
    context.sslsocket_class = _TLSSocket
    return context
