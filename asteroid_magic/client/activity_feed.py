"""Reads what is new in an execution, without reading all of it again.

The server cannot list only what is new. Each look requests the ten newest activities, and doubles
that number while it knows none of them. So a look costs the same however long the execution runs.
"""

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import islice

from ..deadline import Timeout
from ..models.activities import Activities, Activity
from ..models.watch import AwaitedMessage, is_sent
from .client import AsteroidClient

FEWEST, MOST = 10, 1_280
# How many of the latest activities to keep, to say what the agent is doing.
MOST_RECENT = 200

Find = Callable[[Activities], int | None]


class ActivityFeed:
    """Reads one execution, look by look.

    `heard` holds the activities since the message `sent` (without one, since the first look),
    oldest first. `recent` holds the latest known ones. `has_gap`: some may be missing. The first
    look requests `first` activities; `client` may be replaced between two looks.
    """

    def __init__(
        self,
        client: AsteroidClient,
        execution_id: str,
        sent: AwaitedMessage | None = None,
        clock: Callable[[], float] = time.monotonic,
        *,
        first: int = FEWEST,
    ) -> None:
        self.client = client
        self.heard: list[Activity] = []
        self.recent: list[Activity] = []
        self.has_gap = False
        self._execution_id, self._first = execution_id, first
        self._sent, self._clock = sent, clock
        # The keys of the activities, in the order in which they were last seen.
        self._known: dict[str, None] = {}
        self._has_looked = False

    def look(self, timeout: Timeout) -> int:
        """Read the new activities and return their number; raises `AsteroidError`.

        `timeout` is for each request in seconds, or a `Deadline` for all of them.
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
        self._remember(page)
        self._has_looked = True
        self._hear(news)
        return len(news)

    def _remember(self, page: Activities) -> None:
        """Note that these are known; forget what is older than any page reaches."""
        for key in map(_key, reversed(page)):
            self._known.pop(key, None)
            self._known[key] = None
        for key in list(islice(self._known, max(0, len(self._known) - 2 * MOST))):
            del self._known[key]

    def _page(self, find: Find, timeout: Timeout) -> tuple[Activities, int | None]:
        """Return the newest activities, as many as `find` needs, and the index that it found."""
        limit = FEWEST if self._has_looked else self._first
        while True:
            page = self.client.activities(
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
        sent, clock = self._sent, self.client.server_clock()
        if sent is None:
            return 0
        began = clock and clock - timedelta(seconds=self._clock() - sent.began)
        for at, one in enumerate(page):
            is_new = began and one.timestamp and one.timestamp >= began
            if is_sent(one, self._execution_id, sent) and (is_new or sent.activity_id):
                self._sent = None
                return at
        oldest = page[-1].timestamp if page else None
        reaches_back = began and oldest and oldest < began
        return 0 if reaches_back or not began else None

    def _hear(self, news: Sequence[Activity]) -> None:
        """Add new activities; if the sent message is among them, keep only those after it."""
        for at, one in enumerate(news):
            if self._sent is not None and is_sent(one, self._execution_id, self._sent):
                self._sent = None
                self.heard = list(news[at + 1 :])
                return
        self.heard += news


def _key(activity: Activity) -> str:
    return activity.id or repr((activity.timestamp, activity.kind, activity.data))
