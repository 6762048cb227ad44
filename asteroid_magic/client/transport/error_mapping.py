"""Maps HTTP answers and network failures to the errors of this package.

The status decides for an answer. The type decides for a foreign exception: it proves that nothing
was sent, or it leaves that open. This module neither matches nor repeats the exception's text.
"""

import html
import json
import re
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import responses
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from ...config.api_key import ApiKey
from ...errors import (
    SEND,
    ApiError,
    AsteroidError,
    BadRequest,
    ConnectionFailed,
    DeliveryUnknown,
    Forbidden,
    NoAnswer,
    NotFound,
    Operation,
    Outcome,
    RateLimited,
    ServerError,
    Unauthorized,
    UnexpectedAnswer,
)
from ...models import coerce
from ...text import shorten
from .response import BYTE_ORDER_MARK, Answer

LONGEST_TEXT: Final = 2_000
TIMED_OUT: Final = 408

_KINDS: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    429: RateLimited,
}
# Only these prove that no byte of the request left, whatever wraps them. A reset looks the same
# before and after the server has read a request. For a name without an address, urllib3 raises
# NewConnectionError or a subclass.
_NOTHING_SENT = (
    requests.ConnectTimeout,
    NewConnectionError,
    ConnectTimeoutError,
    ssl.SSLCertVerificationError,
)
_TAGS = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.DOTALL | re.IGNORECASE)


class Proxy(NamedTuple):
    """The proxy of a call: the variable that names it, its status if it did not connect."""

    variable: str
    status: int | None = None


def error_of(answer: Answer, key: ApiKey, operation: Operation) -> ApiError:
    """Return the error for an answer that does not mean success."""
    status = answer.status
    body = _json_object(answer.text)
    members = _members(body, key)
    kind = _KINDS.get(status) or _kind_of_class(status)
    said = members.get("detail") or members.get("message") or members.get("title")
    # Hide the key once more: escapes in JSON or HTML may have concealed it before.
    text = _plain(answer.text) if body is None else json.dumps(body, ensure_ascii=False)
    text = shorten(key.hide_in(text), LONGEST_TEXT)
    error = kind(
        _own_words(answer, key, operation)
        or said
        or text
        or f"The server answered {status} and gave no reason.",
        status_code=status,
        members=members,
        server_text=text,
        outcome=_outcome_of(status),
        operation=operation,
    )
    if status == TIMED_OUT:
        # A gateway lost patience: the same call may succeed.
        error.is_final = False
        if error.outcome != "unknown":
            again = operation.again.capitalize()
            error.hint = f"The server gave up waiting for the request. {again}."
    if isinstance(error, RateLimited | ServerError):
        error.retry_after = _retry_after(answer.headers.get("Retry-After"))
        if error.retry_after and error.outcome != "unknown":
            error.hint = f"Wait {error.retry_after:,.0f} seconds, then {operation.again}."
    return error


def error_of_fault(
    fault: Exception,
    operation: Operation,
    *,
    host: str,
    connecting: bool,
    timed_out: bool,
    proxy: Proxy | None = None,
) -> AsteroidError:
    """Return the error for a foreign exception; never repeats its text.

    `connecting`: the sockets know of no byte sent. `timed_out`: the deadline of the call has
    passed. `proxy`: the call went through one. The text of the exception is not matched either:
    urllib3-future has other texts.
    """
    causes = list(_causes(fault))
    if proxy is not None and proxy.status is not None:
        return _refused_by(proxy.variable, proxy.status, host, operation)
    if connecting or any(isinstance(cause, _NOTHING_SENT) for cause in causes):
        why, hint = _why_not_connected(causes, host, timed_out=timed_out)
        failed = ConnectionFailed(why, hint=hint, operation=operation)
        failed.is_final = hint is not None
        failed.stops_batch = failed.is_final or proxy is not None
        return failed
    kind = DeliveryUnknown if operation == SEND else NoAnswer
    if timed_out or any(isinstance(cause, (TimeoutError, requests.Timeout)) for cause in causes):
        return kind(f"Time ran out before {host} answered.", operation=operation)
    why = f"The connection to {host} broke before a readable answer came."
    return kind(why, operation=operation)


def _refused_by(variable: str, status: int, host: str, operation: Operation) -> ConnectionFailed:
    """Return the error for a proxy that did not connect; `status` is 0 if it is unknown."""
    other = f"The proxy answered {status} {responses.get(status, '')}".rstrip() + f" for {host}."
    why = {
        0: f"The proxy did not connect to {host}.",
        403: f"The proxy does not allow a connection to {host} (403).",
        407: "The proxy asks for a password (407).",
    }.get(status, other)
    wants_password = status == 407  # noqa: PLR2004 (as above)
    change = "Add the user and the password to" if wants_password else "Check"
    hint = f"{change} the variable {variable}, then {operation.again}."
    failed = ConnectionFailed(why, hint=hint, operation=operation)
    # A failure of the proxy itself may pass; any other answer would be the same again.
    failed.is_final = 0 < status < 500  # noqa: PLR2004 (the class of server errors)
    failed.stops_batch = True
    return failed


def _kind_of_class(status: int) -> type[ApiError]:
    return {4: ApiError, 5: ServerError}.get(status // 100, UnexpectedAnswer)


def _outcome_of(status: int) -> Outcome:
    """Return what an answer other than success proves: only a 4xx, that nothing was stored.

    A gateway may answer 503, 408 or a redirect for a message that the server behind it has stored.
    """
    is_refusal = status // 100 == 4 and status != TIMED_OUT  # noqa: PLR2004 (the class)
    return "not_delivered" if is_refusal else "unknown"


def _own_words(answer: Answer, key: ApiKey, operation: Operation) -> str:
    if answer.status // 100 in {4, 5}:
        return ""
    if answer.status // 100 == 3:  # noqa: PLR2004 (the class of redirects)
        host = _host_of(answer.headers.get("Location"), key)
        where = f" to {host}" if host else ""
        return f"The server answered {answer.status}, a redirect{where}, which is never followed."
    return f"The server answered {answer.status}; Asteroid would answer {operation.expected}."


def _plain(text: str) -> str:
    """Return a text; of an HTML page, which proxies and gateways send, only its words."""
    start = text[:8_192].strip()
    if not start.startswith("<"):
        return text.strip()
    return " ".join(html.unescape(_TAGS.sub(" ", start)).split())


def _retry_after(header: str | None) -> float | None:
    """Return the wait in seconds that a Retry-After header asks for (RFC 9110, 10.2.3)."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text)
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        return max(0.0, (date - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return None


def _host_of(location: str | None, key: ApiKey) -> str | None:
    try:
        return key.hide_in(urlsplit(location or "").hostname or "")
    except ValueError:
        return None


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        body = json.loads(text.removeprefix(BYTE_ORDER_MARK))
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _members(body: dict[str, Any] | None, key: ApiKey) -> dict[str, Any]:
    """Return the known members of an error body; one of an unexpected type counts as missing."""
    if body is None:
        return {}

    def words(value: object) -> str | None:
        return shorten(key.hide_in(value), LONGEST_TEXT) if isinstance(value, str) else None

    found: dict[str, Any] = {
        name: words(body.get(name))
        for name in ("message", "title", "detail", "reason", "capability", "instance")
    }
    for name in ("code", "used", "limit"):
        found[name] = coerce.number(body.get(name))
    problems = body.get("errors")
    found["errors"] = [
        {name: words(item.get(name)) or "" for name in ("parameter", "detail")}
        for item in (problems if isinstance(problems, list) else [])[:20]
        if isinstance(item, dict)
    ]
    return found


def _why_not_connected(
    causes: list[BaseException], host: str, *, timed_out: bool
) -> tuple[str, str | None]:
    """Return why there is no connection, and what to do if a retry cannot help."""
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = cause.verify_message.rstrip(".")
            hint = (
                "Check the base URL; behind a company proxy, "
                "set REQUESTS_CA_BUNDLE to the file with its certificates."
            )
            return f"The certificate of {host} cannot be trusted: {why}.", hint
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return f"This machine found no address for the name {host}.", None
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return f"{host} refused the connection: nothing listens there.", None
    # By exact type: before urllib3 2, NewConnectionError is a ConnectTimeoutError.
    timeouts = {ConnectTimeoutError, requests.ConnectTimeout, TimeoutError}
    if timed_out or any(type(cause) in timeouts for cause in causes):
        return f"{host} did not answer in time, so there is no connection.", None
    return f"The connection to {host} failed.", None


def _causes(fault: BaseException) -> Iterator[BaseException]:
    """Yield the fault and all that it wraps, in any of the three ways that libraries use."""
    waiting: list[object] = [fault]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, getattr(one, "reason", None), *one.args]
