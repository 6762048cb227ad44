"""Sends the rows of a batch through an executor: tasks go to other processes, results come back.

A task holds rows and where to send them. It holds the key only if the process that runs it has
none, or another one: that process says so, and gets the task again with the key.
"""

import hashlib
import secrets
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import (
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from contextlib import suppress
from functools import partial
from typing import Any, TypeGuard

from ..client.client import AsteroidClient
from ..client.sending.ledger import SentMessage, ledger
from ..config.api_key import ApiKey
from ..config.settings import resolve
from ..errors import ConfigurationError
from ..models.report import NumberedRow, RowResult, RowState
from .row_results import failed_row
from .thread_sender import send_one
from .throttle import Throttle

# The answer of a process that has no key, or another one.
KEY_NEEDED = "no key"
# The answer of a process if the task may have begun once before.
AGAIN = "The executor may have sent this message before."
# The number of rows in a task, at most.
LARGEST = 8
# The length of the salt of a key's hash, in bytes.
SALT = 16
# The result of each row of a task, or why there are none.
TaskAnswer = list[RowResult] | str

# The module and the class of an executor that Python has from 3.14 on.
INTERPRETERS = ("concurrent.futures.interpreter", "InterpreterPoolExecutor")
# The executors whose tasks, if cancelled, provably have not begun and never will.
SURE = ProcessPoolExecutor
# The states of a row whose message may have arrived.
MAY_BE_THERE: frozenset[RowState] = frozenset({"under_way", "delivered", "unknown"})

# Without a lock, which a forked process might inherit locked.
_clients: dict[tuple[str, float, ApiKey], AsteroidClient] = {}


def check_executor(executor: object) -> None:
    """Raise `ConfigurationError` if it is no executor, or cannot send each message once."""
    if not callable(getattr(executor, "submit", None)):
        raise ConfigurationError(
            f"The executor is of type {type(executor).__name__}, which has no submit().",
            hint="Use an executor of concurrent.futures, or a compatible one.",
        )
    if any((kind.__module__, kind.__name__) == INTERPRETERS for kind in type(executor).__mro__):
        # It is a ThreadPoolExecutor, whose tasks share nothing with the batch.
        raise ConfigurationError(
            "An InterpreterPoolExecutor cannot send messages: its interpreters share neither the "
            "connections nor the records of this one.",
            hint="Use a ThreadPoolExecutor or a ProcessPoolExecutor.",
        )
    view = getattr(executor, "view", None)
    if view is not None and "LoadBalancedView" not in {
        kind.__name__ for kind in type(view).__mro__
    }:
        # Other views of ipyparallel do a task on each of their engines.
        raise ConfigurationError(
            f"The executor of a {type(view).__name__} would send each message once per engine.",
            hint="Use the executor of a load-balanced view: rc.load_balanced_view().executor.",
        )


class ExecutorSender:
    """Sends rows through an executor of `concurrent.futures`, or a compatible one.

    Calls `report` with each result, from any thread; if its state is still ``"under_way"``, the
    executor lost the row, and it is unknown whether it was sent.
    """

    def __init__(
        self,
        client: AsteroidClient,
        workers: int,
        throttle: Throttle,
        report: Callable[[RowResult], None],
        batch: int,
        executor: Executor,
    ) -> None:
        self.ready = workers
        self.most = workers + self.ready
        self._client, self._throttle, self._executor = client, throttle, executor
        self._report, self._batch = report, batch
        self._size = max(1, min(LARGEST, workers // 4))
        self._key = client.requester.settings.key
        self._mark = mark_of(self._key)
        self._sends_key = False
        self._futures: set[Future[TaskAnswer]] = set()
        # Messages sent by other processes count when this process confirms single sends.
        self._entries: dict[int, SentMessage] = {}

    def start(self, rows: list[NumberedRow]) -> None:
        """Hand these rows to the executor."""
        for first in range(0, len(rows), self._size):
            self._submit(tuple(rows[first : first + self._size]))

    def stop(self) -> None:
        """Take back the rows that certainly have not begun."""
        if isinstance(self._executor, SURE):
            for future in list(self._futures):
                future.cancel()

    def cancel(self) -> None:
        """Do nothing: work in another process cannot be stopped."""

    def close(self) -> None:
        """Do nothing: the executor belongs to the caller."""

    def _submit(self, rows: tuple[NumberedRow, ...]) -> None:
        try:
            for position, (execution_id, message) in rows:
                self._entries[position] = ledger.begin(execution_id.lower(), message, self._batch)
            future: Future[TaskAnswer] = self._executor.submit(deliver, self._task(rows))
        except Exception as error:  # noqa: BLE001 (each kind of executor has its own)
            self._throttle.stop(f"The executor accepts no more work: {type(error).__name__}.")
            self._each(rows, lambda position: RowResult(position, "waiting"))
            return
        self._futures.add(future)
        future.add_done_callback(partial(self._done, rows))

    def _task(self, rows: tuple[NumberedRow, ...]) -> "RemoteTask":
        requester = self._client.requester
        key = self._key if self._sends_key else None
        timeout = requester.settings.timeout
        return RemoteTask(requester.base_url, timeout, self._mark, self._batch, rows, key)

    def _done(self, rows: tuple[NumberedRow, ...], future: Future[TaskAnswer]) -> None:
        """Report the results of a task; called by the executor, in a thread of its own."""
        self._futures.discard(future)
        answer: object
        try:
            answer = future.result()
        except CancelledError:
            taken_back = isinstance(self._executor, SURE)
            answer = "cancelled" if taken_back else AGAIN
        except BaseException as error:  # noqa: BLE001 (whatever happened there)
            answer = f"A worker of the executor failed: {type(error).__name__}."
        if _is_whole(answer, rows):
            for outcome in answer:
                self._throttle.note(outcome)
                self._tell(outcome)
        elif answer == "cancelled":
            self._each(rows, lambda position: RowResult(position, "waiting"))
        elif answer == KEY_NEEDED:
            self._without_key(rows)
        else:
            why = answer if isinstance(answer, str) else "A worker returned an unreadable answer."
            self._each(rows, lambda position: _under_way_row(position, why))

    def _without_key(self, rows: tuple[NumberedRow, ...]) -> None:
        try:
            self._client.requester.settings.require_key()
        except ConfigurationError as error:
            missing = error
            self._throttle.stop(f"Neither the workers nor this process has an API key. {missing}")
            self._each(rows, lambda position: failed_row(position, missing))
            return
        self._sends_key = True
        # Resend at once: nothing has begun.
        self._each(rows, lambda position: RowResult(position, "failed", wait=0.0))

    def _each(self, rows: tuple[NumberedRow, ...], outcome: Callable[[int], RowResult]) -> None:
        for position, _ in rows:
            self._tell(outcome(position))

    def _tell(self, outcome: RowResult) -> None:
        entry = self._entries.pop(outcome.position, None)
        if entry is not None:
            ledger.leave(entry, may_be_there=outcome.state in MAY_BE_THERE)
        self._report(outcome)


def _is_whole(answer: object, rows: tuple[NumberedRow, ...]) -> TypeGuard[list[RowResult]]:
    """Return True if an answer, which comes from another process, has a result for each row."""
    if not (isinstance(answer, list) and all(isinstance(one, RowResult) for one in answer)):
        return False
    return [one.position for one in answer] == [position for position, _ in rows]


def _under_way_row(position: int, why: str) -> RowResult:
    return RowResult(position, "under_way", error="DeliveryUnknown", detail=why)


class RemoteTask:
    """Rows on their way to another process; its repr, which may be logged, shows none of them.

    `mark` is a hash with which a process checks whether its own key is the right one.
    """

    def __init__(
        self,
        base_url: str,
        timeout: float,
        mark: bytes,
        batch: int,
        rows: tuple[NumberedRow, ...],
        key: ApiKey | None = None,
        name: str = "",
    ) -> None:
        self.base_url, self.timeout, self.mark = base_url, timeout, mark
        self.batch, self.rows, self.key = batch, rows, key
        # Even tasks with the same rows have different names: else Dask would send only one.
        self.name = name or secrets.token_hex(16)

    def __repr__(self) -> str:
        return f"<RemoteTask of {len(self.rows)} messages to {self.base_url}>"

    def __reduce__(self) -> tuple[Any, ...]:
        key = None if self.key is None else self.key.reveal()
        place = self.base_url, self.timeout, self.mark
        return _unpacked, (*place, self.batch, self.rows, key, self.name)

    def __dask_tokenize__(self) -> str:
        return self.name


def _unpacked(
    base_url: str,
    timeout: float,
    mark: bytes,
    batch: int,
    rows: tuple[NumberedRow, ...],
    key: str | None,
    name: str,
) -> "RemoteTask":
    own = None if key is None else ApiKey(key, "the process that started the batch")
    return RemoteTask(base_url, timeout, mark, batch, rows, own, name)


def mark_of(key: ApiKey | None, salt: bytes = b"") -> bytes:
    """Return the salt and a hash of the key with it; empty if there is no key."""
    if key is None:
        return b""
    salt = salt or secrets.token_bytes(SALT)
    return salt + hashlib.blake2b(key.reveal().encode(), salt=salt, digest_size=8).digest()


def deliver(task: RemoteTask) -> list[RowResult] | str:
    """Send the rows of a task, all at once, in the process that received it."""
    client = _client_for(task)
    if client is None:
        return KEY_NEEDED
    # If a worker dies, Dask does its work once more, on another worker.
    if _has_begun():
        return AGAIN
    return send_all(client, task.rows, task.batch)


def send_all(client: AsteroidClient, rows: Sequence[NumberedRow], batch: int) -> list[RowResult]:
    """Send rows of one batch, all at once, over the connections of one client."""
    if len(rows) == 1:
        return [send_one(client, *rows[0], batch)]
    with ThreadPoolExecutor(len(rows), "asteroid-magic task") as pool:
        sending = [pool.submit(send_one, client, *row, batch) for row in rows]
        return [_result(each) for each in sending]


def _result(sending: Future[RowResult]) -> RowResult:
    while True:
        try:
            return sending.result()
        except KeyboardInterrupt:
            # A terminal interrupts every process of a group; let what is under way end.
            continue


def _client_for(task: RemoteTask) -> AsteroidClient | None:
    """Return this process's client for the task, None if it does not have the right key."""
    key = task.key
    if key is None:
        with suppress(ConfigurationError):
            key = resolve(None, task.base_url, task.timeout, allow_insecure=True).key
    if key is None or (task.mark and mark_of(key, task.mark[:SALT]) != task.mark):
        return None
    place = task.base_url, task.timeout, key
    if place not in _clients:
        made = AsteroidClient(key.reveal(), task.base_url, task.timeout, allow_insecure=True)
        _clients.setdefault(place, made)
    return _clients[place]


def _has_begun() -> bool:
    """Return True if this runs in a task of Dask that had begun once before."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return False
    try:
        task = distributed.get_worker().get_current_task()
    except ValueError:
        return False
    scheduler = distributed.get_client()
    # The scheduler keeps this until it forgets the task.
    if scheduler.get_metadata([task, "begun"], default=False):
        return True
    scheduler.set_metadata([task, "begun"], True)
    return False
