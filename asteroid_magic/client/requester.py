"""One call of a client, from its first request to its outcome, whatever the call is for.

Errors come back as values, so that no frame of requests, with the key in its locals, hangs on
them; `unwrap` raises them in one place, outside every ``except`` block.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from ..config.api_key import ApiKey
from ..config.settings import Settings, check_timeout
from ..deadline import Deadline, Timeout
from ..errors import (
    READ,
    SEND,
    AsteroidError,
    ConfigurationError,
    ConnectionFailed,
    Interrupted,
    NoAnswer,
    Operation,
    Outcome,
    SendInterrupted,
)
from .retry import RetryPolicy
from .transport.error_mapping import error_of
from .transport.request import Request
from .transport.response import Answer
from .transport.server_clock import Clock, clock_of
from .transport.transport import Transport

T = TypeVar("T")

CANCELLED = "You cancelled the {call}"
# What becomes of a call that is cancelled while it waits.
_CUT_SHORT = (ConnectionFailed, NoAnswer)


@dataclass
class Call:
    """One call under way. `maybe_done`: the server may have done what the last request asked.

    `asked_at` and `asked`, by `time.monotonic`, say when that began; `clock` is the server's, as
    the latest answer has told.
    """

    operation: Operation
    deadline: Deadline
    key: ApiKey
    attempts: int = 0
    maybe_done: bool = False
    began: float = field(default_factory=time.monotonic)
    asked_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    asked: float = 0.0
    clock: Clock | None = None


class Requester:
    """The settings and the connections of one client, with the one way in which it asks."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.base_url = settings.base_url
        self._transport = Transport(settings.base_url)
        self._closed = False
        self._dated: tuple[Mapping[str, str], float, float] | None = None

    def begin(self, operation: Operation, timeout: Timeout) -> Call | ConfigurationError:
        """Return a call with its deadline, or the setting that stands in its way."""
        if self._closed:
            hint = "Make a new AsteroidClient."
            return ConfigurationError("This client is closed.", hint=hint, operation=operation)
        key = self.settings.require_key(operation)
        if isinstance(key, ConfigurationError):
            return key
        if isinstance(timeout, Deadline):
            return Call(operation, timeout, key)
        try:
            seconds = (
                self.settings.timeout if timeout is None else check_timeout(timeout, operation)
            )
        except ConfigurationError as error:
            return error
        return Call(operation, Deadline(seconds), key)

    def request(self, call: Call, request: Request, policy: RetryPolicy) -> Answer | AsteroidError:
        """Make the request until it succeeds, or `policy` allows no other try."""
        tries = 0
        while True:
            tries += 1
            result = self._attempt(call, request)
            if isinstance(result, Answer):
                return result
            if call.deadline.is_cancelled and isinstance(result, _CUT_SHORT):
                result = _interrupted(call.operation, result.outcome, CANCELLED)
            wait = policy.delay_s(result, tries)
            if wait is None or wait >= call.deadline.left() or self._closed:
                return result.about(None, None, call.attempts)
            call.deadline.wait(wait)

    def _attempt(self, call: Call, request: Request) -> Answer | AsteroidError:
        call.attempts += 1
        call.asked_at, call.asked = datetime.now(UTC), time.monotonic()
        call.deadline.connecting = False
        call.maybe_done = True
        result = self._transport.request(request, call.key, call.deadline)
        if isinstance(result, Answer):
            self._dated = result.headers, call.asked, time.monotonic()
            if call.operation is READ:
                call.clock = clock_of(*self._dated)
            if result.status == call.operation.expected:
                return result
            result = error_of(result, call.key, call.operation)
        call.maybe_done = result.outcome == "unknown"
        return result

    @property
    def clock(self) -> Clock | None:
        """Return the server's clock, as the latest answer of this client has told."""
        return None if self._dated is None else clock_of(*self._dated)

    def close(self) -> None:
        """Close the connections; no more calls are made."""
        self._closed = True
        self._transport.close()


def guarded(call: Call, work: Callable[[], T]) -> T | AsteroidError:
    """Return what `work` returns; an interrupt becomes an error like any other."""
    stop: BaseException | None = None
    try:
        return work()
    except BaseException as error:  # noqa: BLE001 (raised again below)
        # The traceback ends here: its frames hold the request, and the request the key.
        stop = error.with_traceback(None)
    if not isinstance(stop, KeyboardInterrupt):
        raise stop
    begun = call.maybe_done and not call.deadline.connecting
    outcome: Outcome = "unknown" if begun else call.operation.failed
    return _interrupted(call.operation, outcome).about(None, None, call.attempts)


def _interrupted(operation: Operation, outcome: Outcome, title: str | None = None) -> Interrupted:
    kind = SendInterrupted if operation is SEND else Interrupted
    return kind(title=title and operation.words(title), outcome=outcome, operation=operation)


def unwrap(
    result: T | AsteroidError, execution_id: str | None = None, message: str | None = None
) -> T:
    """Return the result, or raise it if it is an error, saying what it is about."""
    if isinstance(result, AsteroidError):
        raise result.about(execution_id, message)
    return result
