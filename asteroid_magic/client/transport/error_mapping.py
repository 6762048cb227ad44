"""What an HTTP answer means: what of it is kept, and the error it amounts to."""

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

from requests import Response

from ...config.api_key import ApiKey
from ...errors import (
    ApiError,
    BadRequest,
    Forbidden,
    NotFound,
    RateLimited,
    ServerError,
    Unauthorized,
    UnexpectedAnswer,
)
from ...models.message import Request
from ...purposes import Outcome, Purpose
from ...text import shorten
from .response import read_some, read_whole

LARGEST_ERROR: Final = 65_536
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
    """A status line and what could be read after it; the key, if echoed, is taken out.

    Of an answer that had to come whole, `body` holds it as it came, the key still in it.
    """

    status: int
    text: str
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)


def read_answer(response: Response, key: ApiKey, asked: Request) -> Answer:
    """Read the answer, as much of it as `asked` says.

    A body that breaks off is kept as far as it came: the status line alone decides about a
    message. Only one that must come whole raises what `read_whole` raises.
    """
    status = response.status_code
    try:
        if asked.whole and status == asked.purpose.expected:
            body = read_whole(response, asked.largest)
            return Answer(status, "", response.headers, body)
        text = read_some(response, min(asked.largest, LARGEST_ERROR)).decode("utf-8", "replace")
    finally:
        response.close()
    return Answer(status, shorten(key.hide_in(text), LARGEST_KEPT), response.headers)


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


def error_of(answer: Answer, key: ApiKey, purpose: Purpose) -> ApiError:
    """Return the error that an answer other than that of success amounts to."""
    status = answer.status
    body = _json_object(answer.text)
    members = _members(body, key)
    kind = _KINDS.get(status) or _kind_of_class(status)
    said = members.get("detail") or members.get("message") or members.get("title")
    # Once more: what was JSON or HTML may have hidden the key behind escapes.
    text = _plain(answer.text) if body is None else json.dumps(body, ensure_ascii=False)
    text = shorten(key.hide_in(text), LONGEST_TEXT)
    error = kind(
        _own_words(answer, key, purpose)
        or said
        or text
        or f"It answered {status} and gave no reason.",
        status_code=status,
        members=members,
        server_text=text,
        outcome=_outcome_of(status),
        purpose=purpose,
    )
    if isinstance(error, RateLimited | ServerError):
        error.retry_after = _retry_after(answer.headers.get("Retry-After"))
        if error.retry_after and error.outcome != "unknown":
            error.hint = f"Wait {error.retry_after:,.0f} seconds, then {purpose.again}."
    return error


def _kind_of_class(status: int) -> type[ApiError]:
    return {4: ApiError, 5: ServerError}.get(status // 100, UnexpectedAnswer)


def _outcome_of(status: int) -> Outcome:
    """Tell what is known: a refusal, a redirect or a 503 took nothing, a login page may have."""
    refused = status // 100 in {3, 4} or status == 503  # noqa: PLR2004 (these are the statuses)
    return "not_delivered" if refused else "unknown"


def _own_words(answer: Answer, key: ApiKey, purpose: Purpose) -> str:
    if answer.status // 100 in {4, 5}:
        return ""
    if answer.status // 100 == 3:  # noqa: PLR2004 (the class of redirects)
        host = _host_of(answer.headers.get("Location"), key)
        where = f" to {host}" if host else ""
        return f"It answered {answer.status}, a redirect{where}, which is never followed."
    return f"It answered {answer.status} where Asteroid answers {purpose.expected}."


def _plain(text: str) -> str:
    """Return the words of a text that may be an HTML page, as proxies and gateways send."""
    start = text[:8_192].strip()
    if not start.startswith("<"):
        return text.strip()
    return " ".join(html.unescape(_TAGS.sub(" ", start)).split())
