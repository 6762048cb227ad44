"""What the server's own clock shows, as far as the Date of an answer tells.

This machine's clock may be wrong by hours, so it is never held against a server's stamps: only
the seconds that it counts between two moments are used. A Date has whole seconds, it was written
at some moment between the request and its answer, and what stamps the activities may be the clock
of another machine of the service. So a moment is known to some seconds only, which are reckoned
with.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# How far, in seconds, two clocks of one service are taken to be apart at most.
SKEW = 1.0
RESOLUTION = 1.0
# The years of a Date that can be reckoned with.
YEARS = range(1970, 9000)


@dataclass(frozen=True)
class Clock:
    """A Date of the server, and the moments, by `time.monotonic`, between which it was written."""

    date: datetime
    asked: float
    answered: float

    @property
    def uncertainty(self) -> float:
        """Return how many seconds lie between the earliest and the latest that it can show."""
        return self.answered - self.asked + RESOLUTION + 2 * SKEW

    def earliest(self, moment: float) -> datetime:
        """Return the earliest that it can have shown at a moment by `time.monotonic`."""
        return self.date + timedelta(seconds=moment - self.answered - SKEW)

    def since(self, shown: datetime) -> float:
        """Return the earliest moment, by `time.monotonic`, at which it can have shown `shown`."""
        ahead = (shown - self.date).total_seconds()
        return self.asked + ahead - RESOLUTION - SKEW


def clock_of(headers: Mapping[str, str], asked: float, answered: float) -> Clock | None:
    """Return what the headers of an answer tell of the server's clock; None if that is nothing.

    An answer out of a cache has the Date of another time.
    """
    if headers.get("Age", "0").strip() != "0":
        return None
    try:
        date = parsedate_to_datetime(headers.get("Date", ""))
    except (TypeError, ValueError, OverflowError):
        return None
    if date.year not in YEARS:
        return None
    return Clock(date if date.tzinfo else date.replace(tzinfo=UTC), asked, answered)
