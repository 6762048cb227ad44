"""The request that goes out: its headers, with the key in one of them, and the same for curl."""

import json
import shlex
from collections.abc import Mapping
from typing import NamedTuple

from ...errors import (
    Operation,
)
from ...version import __version__

KEY_HEADER = "X-Asteroid-Agents-Api-Key"
USER_AGENT = f"asteroid-magic/{__version__}"


class Request(NamedTuple):
    """A request over HTTP, less the key; a `body` is JSON, and a POST may have none.

    `largest` is the size in bytes that the body of the answer is read up to. If it must come
    `whole`, an answer of success that breaks off, or is larger, is a failure.
    """

    operation: Operation
    method: str
    url: str
    body: bytes | None = None
    largest: int = 65_536
    whole: bool = False


def curl_command(url: str, headers: Mapping[str, str], body: bytes) -> str:
    """Return the request as a shell command; `headers` may use shell variables.

    Characters that a terminal would swallow stand as JSON escapes, so that what is copied from
    the screen is what is sent.
    """
    data = "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in body.decode())
    lines = [f"curl -X POST {shlex.quote(url)}"]
    lines += [f'-H "{name}: {value}"' for name, value in headers.items()]
    lines.append(f"--data-binary {shlex.quote(data)}")
    return " \\\n  ".join(lines)


def headers_of(asked: Request, key: str) -> dict[str, str]:
    """Return the headers of a request."""
    return headers_for(key, None if asked.method == "GET" else asked.body or b"")


def headers_for(key: str, body: bytes | None = None) -> dict[str, str]:
    """Return the headers that carry `body`; without one, those of a request for JSON.

    A body that is empty has no type.
    """
    headers = {
        "Accept": "text/plain, application/json",
        # A compressed answer could be a bomb, and the answers are short.
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
