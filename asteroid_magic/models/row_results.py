"""What became of a row of a batch, in a form that is small, is stored, and travels."""

from typing import Final, Literal, NamedTuple

from ..errors import AsteroidError, RateLimited, ServerError
from ..text import shorten
from .delivery import Delivery

State = Literal["waiting", "under_way", "delivered", "failed", "unknown"]
STATES: Final[tuple[State, ...]] = ("waiting", "under_way", "delivered", "failed", "unknown")

# The execution, and the message.
Row = tuple[str, str]
# With its position, counted from 0.
Numbered = tuple[int, Row]

LONGEST_DETAIL = 500
# A server that says "Retry-After: 0" all the time is not hammered.
SHORTEST_WAIT = 0.1


class Outcome(NamedTuple):
    """What became of the row at `position`, counted from 0.

    `sent_at` is in seconds since 1970, `elapsed` in seconds, `error` the name of the kind of
    error and `detail` what it says. `wait`: the server takes no more messages for so many
    seconds, or for a while if it is 0, and this one is to be sent again then.
    """

    position: int
    state: State
    attempts: int = 0
    sent_at: float | None = None
    elapsed: float | None = None
    error: str | None = None
    detail: str | None = None
    wait: float | None = None


def outcome_of(position: int, result: Delivery | AsteroidError) -> Outcome:
    """Return the outcome that a send came to."""
    if isinstance(result, Delivery):
        sent_at = result.sent_at.timestamp()
        return Outcome(position, "delivered", result.attempts, sent_at, result.elapsed)
    return Outcome(
        position,
        "unknown" if result.outcome == "unknown" else "failed",
        result.attempts,
        error=type(result).__name__,
        detail=storable(shorten(str(result), LONGEST_DETAIL)),
        wait=_wait(result),
    )


def storable(text: str) -> str:
    """Return the text with every half of a surrogate pair written out: no file can hold one."""
    return text.encode("utf-8", "backslashreplace").decode()


def lost(position: int, why: str) -> Outcome:
    """Return the outcome of a row that was handed over, and of which nothing came back."""
    return Outcome(position, "unknown", error="DeliveryUnknown", detail=why)


def _wait(error: AsteroidError) -> float | None:
    if not isinstance(error, RateLimited | ServerError) or error.outcome == "unknown":
        return None
    if error.retry_after is not None:
        return max(SHORTEST_WAIT, error.retry_after)
    return 0.0 if isinstance(error, RateLimited) else None
