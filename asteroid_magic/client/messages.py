"""How a message is sent: tried until its outcome is known, or nothing more may be tried.

Where its outcome stays unknown, the activities of its execution are asked for it.
"""

import time

from ..config.settings import Settings
from ..constants import API_KEY_VARIABLE
from ..deadline import Deadline, Timeout
from ..errors import ApiError, AsteroidError, ConfigurationError, SendInterrupted
from ..models.activities import Activity
from ..models.delivery import NO_KEY, Delivery, DryRun
from ..models.message import Outgoing, Request, curl_command
from ..purposes import SEND
from .confirmation import arrived, confirm, looked
from .ledger import Entry, ledger
from .requester import Call, Caller, guarded, impatient, once
from .transport.error_mapping import Answer
from .transport.transport import headers_for

MASK = "********"


def send(
    caller: Caller, outgoing: Outgoing, timeout: Timeout, grace: float
) -> Delivery | AsteroidError:
    """Send the message within `timeout`, and return what became of it.

    Where that is unknown, it is looked for among the activities for `grace` seconds more.
    """
    call = caller.begin(SEND, timeout)
    if isinstance(call, ConfigurationError):
        return call
    request = Request(SEND, "POST", url_of(caller.base_url, outgoing), outgoing.body)
    entry = ledger.begin(outgoing.execution_id, outgoing.message)

    def work() -> Delivery | AsteroidError:
        answer = caller.ask(call, request, once)
        if not isinstance(answer, Answer):
            return answer
        ledger.delivered(entry)
        return _delivery(caller, call, outgoing, answer)

    try:
        result = guarded(call, work)
    finally:
        ledger.lost(entry)
    if isinstance(result, Delivery) or result.outcome != "unknown" or not grace:
        return result
    return _looked_for(caller, call, outgoing, entry, result, grace)


def attempt(caller: Caller, outgoing: Outgoing, timeout: Timeout) -> Delivery | AsteroidError:
    """Send the message, for a caller that has many: it waits, and looks for them, on its own.

    A 429 or 503 comes back at once, and so does an unknown outcome.
    """
    call = caller.begin(SEND, timeout)
    if isinstance(call, ConfigurationError):
        return call
    request = Request(SEND, "POST", url_of(caller.base_url, outgoing), outgoing.body)
    entry = ledger.begin(outgoing.execution_id, outgoing.message)
    may_be_there = True

    def work() -> Delivery | AsteroidError:
        answer = caller.ask(call, request, impatient)
        return _delivery(caller, call, outgoing, answer) if isinstance(answer, Answer) else answer

    try:
        result = guarded(call, work)
        may_be_there = result.outcome != "not_delivered"
    finally:
        ledger.leave(entry, may_be_there=may_be_there)
    return result


def dry_run(settings: Settings, outgoing: Outgoing) -> DryRun:
    """Return the request that a send would make, the key masked."""
    url = url_of(settings.base_url, outgoing)
    in_curl = headers_for(f"${API_KEY_VARIABLE}", outgoing.body)
    # curl reckons the length itself, from what the shell makes of the text.
    del in_curl["Content-Length"]
    return DryRun(
        execution_id=outgoing.execution_id,
        message=outgoing.message,
        method="POST",
        url=url,
        headers=headers_for(MASK if settings.key else NO_KEY, outgoing.body),
        body=outgoing.body.decode(),
        curl=curl_command(url, in_curl, outgoing.body),
    )


def url_of(base_url: str, outgoing: Outgoing) -> str:
    """Return where the contract takes messages to this execution."""
    return f"{base_url}/executions/{outgoing.execution_id}/user-messages"


def _looked_for(
    caller: Caller,
    call: Call,
    outgoing: Outgoing,
    entry: Entry,
    error: AsteroidError,
    grace: float,
) -> Delivery | AsteroidError:
    """Return the delivery if the message is found among the activities, else the error."""
    stops = isinstance(error, SendInterrupted)
    # Cancelled from another thread, nothing else waits to be stopped, as a notebook's cells do.
    interrupted = stops and not call.deadline.is_cancelled
    deadline = Deadline(grace) if interrupted else call.deadline.then(grace)
    # Who stops a send wants no long search: one look is all.
    until = time.monotonic() + (0.0 if stops else grace)
    found = confirm(caller, call, outgoing, entry, deadline, until)
    if not isinstance(found, Activity):
        return looked(error, found)
    if interrupted:
        return arrived(error)
    return _confirmed(caller, call, outgoing, error, found)


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


def _confirmed(
    caller: Caller, call: Call, outgoing: Outgoing, error: AsteroidError, found: Activity
) -> Delivery:
    return Delivery(
        base_url=caller.base_url,
        execution_id=outgoing.execution_id,
        message=outgoing.message,
        status_code=error.status_code if isinstance(error, ApiError) else None,
        server_text="",
        attempts=call.attempts,
        sent_at=call.asked_at,
        elapsed=time.monotonic() - call.began,
        confirmed_by="activities",
        activity_id=found.id,
    )
