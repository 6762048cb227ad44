"""Errors as the service writes them: the contract's body with the newer RFC 9457 members."""

import json
from http import HTTPStatus
from typing import Any

from tornado.web import HTTPError


class Problem(HTTPError):
    """A request that cannot be served, and why; ``parameter`` names the one at fault."""

    def __init__(self, status: int, message: str, parameter: str | None = None) -> None:
        super().__init__(status)
        self.message = message
        self.parameter = parameter


def error_body(status: int, message: str, path: str, parameter: str | None = None) -> bytes:
    """Return an error body in JSON; ``path`` is the request's, for the member ``instance``."""
    body: dict[str, Any] = {
        "code": status,
        "message": message,
        "type": "about:blank",
        "title": title(status),
        "status": status,
        "detail": message,
        "instance": path,
    }
    if parameter is not None:
        body["errors"] = [{"parameter": parameter, "detail": message}]
    return json.dumps(body).encode()


def title(status: int) -> str:
    """Return the short name of a status, ``"Unknown"`` if it has none."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
