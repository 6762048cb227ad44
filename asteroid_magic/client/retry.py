"""All rules for retries: what to retry, how often, after how long, and when to give up.

A single message, a read and a message of a batch have a `RetryPolicy` each. Repeated looks at an
execution, for a lost message or at a busy server have a `Backoff`.
"""

from dataclasses import dataclass
from typing import Literal

from ..errors import ApiError, AsteroidError, UnexpectedAnswer

# Keeps a server that always says "Retry-After: 0" from being flooded.
SHORTEST_WAIT_S = 0.1
# The statuses of a server that accepts nothing for now.
BUSY = (429, 503)


@dataclass(frozen=True)
class RetryPolicy:
    """When to retry a failed request.

    `delays_s` are the seconds before each retry of a request that got no answer. `busy` says
    whether to retry when the server accepts nothing for now (429; for reads also 503): ``"never"``,
    only ``"when it says when"`` with Retry-After, or ``"always"``.
    """

    delays_s: tuple[float, ...]
    busy: Literal["never", "when it says when", "always"]

    def delay_s(self, error: AsteroidError, tries: int) -> float | None:
        """Return the seconds to wait after so many `tries`; None: do not retry.

        Never repeats a call that may have taken effect.
        """
        if error.is_final or error.outcome == "unknown" or isinstance(error, UnexpectedAnswer):
            return None
        asked = asked_wait_s(error)
        is_tired = tries > len(self.delays_s)
        if isinstance(error, ApiError) and self.busy != "always":
            return None if self.busy == "never" or is_tired else asked
        if asked is not None:
            # A server that asks for no wait gets one that grows all the same.
            return max(asked, self.delays_s[min(tries, len(self.delays_s)) - 1])
        return None if is_tired else self.delays_s[tries - 1]


UNSENT_MESSAGE = RetryPolicy((0.1, 0.4), busy="when it says when")
# A batch pauses all of its messages together instead: see `busy_wait_s`.
BATCH_MESSAGE = RetryPolicy((0.1, 0.4), busy="never")
READ_REQUEST = RetryPolicy((0.1, 0.4, 1.0, 2.0), busy="always")
# For one who looks again anyway, and counts requests.
READ_ONCE = RetryPolicy((), busy="never")


@dataclass(frozen=True)
class Backoff:
    """Waits, in seconds, that grow by `factor` from the first to the longest."""

    first_s: float
    longest_s: float
    factor: float = 2.0

    def after_s(self, times: int) -> float:
        """Return the wait that follows so many earlier ones in a row; `times` begins at 0."""
        # A float holds only so large a power; the longest wait is reached long before.
        return min(self.first_s * self.factor ** min(times, 100), self.longest_s)


# Between two looks at an execution while nothing happens. This many refused looks in a row end it.
WATCH = Backoff(0.5, 5.0, 1.5)
MOST_REFUSED_LOOKS = 3
# Between two looks for a message whose answer was lost: by a single send, and by a batch.
CONFIRMATION = Backoff(0.1, 1.5)
RECONCILIATION = Backoff(0.5, 2.0)
# Before a batch sends again to a busy server that does not say for how long. The batch gives up
# after so many seconds without an accepted message, or so many refusals of the key in a row.
BUSY_SERVER = Backoff(1.0, 60.0)
LONGEST_BUSY_S = 300.0
MOST_REFUSED_MESSAGES = 5


def asked_wait_s(error: AsteroidError) -> float | None:
    """Return the wait that the server asks for with Retry-After, None if it asks for none."""
    wait = error.retry_after
    return None if wait is None else max(SHORTEST_WAIT_S, wait)


def busy_wait_s(error: AsteroidError) -> float | None:
    """Return how long a batch pauses its messages after this error; None: it does not pause.

    0 means that the server is busy and does not say for how long.
    """
    is_busy = isinstance(error, ApiError) and error.status_code in BUSY
    if not is_busy:
        return None
    asked = asked_wait_s(error)
    return 0.0 if asked is None else asked
