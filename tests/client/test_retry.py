"""The policy of trying again, as a table."""

import pytest

from asteroid_magic import errors
from asteroid_magic.client.retry import (
    BATCH_MESSAGE,
    BUSY_SERVER,
    CONFIRMATION,
    READ_REQUEST,
    RECONCILIATION,
    UNSENT_MESSAGE,
    WATCH,
    Backoff,
    RetryPolicy,
    busy_wait_s,
)
from asteroid_magic.errors import READ, AsteroidError


def busy(kind: type[errors.ApiError], wait: float | None, **about: object) -> AsteroidError:
    error = kind("busy", **about)  # type: ignore[arg-type]
    error.retry_after = wait
    return error


def final(error: AsteroidError) -> AsteroidError:
    error.is_final = True
    return error


@pytest.mark.parametrize(
    ("policy", "error", "delays"),
    [
        (UNSENT_MESSAGE, errors.ConnectionFailed(), [0.1, 0.4, None]),
        (UNSENT_MESSAGE, final(errors.ConnectionFailed()), [None]),
        (UNSENT_MESSAGE, errors.DeliveryUnknown(), [None]),
        (UNSENT_MESSAGE, busy(errors.RateLimited, 3), [3, 3, None]),
        (UNSENT_MESSAGE, busy(errors.RateLimited, 0), [0.1, 0.1, None]),
        (UNSENT_MESSAGE, busy(errors.RateLimited, None), [None]),
        (UNSENT_MESSAGE, busy(errors.ServerError, 3, outcome="unknown"), [None]),
        (UNSENT_MESSAGE, errors.Unauthorized(), [None]),
        (BATCH_MESSAGE, errors.ConnectionFailed(), [0.1, 0.4, None]),
        (BATCH_MESSAGE, busy(errors.RateLimited, 3), [None]),
        (READ_REQUEST, errors.NoAnswer(operation=READ), [0.1, 0.4, 1.0, 2.0, None]),
        (READ_REQUEST, busy(errors.ServerError, 9, operation=READ), [9, 9, 9, 9, 9]),
        (READ_REQUEST, busy(errors.ServerError, 0, operation=READ), [0.1, 0.4, 1.0, 2.0, 2.0]),
        (READ_REQUEST, busy(errors.ServerError, None, operation=READ), [0.1, 0.4, 1.0, 2.0, None]),
        (READ_REQUEST, errors.UnexpectedAnswer(operation=READ), [None]),
        (READ_REQUEST, errors.NotFound(operation=READ), [None]),
        (READ_REQUEST, errors.Interrupted(operation=READ), [None]),
    ],
)
def test_what_is_retried_and_after_how_long(
    policy: RetryPolicy, error: AsteroidError, delays: list[float | None]
) -> None:
    assert [policy.delay_s(error, tries) for tries in range(1, len(delays) + 1)] == delays


@pytest.mark.parametrize(
    ("backoff", "waits"),
    [
        (WATCH, [0.5, 0.75, 1.125]),
        (CONFIRMATION, [0.1, 0.2, 0.4, 0.8, 1.5, 1.5]),
        (RECONCILIATION, [0.5, 1.0, 2.0, 2.0]),
        (BUSY_SERVER, [1, 2, 4, 8, 16, 32, 60, 60]),
    ],
)
def test_waits_grow_up_to_the_longest(backoff: Backoff, waits: list[float]) -> None:
    assert [backoff.after_s(times) for times in range(len(waits))] == pytest.approx(waits)


def test_a_wait_after_a_day_of_them_is_still_the_longest() -> None:
    assert WATCH.after_s(17_280) == 5.0


def test_a_batch_pauses_for_a_busy_server_alone() -> None:
    assert busy_wait_s(busy(errors.RateLimited, 7, status_code=429)) == 7
    assert busy_wait_s(busy(errors.RateLimited, 0, status_code=429)) == 0.1
    assert busy_wait_s(busy(errors.RateLimited, None, status_code=429)) == 0
    assert busy_wait_s(busy(errors.ServerError, 7, status_code=503, outcome="unknown")) == 7
    assert busy_wait_s(busy(errors.ServerError, 7, status_code=500, outcome="unknown")) is None
    assert busy_wait_s(errors.ConnectionFailed()) is None
