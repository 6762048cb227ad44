"""The crew of a batch where an executor sends: rows travel in parcels, and outcomes come back."""

from collections.abc import Callable
from concurrent.futures import (
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from functools import partial
from typing import TypeGuard

from ..client.client import AsteroidClient
from ..client.ledger import Entry, ledger
from ..errors import ConfigurationError
from ..models.row_results import Numbered, Outcome, State, outcome_of
from .parcels import AGAIN, LARGEST, NO_KEY, Parcel, deliver, mark_of, send_all
from .throttle import Gate

Answer = list[Outcome] | str

# The pools of which a task that could be cancelled has not begun, nor ever will.
SURE = ThreadPoolExecutor, ProcessPoolExecutor
MAY_BE_THERE: frozenset[State] = frozenset({"under_way", "delivered", "unknown"})


def check_executor(executor: object) -> None:
    """Raise `ConfigurationError` for what is no executor, or would do each task several times."""
    if not callable(getattr(executor, "submit", None)):
        raise ConfigurationError(
            f"The executor is of type {type(executor).__name__}, which has no submit().",
            hint="Give one of concurrent.futures, or one like it.",
        )
    view = getattr(executor, "view", None)
    if view is not None and "LoadBalancedView" not in {
        kind.__name__ for kind in type(view).__mro__
    }:
        # ipyparallel's other views do a task on each of their engines.
        raise ConfigurationError(
            f"This executor, of a {type(view).__name__}, would send every message once an engine.",
            hint="Give the executor of a load-balanced view: rc.load_balanced_view().executor.",
        )


class Couriers:
    """Sends rows through an executor of `concurrent.futures`, or one that is like those.

    `report` is called with each outcome, from any thread; one that is under way still means that
    nobody knows whether the row has begun.
    """

    def __init__(
        self,
        client: AsteroidClient,
        workers: int,
        gate: Gate,
        report: Callable[[Outcome], None],
        executor: Executor,
    ) -> None:
        self.ready = workers
        self.most = workers + self.ready
        self._client, self._gate, self._executor = client, gate, executor
        self._report = report
        # Threads of this process need no parcels, nor a client of their own.
        self._is_here = isinstance(executor, ThreadPoolExecutor)
        self._size = 1 if self._is_here else max(1, min(LARGEST, workers // 4))
        self._key = client.caller.settings.key
        self._mark = mark_of(self._key)
        self._sends_key = False
        self._futures: set[Future[Answer]] = set()
        # What is sent elsewhere accounts for activities here, where single sends are confirmed.
        self._entries: dict[int, Entry] = {}

    def start(self, rows: list[Numbered]) -> None:
        """Hand these rows to the executor."""
        for first in range(0, len(rows), self._size):
            self._submit(tuple(rows[first : first + self._size]))

    def stop(self) -> None:
        """Take back what has not begun, where that is certain."""
        if isinstance(self._executor, SURE):
            for future in list(self._futures):
                future.cancel()

    def cancel(self) -> None:
        """Do nothing: what another process does cannot be broken off."""

    def close(self) -> None:
        """Do nothing: the executor is the caller's."""

    def _submit(self, rows: tuple[Numbered, ...]) -> None:
        try:
            if self._is_here:
                future: Future[Answer] = self._executor.submit(send_all, self._client, rows)
            else:
                for position, (execution_id, message) in rows:
                    self._entries[position] = ledger.begin(execution_id.lower(), message)
                future = self._executor.submit(deliver, self._parcel(rows))
        except Exception as error:  # noqa: BLE001 (each kind of executor has its own)
            self._gate.stop(f"The executor takes no more work: {type(error).__name__}.")
            self._each(rows, lambda position: Outcome(position, "waiting"))
            return
        self._futures.add(future)
        future.add_done_callback(partial(self._done, rows))

    def _parcel(self, rows: tuple[Numbered, ...]) -> Parcel:
        caller = self._client.caller
        key = self._key if self._sends_key else None
        return Parcel(caller.base_url, caller.settings.timeout, self._mark, rows, key)

    def _done(self, rows: tuple[Numbered, ...], future: Future[Answer]) -> None:
        """Report what came back of a parcel; called by the executor, in a thread of its own."""
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
                self._gate.note(outcome)
                self._tell(outcome)
        elif answer == "cancelled":
            self._each(rows, lambda position: Outcome(position, "waiting"))
        elif answer == NO_KEY:
            self._without_key(rows)
        else:
            why = answer if isinstance(answer, str) else "A worker's answer cannot be read."
            self._each(rows, lambda position: _lost(position, why))

    def _without_key(self, rows: tuple[Numbered, ...]) -> None:
        missing = self._client.caller.settings.require_key()
        if isinstance(missing, ConfigurationError):
            words = str(missing)
            self._gate.stop(f"Neither the workers nor this process has an API key. {words}")
            self._each(rows, lambda position: outcome_of(position, missing))
            return
        self._sends_key = True
        # At once: nothing has begun.
        self._each(rows, lambda position: Outcome(position, "failed", wait=0.0))

    def _each(self, rows: tuple[Numbered, ...], outcome: Callable[[int], Outcome]) -> None:
        for position, _ in rows:
            self._tell(outcome(position))

    def _tell(self, outcome: Outcome) -> None:
        entry = self._entries.pop(outcome.position, None)
        if entry is not None:
            ledger.leave(entry, may_be_there=outcome.state in MAY_BE_THERE)
        self._report(outcome)


def _is_whole(answer: object, rows: tuple[Numbered, ...]) -> TypeGuard[list[Outcome]]:
    """Tell whether an answer has an outcome for each row: it comes from another process."""
    if not (isinstance(answer, list) and all(isinstance(one, Outcome) for one in answer)):
        return False
    return [one.position for one in answer] == [position for position, _ in rows]


def _lost(position: int, why: str) -> Outcome:
    return Outcome(position, "under_way", error="DeliveryUnknown", detail=why)
