"""The dispatcher of a batch: hands rows to the sender and records their results.

One thread does all of the writing. It hands over a row only after it has written to disk that the
row is about to be sent. It writes many rows at a time, so no message waits for the disk alone.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Protocol

from ..errors import AsteroidError, InvalidInput, JournalError
from ..models.report import NumberedRow, Row, RowResult, RowState
from .journal import Journal, RowMatcher
from .row_results import failed_row, storable
from .throttle import Throttle

Event = RowResult | tuple[int, Row | InvalidInput] | None

# How many rows to read ahead of those that the sender has.
READ_AHEAD = 256
# Seconds in which results gather, to be written together; and to wait for the first of them.
SHORTEST_PAUSE_S, LONGEST_PAUSE_S, IDLE_S = 0.002, 0.025, 0.1
MOST_AT_ONCE = 1_000
# If the executor loses this many rows in a row, the batch stops.
MOST_LOST_IN_A_ROW = 64


class Sender(Protocol):
    """Sends the rows of a batch: in threads, or through an executor.

    It takes at most `most` rows at a time; up to `ready` of them have not begun.
    """

    most: int
    ready: int

    def start(self, rows: list[NumberedRow]) -> None:
        """Send these rows, and report each result to the dispatcher."""

    def stop(self) -> None:
        """Begin no further row, as far as possible."""

    def cancel(self) -> None:
        """End at once what is under way, as far as possible."""

    def close(self) -> None:
        """Leave nothing behind, except what still waits for an answer."""


class WritePause:
    """How many `seconds` results gather before they are written: half the workers' reserve.

    If 400 results came in the last 0.4 s and 32 rows are ready, the workers will have used those
    up in 0.032 s. So the dispatcher hands over the next rows after 0.016 s.
    """

    def __init__(self) -> None:
        self.seconds = SHORTEST_PAUSE_S
        self._since = time.monotonic()

    def adapt(self, results: int, ready: int) -> None:
        """Note how many results came since the last call, and how many rows are ready."""
        now = time.monotonic()
        idle_after = ready * (now - self._since) / results if results else 0.0
        self.seconds = min(max(idle_after / 2, SHORTEST_PAUSE_S), LONGEST_PAUSE_S)
        self._since = now


class Dispatcher:
    """Takes rows from one thread and results from others until it knows all results.

    `counts` has the number of rows in each state, `fault` is the error in the rows, `last` the
    position of the last row that was read, -1 before the first. No row begins once the throttle is
    stopping.
    """

    def __init__(self, journal: Journal, throttle: Throttle) -> None:
        self.counts = _counted(journal, begun=False)
        self.fault: AsteroidError | None = None
        self._journal, self._throttle = journal, throttle
        self._matching = RowMatcher(journal)
        self._inbox: SimpleQueue[Event] = SimpleQueue()
        self._room = threading.Semaphore(READ_AHEAD)
        # Each row with its state in the journal, None if the journal does not have it.
        self._waiting: deque[tuple[int, Row, RowState | None]] = deque()
        self._in_hand: dict[int, Row] = {}
        self._attempts: Counter[int] = Counter()
        self._lost_in_a_row = 0
        self._ended = False
        self.last = -1
        self._freed = 0
        self._pause = WritePause()

    def take(self, position: int, row: Row | InvalidInput) -> bool:
        """Take a row once there is room; return False if it can no longer be sent."""
        while not self._throttle.stopping.is_set() and not self._room.acquire(timeout=IDLE_S):
            pass
        self._inbox.put((position, row))
        return not self._throttle.stopping.is_set()

    def end(self) -> None:
        """Note that there are no more rows."""
        self._inbox.put(None)

    def report(self, outcome: RowResult) -> None:
        """Take a result; called by the sender."""
        self._inbox.put(outcome)

    @property
    def done(self) -> int:
        """The number of rows with a result: delivered, failed or unknown."""
        return sum(self.counts[state] for state in ("delivered", "failed", "unknown"))

    @property
    def is_idle(self) -> bool:
        """Return True if nothing is left to send or to wait for."""
        return self._ended and not (self._in_hand or self._waiting or not self._inbox.empty())

    def turn(self, sender: Sender, clock: float | None) -> None:
        """Take new rows and results, write them down, and hand over the next rows."""
        intents: list[NumberedRow] = []
        outcomes: list[RowResult] = []
        for event in self._gathered():
            if event is None:
                self._ended = True
            elif isinstance(event, RowResult):
                self._conclude(event, outcomes)
            else:
                self._sort(*event, intents, outcomes)
        handed: list[NumberedRow] = []
        if self._throttle.stopping.is_set():
            sender.stop()
            self._put_back(intents, outcomes)
        elif not self._throttle.wait:
            handed = self._next(sender.most)
        if intents or outcomes or handed or (self._in_hand and self._journal.is_due):
            self._journal.write([*intents, *handed], outcomes, clock)
        sender.start(handed)
        self._pause.adapt(len(outcomes), sender.ready)
        self._make_room()

    @property
    def is_in_doubt(self) -> bool:
        """Return True if some rows may have arrived and are no longer with the sender."""
        return bool(self.counts["under_way"] or self.counts["unknown"])

    def resolve(self, outcomes: list[RowResult], again: list[NumberedRow]) -> None:
        """Write down what a lookup found about such rows, and send some of them `again`."""
        outcomes = [*outcomes, *(RowResult(position, "waiting") for position, _ in again)]
        self._journal.write([], outcomes)
        self.counts = _counted(self._journal, begun=self.last >= 0)
        self.counts["waiting"] -= len(again)
        self._waiting.extend((position, row, "waiting") for position, row in again)

    def _gathered(self) -> Iterator[Event]:
        with suppress(Empty):
            yield self._inbox.get(timeout=IDLE_S)
            time.sleep(self._pause.seconds)
            for _ in range(MOST_AT_ONCE):
                yield self._inbox.get_nowait()

    def _make_room(self) -> None:
        """Let more rows come, all at once: each release wakes the thread that reads them."""
        if self._freed:
            self._room.release(self._freed)
            self._freed = 0

    def _sort(
        self,
        position: int,
        row: Row | InvalidInput,
        intents: list[NumberedRow],
        outcomes: list[RowResult],
    ) -> None:
        """Decide what to do with a row that was read; no row counts twice."""
        if position <= self.last:
            return
        self.last = position
        bad = row if isinstance(row, InvalidInput) else None
        if isinstance(row, InvalidInput):
            row = storable(row.execution_id or ""), storable(row.message or "")
        try:
            state = self._matching.state_of(position, row)
        except JournalError as error:
            self.fault = self.fault or error
            self._throttle.stop()
            return
        if bad is not None:
            self._freed += 1
            intents.append((position, row))
            outcomes.append(failed_row(position, bad))
            self.counts["failed"] += 1
            return
        if state in ("delivered", "unknown", "under_way"):
            self._freed += 1
            return
        if state is not None:
            self.counts["waiting"] -= 1
        self._waiting.append((position, row, state))

    def _conclude(self, outcome: RowResult, outcomes: list[RowResult]) -> None:
        """Take the result of a row; send it later if the server did not accept it yet."""
        position = outcome.position
        row = self._in_hand.pop(position, None)
        if row is None:
            return
        if outcome.state == "under_way":
            outcome = outcome._replace(state="unknown")
            self._lost_in_a_row += 1
            if self._lost_in_a_row >= MOST_LOST_IN_A_ROW:
                why = f"The executor lost {MOST_LOST_IN_A_ROW} messages in a row."
                self._throttle.stop(f"{why} {outcome.detail}")
        elif outcome.state != "waiting":
            self._lost_in_a_row = 0
        is_to_be_sent_again = outcome.wait is not None and outcome.state == "failed"
        if is_to_be_sent_again and not self._throttle.stopping.is_set():
            self._attempts[position] += outcome.attempts
            self._waiting.appendleft((position, row, "under_way"))
            return
        attempts = outcome.attempts + self._attempts.pop(position, 0)
        outcomes.append(outcome._replace(attempts=attempts))
        self.counts["under_way"] -= 1
        self.counts[outcome.state] += 1

    def _next(self, most: int) -> list[NumberedRow]:
        """Return the rows to send next."""
        handed: list[NumberedRow] = []
        while self._waiting and len(self._in_hand) < most:
            position, row, state = self._waiting.popleft()
            if state != "under_way":
                self._freed += 1
                self.counts["under_way"] += 1
            self._in_hand[position] = row
            handed.append((position, row))
        return handed

    def _put_back(self, intents: list[NumberedRow], outcomes: list[RowResult]) -> None:
        """Write down that the rows that have not begun are waiting."""
        for position, row, state in self._waiting:
            if state is None:
                intents.append((position, row))
            if state == "under_way":
                self.counts["under_way"] -= 1
            if state != "failed":
                outcomes.append(RowResult(position, "waiting", self._attempts.pop(position, 0)))
            self.counts["waiting"] += 1
        self._waiting.clear()


def _counted(journal: Journal, *, begun: bool) -> Counter[RowState]:
    """Count the rows of a journal; before a batch begins, failed rows count as waiting."""
    counts: Counter[RowState] = Counter(journal.counts())
    if not begun:
        counts["waiting"] += counts.pop("failed", 0)
    return counts
