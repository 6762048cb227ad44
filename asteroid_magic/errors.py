"""Every way a call can fail, as one tree.

::

    AsteroidError
    ├── InvalidInput           the execution ID, the message or a filter cannot be sent
    ├── ConfigurationError     the key, the base URL or the timeout is missing or unusable
    │   └── JournalError       the journal of a batch is unusable, damaged, or of other rows
    ├── ConnectionFailed       no connection was made, so nothing was sent
    ├── NoAnswer               no complete answer: the connection broke, or time ran out
    │   └── DeliveryUnknown    the same for a message whose sending had begun
    ├── BatchFailed            some rows of a batch were not delivered
    ├── Interrupted            the user interrupted the call; also a KeyboardInterrupt
    │   └── SendInterrupted    the same for the send of a message
    └── ApiError               the server answered, but not with success
        ├── BadRequest         400
        ├── Unauthorized       401
        ├── Forbidden          403
        ├── NotFound           404
        ├── RateLimited        429, with `retry_after`
        ├── ServerError        5xx
        └── UnexpectedAnswer   an answer outside the contract: 1xx, 2xx, 3xx

`outcome` says what is known: ``"not_delivered"`` for a message, ``"not_done"`` for any other call,
and ``"unknown"`` if the agent may have the message, or may have been paused. It is ``"delivered"``
only for the `SendInterrupted` of a message that was found among the activities: the user wanted
everything to stop. All errors can be pickled.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal, Self

from .display import Displayable
from .text import visible

Outcome = Literal["delivered", "not_delivered", "not_done", "unknown"]


@dataclass(frozen=True)
class Operation:
    """What a call is for, in words that fit the sentences of the errors.

    Titles and hints of errors contain words such as ``{thing}``, because the same failure means
    different things: without an answer, a message may be there, but a read did nothing.

    `expected` is the HTTP status of success, `failed` the outcome of a call that did nothing.
    `changes` says that a call without an answer may still have done something.
    """

    name: str
    call: str
    thing: str
    done: str
    may: str
    again: str
    check: str
    stopped: str
    unknown: str
    expected: int = 200
    failed: Outcome = "not_done"
    changes: bool = True

    def outcome(self, outcome: Outcome) -> Outcome:
        """Return what is known after a failure that leaves a message with `outcome`."""
        return "unknown" if outcome == "unknown" and self.changes else self.failed

    def words(self, sentence: str) -> str:
        """Return the sentence with each ``{name}`` replaced by that word of the operation."""
        return sentence.format_map(vars(self)) if "{" in sentence else sentence


SEND = Operation(
    name="send",
    call="send",
    thing="message",
    done="sent",
    may="send to this execution",
    again="send it again",
    check="Check the message and the execution: one that has ended accepts no messages.",
    stopped="The agent did not get the message. Send it again when you are ready.",
    unknown="The agent may have the message. Check with %asteroid_activities before you send it "
    "again: a second send may deliver it twice.",
    expected=201,
    failed="not_delivered",
)
UPLOAD = Operation(
    name="upload",
    call="upload",
    thing="file",
    done="sent",
    may="give files to this execution",
    again="upload it again",
    check="Check the file and the execution: one that has ended may accept no files.",
    stopped="The agent did not get the file. Upload it again when you are ready.",
    unknown="The agent may have the file. Check with %asteroid_files before you upload it again: "
    "a second upload may add it twice.",
    failed="not_delivered",
)
DOWNLOAD = Operation(
    name="download",
    call="download",
    thing="request",
    done="downloaded",
    may="read the files of this execution",
    again="try again",
    check="List the files again with %asteroid_files.",
    stopped="Nothing was saved. Try again when you are ready.",
    unknown="",
    # Asteroid answers with the address of the file (303).
    expected=303,
    changes=False,
)
READ = Operation(
    name="read",
    call="reading",
    thing="request",
    done="read",
    may="read this",
    again="try again",
    check="Check the execution ID and the filters.",
    stopped="Nothing was changed. Try again when you are ready.",
    unknown="",
    changes=False,
)


def _control(name: str, call: str, done: str) -> Operation:
    return Operation(
        name=name,
        call=call,
        thing="request",
        done=done,
        may=f"{name} this execution",
        again="try again",
        check="Check its status with %asteroid_activities. An execution that has ended cannot "
        "change; one that asks continues when you answer it with %asteroid_send.",
        stopped=f"The execution was not {done}. Try again when you are ready.",
        unknown=f"The execution may have been {done}. Check its status before you try again.",
    )


PAUSE = _control("pause", "pausing", "paused")
RESUME = _control("resume", "resuming", "resumed")
CANCEL = _control("cancel", "cancelling", "cancelled")


class AsteroidError(Displayable, Exception):
    """A call that failed, or that may have failed.

    All other errors of the package are below this one.

    Attributes
    ----------
    title : str
        What happened.
    detail : str
        Why.
    hint : str
        What to do next.
    outcome : {"delivered", "not_delivered", "not_done", "unknown"}
        What is known: ``"not_delivered"`` for a message or a file, ``"not_done"`` for any other
        call, and ``"unknown"`` if the agent may have the message, or may have been paused. It is
        ``"delivered"`` only for an interrupt after which the message or the files were found there.
    execution_id : str or None
        The execution that the call was about; None if the call did not get that far.
    message : str or None
        The message to send; None if there is none.
    attempts : int
        The number of requests.
    sent_at : datetime or None
        When the last request began (aware, UTC); None without one.
    operation : Operation
        What the call was for; its `name` is such as ``"send"`` or ``"read"``.
    retry_after : float or None
        The wait that the server asked for, in seconds; None if it did not.
    upload : Upload or None
        What became of each file, if the call uploads files.
    is_final : bool
        The same call would fail in the same way.
    stops_batch : bool
        No other message could be sent either.
    refuses_key : bool
        The server does not accept the key.
    is_about_execution : bool
        The error concerns only this execution.
    default_hint : str
        The hint of the class, with words of the operation such as ``{again}``.
    """

    title: str = "The {thing} was not sent"
    outcome: Outcome = "not_delivered"
    default_hint: ClassVar[str] = ""
    retry_after: float | None = None
    upload: Any = None
    is_final: bool = True
    stops_batch: bool = False
    refuses_key: ClassVar[bool] = False
    is_about_execution: ClassVar[bool] = False

    def __init__(
        self,
        detail: str = "",
        *,
        title: str | None = None,
        hint: str | None = None,
        outcome: Outcome | None = None,
        operation: Operation = SEND,
    ) -> None:
        super().__init__(detail)
        self.operation = operation
        self.detail = detail
        self.title = title or operation.words(self.title)
        self.outcome = operation.outcome(outcome or self.outcome)
        if hint is None:
            is_unknown = self.outcome == "unknown"
            hint = operation.unknown if is_unknown else operation.words(self.default_hint)
        self.hint = hint
        self.execution_id: str | None = None
        self.message: str | None = None
        self.attempts = 0
        self.sent_at: datetime | None = None

    def about(
        self,
        execution_id: str | None,
        message: str | None,
        attempts: int = 0,
        sent_at: datetime | None = None,
    ) -> Self:
        """Note which call the error is about, unless that is known.

        Parameters
        ----------
        execution_id : str or None
            The execution.
        message : str or None
            The message to send.
        attempts : int, default 0
            The number of requests.
        sent_at : datetime, optional
            When the last request began (aware, UTC).

        Returns
        -------
        AsteroidError
            The same error.
        """
        self.sent_at = self.sent_at or sent_at
        self.execution_id = self.execution_id or execution_id
        self.message = message if self.message is None else self.message
        self.attempts = self.attempts or attempts
        return self

    def __str__(self) -> str:
        parts = (part for part in (self.title, self.detail, self.hint) if part)
        words = " ".join(
            part if part.endswith((".", "!", "?", "…")) else f"{part}." for part in parts
        )
        # A server's words may hold escape sequences, which print() would hand to the terminal.
        return visible(words)

    def _render_traceback_(self) -> list[str]:
        # IPython shows these lines in place of a traceback, which under `%xmode Verbose` would
        # print the locals of every frame, also in a later `%tb`.
        try:
            return self.traceback_lines()
        except Exception:  # noqa: BLE001 (IPython would print the traceback of this one as well)
            return [f"{type(self).__name__}: {self.outcome}"]


class InvalidInput(AsteroidError, ValueError):
    """The execution ID, the message or a filter cannot be sent; nothing left this machine."""

    title = "This cannot be {done}"


class ConfigurationError(AsteroidError, ValueError):
    """The key, the base URL or the timeout is missing or unusable; nothing left this machine."""

    title = "A setting cannot be used"


class JournalError(ConfigurationError):
    """The journal of a batch cannot be used, is damaged, or belongs to other rows."""

    title = "The journal cannot be used"
    default_hint = "Fix what is wrong with the file, then make the same call again."


class ConnectionFailed(AsteroidError):
    """No connection was made, so provably nothing was sent.

    `is_final` is True if trying again cannot help, as with a bad certificate.

    Notes
    -----
    A proxy that refuses to connect, or breaks in the TLS handshake behind it, has seen no byte of
    the request either (RFC 9110, 9.3.6).
    """

    title = "Asteroid could not be reached"
    default_hint = "Check the network and the base URL, then {again}."
    is_final = False


class NoAnswer(AsteroidError):
    """The request was sent, and no complete answer came back.

    A message or a change may have arrived; a read did nothing.
    """

    title = "No answer came back"
    outcome: Outcome = "unknown"
    default_hint = "Wait a moment, then {again}."
    is_final = False


class DeliveryUnknown(NoAnswer):
    """Sending began, and no answer says whether the server has the message.

    Notes
    -----
    A connection that was reset before the server read the request looks like one that was reset
    after it. So the package does not send the message again.
    """


class BatchFailed(AsteroidError):
    """Some rows of a batch were not delivered, or may not have been.

    `Report.raise_for_failures` and a cell with ``--each`` raise it.

    Attributes
    ----------
    report : Report
        The results of the batch.
    """

    title = "Some messages of the batch were not delivered"
    default_hint = "Look at the report, then send what is missing."
    is_final = False
    report: Any = None


class Interrupted(AsteroidError, KeyboardInterrupt):
    """The user interrupted the call.

    It is also a `KeyboardInterrupt`, so that it stops Run All.
    """

    title = "You interrupted the {call}"
    outcome: Outcome = "unknown"
    default_hint = "{stopped}"


class SendInterrupted(Interrupted):
    """The user interrupted the send of a message.

    The outcome is ``"unknown"``, unless the send had not begun or the message was found.
    """


class ApiError(AsteroidError):
    """The server answered, but not with success: 201 for a message, 200 for other calls.

    The `detail` is the body's ``"detail"``, else its ``"message"``, else its text, shortened.

    Attributes
    ----------
    status_code : int
        The HTTP status.
    server_text : str
        The text of the body.
    code : int or float or None
        The body's ``"code"``.
    server_message : str or None
        The body's ``"message"``.
    errors : tuple of dict
        What is wrong with the request, each ``{"parameter": …, "detail": …}``.
    reason : str or None
        Why this is forbidden, such as ``"capability_required"``.
    capability : str or None
        What the key or the plan would have to allow.
    instance : str or None
        The path of the request.
    used : int or float or None
        How much of the `limit` is used up.
    limit : int or float or None
        The limit that was reached.

    Notes
    -----
    The members are those that the contract or RFC 9457 names; None if the body lacks them.
    """

    title = "Asteroid did not accept the {thing}"
    default_hint = "Fix what the server names as the reason, then {again}."
    is_about_execution = True

    def __init__(
        self,
        detail: str = "",
        *,
        status_code: int = 0,
        members: Mapping[str, Any] | None = None,
        server_text: str = "",
        title: str | None = None,
        hint: str | None = None,
        outcome: Outcome | None = None,
        operation: Operation = SEND,
    ) -> None:
        super().__init__(detail, title=title, hint=hint, outcome=outcome, operation=operation)
        read = members or {}
        self.status_code = status_code
        self.server_text = server_text
        self.code: int | float | None = read.get("code")
        self.server_message: str | None = read.get("message")
        self.errors: tuple[dict[str, str], ...] = tuple(read.get("errors") or ())
        self.reason: str | None = read.get("reason")
        self.capability: str | None = read.get("capability")
        self.instance: str | None = read.get("instance")
        self.used: int | float | None = read.get("used")
        self.limit: int | float | None = read.get("limit")


class BadRequest(ApiError):
    """400: the request is invalid, or the execution accepts no messages."""

    title = "Asteroid rejected the {thing} as invalid"
    default_hint = "{check}"


class Unauthorized(ApiError):
    """401: the server does not accept the API key."""

    title = "Asteroid does not accept the API key"
    default_hint = "Set the right key with %asteroid_login or in ASTEROID_API_KEY, then {again}."
    refuses_key = True
    is_about_execution = False


class Forbidden(ApiError):
    """403: the server knows the API key, which may not do this with this execution."""

    title = "This API key may not {may}"
    default_hint = (
        "Use a key of the account that the execution belongs to, or ask its owner for permission."
    )
    refuses_key = True


class NotFound(ApiError):
    """404: the server knows no execution with this ID."""

    title = "No execution has this ID"
    default_hint = "Compare the ID with the one Asteroid shows for the run, and check the base URL."


class RateLimited(ApiError):
    """429: too many requests; the server may say for how long to wait."""

    title = "Asteroid accepts no more {thing}s for now"
    default_hint = "Wait a moment, then {again}."
    is_final = False
    is_about_execution = False


class ServerError(ApiError):
    """5xx: the server failed; it may have accepted the message before.

    Notes
    -----
    Routers such as Envoy answer 503 if the server breaks off after it has stored the message.
    """

    title = "Asteroid had an internal error"
    default_hint = "Wait a moment, then {again}."
    is_final = False
    is_about_execution = False


class UnexpectedAnswer(ApiError):
    """An answer outside the contract: an informational one, a redirect, a login page.

    Notes
    -----
    No redirect is followed: it would carry the API key to another server.
    """

    title = "Something other than Asteroid seems to have answered"
    default_hint = (
        "Check the base URL: it must lead to Asteroid itself, not to a redirect or a login page."
    )
    is_final = False
    is_about_execution = False
