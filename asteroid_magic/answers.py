"""What an HTTP answer means: its body read within bounds, and the error it amounts to."""

import html
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

from requests import Response

from .errors import (
    ApiError,
    BadRequest,
    Forbidden,
    NotFound,
    Outcome,
    RateLimited,
    ServerError,
    Unauthorized,
    UnexpectedAnswer,
)
from .settings import ApiKey
from .text import shorten

DELIVERED: Final = 201
LARGEST_BODY: Final = 65_536
LARGEST_KEPT: Final = 60_000
LONGEST_TEXT: Final = 2_000
LARGEST_NUMBER: Final = 1e15

_KINDS: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    429: RateLimited,
}
_TAGS = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """A status line and what could be read after it; the key, if echoed, is taken out."""

    status: int
    text: str
    headers: Mapping[str, str]


def read_answer(response: Response, key: ApiKey) -> Answer:
    """Read the answer, at most 64 KiB of it; a body that breaks off is kept as far as it came.

    The status line alone decides about the message, so a broken body changes nothing.
    """
    try:
        text = _read_body(response).decode("utf-8", "replace")
    finally:
        response.close()
    return Answer(response.status_code, shorten(key.hide_in(text), LARGEST_KEPT), response.headers)


def _read_body(response: Response) -> bytes:
    """Return the body, decoded, as far as it came: it may be cut short, stall, or never end."""
    # read1 hands over each piece as it comes, where read would lose all at a break.
    read = getattr(response.raw, "read1", response.raw.read)
    raw = bytearray()
    try:
        while len(raw) < LARGEST_BODY:
            piece = read(LARGEST_BODY - len(raw), decode_content=False)
            if not piece:
                break
            raw += piece
    except Exception:  # noqa: BLE001, S110 (reset, cut short, too late: what came is kept)
        pass
    encoding = response.headers.get("Content-Encoding", "").lower()
    return _inflate(bytes(raw)) if encoding in {"gzip", "deflate"} else bytes(raw)


def _inflate(raw: bytes) -> bytes:
    # Not left to urllib3, whose older releases inflate a whole piece, however large.
    try:
        return zlib.decompressobj(wbits=47).decompress(raw, LARGEST_BODY)
    except zlib.error:
        return b""


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
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _members(body: dict[str, Any] | None, key: ApiKey) -> dict[str, Any]:
    """Return the known members of an error body, each only if it is of a kind that can be read."""
    if body is None:
        return {}

    def words(value: object) -> str | None:
        return shorten(key.hide_in(value), LONGEST_TEXT) if isinstance(value, str) else None

    found: dict[str, Any] = {
        name: words(body.get(name))
        for name in ("message", "title", "detail", "reason", "capability", "instance")
    }
    for name in ("code", "used", "limit"):
        number = body.get(name)
        if isinstance(number, int | float) and not isinstance(number, bool):
            # The bound also keeps out NaN, and numbers of thousands of digits.
            found[name] = number if abs(number) < LARGEST_NUMBER else None
    problems = body.get("errors")
    found["errors"] = [
        {name: words(item.get(name)) or "" for name in ("parameter", "detail")}
        for item in (problems if isinstance(problems, list) else [])[:20]
        if isinstance(item, dict)
    ]
    return found


def error_of(answer: Answer, key: ApiKey) -> ApiError:
    """Return the error that an answer other than 201 amounts to."""
    status = answer.status
    body = _json_object(answer.text)
    members = _members(body, key)
    kind = _KINDS.get(status) or _kind_of_class(status)
    said = members.get("detail") or members.get("message") or members.get("title")
    # Once more: what was JSON or HTML may have hidden the key behind escapes.
    text = _plain(answer.text) if body is None else json.dumps(body, ensure_ascii=False)
    text = shorten(key.hide_in(text), LONGEST_TEXT)
    error = kind(
        _own_words(answer, key) or said or text or f"It answered {status} and gave no reason.",
        status_code=status,
        members=members,
        server_text=text,
        outcome=_outcome_of(status),
    )
    if isinstance(error, RateLimited | ServerError):
        error.retry_after = _retry_after(answer.headers.get("Retry-After"))
        if error.retry_after and error.outcome == "not_delivered":
            error.hint = f"Wait {error.retry_after:,.0f} seconds, then send it again."
    return error


def _kind_of_class(status: int) -> type[ApiError]:
    return {4: ApiError, 5: ServerError}.get(status // 100, UnexpectedAnswer)


def _outcome_of(status: int) -> Outcome:
    """Tell what is known: a refusal, a redirect or a 503 took nothing, a login page may have."""
    refused = status // 100 in {3, 4} or status == 503  # noqa: PLR2004 (these are the statuses)
    return "not_delivered" if refused else "unknown"


def _own_words(answer: Answer, key: ApiKey) -> str:
    if answer.status // 100 in {4, 5}:
        return ""
    if answer.status // 100 == 3:  # noqa: PLR2004 (the class of redirects)
        host = _host_of(answer.headers.get("Location"), key)
        where = f" to {host}" if host else ""
        return f"It answered {answer.status}, a redirect{where}, which is never followed."
    return f"It answered {answer.status} where Asteroid answers {DELIVERED}."


def _plain(text: str) -> str:
    """Return the words of a text that may be an HTML page, as proxies and gateways send."""
    start = text[:8_192].strip()
    if not start.startswith("<"):
        return text.strip()
    return " ".join(html.unescape(_TAGS.sub(" ", start)).split())
