"""Decides when to look: often while something happens, seldom otherwise, within limits.

Pure policy, without threads and requests. All times are in seconds, by the clock that is given.
"""

import math
from collections import deque
from collections.abc import Callable
from typing import Literal

from ..client.retry import Backoff
from ..errors import AsteroidError

Subject = Literal["conversation", "inbox"]

# Something happens until so long after the last touch, or the last news.
LIVELY_S = 10.0
# Between two looks while something happens, and otherwise: two of each subject in any minute.
LIVELY_LOOKS, LIVELY_LISTING_S = Backoff(1.5, 5.0, 1.5), 8.0
IDLE_S = 31.0
AFTER_FAILURE = Backoff(2.0, IDLE_S)
# In any minute, however much happens; a look may take eight requests at most.
MOST_REQUESTS, MINUTE_S = 50, 60.0
# Several settings may change together.
SETTLE_S = 0.1


class _Pace:
    """The looks at one subject: the next one is due at `due`."""

    def __init__(self) -> None:
        self.looked = self.due = -math.inf
        self.quiet_looks = self.failures = 0
        self.is_refused = False


class Schedule:
    """When the next look at each subject is due.

    The looks end `stops_after` seconds after the user was last there: touched something, or had
    the view in sight. `awaits_reply`: a reply counts as something that happens.
    """

    def __init__(self, clock: Callable[[], float], stops_after: float) -> None:
        self.awaits_reply = False
        self._clock, self._stops_after = clock, stops_after
        self._present = self._happened = -math.inf
        self._not_before = -math.inf
        self._requests: deque[float] = deque(maxlen=MOST_REQUESTS)
        self._paces: dict[Subject, _Pace] = {"conversation": _Pace(), "inbox": _Pace()}

    @property
    def stops_in(self) -> float:
        """The seconds until the looks stop; 0 if they have stopped."""
        return max(0.0, self._present + self._stops_after - self._clock())

    def seen(self) -> None:
        """Note that the user has the view in sight."""
        self._present = self._clock()

    def touched(self) -> None:
        """Note that the user has typed, chosen or pressed something."""
        self.seen()
        self.happened()

    def happened(self) -> None:
        """Note that something is new: look again soon."""
        now = self._clock()
        was_lively, self._happened = self._is_lively(), now
        for subject, pace in self._paces.items():
            if not was_lively:
                pace.quiet_looks = 0
            if not pace.is_refused:
                pace.due = min(pace.due, pace.looked + self._interval(subject))

    def refresh(self, *subjects: Subject) -> None:
        """Make looks due now, even those that were refused."""
        self.seen()
        for subject in subjects or tuple(self._paces):
            self._paces[subject] = _Pace()

    def start_anew(self) -> None:
        """Begin again, with another key or at another server."""
        self.refresh()
        self._not_before = self._clock() + SETTLE_S

    def requested(self, requests: int) -> None:
        """Count so many requests, made just now."""
        self._requests.extend([self._clock()] * requests)

    def looked(self, subject: Subject, *, news: bool) -> None:
        """Note a look that succeeded, and whether it brought news."""
        pace = self._paces[subject]
        pace.failures, pace.is_refused = 0, False
        pace.looked = self._clock()
        if news:
            pace.quiet_looks = 0
            self.happened()
        pace.due = pace.looked + self._interval(subject)
        pace.quiet_looks += 1

    def failed(self, subject: Subject, error: AsteroidError) -> None:
        """Note a look that failed. If it would fail again, be in no haste to repeat it."""
        now, pace = self._clock(), self._paces[subject]
        pace.failures += 1
        pace.is_refused = error.is_final and not self.awaits_reply
        pace.looked = now
        pace.due = now + (IDLE_S if pace.is_refused else self._interval(subject))
        self.hold_off(error)

    def hold_off(self, error: AsteroidError) -> None:
        """Make no request for as long as the server asks for with this error."""
        self._not_before = max(self._not_before, self._clock() + (error.retry_after or 0.0))

    def due_in(self, subject: Subject) -> float:
        """Return the seconds until the next look at a subject; infinity if there is none."""
        return self._allowed(self._paces[subject].due)

    def more_in(self) -> float:
        """Return the seconds until any other request may be made; infinity if there is none."""
        return self._allowed(-math.inf)

    def _allowed(self, due: float) -> float:
        if len(self._requests) == MOST_REQUESTS:
            due = max(due, self._requests[0] + MINUTE_S)
        wait = max(0.0, max(due, self._not_before) - self._clock())
        return wait if wait < self.stops_in else math.inf

    def _is_lively(self) -> bool:
        return self.awaits_reply or self._clock() - self._happened < LIVELY_S

    def _interval(self, subject: Subject) -> float:
        pace, is_lively = self._paces[subject], self._is_lively()
        usual = IDLE_S
        if is_lively:
            is_inbox = subject == "inbox"
            usual = LIVELY_LISTING_S if is_inbox else LIVELY_LOOKS.after_s(pace.quiet_looks)
        if not pace.failures:
            return usual
        after_failure = AFTER_FAILURE.after_s(pace.failures - 1)
        if not is_lively:
            return after_failure
        return max(usual, min(after_failure, LIVELY_LOOKS.longest_s))
