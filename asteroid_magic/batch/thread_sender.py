"""Sends the rows of a batch in threads of this process, which share one client."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from queue import Empty, SimpleQueue

from ..client.client import AsteroidClient
from ..client.sending import messages
from ..deadline import Deadline
from ..errors import AsteroidError
from ..models.message import prepare
from ..models.report import NumberedRow, Row, RowResult
from .row_results import delivered_row, failed_row, unknown_row
from .throttle import Throttle

# The least rows that are ready beyond one per worker, so that no worker waits for the next.
LEAST_READY = 32


class ThreadSender:
    """Sends rows in threads of its own, or in those of `pool`, over one client's connections.

    Calls `report` with each result, in the thread that sent. If the batch stops before a row
    begins, reports it as waiting.
    """

    def __init__(
        self,
        client: AsteroidClient,
        workers: int,
        throttle: Throttle,
        report: Callable[[RowResult], None],
        batch: int,
        pool: ThreadPoolExecutor | None = None,
    ) -> None:
        self.ready = max(LEAST_READY, 2 * workers)
        self.most = workers + self.ready
        self._client, self._throttle, self._report = client, throttle, report
        self._workers, self._batch, self._pool = workers, batch, pool
        self._todo: SimpleQueue[NumberedRow | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._loops: list[Future[None]] = []
        self._is_closing = False
        self._deadlines: dict[int, Deadline] = {}

    def start(self, rows: Iterable[NumberedRow]) -> None:
        """Send these rows, each as soon as a worker is free."""
        for row in rows:
            self._todo.put(row)
            if len(self._threads) + len(self._loops) < self._workers:
                self._start_worker()

    def stop(self) -> None:
        """Give back the rows that no worker has taken; the throttle holds back the others."""
        with suppress(Empty):
            while (item := self._todo.get_nowait()) is not None:
                self._report(RowResult(item[0], "waiting"))

    def cancel(self) -> None:
        """End the sends under way at once, with what they then know."""
        for deadline in list(self._deadlines.values()):
            deadline.cancel()

    def close(self) -> None:
        """End the workers; those that still wait for an answer end by themselves."""
        self._is_closing = True
        for _ in [*self._threads, *self._loops]:
            self._todo.put(None)
        for thread in self._threads:
            thread.join(0 if self._deadlines else None)
        # A loop that the pool has not begun is taken back, and is not waited for.
        begun = [loop for loop in self._loops if not loop.cancel()]
        wait(begun, 0 if self._deadlines else None)

    def _start_worker(self) -> None:
        if self._pool is None:
            name = f"asteroid-magic worker {len(self._threads) + 1}"
            # Daemons: a program can end while a request is under way.
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()
            return
        try:
            loop = self._pool.submit(self._work)
        except RuntimeError as error:
            self._give_up(type(error).__name__)
        else:
            self._loops.append(loop)
            loop.add_done_callback(self._check_loops)

    def _check_loops(self, _ended: Future[None]) -> None:
        """Stop the batch if the pool has dropped every loop: no worker is left."""
        ended = [loop for loop in self._loops if loop.done()]
        if self._is_closing or len(ended) < len(self._loops):
            return
        faults = (None if loop.cancelled() else loop.exception() for loop in ended)
        self._give_up(next((type(fault).__name__ for fault in faults if fault), "it was shut down"))

    def _give_up(self, why: str) -> None:
        self._throttle.stop(f"The executor accepts no more work: {why}.")
        self.stop()

    def _work(self) -> None:
        while (item := self._todo.get()) is not None:
            position, row = item
            if self._throttle.pass_through():
                outcome = self._send(position, row)
                self._throttle.note(outcome)
            else:
                outcome = RowResult(position, "waiting")
            self._report(outcome)

    def _send(self, position: int, row: Row) -> RowResult:
        self._deadlines[position] = deadline = Deadline(self._client.timeout)
        try:
            return send_one(self._client, position, row, self._batch, deadline)
        finally:
            del self._deadlines[position]


def send_one(
    client: AsteroidClient, position: int, row: Row, batch: int, deadline: Deadline | None = None
) -> RowResult:
    """Send one row of the batch with this number and return its result; raises nothing."""
    try:
        delivery = messages.send_in_batch(client.requester, prepare(*row), deadline, batch)
        return delivered_row(position, delivery)
    except AsteroidError as error:
        return failed_row(position, error)
    except BaseException as error:  # noqa: BLE001 (no fault of one row may stop the others)
        return unknown_row(position, f"An unexpected error ended the send: {type(error).__name__}.")
