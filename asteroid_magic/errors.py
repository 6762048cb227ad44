"""Every way a message can fail, as one tree.

::

    AsteroidError
    ├── InvalidInput           the execution ID or the message cannot be sent as it is
    ├── ConfigurationError     the key, the base URL or the timeout is missing or unusable
    ├── ConnectionFailed       no connection came about, so nothing was sent
    ├── DeliveryUnknown        the connection broke, or time ran out, after sending began
    ├── SendInterrupted        a person interrupted the send; also a KeyboardInterrupt
    └── ApiError               the server answered, and the answer was not 201
        ├── BadRequest         400
        ├── Unauthorized       401
        ├── Forbidden          403
        ├── NotFound           404
        ├── RateLimited        429, with `retry_after`
        ├── ServerError        5xx
        └── UnexpectedAnswer   an answer that the contract does not know: 1xx, 2xx, 3xx

Each error says in `outcome` what is known of the message: ``"not_delivered"``, or ``"unknown"``
where the agent may have it. All of them can be pickled, so that they can cross processes.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from .shown import Shown

Outcome = Literal["not_delivered", "unknown"]

UNKNOWN_HINT = (
    "The agent may have the message. Look at the execution before you send it again: "
    "a second send may deliver it twice."
)


class AsteroidError(Shown, Exception):
    """A message that was not delivered, or of which it is not known whether it was.

    `title` and `detail` say what happened and why, `hint` what to do next. `execution_id` and
    `message` are what was to be sent (None where it never came that far), `attempts` the number
    of requests that were tried.
    """

    title: str = "The message was not sent"
    outcome: Outcome = "not_delivered"
    default_hint: ClassVar[str] = ""

    def __init__(
        self,
        detail: str = "",
        *,
        title: str | None = None,
        hint: str | None = None,
        outcome: Outcome | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.title = title or self.title
        self.outcome = outcome or self.outcome
        if hint is None:
            hint = UNKNOWN_HINT if self.outcome == "unknown" else self.default_hint
        self.hint = hint
        self.execution_id: str | None = None
        self.message: str | None = None
        self.attempts = 0

    def about(self, execution_id: str | None, message: str | None, attempts: int = 0) -> Self:
        """Say which send this error is about, and return it; what is known already stays."""
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
    """The execution ID or the message cannot be sent as it is; nothing left this machine."""

    title = "This cannot be sent"


class ConfigurationError(AsteroidError, ValueError):
    """The key, the base URL or the timeout is missing or unusable; nothing left this machine."""

    title = "A setting cannot be used"


class ConnectionFailed(AsteroidError):
    """No connection came about, so the message provably was not sent.

    `may_pass` is False where trying again cannot help, as with a bad certificate.
    """

    title = "Asteroid could not be reached"
    default_hint = "Check the network and the base URL, then send it again."
    may_pass = True


class DeliveryUnknown(AsteroidError):
    """Sending began, and no answer came that would tell what became of the message."""

    title = "No answer came back"
    outcome: Outcome = "unknown"


class SendInterrupted(AsteroidError, KeyboardInterrupt):
    """A person interrupted the send; unknown unless the request had not begun."""

    title = "You interrupted the send"
    outcome: Outcome = "unknown"
    default_hint = "The agent has not got the message. Send it again when you are ready."


class ApiError(AsteroidError):
    """The server answered, and its answer was not the 201 of a delivered message.

    Besides `status_code`, it carries every member of the error body that the contract or RFC
    9457 names, None where the body has none that can be read: `code`, `server_message` (the
    body's `message`), `reason`, `capability`, `instance`, `used`, `limit`; `errors` is a tuple
    of ``{"parameter": …, "detail": …}``. `detail` is the body's own `detail`, else its
    `message`, else what text there is, shortened. `server_text` is that text.
    """

    title = "Asteroid did not take the message"
    default_hint = "Mend what the server names as the reason, then send it again."

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
    ) -> None:
        super().__init__(detail, title=title, hint=hint, outcome=outcome)
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

    title = "Asteroid refused the message as invalid"
    default_hint = (
        "Check the message, and whether the execution still runs: "
        "one that has ended takes no messages."
    )


class Unauthorized(ApiError):
    """401: the server does not accept the API key."""

    title = "Asteroid does not accept the API key"
    default_hint = (
        "Give the right key with %asteroid_login, or in ASTEROID_API_KEY, and send again."
    )


class Forbidden(ApiError):
    """403: the API key is known, and may not send to this execution."""

    title = "This API key may not send to this execution"
    default_hint = (
        "Use a key of the account the execution belongs to, "
        "or ask the account's owner for the permission."
    )


class NotFound(ApiError):
    """404: the server knows no execution with this ID."""

    title = "There is no such execution"
    default_hint = "Compare the ID with the one Asteroid shows for the run, and check the base URL."


class RateLimited(ApiError):
    """429: too many requests; `retry_after` is the wait the server asked for, in seconds."""

    title = "Asteroid takes no more messages for now"
    default_hint = "Wait a moment, then send it again."
    retry_after: float | None = None


class ServerError(ApiError):
    """5xx: the server failed; only a 503 proves that it did not take the message.

    `retry_after` is the wait the server asked for, in seconds, if it did.
    """

    title = "Asteroid had an error of its own"
    default_hint = "Wait a moment, then send it again."
    retry_after: float | None = None


class UnexpectedAnswer(ApiError):
    """An answer that the contract does not know: an informational one, a redirect, a login page."""

    title = "Something other than Asteroid seems to have answered"
    default_hint = "Check the base URL: it should lead to Asteroid itself, without a detour."
