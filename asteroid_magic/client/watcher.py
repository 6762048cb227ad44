"""How an execution is followed: looked at again and again, politely, until something is heard.

One request at a time. Looks are half a second apart, and further and further, up to five seconds,
while nothing happens; what a server asks for with ``Retry-After`` is kept to.
"""

import time
from collections.abc import Callable, Container

from ..errors import AsteroidError, Interrupted
from ..models.activities import Activities
from ..models.watch import (
    AwaitedMessage,
    Ending,
    WatchProgress,
    WatchResult,
    doing,
    ending_of,
    ending_of_status,
    is_paused,
    unfinished,
)
from .activity_feed import ActivityFeed
from .client import AsteroidClient
from .retry import MOST_REFUSED_LOOKS, WATCH

LONGEST_LOOK = 10.0
# With less than this left, in seconds, no look is begun.
LEAST = 0.05
# How often, in seconds, it is told how things stand.
TICK = 1.0


class ExecutionWatcher:
    """Follows an execution for at most `limit` seconds, and tells how things stand.

    With a message that was `sent`, it is the answer to it that is waited for. `refusal` is the
    error of the first look, where that ended it.
    """

    def __init__(
        self,
        client: AsteroidClient,
        execution_id: str,
        limit: float,
        sent: AwaitedMessage | None = None,
        *,
        tell: Callable[[WatchProgress], None] = lambda _state: None,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self.refusal: AsteroidError | None = None
        self._client, self._execution_id = client, execution_id
        self._limit, self._sent = limit, sent
        self._tell_state, self._clock, self._wait = tell, clock, wait
        self._feed = ActivityFeed(client, execution_id, sent, clock)
        self._began = clock()
        self._is_first, self._trouble, self._refusals = True, "", 0
        self._ending: Ending | None = None
        self._doing, self._since = "", self._began

    def watch(self, until: Container[Ending]) -> WatchResult:
        """Return what is heard until one of these endings, the end of the time, or an interrupt.

        A look that fails is made again later. The first one ends it, as ``"unreadable"``, where
        no message was sent, or where it is refused for good; so do three refusals in a row.
        """
        try:
            ending = self._follow(until)
        except KeyboardInterrupt:
            ending = "interrupted"
        return WatchResult(
            execution_id=self._execution_id,
            ending=ending,
            activities=Activities(self._feed.heard),
            elapsed=self._clock() - self._began,
            trouble=self._trouble,
            has_gap=self._feed.has_gap,
            is_paused=is_paused(self._feed.recent),
        )

    def _follow(self, until: Container[Ending]) -> Ending:
        quiet_looks = 0
        while True:
            self._tell()
            news, asked = self._look()
            if self.refusal is not None:
                return "unreadable"
            ending = self._ending
            is_settled = not news or not self._is_mid_sentence()
            if ending is not None and ending in until and is_settled:
                return ending
            quiet_looks = 0 if news else quiet_looks
            self._rest(max(WATCH.after_s(quiet_looks), asked))
            quiet_looks += 1
            if self._left() < LEAST:
                return "time"

    def _look(self) -> tuple[int, float]:
        """Look once; return how much is new, and for how long the server asks to be left alone."""
        try:
            news = self._feed.look(min(LONGEST_LOOK, self._left()))
            self._ending = ending_of(self._feed.heard)
            if self._is_first and self._sent is None:
                self._ending = self._standing()
        except Interrupted:
            raise
        except AsteroidError as error:
            self._trouble, is_final = error.title, error.is_final
            self._refusals = self._refusals + 1 if is_final else 0
            is_over = self._is_first and (self._sent is None or is_final)
            if is_over or self._refusals == MOST_REFUSED_LOOKS:
                self.refusal = error.with_traceback(None)
            return 0, error.retry_after or 0.0
        self._is_first, self._trouble, self._refusals = False, "", 0
        return news, 0.0

    def _standing(self) -> Ending | None:
        """Return the ending that the execution had come to before the first look."""
        status = self._client.execution(self._execution_id, timeout=LONGEST_LOOK).status
        recent = self._feed.recent
        at = next((at for at in reversed(range(len(recent))) if recent[at].status == status), None)
        tail = [] if at is None else recent[at:]
        # A question that was answered a moment ago does not count.
        ending = ending_of(tail) if tail else ending_of_status(status)
        if ending is not None and ending != "spoke":
            self._feed.heard = tail
        return ending

    def _is_mid_sentence(self) -> bool:
        """Tell whether the agent has only begun to speak: what it says may yet change."""
        heard = self._feed.heard
        spoken = [one for one in heard if one.speaks_to_user]
        return self._ending == "spoke" and all(one in unfinished(heard) for one in spoken)

    def _rest(self, seconds: float) -> None:
        """Wait, and tell how things stand in between."""
        end = min(self._clock() + seconds, self._began + self._limit)
        while (rest := end - self._clock()) > 0:
            self._tell()
            self._wait(min(rest, TICK))

    def _tell(self) -> None:
        now, words = self._clock(), doing(self._feed.recent)
        if words != self._doing:
            self._doing, self._since = words, now
        elapsed, since = now - self._began, now - self._since
        self._tell_state(WatchProgress(elapsed, self._limit, words, since, self._trouble))

    def _left(self) -> float:
        return max(0.0, self._began + self._limit - self._clock())
