"""Sends a message: tries until its outcome is known, or until no retry is allowed.

If the outcome stays unknown, looks for the message among the activities of its execution.
"""

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from ...config.settings import Settings
from ...constants import API_KEY_VARIABLE
from ...deadline import Deadline, Timeout
from ...errors import READ, SEND, ApiError, AsteroidError, Interrupted, SendInterrupted
from ...models.activities import Activity
from ...models.delivery import NO_KEY, Delivery, DryRun
from ...models.message import Outgoing
from ..reading.arrivals import EarlierMessage, read_earlier
from ..requester import CANCELLED, Call, Requester, guarded
from ..retry import BATCH_MESSAGE, UNSENT_MESSAGE, RetryPolicy
from ..transport.request import Request, curl_command, headers_for
from .confirmation import arrived, confirm, looked
from .ledger import SentMessage, ledger

if TYPE_CHECKING:
    from ..transport.response import Answer

MASK = "********"
# Seconds after which a message that may have arrived is among the activities, as for a batch.
SETTLED_S = 60.0
NOT_SENT = "Nothing was sent: this execution may have the message already"
UNREAD = "Nothing was sent: the messages of this execution could not be read"
UNCHECKED = (
    "Read the activities with %asteroid_activities. To send without this check, omit --once."
)
JUST_SENT = "The same message was sent less than a minute ago, and its outcome is not known yet."
AGAIN = "Try again in a minute."


def send(
    requester: Requester,
    outgoing: Outgoing,
    timeout: Timeout,
    grace: float,
    entry: SentMessage | None = None,
) -> Delivery:
    """Send the message within `timeout`, and return its delivery.

    If that is unknown, look for the message among the activities for `grace` seconds more. `entry`
    is that of the ledger, if the message has been noted already.
    """
    entry = entry or ledger.begin(outgoing.execution_id, outgoing.message)
    entry.base_url = requester.base_url
    try:
        call = requester.begin(SEND, timeout, outgoing.execution_id, outgoing.message)
        return _transmit(requester, call, outgoing, entry, UNSENT_MESSAGE)
    except AsteroidError as error:
        if error.outcome == "unknown":
            ledger.doubt(entry)
        if error.outcome != "unknown" or not grace:
            raise
        unknown = error
    finally:
        ledger.lost(entry)
    return _look_up(requester, call, outgoing, entry, unknown, grace)


def send_once(requester: Requester, outgoing: Outgoing, timeout: Timeout, grace: float) -> Delivery:
    """Send the message unless the execution has one with this text already.

    Raises an error that says that nothing was sent if it is not certain that it has none.
    """
    looking = requester.begin(READ, timeout, outgoing.execution_id, outgoing.message)
    try:
        earlier = guarded(looking, lambda: read_earlier(requester, looking, outgoing))
    except Interrupted:
        title = SEND.words(CANCELLED) if looking.deadline.is_cancelled else None
        stopped = SendInterrupted(title=title, outcome="not_delivered")
        raise stopped.about(outgoing.execution_id, outgoing.message) from None
    except AsteroidError as error:
        raise _unchecked(error) from None
    # An execution of another Asteroid may have the same ID, as in a copy for tests.
    where = requester.base_url
    ended = ledger.latest(outgoing.execution_id, outgoing.message, where)
    if earlier.activity is not None or ended is not None:
        return _earlier(requester, looking, outgoing, earlier, ended)
    recently = time.monotonic() - SETTLED_S
    # At once with the check: another thread may be about to send the same text.
    entry = ledger.begin_first(outgoing.execution_id, outgoing.message, where, recently)
    if entry is None:
        raise _not_certain(outgoing, JUST_SENT, AGAIN)
    if earlier.gap is not None:
        ledger.lost(entry)
        raise _not_certain(outgoing, earlier.gap, UNCHECKED)
    return send(requester, outgoing, looking.deadline, grace, entry)


def _earlier(
    requester: Requester,
    call: Call,
    outgoing: Outgoing,
    earlier: EarlierMessage,
    ended: tuple[float, bool] | None,
) -> Delivery:
    """Return the delivery of a message that was there before; nothing was sent."""
    found = earlier.activity
    sent_at, known = None, "The execution had this message"
    if found is not None:
        sent_at = found.timestamp
    elif ended is not None:
        sent_at = call.asked_at - timedelta(seconds=time.monotonic() - ended[0])
    if sent_at is None:
        known += " (its time cannot be read)"
    notes = [f"{known}, so nothing was sent now."]
    is_exact = earlier.is_exact if found is not None else ended is None or ended[1]
    if not is_exact:
        notes.append("It differs from yours only in line ends, Unicode form or outer spaces.")
    return Delivery(
        base_url=requester.base_url,
        execution_id=outgoing.execution_id,
        message=outgoing.message,
        status_code=None,
        server_text="",
        attempts=0,
        sent_at=sent_at,
        elapsed=time.monotonic() - call.began,
        confirmed_by="answer" if found is None else "activities",
        activity_id=None if found is None else found.id,
        notes=tuple(notes),
    )


def _unchecked(error: AsteroidError) -> AsteroidError:
    """Return the error of the reading as one of the send, which was not begun."""
    error = unsent(error, UNREAD)
    error.hint = f"{error.hint} {UNCHECKED}".strip()
    return error


def unsent(error: AsteroidError, title: str) -> AsteroidError:
    """Return the error of a read before the send as one of the send, which was not begun."""
    error.operation, error.outcome = SEND, "not_delivered"
    error.detail = f"{error.title}. {error.detail}".strip()
    error.title, error.args = title, (error.detail,)
    return error


def _not_certain(outgoing: Outgoing, why: str, hint: str) -> AsteroidError:
    return AsteroidError(why, title=NOT_SENT, hint=hint).about(
        outgoing.execution_id, outgoing.message
    )


def send_in_batch(
    requester: Requester, outgoing: Outgoing, timeout: Timeout, batch: int
) -> Delivery:
    """Send a message of the batch with this number.

    The batch itself waits for a busy server and looks up messages.
    """
    call = requester.begin(SEND, timeout, outgoing.execution_id, outgoing.message)
    entry = ledger.begin(outgoing.execution_id, outgoing.message, batch)
    may_be_there = True
    try:
        return _transmit(requester, call, outgoing, entry, BATCH_MESSAGE)
    except AsteroidError as error:
        may_be_there = error.outcome != "not_delivered"
        raise
    finally:
        ledger.leave(entry, may_be_there=may_be_there)


def _transmit(
    requester: Requester, call: Call, outgoing: Outgoing, entry: SentMessage, policy: RetryPolicy
) -> Delivery:
    request = Request(SEND, "POST", url_of(requester.base_url, outgoing), outgoing.body)
    answers: list[Answer] = []
    try:
        guarded(call, lambda: answers.append(requester.request(call, request, policy)))
    except SendInterrupted as error:
        if not answers:
            raise
        # The interrupt came after the answer.
        ledger.delivered(entry)
        raise arrived(error, "Asteroid had confirmed the message already.") from None
    ledger.delivered(entry)
    return _delivery(requester, call, outgoing, answers[0].status, answers[0].text)


def dry_run(settings: Settings, outgoing: Outgoing) -> DryRun:
    """Return the request that a send would make, with the key masked."""
    url = url_of(settings.base_url, outgoing)
    in_curl = headers_for(f"${API_KEY_VARIABLE}", outgoing.body)
    # curl computes the length itself, after the shell has processed the text.
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
    """Return the URL for messages to this execution."""
    return f"{base_url}/executions/{outgoing.execution_id}/user-messages"


def _look_up(
    requester: Requester,
    call: Call,
    outgoing: Outgoing,
    entry: SentMessage,
    error: AsteroidError,
    grace: float,
) -> Delivery:
    """Return the delivery if the message is among the activities; otherwise raise the error."""
    stops = isinstance(error, SendInterrupted)
    # A user's interrupt must also stop what follows, such as the next cells of a notebook; a
    # cancelled deadline need not.
    interrupted = stops and not call.deadline.is_cancelled
    deadline = Deadline(grace) if interrupted else call.deadline.then(grace)
    # After a stop, look only once: the user does not want to wait.
    until = time.monotonic() + (0.0 if stops else grace)
    try:
        search = confirm(requester, call, outgoing, entry, deadline, until)
    except AsteroidError as problem:
        raise looked(error, problem) from None
    if search.found is None:
        raise looked(error, search)
    if interrupted:
        raise arrived(error, "The execution's activities show that the message has arrived.")
    status = error.status_code if isinstance(error, ApiError) else None
    return _delivery(requester, call, outgoing, status, found=search.found)


def _delivery(
    requester: Requester,
    call: Call,
    outgoing: Outgoing,
    status: int | None,
    server_text: str = "",
    found: Activity | None = None,
) -> Delivery:
    """Return the delivery, known from an answer, or from the activity that was found."""
    return Delivery(
        base_url=requester.base_url,
        execution_id=outgoing.execution_id,
        message=outgoing.message,
        status_code=status,
        server_text=server_text,
        attempts=call.attempts,
        sent_at=call.asked_at,
        elapsed=time.monotonic() - call.began,
        confirmed_by="answer" if found is None else "activities",
        activity_id=None if found is None else found.id,
    )
