"""What a fault of the network proves: that nothing was sent, or nothing at all."""

import socket
import ssl
from collections.abc import Iterator

import requests
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from ...errors import AsteroidError, ConnectionFailed, DeliveryUnknown, NoAnswer
from ...purposes import SEND, Purpose

# NewConnectionError is also what urllib3 raises, or derives, for a name without an address.
# Only these prove that no byte of the request left, whoever wraps them. A reset looks the same
# before and after the server has read a request.
_NOTHING_SENT = (
    requests.ConnectTimeout,
    NewConnectionError,
    ConnectTimeoutError,
    ssl.SSLCertVerificationError,
)


def error_of_fault(
    fault: Exception, purpose: Purpose, *, host: str, connecting: bool, timed_out: bool
) -> AsteroidError:
    """Return the error that a foreign exception amounts to; its text is never repeated.

    `connecting` says that the sockets know of no byte sent, `timed_out` that the deadline of
    the call has passed. Nothing is matched by its text: urllib3-future words it otherwise.
    """
    causes = list(_causes(fault))
    if connecting or any(isinstance(cause, _NOTHING_SENT) for cause in causes):
        why, hint = _why_not_connected(causes, host, timed_out=timed_out)
        failed = ConnectionFailed(why, hint=hint, purpose=purpose)
        failed.may_pass = hint is None
        return failed
    kind = DeliveryUnknown if purpose == SEND else NoAnswer
    if timed_out or any(isinstance(cause, (TimeoutError, requests.Timeout)) for cause in causes):
        return kind(f"Time ran out before {host} answered.", purpose=purpose)
    why = f"The connection to {host} broke before a readable answer came."
    return kind(why, purpose=purpose)


def _why_not_connected(
    causes: list[BaseException], host: str, *, timed_out: bool
) -> tuple[str, str | None]:
    """Return why no connection came about, and what to do where trying again cannot help."""
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = cause.verify_message.rstrip(".")
            hint = (
                "Check the base URL; behind a company proxy, "
                "set REQUESTS_CA_BUNDLE to the file with its certificates."
            )
            return f"The certificate of {host} cannot be trusted: {why}.", hint
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return f"The name {host} could not be resolved to an address.", None
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return f"{host} refused the connection: nothing listens there.", None
    # By type: before urllib3 2, NewConnectionError is a ConnectTimeoutError.
    timeouts = {ConnectTimeoutError, requests.ConnectTimeout, TimeoutError}
    if timed_out or any(type(cause) in timeouts for cause in causes):
        return f"{host} did not answer in time, so no connection came about.", None
    return f"No connection to {host} came about.", None


def _causes(fault: BaseException) -> Iterator[BaseException]:
    """Yield the fault and all that it wraps, by any of the three ways libraries wrap."""
    waiting: list[object] = [fault]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, getattr(one, "reason", None), *one.args]
