"""Reads JSON values leniently: a value of an unexpected type becomes None, never an error.

The server may change, and a reader must not fail on what it does not know yet.
"""

from datetime import UTC, datetime
from typing import Any

LARGEST_NUMBER = 1e15


def text(value: object) -> str | None:
    """Return the value if it is text and not empty."""
    return value if isinstance(value, str) and value else None


def number(value: object) -> int | float | None:
    """Return the value if it is a number that can be shown and calculated with.

    Not NaN, and not a number with thousands of digits, which Python refuses to write.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value if abs(value) < LARGEST_NUMBER else None
    return None


def members(value: object) -> dict[str, Any] | None:
    """Return the value if it is an object."""
    return value if isinstance(value, dict) else None


def moment(value: object) -> datetime | None:
    """Return the time of an RFC 3339 timestamp, always with a time zone.

    Also None if UTC has no date for it, such as the first hours of the year 1 in Asia.
    """
    try:
        read = datetime.fromisoformat(value)  # type: ignore[arg-type]
        read = read if read.tzinfo else read.replace(tzinfo=UTC)
        read.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None
    return read
