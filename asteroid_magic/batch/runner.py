"""The course of one batch, from its first row to its report, or to where it is ended early."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from ..client.client import AsteroidClient
from ..errors import AsteroidError, InvalidInput, JournalError
from ..models.report import Report
from ..models.row_results import Row, State
from ..render.progress_bar import Progress
from .dispatcher import Clerk
from .executor_sender import Couriers
from .journal import Journal
from .reconcile import settle
from .rows import Opened
from .thread_sender import Threads
from .throttle import Gate

if TYPE_CHECKING:
    from .crew import Crew

T = TypeVar("T")

# After an interrupt, what is under way has so many seconds to end by itself, then to break off.
GRACE, LAST_GRACE = 5.0, 2.0
TICK = 0.2
# So often a step towards the report is begun again, where interrupts strike it.
MOST_STRIKES = 100
# So often the server's clock is noted, in seconds.
CLOCK_EVERY = 60.0


class Course:
    """One batch: the caller's thread reads the rows, the clerk's writes, those of the crew send.

    So an interrupt, which strikes the caller's thread, leaves nothing half done.
    """

    def __init__(
        self, client: AsteroidClient, workers: int, journal: Journal, executor: Executor | None
    ) -> None:
        self._client, self._journal = client, journal
        self._gate = Gate()
        self._clerk = clerk = Clerk(journal, self._gate)
        self._crew: Crew
        if executor is None:
            self._crew = Threads(client, workers, self._gate, clerk.report)
        else:
            self._crew = Couriers(client, workers, self._gate, clerk.report, executor)
        self._progress = Progress()
        self._finished, self._left = threading.Event(), threading.Event()
        self._fault: BaseException | None = None
        self._next = 0
        self._taking: tuple[int, Row | InvalidInput] | None = None
        self._clock_due = 0.0
        self._is_struck = False

    def run(self, opened: Opened, *, shown: bool) -> Report:
        """Send the rows, and return the report; raises what reading or writing them raises."""
        began, earlier = time.monotonic(), self._clerk.counts["delivered"]
        writing = threading.Thread(target=self._write, name="asteroid-magic clerk", daemon=True)
        fault: BaseException | None = None
        try:
            if shown:
                self._progress.open(opened.total, self._clerk.done)
            writing.start()
            self._feed(opened)
            self._wait()
        except BaseException as error:  # noqa: BLE001 (an interrupt, or a fault of the rows)
            fault = error
            self._shielded(lambda: self._end_early(opened, is_writing=writing.ident is not None))
        self._shielded(self._crew.close)
        self._shielded(lambda: self._progress.close(self._clerk.counts, self._clerk.done))
        # While it is locked: once it is closed, another batch may have it, or it may be gone.
        counts = Counter(self._shielded(self._journal.counts))
        reader = self._shielded(self._journal.close)
        interrupted = self._is_struck or isinstance(fault, KeyboardInterrupt)
        own = None if isinstance(fault, KeyboardInterrupt) else fault
        fault = self._fault or self._clerk.fault or own
        # What was left under way may have arrived.
        counts["unknown"] += counts.pop("under_way", 0)
        if fault is not None:
            raise _with_counts(fault, counts)
        return Report(
            counts=dict(+counts),
            elapsed=time.monotonic() - began,
            earlier=earlier,
            interrupted=interrupted,
            stopped=self._gate.why,
            reader=reader,
        )

    def _shielded(self, step: Callable[[], T]) -> T:
        """Do a step again where an interrupt strikes it: the report is due all the same."""
        for _ in range(MOST_STRIKES):
            try:
                return step()
            except KeyboardInterrupt:
                self._is_struck = True
        return step()

    def _feed(self, opened: Opened) -> None:
        if self._taking is not None:
            # An interrupt may have come between; the clerk knows if it has it already.
            self._clerk.take(*self._taking)
        for row in islice(opened.rows, self._next, None):
            self._taking = self._next, row
            self._next += 1
            # What is known to end is read to its end, so that the report names what waits.
            if not self._clerk.take(*self._taking) and not opened.ended:
                break
        self._clerk.end()

    def _wait(self, seconds: float | None = None) -> None:
        end = None if seconds is None else time.monotonic() + seconds
        while not self._finished.wait(TICK):
            if end is not None and time.monotonic() > end:
                return

    def _end_early(self, opened: Opened, *, is_writing: bool) -> None:
        """Let what is under way end, or break it off; each further interrupt shortens that."""
        self._gate.stop()
        if not is_writing:
            return
        # What fails here has failed before, or is the rows' own: what was read comes first.
        with suppress(BaseException):
            if opened.ended:
                self._shielded(lambda: self._feed(opened))
        self._clerk.end()
        with suppress(KeyboardInterrupt):
            self._wait(GRACE)
        self._crew.cancel()
        with suppress(KeyboardInterrupt):
            self._wait(LAST_GRACE)
        self._left.set()
        while not self._finished.is_set():
            with suppress(KeyboardInterrupt):
                self._wait()

    def _write(self) -> None:
        """Write until all is known, or what is still under way is left."""
        try:
            self._settle()
            while not self._left.is_set():
                self._clerk.turn(self._crew, self._clock())
                self._progress.draw(self._clerk.counts, self._clerk.done, self._note())
                if self._clerk.is_idle and not self._look_again():
                    break
        except BaseException as error:  # noqa: BLE001 (raised again in the caller's thread)
            self._fault = error.with_traceback(None)
            self._gate.stop()
        finally:
            self._finished.set()

    def _settle(self, *, patient: bool = False) -> None:
        """Find out what became of the messages of which nobody knows."""
        if self._clerk.is_in_doubt:
            self._progress.draw(self._clerk.counts, self._clerk.done, "looks up what is unknown")
            caller = self._client.caller
            grace = caller.settings.confirm_grace
            reading = self._journal.reading()
            self._clerk.resolve(
                settle(caller, reading, self._gate.stopping, grace, patient=patient)
            )

    def _look_again(self) -> bool:
        """Look up, at the end, what is not known; True if something is to be sent once more."""
        if not self._gate.stopping.is_set():
            # What cannot be asked for stays unknown, and is when the batch is gone on with.
            with suppress(AsteroidError):
                self._settle(patient=True)
        return not self._clerk.is_idle

    def _clock(self) -> float | None:
        """Return by how many seconds the server's clock is ahead of this machine's, at least."""
        if time.monotonic() < self._clock_due:
            return None
        clock = self._client.server_clock()
        if clock is None:
            return None
        self._clock_due = time.monotonic() + CLOCK_EVERY
        return clock.timestamp() - time.time()

    def _note(self) -> str:
        wait = self._gate.wait
        return f"waits {wait:,.0f} s as the server asks" if wait else ""


def _with_counts(fault: BaseException, counts: Mapping[State, int]) -> BaseException:
    """Return the fault, which says how far the batch had come."""
    words = ", ".join(f"{number:,} {state}" for state, number in counts.items() if number)
    words = words or "nothing sent"
    if isinstance(fault, JournalError):
        fault.detail = f"{fault.detail} So far: {words}."
    else:
        fault.add_note(f"asteroid-magic: the batch stopped here; {words}.")
    return fault
