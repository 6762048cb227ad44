"""What became of a row of a batch, made of what its send came to."""

from ..client.retry import busy_wait_s
from ..errors import AsteroidError
from ..models.delivery import Delivery
from ..models.report import RowResult
from ..text import shorten

LONGEST_DETAIL = 500


def row_result_of(position: int, result: Delivery | AsteroidError) -> RowResult:
    """Return what became of a row, from what its send came to."""
    if isinstance(result, Delivery):
        sent_at = result.sent_at.timestamp()
        return RowResult(position, "delivered", result.attempts, sent_at, result.elapsed)
    return RowResult(
        position,
        "unknown" if result.outcome == "unknown" else "failed",
        result.attempts,
        error=type(result).__name__,
        detail=storable(shorten(str(result), LONGEST_DETAIL)),
        wait=busy_wait_s(result),
        is_refusal=result.refuses_key,
    )


def storable(text: str) -> str:
    """Return the text with every half of a surrogate pair written out: no file can hold one."""
    return text.encode("utf-8", "backslashreplace").decode()


def lost(position: int, why: str) -> RowResult:
    """Return the outcome of a row that was handed over, and of which nothing came back."""
    return RowResult(position, "unknown", error="DeliveryUnknown", detail=why)
