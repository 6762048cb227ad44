"""Watches an execution: looks at it repeatedly until something happens.

Makes one request at a time. Looks are half a second apart, up to five seconds while nothing
happens, and respect ``Retry-After``.
"""

import time
from collections.abc import Callable, Container, Sequence
from dataclasses import replace

from ..errors import AsteroidError, Interrupted, NotFound
from ..interrupts import interruptible
from ..models.activities import Activities, Activity, ActivityKind
from ..models.executions import Execution
from ..models.watch import (
    ANSWERS,
    AwaitedMessage,
    Ending,
    WatchProgress,
    WatchResult,
    doing,
    ending_of,
    ending_of_status,
    is_mid_sentence,
    is_paused,
)
from .activity_feed import ActivityFeed
from .client import AsteroidClient
from .retry import MOST_REFUSED_LOOKS, WATCH

# The longest that one look may take, and the least time that another needs.
LONGEST_LOOK_S, LEAST_S = 10.0, 0.05
# An answer waits no longer than this for what the execution says of itself.
LONGEST_LAST_READ_S = 5.0
# How often to call `tell`.
TICK_S = 1.0


class ExecutionWatcher:
    """Watches an execution for at most `limit` seconds, and calls `tell` with its progress.

    With a message `sent`, it waits for the reply to it. `refusal` is the error that ended the
    watching, None if no error did.
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
        # What was last read of the execution itself, and whether it must be read again.
        self._execution: Execution | None = None
        self._must_read, self._has_found = False, False
        self._doing, self._since = "", self._began

    def watch(self, until: Container[Ending]) -> WatchResult:
        """Return what happens until one of these endings, the time limit, or an interrupt.

        A failed look is repeated later. The watching ends as ``"unreadable"`` after three refusals
        for good in a row, or at the first look: if it fails and no message was sent, or if the
        server refuses it for good.
        """
        try:
            ending = interruptible(lambda: self._watch(until))
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
            execution=self._execution,
        )

    def _watch(self, until: Container[Ending]) -> Ending:
        ending = self._follow(until)
        execution, status = self._execution, _status_in(self._feed.recent)
        is_known = execution is not None and execution.status == (status or execution.status)
        if ending in ANSWERS and not is_known and self._left() >= LEAST_S:
            # Its links, such as that of the recording, change with its status.
            try:
                read = self._read(LONGEST_LAST_READ_S)
                # It may say later than the activities that it has ended.
                self._execution = replace(read, status=status or read.status)
            except Interrupted:
                raise
            except AsteroidError:
                self._execution = None
        return ending

    def _follow(self, until: Container[Ending]) -> Ending:
        quiet_looks = 0
        while True:
            self._tell()
            news, asked_wait = self._look()
            if self.refusal is not None:
                return "unreadable"
            has_more_to_say = news and is_mid_sentence(self._feed.heard)
            if self._ending is not None and self._ending in until and not has_more_to_say:
                return self._ending
            quiet_looks = 0 if news else quiet_looks
            self._rest(max(WATCH.after_s(quiet_looks), asked_wait))
            quiet_looks += 1
            if self._left() < LEAST_S:
                return "time"

    def _look(self) -> tuple[int, float]:
        """Look once; return the number of new activities, and the wait the server asks for."""
        try:
            news = self._read_news()
            self._ending = ending_of(self._feed.heard)
            if self._is_first and self._sent is None:
                self._ending = self._standing()
            elif self._must_read and self._ending != "over":
                self._ending = self._over() or self._ending
        except Interrupted:
            raise
        except AsteroidError as error:
            self._note_failure(error)
            return 0, error.retry_after or 0.0
        self._is_first, self._trouble, self._refusals = False, "", 0
        return news, 0.0

    def _read_news(self) -> int:
        try:
            news = self._feed.look(min(LONGEST_LOOK_S, self._left()))
        except NotFound:
            # The activities may have been deleted, and the execution is still there.
            if self._has_found or not self._read(LONGEST_LOOK_S).is_purged:
                raise
            return 0
        self._has_found = True
        latest = self._feed.recent[len(self._feed.recent) - news :]
        # The end of a stream of activities may be that of the execution, or not.
        ends = [one for one in latest if one.kind == ActivityKind.TERMINAL and not one.is_end]
        self._must_read = self._must_read or bool(ends)
        return news

    def _over(self) -> Ending | None:
        """Return "over" if the execution itself says so."""
        execution = self._read(LONGEST_LOOK_S)
        is_over = execution.is_purged or ending_of_status(execution.status) == "over"
        return "over" if is_over else None

    def _read(self, timeout: float) -> Execution:
        limit = max(min(timeout, self._left()), LEAST_S)
        self._execution = self._client.execution(self._execution_id, timeout=limit)
        self._must_read = False
        return self._execution

    def _note_failure(self, error: AsteroidError) -> None:
        """Remember why a look failed, and set `refusal` if there must be no other look."""
        self._trouble = error.title
        self._refusals = self._refusals + 1 if error.is_final else 0
        # After a delivered message, the reply may still become readable later.
        gives_up_at_once = self._is_first and (self._sent is None or error.is_final)
        if gives_up_at_once or self._refusals == MOST_REFUSED_LOOKS:
            self.refusal = error.with_traceback(None)

    def _standing(self) -> Ending | None:
        """Return the ending that the execution had reached before the first look."""
        execution = self._read(LONGEST_LOOK_S)
        status = execution.status
        recent = self._feed.recent
        # Not with a generator: Python loses an interrupt that comes while it closes one.
        found = [at for at, one in enumerate(recent) if one.status == status]
        tail = recent[found[-1] :] if found else []
        # A question that has just been answered does not count.
        ending = ending_of(tail) if tail else ending_of_status(status)
        ending = "over" if execution.is_purged else ending
        if ending is not None and ending != "spoke":
            self._feed.heard = tail
        return ending

    def _rest(self, seconds: float) -> None:
        """Wait, and report the progress meanwhile."""
        end = min(self._clock() + seconds, self._began + self._limit)
        while (rest := end - self._clock()) > 0:
            self._tell()
            self._wait(min(rest, TICK_S))

    def _tell(self) -> None:
        now, words = self._clock(), doing(self._feed.recent)
        if words != self._doing:
            self._doing, self._since = words, now
        elapsed, since = now - self._began, now - self._since
        self._tell_state(WatchProgress(elapsed, self._limit, words, since, self._trouble))

    def _left(self) -> float:
        return max(0.0, self._began + self._limit - self._clock())


def _status_in(activities: Sequence[Activity]) -> str | None:
    """Return the status that these activities end with, None if they do not tell."""
    # As above, without a generator.
    found = [one.status for one in activities if one.status is not None]
    return found[-1] if found else None
