"""Makes the result of a row from its delivery or its error."""

from ..client.retry import busy_wait_s
from ..errors import AsteroidError, DeliveryUnknown
from ..models.delivery import Delivery
from ..models.report import RowResult, RowState
from ..text import shorten

LONGEST_DETAIL = 500


def delivered_row(position: int, delivery: Delivery) -> RowResult:
    """Return the result of a row whose message was delivered."""
    sent_at = None if delivery.sent_at is None else delivery.sent_at.timestamp()
    return RowResult(position, "delivered", delivery.attempts, sent_at, delivery.elapsed)


def failed_row(position: int, error: AsteroidError) -> RowResult:
    """Return the result of a row whose message failed, or whose delivery is unknown."""
    state = _state_after(error)
    # When it may have been sent: a later look for its arrival needs that.
    sent_at = error.sent_at if state == "unknown" else None
    return RowResult(
        position,
        state,
        error.attempts,
        None if sent_at is None else sent_at.timestamp(),
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


def unknown_row(position: int, why: str, error: str = "") -> RowResult:
    """Return the result of a row that may have been sent, and that stays unknown.

    `error` is the name of the error's class, if another one is known already.
    """
    detail = storable(shorten(why, LONGEST_DETAIL))
    return RowResult(position, "unknown", error=error or DeliveryUnknown.__name__, detail=detail)
