"""The workers of a batch: threads that share one client, and pause together."""

import threading
from collections.abc import Callable, Iterable
from queue import SimpleQueue

from ..client import messages
from ..client.client import AsteroidClient
from ..deadline import Deadline
from ..errors import AsteroidError
from ..models.message import prepare
from ..models.report import Numbered, Row, RowResult
from .row_results import lost, row_result_of
from .throttle import Throttle

# So many rows lie ready, beside one a worker: none waits while the next are written down.
LEAST_READY = 32


class ThreadSender:
    """Sends rows in threads of this process, over the connections of one client.

    `report` is called with each outcome, in the thread that sent. A row that does not begin,
    since the batch stops, comes back as waiting.
    """

    def __init__(
        self,
        client: AsteroidClient,
        workers: int,
        throttle: Throttle,
        report: Callable[[RowResult], None],
    ) -> None:
        self.ready = max(LEAST_READY, 2 * workers)
        self.most = workers + self.ready
        self._client, self._throttle, self._report = client, throttle, report
        self._workers = workers
        self._todo: SimpleQueue[Numbered | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._deadlines: dict[int, Deadline] = {}

    def start(self, rows: Iterable[Numbered]) -> None:
        """Send these rows, each as soon as a worker is free."""
        for row in rows:
            if len(self._threads) < self._workers:
                name = f"asteroid-magic worker {len(self._threads) + 1}"
                thread = threading.Thread(target=self._work, name=name, daemon=True)
                self._threads.append(thread)
                thread.start()
            self._todo.put(row)

    def stop(self) -> None:
        """Do nothing: the throttle holds back what has not begun."""

    def cancel(self) -> None:
        """End what is under way at once, with what is then known of it."""
        for deadline in list(self._deadlines.values()):
            deadline.cancel()

    def close(self) -> None:
        """End the threads; those that still wait for an answer end by themselves."""
        for _ in self._threads:
            self._todo.put(None)
        for thread in self._threads:
            thread.join(0 if self._deadlines else None)

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
    """Send one row, and return what became of it, whatever that is."""
    try:
        return row_result_of(position, messages.attempt(client.requester, prepare(*row), deadline))
    except AsteroidError as error:
        return row_result_of(position, error)
    except BaseException as error:  # noqa: BLE001 (no fault of one row may stop the others)
        return lost(position, f"The send broke off in an unforeseen way: {type(error).__name__}.")
