"""Looks up the messages whose delivery is unknown, in their executions.

The same text may have gone to one execution several times. So count its arrivals, and subtract
those that other rows of the journal account for.
"""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from functools import partial
from itertools import count

from ..client import confirmation
from ..client.requester import Requester
from ..client.retry import RECONCILIATION
from ..client.transport.server_clock import Clock
from ..deadline import Deadline
from ..errors import AsteroidError
from ..models.message import prepare
from ..models.report import RowResult
from .journal import JournalReader, Pending
from .row_results import unknown_row

MOST_AT_ONCE = 16
# Seconds between two checks whether the batch stops.
TICK = 0.2
FOUND = "The message is among the execution's activities."

Found = int | AsteroidError | None


def reconcile(
    requester: Requester,
    reader: JournalReader,
    stopping: threading.Event,
    grace: float,
    *,
    patient: bool,
) -> list[RowResult]:
    """Return what is now known of the rows of a journal that are under way or unknown.

    A result is delivered, or waiting: then the row must be sent again. An unknown row that does
    not show has no result: it stays unknown. The search for a row that was under way is repeated
    for `grace` seconds, as its message may still be on its way; if `patient`, for an unknown one
    too. Raises the `AsteroidError` that kept it from asking Asteroid; then nothing is known.
    """
    groups = reader.pending()
    found = _look(requester, groups, stopping)
    until = time.monotonic() + grace
    for looks in count():
        missing = [one for one in groups if _is_missing(one, found.get(one), patient=patient)]
        left = until - time.monotonic()
        if stopping.is_set() or not missing or left <= 0:
            break
        if stopping.wait(min(RECONCILIATION.after_s(looks), left)):
            break
        found |= _look(requester, missing, stopping)
    if stopping.is_set():
        return []
    return [outcome for group in groups for outcome in _row_results(group, found[group])]


def _look(
    requester: Requester, groups: list[Pending], stopping: threading.Event
) -> dict[Pending, Found]:
    """Look each group up once; if the batch stops meanwhile, return what is known by then."""
    deadlines: dict[Pending, Deadline] = {}
    found: dict[Pending, Found] = {}

    def count_arrivals(group: Pending) -> int | None:
        if stopping.is_set():
            return None
        deadlines[group] = Deadline(requester.settings.timeout)
        outgoing = prepare(group.execution_id, group.message)
        since = partial(_since, group)
        return confirmation.arrivals(requester, outgoing, since, deadlines[group])

    pool = ThreadPoolExecutor(MOST_AT_ONCE, "asteroid-magic reconcile")
    looks = {pool.submit(count_arrivals, group): group for group in groups}
    try:
        waiting = set(looks)
        while waiting and not stopping.is_set():
            done, waiting = wait(waiting, TICK, FIRST_COMPLETED)
            for look in done:
                try:
                    found[looks[look]] = look.result()
                except AsteroidError as error:
                    if not error.is_about_execution:
                        raise
                    found[looks[look]] = error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for deadline in list(deadlines.values()):
            deadline.cancel()
    return found


def _since(group: Pending, clock: Clock) -> datetime:
    """Return the earliest time by the server's clock at which the first row can have been sent."""
    moments: list[datetime] = []
    if group.since is not None:
        moments.append(datetime.fromtimestamp(group.since, UTC))
    if group.since_here is not None:
        # That call ended before it knew the server's clock; now it is known.
        moments.append(clock.earliest(time.monotonic() - time.time() + group.since_here))
    return min(moments)


def _is_missing(group: Pending, found: Found, *, patient: bool) -> bool:
    """Return True if some rows of a group may still be found."""
    rows = _positions(group.under_way) + (_positions(group.unknown) if patient else [])
    return bool(rows) and isinstance(found, int) and found < group.delivered + len(rows)


def _row_results(group: Pending, found: Found) -> Iterator[RowResult]:
    under_way = _positions(group.under_way)
    if not isinstance(found, int):
        why = "The server's clock is unknown." if found is None else str(found)
        for position in under_way:
            yield unknown_row(position, f"Looking up the message failed. {why}")
        return
    free = found - group.delivered
    # Rows with the same text are interchangeable. Unknown rows, which are not sent again, come
    # first, so that only as many rows are sent again as are missing.
    for position in [*_positions(group.unknown), *under_way]:
        if free > 0:
            free -= 1
            yield RowResult(position, "delivered", detail=FOUND)
        elif position in under_way:
            yield RowResult(position, "waiting")


def _positions(listed: str | None) -> list[int]:
    return sorted(map(int, listed.split(","))) if listed else []
