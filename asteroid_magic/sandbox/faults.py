"""Faults on order: how the next user-message requests must fail."""

import math
import threading
from collections import deque
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar, get_args

F = TypeVar("F")
Drop = Literal["before", "after"]

Spoiled = Literal["short", "cut", "longer", "loop", "insecure", "refused", "broken"]
"""How a download fails.

``"short"`` and ``"longer"`` have another size than the list says; ``"cut"`` ends before the length
that it states; ``"loop"`` redirects for ever, ``"insecure"`` to another host without encryption;
``"refused"`` answers 403 and ``"broken"`` 503.
"""

BODILESS = {204, 205, 304}
"""Statuses whose answers have no body (RFC 9110)."""


@dataclass(frozen=True)
class Fault:
    """How one user-message request fails; ``delay`` is in seconds."""

    status: int | None = None
    retry_after: str | None = None
    delay: float = 0.0
    drop: Drop | None = None
    body: bytes | None = None


class Faults(Generic[F]):
    """The faults still to come, first in, first out; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: deque[F] = deque()

    def add(self, fault: F, times: int) -> None:
        """Order a fault for so many requests.

        Raises :class:`ValueError` if ``times`` is not a whole number of at least 1.
        """
        if isinstance(times, bool) or not isinstance(times, int) or times < 1:
            raise ValueError(f"times must be a whole number of at least 1, not {times!r}.")
        with self._lock:
            self._queue.extend([fault] * times)

    def take(self) -> F | None:
        """Return the fault for the next request, None if none is on order."""
        with self._lock:
            return self._queue.popleft() if self._queue else None


def checked_fault(
    status: int | None,
    retry_after: float | str | None,
    delay: float,
    drop: str | None,
    body: bytes | str | None,
) -> Fault:
    """Return the fault with these values.

    Raises :class:`ValueError` for values that are impossible or contradict each other.
    """
    if status is not None and drop is not None:
        raise ValueError("A dropped connection has no status: give status or drop, not both.")
    if status is None and (retry_after is not None or body is not None):
        raise ValueError("retry_after and body belong to an answer: give a status too.")
    if status is None and drop is None and delay == 0:
        raise ValueError("This would change nothing: give a status, a delay or a drop.")
    if status in BODILESS and body is not None:
        raise ValueError(f"An answer with status {status} has no body: remove body.")
    return Fault(
        status=_checked_status(status),
        retry_after=_checked_retry_after(retry_after),
        delay=_checked_delay(delay),
        drop=_checked_drop(drop),
        body=body.encode() if isinstance(body, str) else body,
    )


def checked_spoiled(how: str) -> Spoiled:
    """Return ``how``; raises :class:`ValueError` for any other word."""
    for known in get_args(Spoiled):
        if how == known:
            return known  # type: ignore[no-any-return]
    raise ValueError(f"how must be one of {', '.join(get_args(Spoiled))}, not {how!r}.")


def _checked_status(status: int | None) -> int | None:
    if status is None:
        return None
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:  # noqa: PLR2004 - the final statuses of RFC 9110
        raise ValueError(f"status must be an HTTP status from 200 to 599, not {status!r}.")
    return status


def _checked_retry_after(retry_after: float | str | None) -> str | None:
    if retry_after is None:
        return None
    if isinstance(retry_after, str):
        if not (retry_after.isascii() and retry_after.isprintable()):
            raise ValueError(f"retry_after must be printable ASCII, not {retry_after!r}.")
    elif not _is_seconds(retry_after):
        raise ValueError(f"retry_after must be seconds (0 or more) or text, not {retry_after!r}.")
    return str(retry_after)


def _checked_delay(delay: float) -> float:
    if not _is_seconds(delay):
        raise ValueError(f"delay must be a number of seconds, 0 or more, not {delay!r}.")
    return delay


def _checked_drop(drop: str | None) -> Drop | None:
    match drop:
        case None | "before" | "after":
            return drop
        case _:
            raise ValueError(f'drop must be "before" or "after", not {drop!r}.')


def _is_seconds(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and value >= 0
