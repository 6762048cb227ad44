"""Sends the rows of a batch in threads of this process, which share one client."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from queue import Empty, SimpleQueue

from ..client import messages
from ..client.client import AsteroidClient
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
        pool: ThreadPoolExecutor | None = None,
    ) -> None:
        self.ready = max(LEAST_READY, 2 * workers)
        self.most = workers + self.ready
        self._client, self._throttle, self._report = client, throttle, report
        self._workers, self._pool = workers, pool
        self._todo: SimpleQueue[NumberedRow | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._loops: list[Future[None]] = []
        self._deadlines: dict[int, Deadline] = {}

    def start(self, rows: Iterable[NumberedRow]) -> None:
        """Send these rows, each as soon as a worker is free."""
        for row in rows:
            self._todo.put(row)
            if len(self._threads) + len(self._loops) < self._workers:
                self._start_worker()

    def stop(self) -> None:
        """Do nothing: the throttle holds back what has not begun."""

    def cancel(self) -> None:
        """End at once what is under way, with what is known of it by then."""
        for deadline in list(self._deadlines.values()):
            deadline.cancel()

    def close(self) -> None:
        """End the workers; those that still wait for an answer end by themselves."""
        for _ in [*self._threads, *self._loops]:
            self._todo.put(None)
        for thread in self._threads:
            thread.join(0 if self._deadlines else None)
        for loop in self._loops:
            # A loop that the pool has not begun must not begin later.
            loop.cancel()
        wait(self._loops, 0 if self._deadlines else None)

    def _start_worker(self) -> None:
        if self._pool is None:
            name = f"asteroid-magic worker {len(self._threads) + 1}"
            # Daemons: a program can end while a request is under way.
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()
            return
        try:
            self._loops.append(self._pool.submit(self._work))
        except RuntimeError as error:
            self._throttle.stop(f"The executor accepts no more work: {type(error).__name__}.")
            self._give_back()

    def _give_back(self) -> None:
        """Report the rows that are ready as waiting: perhaps no worker would ever take them."""
        with suppress(Empty):
            while (item := self._todo.get_nowait()) is not None:
                self._report(RowResult(item[0], "waiting"))

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
            return send_one(self._client, position, row, deadline)
        finally:
            del self._deadlines[position]


def send_one(
    client: AsteroidClient, position: int, row: Row, deadline: Deadline | None = None
) -> RowResult:
    """Send one row and return its result; raises nothing."""
    try:
        delivery = messages.send_in_batch(client.requester, prepare(*row), deadline)
        return delivered_row(position, delivery)
    except AsteroidError as error:
        return failed_row(position, error)
    except BaseException as error:  # noqa: BLE001 (no fault of one row may stop the others)
        return unknown_row(position, f"An unexpected error ended the send: {type(error).__name__}.")
