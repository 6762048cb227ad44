"""Makes the result of a row from its delivery or its error."""

from ..client.retry import busy_wait_s
from ..errors import AsteroidError
from ..models.delivery import Delivery
from ..models.report import RowResult, RowState
from ..text import shorten

LONGEST_DETAIL = 500


def delivered_row(position: int, delivery: Delivery) -> RowResult:
    """Return the result of a row whose message was delivered."""
    sent_at = delivery.sent_at.timestamp()
    return RowResult(position, "delivered", delivery.attempts, sent_at, delivery.elapsed)


def failed_row(position: int, error: AsteroidError) -> RowResult:
    """Return the result of a row whose message failed, or whose delivery is unknown."""
    return RowResult(
        position,
        _state_after(error),
        error.attempts,
        error=type(error).__name__,
        detail=storable(shorten(str(error), LONGEST_DETAIL)),
        wait=busy_wait_s(error),
        is_refusal=error.refuses_key,
        stops_batch=error.stops_batch,
    )


def _state_after(error: AsteroidError) -> RowState:
    if error.outcome == "unknown":
        return "unknown"
    # What keeps every message from being sent is no failure of this one.
    return "waiting" if error.stops_batch else "failed"


def storable(text: str) -> str:
    """Return the text with every half of a surrogate pair escaped: no file can hold one."""
    return text.encode("utf-8", "backslashreplace").decode()


def unknown_row(position: int, why: str) -> RowResult:
    """Return the result of a row that may have been sent, and that stays unknown."""
    return RowResult(position, "unknown", error="DeliveryUnknown", detail=why)
