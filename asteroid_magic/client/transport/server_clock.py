"""The server's own clock, as far as the Date header of an answer tells it.

This machine's clock may be wrong by hours, so never compare it with the server's timestamps: use
only the seconds that it counts between two moments. A Date has whole seconds, the server wrote it
at some moment between the request and its answer, and the activities may get their timestamps from
another machine of the service. So times are known only to a few seconds; the code allows for that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# How many seconds two clocks of one service are assumed to differ at most.
SKEW = 2.0
RESOLUTION = 1.0
# The years of a Date that can be calculated with.
YEARS = range(1970, 9000)


@dataclass(frozen=True)
class Clock:
    """A Date of the server, written between two moments by `time.monotonic`."""

    date: datetime
    asked: float
    answered: float

    @property
    def uncertainty(self) -> float:
        """The seconds between the earliest and the latest time that it can show."""
        return self.answered - self.asked + RESOLUTION + 2 * SKEW

    def earliest(self, moment: float) -> datetime:
        """Return the earliest time that it can have shown at `moment`, by `time.monotonic`."""
        return self.date + timedelta(seconds=moment - self.answered - SKEW)

    def latest(self, moment: float) -> datetime:
        """Return the latest time that it can have shown at `moment`, by `time.monotonic`."""
        return self.date + timedelta(seconds=moment - self.asked + RESOLUTION + SKEW)

    def since(self, shown: datetime) -> float:
        """Return the earliest moment, by `time.monotonic`, at which it can have shown `shown`."""
        ahead = (shown - self.date).total_seconds()
        return self.asked + ahead - RESOLUTION - SKEW


def clock_of(headers: Mapping[str, str], asked: float, answered: float) -> Clock | None:
    """Return the server's clock from the headers of an answer, None if they do not tell it.

    An answer from a cache does not count: its Date is old.
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
