"""What a call came to: a delivered message, a dry run or a status change."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from ..constants import DEFAULT_BASE_URL
from ..display import Displayable

if TYPE_CHECKING:
    from .activities import Activity
    from .watch import WatchResult

# Shown in the headers of a dry run if there is no key to mask.
NO_KEY = "(not set)"


@dataclass(frozen=True, kw_only=True)
class Delivery(Displayable):
    """A message that the server has accepted.

    `confirmed_by` says how that is known: by the ``"answer"`` 201 or, if that was lost, by the
    ``"activities"`` of the execution, where `activity_id` is the message. In the second case,
    `status_code` is that of the answer that came instead, None if none came.

    `outcome` is always ``"delivered"``; an error reports any other. `base_url` is the Asteroid that
    accepted the message, `execution_id` the execution, `message` the whole text as it was sent,
    `server_text` what the server answered, `attempts` the number of requests, `sent_at` when the
    last of them began (aware, UTC; None for a message that was there before, at a time that cannot
    be read), `elapsed` how long the whole send took, in seconds. `heard` is
    what the agent has done since, if you waited for it. `notes` are sentences that the card adds.
    """

    outcome: Literal["delivered"] = field(default="delivered", init=False)
    base_url: str = DEFAULT_BASE_URL
    execution_id: str
    message: str = field(repr=False)
    status_code: int | None
    server_text: str = field(repr=False)
    attempts: int
    sent_at: datetime | None
    elapsed: float
    confirmed_by: Literal["answer", "activities"] = "answer"
    activity_id: str | None = None
    heard: "WatchResult | None" = field(default=None, repr=False)
    notes: tuple[str, ...] = field(default=(), repr=False, compare=False)

    @property
    def reply(self) -> "tuple[Activity, ...]":
        """What happened since the message, if you waited for it; otherwise ()."""
        return () if self.heard is None else self.heard.activities

    @property
    def was_interrupted(self) -> bool:
        """Return True if the user stopped waiting for the reply."""
        return self.heard is not None and self.heard.ending == "interrupted"

    # Repeated here: IPython prefers a class's own __repr__ to an inherited _repr_pretty_.
    _repr_pretty_ = Displayable._repr_pretty_


@dataclass(frozen=True, kw_only=True)
class DryRun(Displayable):
    """The request that a send would make, with the API key masked; nothing was sent.

    `method`, `url`, `headers` and `body` make up the request; the body holds the `message` for the
    execution `execution_id`. `curl` is the same request as a shell command that reads the key from
    the environment variable ``ASTEROID_API_KEY``. For a batch, it is the first of `rows` requests;
    `rows` is None for a single message, or if their number is unknown. `notes` are sentences that
    the card adds.
    """

    execution_id: str
    message: str = field(repr=False)
    method: str
    url: str
    headers: Mapping[str, str]
    body: str = field(repr=False)
    curl: str = field(repr=False)
    rows: int | None = None
    notes: tuple[str, ...] = field(default=(), repr=False, compare=False)

    _repr_pretty_ = Displayable._repr_pretty_


@dataclass(frozen=True, kw_only=True)
class StatusChange(Displayable):
    """The server's answer to a request to pause, resume or cancel an execution.

    `asked` is the request, ``"pause"``, ``"resume"`` or ``"cancel"``; `status` is the new status of
    the execution `execution_id`, as the server answered.
    """

    execution_id: str
    asked: str
    status: str

    _repr_pretty_ = Displayable._repr_pretty_
