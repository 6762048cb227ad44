"""An answer, read within bounds, with the key taken out of it."""

import json
import re
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from requests import Response

from ...config.api_key import ApiKey
from ...text import shorten
from .connections import IS_STOCK
from .request import Request

PIECE: Final = 262_144
# Bytes of an error's body that are read, and characters of it that are kept.
LARGEST_ERROR: Final = 65_536
LARGEST_TEXT: Final = 60_000
# JSON may write any character of the key as an escape, which hides it from a search of the text.
_ESCAPED = re.compile(r"\\(?:u00([2-7][0-9a-fA-F])|/)")


@dataclass(frozen=True)
class Answer:
    """A status line and what could be read after it; the key, if echoed, is taken out.

    Of an answer that had to come whole, `body` holds it as it came, the key still in it.
    """

    status: int
    text: str
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)


class BodyTooLargeError(Exception):
    """The body is larger than it may be."""


class BodyCutShortError(Exception):
    """The body ended before its end."""


def read_answer(response: Response, key: ApiKey, asked: Request) -> Answer:
    """Read the answer, as much of it as `asked` says.

    A body that breaks off is kept as far as it came: the status line alone decides about a
    message. Only one that must come whole raises what `read_whole` raises.
    """
    status = response.status_code
    try:
        if asked.whole and status == asked.operation.expected:
            body = read_whole(response, asked.largest)
            return Answer(status, "", response.headers, body)
        text = read_some(response, min(asked.largest, LARGEST_ERROR)).decode("utf-8", "replace")
    finally:
        response.close()
    return Answer(status, shorten(key.hide_in(text), LARGEST_TEXT), response.headers)


def read_some(response: Response, largest: int) -> bytes:
    """Return the body, decoded, as far as it came: it may be cut short, stall, or never end."""
    raw = bytearray()
    # Reset, cut short, too late: what came is kept.
    with suppress(Exception):
        _read(response, raw, largest)
    return _inflate(response, bytes(raw), largest)[0]


def read_whole(response: Response, largest: int) -> bytes:
    """Return the whole body, decoded.

    Raises `BodyTooLargeError`, `BodyCutShortError`, or what the connection raises as it breaks.
    """
    raw = bytearray()
    _read(response, raw, largest + 1)
    length = response.headers.get("Content-Length", "")
    # Where the headers break off half-way, urllib3 gives an empty body and says nothing; and not
    # all of its releases compare the length.
    if not raw:
        raise BodyCutShortError
    if len(raw) <= largest and length.isdigit() and len(raw) != int(length):
        raise BodyCutShortError
    body, is_whole = _inflate(response, bytes(raw), largest + 1)
    if len(body) > largest:
        raise BodyTooLargeError
    if not is_whole:
        raise BodyCutShortError
    return body


def _read(response: Response, into: bytearray, largest: int) -> None:
    # read1 hands over each piece as it comes, where read would lose all at a break.
    read = getattr(response.raw, "read1", response.raw.read)
    while len(into) < largest:
        piece = read(min(PIECE, largest - len(into)), decode_content=False)
        if not piece:
            break
        into += piece
        if IS_STOCK and response.raw.length_remaining == 0:
            # The connection is free already: to ask for the end takes a thirtieth of a send.
            break


def _inflate(response: Response, raw: bytes, largest: int) -> tuple[bytes, bool]:
    """Return what the body holds, up to a size, and whether that is all of it."""
    if response.headers.get("Content-Encoding", "").lower() not in {"gzip", "deflate"}:
        return raw, True
    # Not left to urllib3, whose older releases inflate a whole piece, however large.
    inflating = zlib.decompressobj(wbits=47)
    try:
        return inflating.decompress(raw, largest), inflating.eof
    except zlib.error:
        return b"", False


def json_of(body: bytes, key: ApiKey) -> Any:
    """Return what the body says as JSON, the key taken out; raises `ValueError` for no JSON."""
    text = body.decode("utf-8", "replace")
    try:
        try:
            value = json.loads(text)
        except ValueError:
            # A number too long for Python makes the rest no less readable.
            value = json.loads(text, parse_int=_number)
        # To look into every value takes twice as long as to read them.
        return _without(key, value) if _holds(key, text) else value
    except RecursionError:
        nested_too_deep = ValueError("nested too deep")
    raise nested_too_deep


def _holds(key: ApiKey, text: str) -> bool:
    """Tell whether JSON holds the key, also where some of it is escaped."""
    plain = _ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else "/", text)
    return key.hide_in(text) != text or key.hide_in(plain) != plain


def _number(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:
        return float(digits)


def _without(key: ApiKey, value: Any) -> Any:
    if isinstance(value, str):
        return key.hide_in(value)
    if isinstance(value, list):
        return [_without(key, item) for item in value]
    if isinstance(value, dict):
        return {key.hide_in(name): _without(key, item) for name, item in value.items()}
    return value
