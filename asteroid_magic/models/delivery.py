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

    Attributes
    ----------
    outcome : {"delivered"}
        Always this one; an error reports any other.
    base_url : str
        The Asteroid that accepted the message.
    execution_id : str
        The execution, in lower case.
    message : str
        The whole text as it was sent.
    status_code : int or None
        The HTTP status: 201, or that of the answer that came instead; None if none came.
    server_text : str
        What the server answered.
    attempts : int
        The number of requests; 0 for a message that was there before.
    sent_at : datetime or None
        When the last request began (aware, UTC). For a message that was there before, when it
        arrived; None if that cannot be read.
    elapsed : float
        How long the whole send took, in seconds.
    confirmed_by : {"answer", "activities"}
        How the delivery is known: by the answer 201 or, if that was lost, by the activities of the
        execution.
    activity_id : str or None
        The message among the activities, if they confirmed it.
    heard : WatchResult or None
        What the agent has done since, if you waited for it.
    notes : tuple of str
        Sentences that the card adds.
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

    For a batch, it is the request of the first row.

    Attributes
    ----------
    execution_id : str
        The execution, in lower case.
    message : str
        The whole text.
    method : str
        The HTTP method, ``"POST"``.
    url : str
        The address.
    headers : mapping of str to str
        The headers, with the key masked.
    body : str
        The JSON that holds the message.
    curl : str
        The same request as a shell command, which reads the key from the environment variable
        ``ASTEROID_API_KEY``.
    rows : int or None
        The number of rows of a batch; None for a single message, or if the number is unknown.
    notes : tuple of str
        Sentences that the card adds.
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

    Attributes
    ----------
    execution_id : str
        The execution, in lower case.
    asked : {"pause", "resume", "cancel"}
        The request.
    status : str
        The new status, as the server answered: ``"paused"``, ``"running"`` or ``"cancelled"``.
    """

    execution_id: str
    asked: str
    status: str

    _repr_pretty_ = Displayable._repr_pretty_
