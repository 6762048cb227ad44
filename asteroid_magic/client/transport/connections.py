"""Connections that keep one deadline for a whole call, and their adapter for requests.

urllib3 gives each address of a host the whole timeout, and nothing limits the system's resolver:
so a thread resolves a host *name*, once per connection, never once per message. SOCKS proxies use
their own sockets: there, the deadline limits each operation separately.

Private names used here, and why:

- urllib3 `HTTPConnection._new_conn` and `_dns_host`: to connect to one address at a time
- urllib3 `HTTPConnectionPool._get_conn`: to replace an old connection before a request uses it
- http.client `HTTPConnection._tunnel`, `HTTPResponse._read_status`: to know what a proxy answers
- urllib3 `HTTPResponse.length_remaining`: to know the end of a body without asking for it
- requests `Response._content` and `_content_consumed`: to make a response without its cookies

CI runs the tests with the newest releases, with requests 2.31, and with urllib3-future, which has
the same names, in place of urllib3.
"""

import http.client
import socket
import ssl
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.ssl_ import create_urllib3_context

from ...config.settings import parse_ip
from ...deadline import Deadline, current

FIRST_FINAL_STATUS, FIRST_REFUSAL = 200, 300
LARGEST_PIECE = 65_536
# urllib3-future, which may replace urllib3, sends in its own way.
IS_STOCK = issubclass(HTTPConnection, http.client.HTTPConnection)
RESOLVER_TURN = 0.1
# NAT gateways and firewalls forget an idle connection, some after 60 s, and tell neither side: what
# is then sent on it is lost.
LONGEST_IDLE_S = 50.0
# Seconds until an idle connection is probed, and between probes that nothing answers.
PROBE_AFTER_S, PROBE_EVERY_S, MOST_PROBES = 30, 5, 3
# A socket timeout of 0 would mean not to wait at all, and would raise other errors.
LEAST_TIMEOUT_S = 0.001

if TYPE_CHECKING:
    _AnySocket = socket.socket
    _AnyPool = HTTPConnectionPool
else:
    _AnySocket = _AnyPool = object


def clock() -> float:
    """Return the seconds since some moment, those that the machine was asleep included."""
    # `time.monotonic` stands still on Linux and macOS while a laptop sleeps.
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)


_CLOCK: int | None = getattr(
    time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC if sys.platform == "darwin" else None
)


def _keep_alive_options() -> list[tuple[int, int, int]]:
    """Return the socket options that make the system probe an idle connection."""
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for names, value in (
        # The second name is that of macOS.
        (("TCP_KEEPIDLE", "TCP_KEEPALIVE"), PROBE_AFTER_S),
        (("TCP_KEEPINTVL",), PROBE_EVERY_S),
        (("TCP_KEEPCNT",), MOST_PROBES),
    ):
        found = [getattr(socket, name) for name in names if hasattr(socket, name)]
        options += [(socket.IPPROTO_TCP, option, value) for option in found[:1]]
    return options


class _Bounded(_AnySocket):
    """Applies the deadline before each operation; the base of both kinds of socket.

    Keywords come from gevent, whose `sendall` calls `send` with a timeout.
    """

    def _apply_deadline(self) -> Deadline | None:
        deadline = current()
        if deadline is None:
            return None
        left = max(deadline.use(self), LEAST_TIMEOUT_S)
        own = self.gettimeout()
        # A timeout of 0 is a probe of urllib3-future that must not block.
        # A deadline that renews may have less left at one moment than later.
        if own is None or own > left or (own and deadline.renews):
            self.settimeout(left)
        return deadline

    def recv(self, *args: Any, **keywords: Any) -> bytes:
        self._apply_deadline()
        return super().recv(*args, **keywords)

    def recv_into(self, *args: Any, **keywords: Any) -> int:
        self._apply_deadline()
        return super().recv_into(*args, **keywords)

    def send(self, *args: Any, **keywords: Any) -> int:
        self._apply_deadline()
        return super().send(*args, **keywords)

    def sendall(self, *args: Any, **keywords: Any) -> None:
        deadline = self._apply_deadline()
        if deadline is not None:
            deadline.begin_sending()
        super().sendall(*args, **keywords)


class BoundedSocket(_Bounded, socket.socket):
    """A plain socket under the deadline."""

    @classmethod
    def adopt(cls, plain: socket.socket, deadline: Deadline) -> "BoundedSocket":
        """Return a socket of this kind that replaces a plain one."""
        adopted = cls(plain.family, plain.type, plain.proto, fileno=plain.detach())
        adopted.settimeout(deadline.left())
        return adopted


class BoundedTLSSocket(_Bounded, ssl.SSLSocket):
    """A TLS socket under the deadline, its handshake included."""

    def do_handshake(self, *args: Any, **keywords: Any) -> None:
        """Do the handshake within the time left."""
        self._apply_deadline()
        super().do_handshake(*args, **keywords)


class _QuietAnswer(http.client.HTTPResponse):
    """An answer without its malformed headers: urllib3 would log their contents."""

    def begin(self) -> None:
        super().begin()
        self.msg.defects.clear()
        self.msg.set_payload([])


class _ProxyAnswer(_QuietAnswer):
    """The answer of a proxy that was asked to connect: it notes a refusal for the call."""

    def _read_status(self) -> tuple[str, int, str]:
        version, status, reason = super()._read_status()  # type: ignore[misc]
        if status >= FIRST_REFUSAL:
            _governing().proxy_status = status
        return version, status, reason


class _Connecting(HTTPConnection):
    """Connects to each address of the host in turn, within the time left for all of them."""

    response_class = _QuietAnswer
    # http.client.HTTPConnection.debuglevel = 1 would print every header, and so the key.
    debuglevel = 0
    # None: data goes out at once. A list: the head waits for the body.
    _held_back: list[bytes] | None = None

    def request(self, method: str, url: str, body: Any = None, *args: Any, **keywords: Any) -> None:
        """Send a request, its head and a short body in one piece; called by urllib3.

        `http.client` sends the head, then the body. Two pieces wake the server twice, which takes
        a tenth of the time of a send on loopback.
        """
        is_short = isinstance(body, bytes) and 0 < len(body) <= LARGEST_PIECE
        self._held_back = [] if IS_STOCK and is_short else None
        try:
            super().request(method, url, body, *args, **keywords)
        finally:
            self._held_back = None

    if IS_STOCK:
        # That of urllib3 also looks for its own mark in each value, which takes as long again.
        putheader = http.client.HTTPConnection.putheader

    def send(self, data: Any) -> Any:
        """Send a piece, or hold back the head; called by `http.client`."""
        if self._held_back == []:
            self._held_back.append(data)
            return None
        if self._held_back:
            data, self._held_back = self._held_back[0] + data, None
        return super().send(data)

    def _new_conn(self) -> socket.socket:
        deadline = _governing()
        deadline.connecting = True
        host, port = self._dns_host, self.port
        addresses = _resolve(self, host, port, deadline)
        fault: Exception | None = None
        try:
            for tried, address in enumerate(addresses):
                # urllib3 reads the address from here; a numeric one needs no resolver.
                self._dns_host = address
                self.timeout = max(LEAST_TIMEOUT_S, deadline.left() / (len(addresses) - tried))
                try:
                    return BoundedSocket.adopt(super()._new_conn(), deadline)
                except (NewConnectionError, ConnectTimeoutError) as error:
                    fault = error
        finally:
            self._dns_host = host
        raise fault or NewConnectionError(self, "the host has no address")

    def _tunnel(self) -> None:
        """Ask the proxy to connect; no byte of the request is sent here. Called by urllib3."""
        deadline = _governing()
        deadline.is_tunnelling = True
        self.response_class = _ProxyAnswer
        try:
            super()._tunnel()
        except Exception:
            # 0: it answered nothing, or urllib3-future keeps its answer to itself.
            deadline.proxy_status = deadline.proxy_status or 0
            raise
        finally:
            deadline.is_tunnelling = False
            self.response_class = _QuietAnswer

    def connect(self) -> None:
        super().connect()
        if not isinstance(self.sock, BoundedSocket | BoundedTLSSocket):
            # A replacement for ssl, such as truststore, made a socket that does not report the
            # first byte. From here on, bytes may have gone out.
            _governing().begin_sending()

    def getresponse(self, *args: Any, **keywords: Any) -> Any:
        response = super().getresponse(*args, **keywords)
        if response.status < FIRST_FINAL_STATUS:
            # The real answer may still come; it must not pass for the answer to the next message.
            self.close()
        return response


def _governing() -> Deadline:
    """Return the deadline of this thread's call; every connection is made under one."""
    deadline = current()
    if deadline is None:
        raise RuntimeError("a connection is made outside Deadline.governing()")
    return deadline


def _resolve(connection: Any, host: str, port: int, deadline: Deadline) -> list[str]:
    """Return the host's addresses; raises urllib3's errors if there are none, or not in time."""
    answers: list[str] = []
    faults: list[OSError | UnicodeError] = []

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
            answers.extend(str(entry[4][0]) for entry in found)
        except (OSError, UnicodeError) as error:
            faults.append(error)

    if parse_ip(host):
        ask()
    else:
        asking = threading.Thread(target=ask, name="asteroid-magic resolver", daemon=True)
        asking.start()
        while asking.is_alive() and deadline.left():
            # In short turns, because another thread may cancel the call.
            asking.join(min(deadline.left(), RESOLVER_TURN))
        if asking.is_alive():
            raise ConnectTimeoutError(connection, f"Resolving {host} took too long.")
    if faults:
        problem = NewConnectionError(connection, f"{host} could not be resolved.")
        raise problem from socket.gaierror(*faults[0].args)
    return list(dict.fromkeys(answers))


class _HTTPConnection(_Connecting, HTTPConnection):
    pass


class _HTTPSConnection(_Connecting, HTTPSConnection):
    pass


class _FreshPool(_AnyPool):
    """Hands out no connection that may be dead: none that was idle for long, or has unread data.

    urllib3 itself replaces one that the other side has closed, or has written to.
    """

    def _get_conn(self, *args: Any, **keywords: Any) -> Any:
        connection: Any = super()._get_conn(*args, **keywords)
        now = clock()
        # A TLS socket may hold what has arrived, where urllib3 does not see it.
        has_unread = getattr(connection.sock, "pending", int)()
        if has_unread or now - getattr(connection, "used_at", now) >= LONGEST_IDLE_S:
            # It connects again for the request.
            connection.close()
        # When the request begins: if its answer is slow, the connection only seems older.
        connection.used_at = now
        return connection


class _HTTPPool(_FreshPool, HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(_FreshPool, HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


_POOLS = {"http": _HTTPPool, "https": _HTTPSPool}


class _Reply(requests.Response):
    """A response with only what this package uses: a full one takes a fifteenth of a send.

    It has no cookies: nothing uses them, and some take seconds to parse.
    """

    def __init__(self, request: Any, raw: Any) -> None:
        self._content = False  # type: ignore[assignment]  # as requests has it
        self._content_consumed = False
        self.request, self.url, self.raw = request, request.url, raw
        self.status_code, self.headers = raw.status, raw.headers


class DeadlineAdapter(HTTPAdapter):
    """The adapter of requests, for one base URL, over connections that keep the deadline."""

    _pool: Any = None

    def init_poolmanager(self, *args: Any, **keywords: Any) -> None:
        """Make the pool manager; called by requests."""
        options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), *_keep_alive_options()]
        keywords |= {"ssl_context": _tls_context(), "socket_options": options}
        super().init_poolmanager(*args, **keywords)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **keywords: Any) -> Any:
        """Return the manager for one proxy; called by requests."""
        # As in urllib3, without TCP_NODELAY.
        keywords["socket_options"] = _keep_alive_options()
        if not proxy.lower().startswith("socks"):
            manager = super().proxy_manager_for(proxy, ssl_context=_tls_context(), **keywords)
            manager.pool_classes_by_scheme = _POOLS
            return manager
        manager = super().proxy_manager_for(proxy, **keywords)
        manager.pool_classes_by_scheme = {
            scheme: kind if issubclass(kind, _FreshPool) else type("_", (_FreshPool, kind), {})
            for scheme, kind in manager.pool_classes_by_scheme.items()
        }
        return manager

    def get_connection_with_tls_context(self, *args: Any, **keywords: Any) -> Any:
        """Return the pool of connections; called by requests.

        There is one base URL, so the pool is always the same. Finding it for each message would
        take an eighth of the time of a send on loopback.
        """
        if self._pool is None:
            self._pool = super().get_connection_with_tls_context(*args, **keywords)
        return self._pool

    def build_response(self, req: Any, resp: Any) -> requests.Response:
        """Return the answer, its body unread; called by requests."""
        return _Reply(req, resp)

    def close(self) -> None:
        """Close every connection."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None
        super().close()

    def request_url(self, request: Any, proxies: Any) -> str:
        """Return the target of the request line; called by requests."""
        return super().request_url(request, proxies) if proxies else str(request.path_url)


def _tls_context() -> ssl.SSLContext:
    context = create_urllib3_context()
    context.sslsocket_class = BoundedTLSSocket
    return context
