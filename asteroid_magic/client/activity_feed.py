"""Reads what is new in an execution, without reading all of it again.

The server cannot list only what is new. Each look requests the ten newest activities, and doubles
that number while it knows none of them. So a look costs the same however long the execution runs.
"""

import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from ..models.activities import Activities, Activity, message_of
from ..models.watch import AwaitedMessage
from .client import AsteroidClient

FEWEST, MOST = 10, 1_280
# How many of the latest activities to keep, to say what the agent is doing.
MOST_RECENT = 200

Find = Callable[[Activities], int | None]


class ActivityFeed:
    """Reads one execution, look by look.

    `heard` holds the activities since the message `sent` (without one, since the first look),
    oldest first. `recent` holds the latest known ones. `has_gap`: some may be missing.
    """

    def __init__(
        self,
        client: AsteroidClient,
        execution_id: str,
        sent: AwaitedMessage | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.heard: list[Activity] = []
        self.recent: list[Activity] = []
        self.has_gap = False
        self._client, self._execution_id = client, execution_id
        self._sent, self._clock = sent, clock
        self._known: set[str] = set()
        self._has_looked = False

    def look(self, timeout: float) -> int:
        """Read the new activities and return their number; raises `AsteroidError`.

        `timeout` is in seconds, for each request.
        """
        page, at = self._page(self._find_known if self._has_looked else self._find_start, timeout)
        if self._has_looked:
            if at is None:
                at = len(page)
                self.has_gap = self.has_gap or bool(self._known) or at >= MOST
        elif at is None:
            # Count none of them: it is unknown which came before the message.
            at = 0
        news = [one for one in page[:at] if _key(one) not in self._known]
        news.reverse()
        self.recent = [*(self.recent or page[at:][::-1]), *news][-MOST_RECENT:]
        self._known.update(map(_key, page))
        self._has_looked = True
        self._hear(news)
        return len(news)

    def _page(self, find: Find, timeout: float) -> tuple[Activities, int | None]:
        """Return the newest activities, as many as `find` needs, and the index that it found."""
        limit = FEWEST
        while True:
            page = self._client.activities(
                self._execution_id, limit=limit, order="desc", timeout=timeout
            )
            at = find(page)
            if at is not None or len(page) < limit or limit >= MOST:
                return page, at
            limit *= 2

    def _find_known(self, page: Activities) -> int | None:
        """Return the index of the oldest known activity: newer ones may have been listed late."""
        known = [at for at, one in enumerate(page) if _key(one) in self._known]
        return known[-1] if known else None

    def _find_start(self, page: Activities) -> int | None:
        """Return how many of these activities, newest first, came after the sent message.

        None means: look further back. Say the message was sent at 12:00:00 by the server's clock.
        A page with ``12:00:03 action``, ``12:00:00 message``, ``11:59:50 action`` gives 1. If the
        page ends with ``11:59:50`` and has no such message, the message is not listed yet, and
        nothing counts: 0. Without a sent message, existing activities do not count either: 0.
        """
        sent, clock = self._sent, self._client.server_clock()
        if sent is None:
            return 0
        began = clock and clock - timedelta(seconds=self._clock() - sent.began)
        for at, one in enumerate(page):
            is_new = began and one.timestamp and one.timestamp >= began
            if self._is_sent(one, sent) and (is_new or sent.activity_id):
                self._sent = None
                return at
        oldest = page[-1].timestamp if page else None
        reaches_back = began and oldest and oldest < began
        return 0 if reaches_back or not began else None

    def _hear(self, news: Sequence[Activity]) -> None:
        """Add new activities; if the sent message is among them, keep only those after it."""
        for at, one in enumerate(news):
            if self._sent is not None and self._is_sent(one, self._sent):
                self._sent = None
                self.heard = list(news[at + 1 :])
                return
        self.heard += news

    def _is_sent(self, activity: Activity, sent: AwaitedMessage) -> bool:
        if sent.activity_id:
            return activity.id == sent.activity_id
        return message_of(activity, self._execution_id) == sent.text


def _key(activity: Activity) -> str:
    return activity.id or repr((activity.timestamp, activity.kind, activity.data))
