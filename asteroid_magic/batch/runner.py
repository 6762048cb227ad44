"""Runs one batch, from its first row to its report, or to an early end."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from ..client.boundary import stripped
from ..client.client import AsteroidClient
from ..errors import InvalidInput, JournalError
from ..interrupts import interruptible
from ..models.report import Report, Row, RowState
from ..render.progress.progress_bar import ProgressBar
from .dispatcher import Dispatcher
from .executor_sender import ExecutorSender
from .journal import Journal
from .reconcile import Policy, Reconciler
from .rows import CheckedRows
from .thread_sender import ThreadSender
from .throttle import Throttle

if TYPE_CHECKING:
    from .dispatcher import Sender

T = TypeVar("T")

# After an interrupt, the seconds for what is under way to end by itself, then to be cancelled.
GRACE, LAST_GRACE = 5.0, 2.0
TICK = 0.2
# How often to restart a step towards the report after interrupts.
MOST_INTERRUPTS = 100
# Note the server's clock once in so many seconds.
CLOCK_EVERY = 60.0


class BatchRunner:
    """Runs one batch: the caller's thread reads the rows, the dispatcher's writes, others send.

    So an interrupt, which reaches only the caller's thread, leaves nothing half done.
    """

    def __init__(
        self,
        client: AsteroidClient,
        workers: int,
        journal: Journal,
        executor: Executor | None,
        policy: Policy,
    ) -> None:
        self._client, self._journal = client, journal
        self._throttle = Throttle()
        self._dispatcher = Dispatcher(journal, self._throttle)
        shared = client, workers, self._throttle, self._dispatcher.report, journal.batch
        self._sender: Sender
        if executor is None or isinstance(executor, ThreadPoolExecutor):
            self._sender = ThreadSender(*shared, executor)
        else:
            self._sender = ExecutorSender(*shared, executor)
        self._reconciler = Reconciler(
            client.requester, journal, self._throttle.stopping, policy, self._draw
        )
        self._progress = ProgressBar()
        self._finished, self._left = threading.Event(), threading.Event()
        self._fault: BaseException | None = None
        self._next = 0
        self._taking: tuple[int, Row | InvalidInput] | None = None
        self._clock_due = 0.0
        self._was_interrupted = False

    def run(self, checked: CheckedRows, *, shown: bool) -> Report:
        """Send the rows and return the report; raises errors of reading or writing them."""
        began, earlier = time.monotonic(), self._dispatcher.counts["delivered"]
        writing = threading.Thread(
            target=self._write, name="asteroid-magic dispatcher", daemon=True
        )
        fault: BaseException | None = None
        try:
            if shown:
                self._progress.open(checked.total, self._dispatcher.done)
            writing.start()
            interruptible(lambda: self._feed(checked))
            self._wait()
        except BaseException as error:  # noqa: BLE001 (an interrupt, or a fault of the rows)
            fault = error
            self._despite_interrupts(
                lambda: self._end_early(checked, is_writing=writing.ident is not None)
            )
        self._despite_interrupts(self._sender.close)
        self._despite_interrupts(
            lambda: self._progress.close(self._dispatcher.counts, self._dispatcher.done)
        )
        # While it is locked: once it is closed, another batch may use it, or delete it.
        counts = Counter(self._despite_interrupts(self._journal.counts))
        reader = self._despite_interrupts(self._journal.close)
        interrupted = self._was_interrupted or isinstance(fault, KeyboardInterrupt)
        own = None if isinstance(fault, KeyboardInterrupt) else fault
        fault = self._fault or self._dispatcher.fault or own
        # What was left under way may have arrived.
        counts["unknown"] += counts.pop("under_way", 0)
        if fault is not None:
            raise _with_counts(fault, counts)
        return Report(
            counts=dict(+counts),
            elapsed=time.monotonic() - began,
            earlier=earlier,
            interrupted=interrupted,
            stopped=self._throttle.why,
            reader=reader,
        )

    def _despite_interrupts(self, step: Callable[[], T]) -> T:
        """Do a step, again if an interrupt cuts it short: the report must still be made."""
        for _ in range(MOST_INTERRUPTS):
            try:
                return step()
            except KeyboardInterrupt:
                self._was_interrupted = True
        return step()

    def _feed(self, checked: CheckedRows) -> None:
        if self._taking is not None:
            # An interrupt may have come in between; the dispatcher ignores a row that it has.
            self._dispatcher.take(*self._taking)
        for row in islice(checked.rows, self._next, None):
            self._taking = self._next, row
            self._next += 1
            # Read checked rows to their end, so that the report has those that wait.
            if not self._dispatcher.take(*self._taking) and not checked.ended:
                break
        self._dispatcher.end()

    def _wait(self, seconds: float | None = None) -> None:
        end = None if seconds is None else time.monotonic() + seconds
        while not interruptible(lambda: self._finished.wait(TICK)):
            if end is not None and time.monotonic() > end:
                return

    def _end_early(self, checked: CheckedRows, *, is_writing: bool) -> None:
        """End the batch after an interrupt or an error, in steps; another interrupt skips a wait.

        1. Begin no further message.
        2. Read the rows that can still be read, so that the report has them as waiting.
        3. Give what is under way `GRACE` seconds to end by itself, then cancel it.
        4. After `LAST_GRACE` more seconds, leave it as unknown, and end the writing.
        """
        self._throttle.stop()
        if not is_writing:
            return
        # An error of the rows is known already; the rows read so far count.
        with suppress(BaseException):
            if checked.ended:
                self._despite_interrupts(lambda: interruptible(lambda: self._feed(checked)))
        self._dispatcher.end()
        with suppress(KeyboardInterrupt):
            self._wait(GRACE)
        self._sender.cancel()
        with suppress(KeyboardInterrupt):
            self._wait(LAST_GRACE)
        self._left.set()
        while not self._finished.is_set():
            with suppress(KeyboardInterrupt):
                self._wait()

    def _write(self) -> None:
        """Write until all results are known, or until the rest is left under way."""
        try:
            while not self._left.is_set():
                self._dispatcher.turn(self._sender, self._clock())
                self._draw(self._note())
                if self._dispatcher.is_idle and not self._look_up():
                    break
        except BaseException as error:  # noqa: BLE001 (raised again in the caller's thread)
            self._fault = stripped(error)
            self._throttle.stop()
        finally:
            self._finished.set()

    def _look_up(self) -> bool:
        """Look up the rows in doubt; return True if something must be sent again."""
        if self._dispatcher.is_in_doubt and not self._throttle.stopping.is_set():
            known = self._reconciler.run(self._dispatcher.last)
            self._dispatcher.resolve(known.results, known.again)
        return not self._dispatcher.is_idle

    def _draw(self, note: str) -> None:
        self._progress.draw(self._dispatcher.counts, self._dispatcher.done, note)

    def _clock(self) -> float | None:
        """Return the least seconds that the server's clock is ahead of this machine's.

        None if it was noted lately, or is unknown.
        """
        if time.monotonic() < self._clock_due:
            return None
        clock = self._client.server_clock()
        if clock is None:
            return None
        self._clock_due = time.monotonic() + CLOCK_EVERY
        return clock.timestamp() - time.time()

    def _note(self) -> str:
        wait = self._throttle.wait
        return f"waiting {wait:,.0f} s, as the server asks" if wait else ""


def _with_counts(fault: BaseException, counts: Mapping[RowState, int]) -> BaseException:
    """Return the fault with a note on how far the batch had come."""
    words = ", ".join(f"{number:,} {state}" for state, number in counts.items() if number)
    words = words or "nothing sent"
    if isinstance(fault, JournalError):
        fault.detail = f"{fault.detail} So far: {words}."
    else:
        fault.add_note(f"asteroid-magic: the batch stopped here; {words}.")
    return fault
