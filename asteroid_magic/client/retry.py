"""When a failed request may be made again, and after how many seconds.

A policy is a function of the error and of the number of tries so far; None means: not again.
"""

from collections.abc import Callable

from ..errors import AsteroidError, ConnectionFailed, NoAnswer, RateLimited, ServerError

RetryPolicy = Callable[[AsteroidError, int], float | None]

# Waits before another try: of what provably did nothing, and of what only reads.
UNSENT_DELAYS_S = (0.1, 0.4)
READ_DELAYS_S = (0.1, 0.4, 1.0, 2.0)
# A server that says "Retry-After: 0" all the time is not hammered.
SHORTEST_WAIT_S = 0.1


def retry_unsent(error: AsteroidError, tries: int) -> float | None:
    """Return the seconds before another try of what may be done only once.

    It is retried only where it provably did nothing.
    """
    if isinstance(error, ConnectionFailed) and error.may_pass:
        return _delay(UNSENT_DELAYS_S, tries)
    if isinstance(error, RateLimited | ServerError) and error.outcome != "unknown":
        wait = error.retry_after
        return None if wait is None else max(SHORTEST_WAIT_S, wait)
    return None


def retry_unsent_no_wait(error: AsteroidError, tries: int) -> float | None:
    """Return what `retry_unsent` does, but never wait because the server is busy.

    For a batch, which then holds back all of its messages at once.
    """
    return None if isinstance(error, RateLimited | ServerError) else retry_unsent(error, tries)


def retry_read(error: AsteroidError, tries: int) -> float | None:
    """Return the seconds before another try of a request that changes nothing."""
    if isinstance(error, RateLimited | ServerError) and error.retry_after is not None:
        return max(SHORTEST_WAIT_S, error.retry_after)
    may_pass = isinstance(error, NoAnswer | RateLimited | ServerError) or (
        isinstance(error, ConnectionFailed) and error.may_pass
    )
    return _delay(READ_DELAYS_S, tries) if may_pass else None


def _delay(delays: tuple[float, ...], tries: int) -> float | None:
    return delays[tries - 1] if tries <= len(delays) else None
