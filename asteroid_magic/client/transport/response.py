"""Reads an answer within limits, and hides the key in it."""

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
BYTE_ORDER_MARK: Final = "\ufeff"
# How many bytes of an error's body to read, and how many characters of it to keep.
LARGEST_ERROR: Final = 65_536
LARGEST_TEXT: Final = 60_000
# JSON may write any character of the key as an escape, which hides it from a search of the text.
_ESCAPED = re.compile(r"\\(?:u00([2-7][0-9a-fA-F])|/)")


@dataclass(frozen=True)
class Answer:
    """A status line and what could be read after it, with the key hidden if it was echoed.

    If the answer had to be whole, `body` holds it as it came, with the key still in it.
    """

    status: int
    text: str
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)


class BodyTooLargeError(Exception):
    """The body is larger than allowed: than `largest` bytes."""

    def __init__(self, largest: int) -> None:
        super().__init__(largest)
        self.largest = largest


class BodyCutShortError(Exception):
    """The body is incomplete."""


def read_answer(response: Response, key: ApiKey, asked: Request) -> Answer:
    """Read the answer, as much of it as `asked` says.

    If the body is cut short, keep what came: the status line alone decides about a message. Only
    a body that must be whole raises what `read_whole` raises.
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
    """Return the decoded body as far as it came: it may be cut short, stall, or never end."""
    raw = bytearray()
    # After a reset or a timeout, or if the body is cut short: keep what came.
    with suppress(Exception):
        _read(response, raw, largest)
    return _inflate(response, bytes(raw), largest)[0]


def read_whole(response: Response, largest: int) -> bytes:
    """Return the whole decoded body.

    Raises `BodyTooLargeError`, `BodyCutShortError`, or the error of a broken connection.
    """
    raw = bytearray()
    _read(response, raw, largest + 1)
    length = response.headers.get("Content-Length", "")
    # If the headers are cut short, urllib3 returns an empty body without an error; and not all of
    # its releases compare the length.
    if not raw:
        raise BodyCutShortError
    if len(raw) <= largest and length.isdigit() and len(raw) != int(length):
        raise BodyCutShortError
    body, is_whole = _inflate(response, bytes(raw), largest + 1)
    if len(body) > largest:
        raise BodyTooLargeError(largest)
    if not is_whole:
        raise BodyCutShortError
    return body


def _read(response: Response, into: bytearray, largest: int) -> None:
    # read1 returns each piece as it comes; read would lose them all if the connection broke.
    read = getattr(response.raw, "read1", response.raw.read)
    while len(into) < largest:
        piece = read(min(PIECE, largest - len(into)), decode_content=False)
        if not piece:
            break
        into += piece
        if IS_STOCK and response.raw.length_remaining == 0:
            # The connection is free already: asking for the end would take a thirtieth of a send.
            break


def _inflate(response: Response, raw: bytes, largest: int) -> tuple[bytes, bool]:
    """Return the decompressed body, up to a size, and whether that is all of it."""
    if response.headers.get("Content-Encoding", "").lower() not in {"gzip", "deflate"}:
        return raw, True
    # urllib3 does not do this: its older releases decompress a whole piece, however large.
    inflating = zlib.decompressobj(wbits=47)
    try:
        return inflating.decompress(raw, largest), inflating.eof
    except zlib.error:
        return b"", False


def json_of(body: bytes, key: ApiKey | None) -> Any:
    """Return the JSON value of the body with `key` hidden; raises `ValueError` if not JSON."""
    text = body.decode("utf-8", "replace").removeprefix(BYTE_ORDER_MARK)
    try:
        try:
            value = json.loads(text)
        except ValueError:
            # A number that is too long for Python must not make the rest unreadable.
            value = json.loads(text, parse_int=_number)
        # Searching every value takes twice as long as reading them.
        return without(key, value) if key is not None and _holds(key, text) else value
    except RecursionError:
        nested_too_deep = ValueError("nested too deep")
    raise nested_too_deep


def _holds(key: ApiKey, text: str) -> bool:
    """Return True if JSON holds the key, even with some of its characters escaped."""
    plain = _ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else "/", text)
    return key.hide_in(text) != text or key.hide_in(plain) != plain


def _number(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:
        return float(digits)


def without(key: ApiKey, value: Any) -> Any:
    """Return the JSON value with the key hidden in each of its strings and names."""
    if isinstance(value, str):
        return key.hide_in(value)
    if isinstance(value, list):
        return [without(key, item) for item in value]
    if isinstance(value, dict):
        return {key.hide_in(name): without(key, item) for name, item in value.items()}
    return value
