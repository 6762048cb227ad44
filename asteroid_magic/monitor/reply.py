"""What the agent does after a message, until it answers, as `%asteroid_watch` understands it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..client.client import AsteroidClient
from ..client.retry import MOST_REFUSED_LOOKS
from ..errors import AsteroidError
from ..models.activities import Activities, Activity
from ..models.delivery import Delivery
from ..models.watch import (
    ANSWERS,
    AwaitedMessage,
    Ending,
    WatchResult,
    ending_of,
    is_mid_sentence,
    is_paused,
    is_sent,
)

LIMIT_S = 120.0


@dataclass(frozen=True, kw_only=True)
class ReplyState:
    """What has been heard since a message: its `activities`, oldest first.

    `delivery` is the object that was handed in. `result` is None while the reply is awaited; then
    ``replace(delivery, heard=result)`` is the delivery with its reply.
    """

    delivery: Delivery
    activities: Activities = field(repr=False)
    result: WatchResult | None = None


class Reply:
    """Listens for the reply to a delivered message, for at most `limit` seconds."""

    def __init__(
        self,
        delivery: Delivery,
        limit: float,
        clock: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self.delivery = delivery
        self._clock, self._from = clock, clock()
        self._until = self._from + limit
        # The message was sent before: by how much, this machine's own clock says.
        sent_at = delivery.sent_at or now()
        self._began = self._from - max(0.0, (now() - sent_at).total_seconds())
        self._heard: list[Activity] = []
        self._is_first, self._is_found = True, False
        self._has_gap, self._is_paused = False, False
        self._trouble, self._refusals = "", 0
        self._result: WatchResult | None = None

    @property
    def is_over(self) -> bool:
        """Return True if it listens no longer."""
        return self._result is not None

    @property
    def left(self) -> float:
        """The seconds until its time is over."""
        return max(0.0, self._until - self._clock())

    @property
    def state(self) -> ReplyState:
        """What has been heard up to now."""
        heard = Activities(self._heard)
        return ReplyState(delivery=self.delivery, activities=heard, result=self._result)

    def hear(
        self,
        client: AsteroidClient,
        recent: Sequence[Activity],
        news: int,
        *,
        has_gap: bool,
        is_over: bool = False,
    ) -> None:
        """Take the latest activities of the execution; the last `news` of them are new.

        `is_over`: it has ended, whatever they say.
        """
        if self._result is not None:
            return
        new = recent[len(recent) - min(news, len(recent)) :]
        at = None if self._is_found else self._find(client, recent, len(recent) - len(new))
        if at is not None:
            self._is_found, self._heard = True, list(recent[at + 1 :])
        elif not self._is_first:
            # At the first look, it is unknown which of them came before the message.
            self._heard += new
            self._has_gap = self._has_gap or has_gap
        self._is_first, self._trouble, self._refusals = False, "", 0
        self._is_paused = is_paused(recent)
        ending = "over" if is_over else ending_of(self._heard)
        if ending in ANSWERS and not (new and is_mid_sentence(self._heard)):
            self._end(ending)

    def fail(self, error: AsteroidError) -> None:
        """Note a look that failed; refused at once, or three times in a row, it ends."""
        self._trouble = error.title
        self._refusals = self._refusals + 1 if error.is_final else 0
        if (self._is_first and error.is_final) or self._refusals == MOST_REFUSED_LOOKS:
            self._end("unreadable")

    def check_time(self) -> None:
        """End if the time is over."""
        if not self.left:
            self._end("time")

    def stop(self) -> None:
        """End because the user does not wait any longer."""
        self._end("interrupted")

    def _find(self, client: AsteroidClient, recent: Sequence[Activity], known: int) -> int | None:
        """Return the index of the message; one that was `known` may be an older, equal message."""
        # Activities show the message as the client reads it: with the key masked.
        key, text = client.requester.settings.key, self.delivery.message
        text = key.hide_in(text) if key else text
        sent = AwaitedMessage(text, self._began, self.delivery.activity_id)
        server = client.server_clock()
        began = server and server - timedelta(seconds=self._clock() - self._began)
        for at, one in enumerate(recent):
            is_later = began and one.timestamp and one.timestamp >= began
            if is_sent(one, self.delivery.execution_id, sent) and (
                sent.activity_id or at >= known or is_later
            ):
                return at
        return None

    def _end(self, ending: Ending) -> None:
        self._result = self._result or WatchResult(
            execution_id=self.delivery.execution_id,
            ending=ending,
            activities=Activities(self._heard),
            elapsed=self._clock() - self._from,
            trouble=self._trouble,
            has_gap=self._has_gap,
            is_paused=self._is_paused,
        )
