"""The HTTP request: its headers, with the key in one of them, and the same request for curl."""

import json
import shlex
from collections.abc import Iterable, Mapping, Sized
from typing import NamedTuple, Protocol

from ...errors import Operation
from ...version import __version__

KEY_HEADER = "X-Asteroid-Agents-Api-Key"
USER_AGENT = f"asteroid-magic/{__version__}"


class StreamedBody(Sized, Iterable[bytes], Protocol):
    """A body that is read while it is sent; each iteration begins again."""

    @property
    def content_type(self) -> str:
        """The value of the header Content-Type."""


class Request(NamedTuple):
    """An HTTP request without the key; `body` is JSON unless streamed, and a POST may have none.

    At most `largest` bytes of the answer's body are read. If it must be `whole`, a successful
    answer that is cut short or larger is a failure.
    """

    operation: Operation
    method: str
    url: str
    body: bytes | StreamedBody | None = None
    largest: int = 65_536
    whole: bool = False


def curl_command(url: str, headers: Mapping[str, str], body: bytes) -> str:
    """Return the request as a shell command; `headers` may use shell variables.

    Characters that a terminal would swallow become JSON escapes, so that a copy from the screen
    sends the same message.
    """
    data = "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in body.decode())
    lines = [f"curl -X POST {shlex.quote(url)}"]
    lines += [f'-H "{name}: {value}"' for name, value in headers.items()]
    lines.append(f"--data-binary {shlex.quote(data)}")
    return " \\\n  ".join(lines)


def headers_of(asked: Request, key: str) -> dict[str, str]:
    """Return the headers of a request."""
    headers = headers_for(key, None if asked.method == "GET" else asked.body or b"")
    if not isinstance(asked.body, bytes | None):
        headers["Content-Type"] = asked.body.content_type
    return headers


def headers_for(key: str, body: Sized | None = None) -> dict[str, str]:
    """Return the headers for sending `body`; without one, those for requesting JSON.

    An empty body has no content type.
    """
    headers = {
        "Accept": "text/plain, application/json",
        # A compressed answer could be a decompression bomb, and the answers are short.
        "Accept-Encoding": "identity",
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": USER_AGENT,
        KEY_HEADER: key,
    }
    if not body:
        del headers["Content-Type"]
    if body is not None:
        headers["Content-Length"] = str(len(body))
    return headers
