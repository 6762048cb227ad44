"""What comes back: records that are read leniently and never change."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from ..constants import DEFAULT_BASE_URL
from ..display import Displayable

if TYPE_CHECKING:
    from .activities import Activity
    from .watch import WatchResult

# Stands in the headers of a dry run where there is no key to mask.
NO_KEY = "(not set)"


@dataclass(frozen=True, kw_only=True)
class Delivery(Displayable):
    """A message that the server has taken.

    `confirmed_by` says how that is known: by the ``"answer"``, which was 201, or, where that was
    lost, by the ``"activities"`` of the execution, among which `activity_id` is the message. Then
    `status_code` is that of the answer that came instead, None where none came.

    `outcome` is always ``"delivered"``; any other is told by an error. `base_url` is the Asteroid
    that took it, `execution_id` the run, `message` the whole text as it was sent, `server_text`
    what the server said to it, `attempts` the number of requests it took, `sent_at` when the last
    of them began (aware, UTC), `elapsed` how long the whole send took, in seconds. `heard` is what
    was heard of the agent since, where it was waited for.
    """

    outcome: Literal["delivered"] = field(default="delivered", init=False)
    base_url: str = DEFAULT_BASE_URL
    execution_id: str
    message: str = field(repr=False)
    status_code: int | None
    server_text: str = field(repr=False)
    attempts: int
    sent_at: datetime
    elapsed: float
    confirmed_by: Literal["answer", "activities"] = "answer"
    activity_id: str | None = None
    heard: "WatchResult | None" = field(default=None, repr=False)

    @property
    def reply(self) -> "tuple[Activity, ...]":
        """What happened since the message, as far as that was waited for; else ()."""
        return () if self.heard is None else self.heard.activities

    @property
    def was_interrupted(self) -> bool:
        """Tell whether a person stopped the waiting for the answer."""
        return self.heard is not None and self.heard.ending == "interrupted"

    # Here as well: IPython takes a class's own __repr__ before an inherited _repr_pretty_.
    _repr_pretty_ = Displayable._repr_pretty_


@dataclass(frozen=True, kw_only=True)
class DryRun(Displayable):
    """The request that a send would make, with the API key masked; nothing was sent.

    It is a `method` to a `url` with these `headers` and this `body`, which holds the `message` for
    the run with `execution_id`. `curl` is the same request as a shell command that reads the key
    from the environment variable ``ASTEROID_API_KEY``. Of a batch it is the first request of
    `rows`; None for a single message, or where nobody knows how many there are.
    """

    execution_id: str
    message: str = field(repr=False)
    method: str
    url: str
    headers: Mapping[str, str]
    body: str = field(repr=False)
    curl: str = field(repr=False)
    rows: int | None = None

    _repr_pretty_ = Displayable._repr_pretty_


@dataclass(frozen=True, kw_only=True)
class StatusChange(Displayable):
    """What the server said to a pause, a resumption or a cancellation: the status since then.

    `asked` is what was asked for, ``"pause"``, ``"resume"`` or ``"cancel"``, of the run with
    `execution_id`; `status` is what the server answered.
    """

    execution_id: str
    asked: str
    status: str

    _repr_pretty_ = Displayable._repr_pretty_
