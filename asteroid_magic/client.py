"""`AsteroidClient`: sends a message to a running execution, and knows what became of it.

A send is tried until its outcome is known, or nothing more may be tried. Errors come back as
values and are raised in one place, outside every ``except`` block, without context or cause.
"""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import NoReturn, Self
from uuid import UUID

from .answers import DELIVERED, Answer, error_of
from .deadline import Deadline
from .errors import (
    AsteroidError,
    ConfigurationError,
    ConnectionFailed,
    DeliveryUnknown,
    RateLimited,
    SendInterrupted,
    ServerError,
)
from .outgoing import Outgoing, curl_command, prepare
from .records import NO_KEY, Delivery, DryRun
from .settings import KEY_VARIABLE, ApiKey, check_timeout, resolve
from .transport import Transport, headers_for

MASK = "********"
# Waits, in seconds, before another try of what provably was not sent.
BACKOFF = (0.1, 0.4)
# What becomes of a call that is cancelled while it waits.
_CUT_SHORT = (ConnectionFailed, DeliveryUnknown)
# A server that says "Retry-After: 0" all the time is not hammered.
SHORTEST_WAIT = 0.1


@dataclass
class _Call:
    """One send under way. `maybe_sent`: the server may have what the last request carried."""

    outgoing: Outgoing
    deadline: Deadline
    key: ApiKey
    attempts: int = 0
    maybe_sent: bool = False
    began: float = field(default_factory=time.monotonic)
    sent_at: datetime = field(default_factory=lambda: datetime.now(UTC))


class AsteroidClient:
    """Sends messages to executions; one client serves many threads over one connection pool.

    What is not given comes from the session, the environment or the keyring, in the order that
    `asteroid_magic.settings` states. `timeout` (seconds, 30 unless set) is one deadline for a
    whole call: connecting, retries, waiting, reading. Plain http goes to this machine only,
    unless `allow_insecure`.

    Raises `ConfigurationError` for a malformed key, base URL or timeout.
    """

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: float | None = None,
        *,
        allow_insecure: bool = False,
    ) -> None:
        fault: BaseException | None = None
        try:
            self._settings = resolve(api_key, base_url, timeout, allow_insecure=allow_insecure)
            self._transport = Transport(self.base_url)
        except BaseException as error:  # noqa: BLE001 (raised again below)
            fault = error.with_traceback(None)
        # Under `%xmode Verbose`, a traceback prints the locals of every frame.
        del api_key
        if fault is not None:
            raise fault
        self._closed = False

    @property
    def base_url(self) -> str:
        """The URL that all requests begin with."""
        return self._settings.base_url

    @property
    def timeout(self) -> float:
        """The deadline of a call, in seconds, where the call names none."""
        return self._settings.timeout

    def send(
        self, execution_id: str | UUID, message: str, *, timeout: float | Deadline | None = None
    ) -> Delivery:
        """Send `message` to the execution, exactly as it is, and return the `Delivery`.

        Every failure raises an `AsteroidError`, whose `outcome` says what is known of the
        message. Tried again is only what provably was not sent, and a 429 or 503 whose
        Retry-After fits in the deadline (seconds; the client's, if None; a `Deadline` can be
        cancelled by another thread, which ends as an interrupt does). Source: the contract's
        `ExecutionUserMessagesAdd`.
        """
        outgoing = prepare(execution_id, message)
        call = self._begin(outgoing, timeout)
        result = self._deliver(call) if isinstance(call, _Call) else call
        if isinstance(result, AsteroidError):
            raise result.about(outgoing.execution_id, message)
        return result

    def dry_run(self, execution_id: str | UUID, message: str) -> DryRun:
        """Return the request that `send` would make, the key masked; nothing is sent.

        Raises `InvalidInput` as `send` does.
        """
        outgoing = prepare(execution_id, message)
        headers = headers_for(MASK if self._settings.key else NO_KEY, outgoing.body)
        url = self._url(outgoing)
        return DryRun(
            execution_id=outgoing.execution_id,
            message=message,
            method="POST",
            url=url,
            headers=headers,
            body=outgoing.body.decode(),
            curl=curl_command(url, headers_for(f"${KEY_VARIABLE}"), outgoing.body),
        )

    def close(self) -> None:
        """Close the connections; the client sends no more."""
        self._closed = True
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        key = "with a key" if self._settings.key else "without a key"
        return f"<AsteroidClient {self.base_url}, {key}, timeout {self.timeout:g} s>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A client holds a key and connections; make one in each process.")

    def _begin(
        self, outgoing: Outgoing, timeout: float | Deadline | None
    ) -> _Call | ConfigurationError:
        if self._closed:
            return ConfigurationError("This client is closed.", hint="Make a new AsteroidClient.")
        key = self._settings.require_key()
        if isinstance(key, ConfigurationError):
            return key
        if isinstance(timeout, Deadline):
            return _Call(outgoing, timeout, key)
        try:
            seconds = self.timeout if timeout is None else check_timeout(timeout)
        except ConfigurationError as error:
            return error
        return _Call(outgoing, Deadline(seconds), key)

    def _deliver(self, call: _Call) -> Delivery | AsteroidError:
        """Try until the outcome is known, or nothing more may be tried."""
        stop: BaseException | None = None
        try:
            return self._try(call)
        except BaseException as error:  # noqa: BLE001 (raised again below)
            # The traceback ends here: its frames hold the request, and the request the key.
            stop = error.with_traceback(None)
        if not isinstance(stop, KeyboardInterrupt):
            raise stop
        begun = call.maybe_sent and not call.deadline.connecting
        interrupted = SendInterrupted(outcome="unknown" if begun else "not_delivered")
        return interrupted.about(None, None, call.attempts)

    def _try(self, call: _Call) -> Delivery | AsteroidError:
        while True:
            result = self._attempt(call)
            if isinstance(result, Delivery):
                return result
            if call.deadline.is_cancelled and isinstance(result, _CUT_SHORT):
                result = SendInterrupted(outcome=result.outcome)
            wait = _wait_before_retry(result, call.attempts)
            if wait is None or wait >= call.deadline.left() or self._closed:
                return result.about(None, None, call.attempts)
            call.deadline.wait(wait)

    def _attempt(self, call: _Call) -> Delivery | AsteroidError:
        call.attempts += 1
        call.sent_at = datetime.now(UTC)
        call.deadline.connecting = False
        call.maybe_sent = True
        url = self._url(call.outgoing)
        answer = self._transport.post(url, call.outgoing.body, call.key, call.deadline)
        if isinstance(answer, Answer) and answer.status == DELIVERED:
            return _delivery(self.base_url, call, answer)
        error = error_of(answer, call.key) if isinstance(answer, Answer) else answer
        call.maybe_sent = error.outcome == "unknown"
        return error

    def _url(self, outgoing: Outgoing) -> str:
        return f"{self.base_url}/executions/{outgoing.execution_id}/user-messages"


def _delivery(base_url: str, call: _Call, answer: Answer) -> Delivery:
    return Delivery(
        base_url=base_url,
        execution_id=call.outgoing.execution_id,
        message=call.outgoing.message,
        status_code=answer.status,
        server_text=answer.text,
        attempts=call.attempts,
        sent_at=call.sent_at,
        elapsed=time.monotonic() - call.began,
    )


def _wait_before_retry(error: AsteroidError, attempts: int) -> float | None:
    """Return the seconds to wait before another try, None where there must be none."""
    if isinstance(error, ConnectionFailed) and error.may_pass:
        return BACKOFF[attempts - 1] if attempts <= len(BACKOFF) else None
    if isinstance(error, RateLimited | ServerError) and error.outcome == "not_delivered":
        wait = error.retry_after
        return None if wait is None else max(SHORTEST_WAIT, wait)
    return None
