"""One call of a client, of any kind, from its first request to its outcome."""

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

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
from ..interrupts import interruptible
from .retry import READ_ONCE, RetryPolicy
from .transport.error_mapping import error_of
from .transport.request import Request
from .transport.response import Answer
from .transport.server_clock import Clock, clock_of
from .transport.transport import Transport

if TYPE_CHECKING:
    from requests import Response

T = TypeVar("T")

CANCELLED = "You cancelled the {call}"
# The errors of a call that is cancelled while it waits.
_CUT_SHORT = (ConnectionFailed, NoAnswer)


@dataclass
class Call:
    """One call under way. `maybe_done`: the server may have done what the last request asked.

    `asked_at`, and `asked` by `time.monotonic`, say when that request began; `clock` is the
    server's clock from the latest answer, `received` the bytes of all bodies read whole.
    """

    operation: Operation
    deadline: Deadline
    key: ApiKey
    execution_id: str | None = None
    message: str | None = None
    attempts: int = 0
    maybe_done: bool = False
    began: float = field(default_factory=time.monotonic)
    asked_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    asked: float = 0.0
    clock: Clock | None = None
    received: int = 0


class Requester:
    """The settings and connections of one client; makes all of its requests.

    `requests` counts them. `read_policy` says when to retry a read, if
    not as usual.
    """

    def __init__(
        self,
        settings: Settings,
        transport: Transport | None = None,
        read_policy: RetryPolicy | None = None,
    ) -> None:
        self.requests, self.read_policy = 0, read_policy
        self.settings = settings
        self.base_url = settings.base_url
        self._transport = transport or Transport(settings.base_url)
        self._closed = False
        self._dated: tuple[Mapping[str, str], float, float] | None = None

    def begin(
        self,
        operation: Operation,
        timeout: Timeout,
        execution_id: str | None = None,
        message: str | None = None,
    ) -> Call:
        """Return a call with its deadline; raises `ConfigurationError` if no call is possible.

        Each error of the call names the execution and the message.
        """
        try:
            key = self._key(operation)
            if timeout is None:
                timeout = self.settings.timeout
            if not isinstance(timeout, Deadline):
                timeout = Deadline(check_timeout(timeout, operation))
        except ConfigurationError as error:
            error.about(execution_id, message)
            raise
        return Call(operation, timeout, key, execution_id, message)

    def without_retries(self) -> "Requester":
        """Return one with the same settings and connections that makes each read only once."""
        if self._closed:
            raise self._closed_error(READ)
        return Requester(self.settings, self._transport, READ_ONCE)

    def _key(self, operation: Operation) -> ApiKey:
        if self._closed:
            raise self._closed_error(operation)
        return self.settings.require_key(operation)

    def _closed_error(self, operation: Operation) -> ConfigurationError:
        hint = "Create a new AsteroidClient."
        return ConfigurationError("This client is closed.", hint=hint, operation=operation)

    def request(self, call: Call, request: Request, policy: RetryPolicy) -> Answer:
        """Make the request until it succeeds; raise its error once `policy` allows no retry."""
        tries = 0
        while True:
            tries += 1
            try:
                return self._attempt(call, request)
            except AsteroidError as error:
                fault = error
            if call.deadline.is_cancelled and isinstance(fault, _CUT_SHORT):
                fault = _interrupted(call.operation, fault.outcome, CANCELLED)
            wait = policy.delay_s(fault, tries)
            if wait is None or wait >= call.deadline.left() or self._closed:
                raise fault
            call.deadline.wait(wait)

    def fetch(self, call: Call, url: str, read: "Callable[[Response], T]") -> T:
        """Request a signed URL once as part of a call, without the key; return what `read` does.

        Over connections of its own: those of this client carry the key.
        """
        self._take(call)
        try:
            self.requests += 1
            call.deadline.connecting = call.maybe_done = False
            with closing(Transport(url)) as transport:
                return transport.fetch(url, call.operation, call.deadline, read)
        finally:
            call.deadline.give_back()

    def _take(self, call: Call) -> None:
        # What its sockets note would count for both: a lost message could pass for unsent.
        if not call.deadline.take():
            hint = "Give each call a Deadline of its own."
            raise ConfigurationError(
                "Another call is using this Deadline.", hint=hint, operation=call.operation
            )

    def _attempt(self, call: Call, request: Request) -> Answer:
        self._take(call)
        try:
            return self._exchange(call, request)
        except AsteroidError as error:
            call.maybe_done = error.outcome == "unknown"
            raise
        finally:
            call.deadline.give_back()

    def _exchange(self, call: Call, request: Request) -> Answer:
        call.attempts += 1
        self.requests += 1
        call.asked_at, call.asked = datetime.now(UTC), time.monotonic()
        call.deadline.connecting = False
        call.maybe_done = True
        answer = self._transport.request(request, call.key, call.deadline)
        self._dated = answer.headers, call.asked, time.monotonic()
        if call.operation is READ:
            call.clock = clock_of(*self._dated)
        if answer.status == call.operation.expected:
            return answer
        raise error_of(answer, call.key, call.operation)

    @property
    def clock(self) -> Clock | None:
        """The server's clock from the latest answer to this client; None if unknown."""
        return None if self._dated is None else clock_of(*self._dated)

    def close(self) -> None:
        """Close the connections; no more calls are possible."""
        self._closed = True
        self._transport.close()


def guarded(call: Call, work: Callable[[], T]) -> T:
    """Return what `work` returns; make its errors and interrupts say what they are about."""
    try:
        return interruptible(work)
    except AsteroidError as error:
        fault: AsteroidError = error
    except KeyboardInterrupt:
        begun = call.maybe_done and not call.deadline.connecting
        outcome: Outcome = "unknown" if begun else call.operation.failed
        fault = _interrupted(call.operation, outcome)
    sent_at = call.asked_at if call.attempts else None
    raise fault.about(call.execution_id, call.message, call.attempts, sent_at)


def _interrupted(operation: Operation, outcome: Outcome, title: str | None = None) -> Interrupted:
    kind = SendInterrupted if operation is SEND else Interrupted
    return kind(title=title and operation.words(title), outcome=outcome, operation=operation)
