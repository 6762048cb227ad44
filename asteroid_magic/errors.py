"""Every way a call can fail, as one tree.

::

    AsteroidError
    ├── InvalidInput           the execution ID, the message or a filter cannot be sent as it is
    ├── ConfigurationError     the key, the base URL or the timeout is missing or unusable
    │   └── JournalError       the journal of a batch cannot be used, or belongs to other rows
    ├── ConnectionFailed       no connection came about, so nothing was sent
    ├── NoAnswer               the connection broke, or time ran out, before a whole answer came
    │   └── DeliveryUnknown    the same after a message had begun to go out
    ├── Interrupted            a person interrupted the call; also a KeyboardInterrupt
    │   └── SendInterrupted    the same where the call was to send a message
    └── ApiError               the server answered, and the answer was not that of success
        ├── BadRequest         400
        ├── Unauthorized       401
        ├── Forbidden          403
        ├── NotFound           404
        ├── RateLimited        429, with `retry_after`
        ├── ServerError        5xx
        └── UnexpectedAnswer   an answer that the contract does not know: 1xx, 2xx, 3xx

Each error says in `outcome` what is known: of a message ``"not_delivered"``, of any other call
``"not_done"``, and ``"unknown"`` where the agent may have the message all the same, or may have
been paused. One may be ``"delivered"``: the `SendInterrupted` of a message that was found among the
activities, raised because a person wanted things to stop. All of them can be pickled, so that
they can cross processes.

Titles and hints name words of the call's `Operation`, such as ``{thing}``. The same fault means
different things: a message that got no answer may have been delivered, a read did nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from .display import Displayable

Outcome = Literal["delivered", "not_delivered", "not_done", "unknown"]


@dataclass(frozen=True)
class Operation:
    """What a call is for, in words that fit the sentences of the errors.

    `expected` is the status of success, `failed` the outcome of a call that did nothing; `changes`
    says that a call without an answer may have done something all the same.
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
        """Return what is known after a fault that leaves a message with `outcome`."""
        return "unknown" if outcome == "unknown" and self.changes else self.failed

    def words(self, sentence: str) -> str:
        """Return the sentence with the words of this operation in place of ``{their names}``."""
        return sentence.format_map(vars(self)) if "{" in sentence else sentence


SEND = Operation(
    name="send",
    call="send",
    thing="message",
    done="sent",
    may="send to this execution",
    again="send it again",
    check="Check the message, and whether the execution still runs: "
    "one that has ended takes no messages.",
    stopped="The agent has not got the message. Send it again when you are ready.",
    unknown="The agent may have the message. Look at the execution, as with "
    "%asteroid_activities, before you send it again: "
    "a second send may deliver it twice.",
    expected=201,
    failed="not_delivered",
)
READ = Operation(
    name="read",
    call="reading",
    thing="request",
    done="read",
    may="read this",
    again="try again",
    check="Check the execution and the filters that were asked for.",
    stopped="Nothing was changed. Read again when you like.",
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
        check="Look at its status with %asteroid_activities: one that has ended stays as it is, "
        "and one that asks goes on when it is answered, with %asteroid_send.",
        stopped=f"The execution was not {done}. Try again when you are ready.",
        unknown=f"The execution may have been {done}. Look at its status before you try again.",
    )


PAUSE = _control("pause", "pausing", "paused")
RESUME = _control("resume", "resuming", "resumed")
CANCEL = _control("cancel", "cancelling", "cancelled")


class AsteroidError(Displayable, Exception):
    """A call that failed, or of which it is not known whether it did what it was made for.

    `title` and `detail` say what happened and why, `hint` what to do next: the `default_hint` of
    its class, unless there is a better one. `outcome` is what is known of the call. `execution_id`
    and `message` are what was to be sent (None where it never came that far), `attempts` the number
    of requests that were tried, `operation` what the call was for. `retry_after` is the wait that
    the server asked for, in seconds, None where it asked for none.

    `is_final` says that the same call would fail in the same way, `refuses_key` that the server
    does not let this key in, `is_about_execution` that only this one execution is concerned.
    """

    title: str = "The {thing} was not sent"
    outcome: Outcome = "not_delivered"
    default_hint: ClassVar[str] = ""
    retry_after: float | None = None
    is_final: bool = True
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

    def about(self, execution_id: str | None, message: str | None, attempts: int = 0) -> Self:
        """Say which call this error is about, and return it; what is known already stays."""
        self.execution_id = self.execution_id or execution_id
        self.message = message if self.message is None else self.message
        self.attempts = self.attempts or attempts
        return self

    def __str__(self) -> str:
        parts = (part for part in (self.title, self.detail, self.hint) if part)
        return " ".join(
            part if part.endswith((".", "!", "?", "…")) else f"{part}." for part in parts
        )

    def _render_traceback_(self) -> list[str]:
        # A traceback under `%xmode Verbose` would print the locals of every frame, the key's
        # among them. IPython shows these lines in its place, also in a later `%tb`.
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
    """The journal of a batch cannot be used, or belongs to other rows."""

    title = "The journal cannot be used"
    default_hint = "Name another file."


class ConnectionFailed(AsteroidError):
    """No connection came about, so provably nothing was sent.

    `is_final` is True where trying again cannot help, as with a bad certificate.
    """

    title = "Asteroid could not be reached"
    default_hint = "Check the network and the base URL, then {again}."
    is_final = False


class NoAnswer(AsteroidError):
    """The request went out, and no whole answer came back."""

    title = "No answer came back"
    outcome: Outcome = "unknown"
    default_hint = "Wait a moment, then {again}."
    is_final = False


class DeliveryUnknown(NoAnswer):
    """Sending began, and no answer came that would tell what became of the message."""


class Interrupted(AsteroidError, KeyboardInterrupt):
    """A person interrupted the call."""

    title = "You interrupted the {call}"
    outcome: Outcome = "unknown"
    default_hint = "{stopped}"


class SendInterrupted(Interrupted):
    """A person interrupted the send; unknown unless the request had not begun, or it was found."""


class ApiError(AsteroidError):
    """The server answered, and its answer was not that of success: a 201 to a message, else a 200.

    Besides `status_code`, it carries every member of the error body that the contract or RFC
    9457 names, None where the body has none that can be read: `code`, `server_message` (the
    body's ``"message"``), `reason`, `capability`, `instance`, `used`, `limit`; `errors` is a tuple
    of ``{"parameter": …, "detail": …}``. Its detail is the body's own ``"detail"``, else its
    ``"message"``, else what text there is, shortened. `server_text` is that text.
    """

    title = "Asteroid did not take the {thing}"
    default_hint = "Mend what the server names as the reason, then {again}."
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
    """400: the server could not understand the request, or the execution takes no messages."""

    title = "Asteroid refused the {thing} as invalid"
    default_hint = "{check}"


class Unauthorized(ApiError):
    """401: the server does not accept the API key."""

    title = "Asteroid does not accept the API key"
    default_hint = "Give the right key with %asteroid_login, or in ASTEROID_API_KEY, then {again}."
    refuses_key = True
    is_about_execution = False


class Forbidden(ApiError):
    """403: the API key is known, and may not do this with this execution."""

    title = "This API key may not {may}"
    default_hint = (
        "Use a key of the account the execution belongs to, "
        "or ask the account's owner for the permission."
    )
    refuses_key = True


class NotFound(ApiError):
    """404: the server knows no execution with this ID."""

    title = "There is no such execution"
    default_hint = "Compare the ID with the one Asteroid shows for the run, and check the base URL."


class RateLimited(ApiError):
    """429: too many requests; the server may say for how long to wait."""

    title = "Asteroid takes no more {thing}s for now"
    default_hint = "Wait a moment, then {again}."
    is_final = False
    is_about_execution = False


class ServerError(ApiError):
    """5xx: the server failed; only a 503 proves that it did not take the message."""

    title = "Asteroid had an error of its own"
    default_hint = "Wait a moment, then {again}."
    is_final = False
    is_about_execution = False


class UnexpectedAnswer(ApiError):
    """An answer that the contract does not know: an informational one, a redirect, a login page."""

    title = "Something other than Asteroid seems to have answered"
    default_hint = "Check the base URL: it should lead to Asteroid itself, without a detour."
    is_final = False
    is_about_execution = False
