"""What the sandbox refuses as soon as it has the headers of a request, before it reads the body.

Any page in a browser can send requests to this machine, under a name of its own that leads here
(DNS rebinding), and any program here can send bodies without the key.
"""

import re
from collections.abc import Iterable
from typing import Any, cast

from tornado.http1connection import HTTP1Connection
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.web import Application

from .handlers import KEY_HEADER
from .problems import error_body, title
from .service import Service

LARGEST_UNKNOWN = 65_536
"""Bytes of a body that the sandbox holds for a request without its key."""

NAMES = ("127.0.0.1", "localhost", "[::1]")
HOST = re.compile(rf"({'|'.join(map(re.escape, NAMES))})(:[0-9]{{1,5}})?")
HTTP_PORT = 80


class GuardedApplication(Application):
    """An application that refuses foreign ``Host`` and ``Origin`` headers, and large strangers.

    ``port`` is the one that the sandbox serves. A host may have another one, since a tunnel may
    lead here, and a name alone gives a page away. An origin may not: another port of this machine
    is another site.
    """

    def __init__(self, rules: Iterable[Any], service: Service, port: int, **settings: Any) -> None:
        super().__init__(list(rules), **settings)
        self.service = service
        self.origins = {f"http://{name}:{port}" for name in NAMES}
        if port == HTTP_PORT:
            self.origins |= {f"http://{name}" for name in NAMES}

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        """Return what receives the request."""
        inside = super().start_request(server_conn, request_conn)
        return _GuardedRequest(self, inside, cast("HTTP1Connection", request_conn))

    def refusal(self, headers: HTTPHeaders) -> tuple[int, str] | None:
        """Return the status and the reason of a refusal, None for a request to answer."""
        host, origin = headers.get("Host", ""), headers.get("Origin")
        if not HOST.fullmatch(host.lower()):
            return 403, f"this sandbox serves this machine, not {host[:100]!r}"
        if origin is not None and origin.lower() not in self.origins:
            return 403, "this sandbox answers no requests of web pages"
        length = headers.get("Content-Length", "")
        # Any other length is for tornado to judge.
        is_number = length.isascii() and length.isdigit()
        is_large = is_number and (len(length) > 9 or int(length) > LARGEST_UNKNOWN)  # noqa: PLR2004 (digits)
        if is_large and not self.knows_key(headers):
            return 401, f"the header {KEY_HEADER} has no key of this sandbox, and the body is large"
        return None

    def knows_key(self, headers: HTTPHeaders) -> bool:
        """Return True if the request carries the sandbox's key."""
        return self.service.knows_key(headers.get(KEY_HEADER, ""))


class _GuardedRequest(HTTPMessageDelegate):
    """Passes a request on, or answers it without reading its body."""

    def __init__(
        self, application: GuardedApplication, inside: HTTPMessageDelegate, to: HTTP1Connection
    ) -> None:
        self._application = application
        self._inside: HTTPMessageDelegate | None = inside
        self._connection = to

    def headers_received(self, start_line: Any, headers: HTTPHeaders) -> Any:
        """Decide; called by tornado."""
        refused = self._application.refusal(headers)
        if refused is not None:
            self._inside = None
            self._refuse(start_line, *refused)
            return None
        if not self._application.knows_key(headers):
            # For a body whose length the headers do not say.
            self._connection.set_max_body_size(LARGEST_UNKNOWN)
        return self._inside.headers_received(start_line, headers) if self._inside else None

    def _refuse(self, asked: RequestStartLine, status: int, why: str) -> None:
        body = error_body(status, why, asked.path.partition("?")[0])
        headers = HTTPHeaders(
            {
                "Content-Type": "application/json; charset=UTF-8",
                "Content-Length": str(len(body)),
                "Connection": "close",
            }
        )
        line = ResponseStartLine("HTTP/1.1", status, title(status))
        self._connection.write_headers(line, headers, b"" if asked.method == "HEAD" else body)
        # The request is not read to its end, so this closes the connection.
        self._connection.finish()

    def data_received(self, chunk: bytes) -> Any:
        """Pass it on; called by tornado."""
        return self._inside.data_received(chunk) if self._inside else None

    def finish(self) -> None:
        """Pass it on; called by tornado."""
        if self._inside:
            self._inside.finish()

    def on_connection_close(self) -> None:
        """Pass it on; called by tornado."""
        if self._inside:
            self._inside.on_connection_close()
