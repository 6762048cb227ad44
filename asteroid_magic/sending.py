"""How a message is sent: tried until its outcome is known, or nothing more may be tried."""

import time

from .answers import Answer
from .calls import Call, Caller, guarded, once
from .deadline import Timeout
from .errors import AsteroidError, ConfigurationError
from .outgoing import Outgoing, Request
from .purposes import SEND
from .records import Delivery


def send(caller: Caller, outgoing: Outgoing, timeout: Timeout) -> Delivery | AsteroidError:
    """Send the message within `timeout`, and return what became of it."""
    call = caller.begin(SEND, timeout)
    if isinstance(call, ConfigurationError):
        return call
    request = Request(SEND, "POST", url_of(caller.base_url, outgoing), outgoing.body)

    def work() -> Delivery | AsteroidError:
        answer = caller.ask(call, request, once)
        return _delivery(caller, call, outgoing, answer) if isinstance(answer, Answer) else answer

    return guarded(call, work)


def url_of(base_url: str, outgoing: Outgoing) -> str:
    """Return where the contract takes messages to this execution."""
    return f"{base_url}/executions/{outgoing.execution_id}/user-messages"


def _delivery(caller: Caller, call: Call, outgoing: Outgoing, answer: Answer) -> Delivery:
    return Delivery(
        base_url=caller.base_url,
        execution_id=outgoing.execution_id,
        message=outgoing.message,
        status_code=answer.status,
        server_text=answer.text,
        attempts=call.attempts,
        sent_at=call.asked_at,
        elapsed=time.monotonic() - call.began,
    )
