"""Looks up the messages of a journal whose delivery is unknown, in their executions.

A message that is found has been delivered. One that is not found is sent again only by a later call
with the same journal, and only once its absence is established:

- The list of activities reaches back past the send, or to its beginning.
- Each of its times can be read, and fits the server's clock.
- As a control, a message of this journal that Asteroid has accepted is found in the same way.
- So many seconds have passed since the send that the message cannot be on its way any more.

For example, a process dies while row 7 is under way. The next call sends the rows that wait, row 8
among them, and finds row 8 in its execution, but not row 7: a minute after the send, it sends row 7
again. If row 8 did not show either, row 7 would stay unknown.
"""

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import NamedTuple, TypeVar

from ..client.reading.arrivals import BEHIND, ArrivalList, read_arrivals
from ..client.reading.executions import read
from ..client.requester import Call, Requester
from ..client.retry import RECONCILIATION
from ..client.sending.ledger import OtherSend, ledger
from ..client.transport.server_clock import Clock
from ..deadline import Deadline
from ..errors import AsteroidError
from ..models.arrivals import Arrival, Attribution, Doubt, Window, attribute
from ..models.message import prepare
from ..models.report import NumberedRow, RowResult
from .journal import SEEN_EVERY, Journal, Pending, SentRow
from .row_results import unknown_row

T = TypeVar("T")

MOST_AT_ONCE = 16
# Seconds between two checks whether the batch stops.
TICK = 0.2
# The server's clock, as an earlier call noted it, may be behind by this much.
CLOCK_MARGIN = timedelta(seconds=10)
# A message may arrive so much later than the timeout of its send.
LATE = timedelta(seconds=60)
FOUND = "The message is among the execution's activities."
NOT_WHOLE = "A message that Asteroid accepted is not among the execution's activities."
NO_CONTROL = (
    "No message of this journal is known to be delivered, so it is unknown whether one would show."
)
CONTROL_FAILED = (
    "Row {position:,}, which Asteroid accepted, does not show among its execution's activities "
    "either."
)
NOT_AGAIN = "It was not sent again."
NOT_READ = "The rows of this call end before this one."


class Policy(NamedTuple):
    """When to send a row in doubt again.

    Its absence counts `absent_after` seconds after the send. `resend_unknown`: the user has decided
    to send it again unless it is found.
    """

    absent_after: float
    resend_unknown: bool = False


class Reconciliation(NamedTuple):
    """What is now known of rows in doubt, and those to send again."""

    results: list[RowResult]
    again: list[NumberedRow]


class Look(NamedTuple):
    """One look at the execution of a group: what it listed, and which row it shows."""

    listing: ArrivalList
    attribution: Attribution

    def result(self, group: Pending, row: SentRow) -> Arrival | str | None:
        """Return the arrival of the row, why it is unknown, or None if it does not show."""
        return self.attribution.results[group.doubts.index(row)]


Looked = Look | AsteroidError


class Reconciler:
    """Looks up the rows in doubt of one batch, each time nothing is left to send.

    Calls `tell` with what it waits for, in words.
    """

    def __init__(
        self,
        requester: Requester,
        journal: Journal,
        stopping: threading.Event,
        policy: Policy,
        tell: Callable[[str], None],
    ) -> None:
        self._requester, self._journal, self._stopping = requester, journal, stopping
        self._policy, self._tell = policy, tell
        self._opened, self._opened_here = time.monotonic(), time.time()
        # Rows of earlier calls about which this call has decided.
        self._decided: set[int] = set()
        # The rows that may serve as controls, and why each of those tried does not show.
        self._available: tuple[dict[str, SentRow], list[SentRow]] = {}, []
        self._controls: dict[int, str | None] = {}
        self._deadlines: set[Deadline] = set()
        self._refusal: AsteroidError | None = None

    def run(self, last: int) -> Reconciliation:
        """Return what is known of the rows in doubt now; rows after `last` are not sent again.

        Looks for `confirm_grace` seconds, then, for rows of earlier calls, until their absence
        counts. If the batch stops meanwhile, returns what is known by then.
        """
        groups = [group for group in self._journal.reading().pending() if self._open(group)]
        if not groups:
            return Reconciliation([], [])
        self._tell("looking up unknown messages")
        looks = self._look_patiently(groups)
        left = [
            group
            for group in groups
            if any(not _found(looks, group, row) for row in self._earlier(group))
        ]
        if self._stopping.is_set():
            left = []
        again: list[NumberedRow] = []
        if self._policy.resend_unknown:
            results = _found_in(groups, looks)
            again = [
                _numbered(row)
                for group in left
                for row in self._earlier(group)
                if not _found(looks, group, row)
            ]
        else:
            # A second look may attribute the arrivals of a group differently: it counts alone.
            results = _found_in([group for group in groups if group not in left], looks)
            if left:
                decided = self._decide(left, looks)
                results += decided.results
                again = decided.again
        self._decided.update(one.position for one in results)
        self._decided.update(position for position, _ in again)
        results += [unknown_row(at, NOT_READ) for at, _ in again if at > last]
        return Reconciliation(results, [row for row in again if row[0] <= last])

    def _open(self, group: Pending) -> bool:
        return any(
            row.run == self._journal.run or row.position not in self._decided
            for row in group.doubts
        )

    def _earlier(self, group: Pending) -> list[SentRow]:
        """Return the rows in doubt that an earlier call sent, and that are not decided yet."""
        return [
            row
            for row in group.doubts
            if row.run != self._journal.run and row.position not in self._decided
        ]

    def _look_patiently(self, groups: list[Pending]) -> dict[Pending, Looked]:
        """Look until all rows are found, or the client's `confirm_grace` is over."""
        looks = self._look(groups)
        until = time.monotonic() + self._requester.settings.confirm_grace
        for times in count():
            missing = [group for group in groups if _is_missing(looks, group)]
            left = until - time.monotonic()
            if not missing or left <= 0:
                break
            if self._stopping.wait(min(RECONCILIATION.after_s(times), left)):
                break
            looks |= self._look(missing)
        return looks

    def _look(self, groups: Iterable[Pending]) -> dict[Pending, Looked]:
        return self._each(groups, self._look_at)

    def _decide(self, left: list[Pending], looks: dict[Pending, Looked]) -> Reconciliation:
        """Wait until absence counts, and look once more, for proof."""

        def prove(group: Pending) -> tuple[Look, str | None]:
            look = self._look_at(group, is_conclusive=True)
            return look, self._doubt_about(group, look)

        until = max(
            self._counts_at(row, looks.get(group)) for group in left for row in self._earlier(group)
        )
        while not self._stopping.is_set() and (rest := until - time.monotonic()) > 0:
            self._tell(f"{rest:,.0f} s until unknown messages can be looked up for good")
            self._stopping.wait(min(TICK, rest))
        self._available = self._journal.reading().controls()
        proofs = self._each(left, prove)
        results: list[RowResult] = []
        again: list[NumberedRow] = []
        for group in left:
            proof = proofs.get(group)
            if isinstance(proof, tuple):
                self._take(group, *proof, results, again)
                continue
            results += _found_in([group], looks)
            if isinstance(proof, AsteroidError):
                why = f"{NOT_AGAIN} Looking up the message failed. {proof}"
                results += [
                    unknown_row(row.position, why, row.error or "")
                    for row in self._earlier(group)
                    if not _found(looks, group, row)
                ]
        return Reconciliation(results, again)

    def _take(
        self,
        group: Pending,
        look: Look,
        doubt: str | None,
        results: list[RowResult],
        again: list[NumberedRow],
    ) -> None:
        """Add what a look that should prove something says of the rows of a group."""
        results += _found_in([group], {group: look})
        for row in self._earlier(group):
            shown = look.result(group, row)
            why = doubt if shown is None else shown
            if why is None:
                again.append(_numbered(row))
            elif isinstance(why, str):
                why = f"{NOT_AGAIN} {why}"
                results.append(unknown_row(row.position, why, row.error or ""))

    def _counts_at(self, row: SentRow, look: Looked | None) -> float:
        """Return when the absence of a row counts, by `time.monotonic`."""
        latest, now = self._latest(row), time.time()
        age = now - latest
        clock = look.listing.clock if isinstance(look, Look) else None
        if clock is not None:
            # This machine's clock may have been set since.
            server = clock.earliest(time.monotonic()).timestamp()
            age = min(age, server - latest - _ahead(row, clock))
        # Whatever the clocks say: when this call began, the earlier one had ended.
        since_opened = time.monotonic() - self._opened
        return time.monotonic() + self._policy.absent_after - max(age, since_opened)

    def _latest(self, row: SentRow) -> float:
        """Return the latest moment at which a row can have been sent, by this machine's clock."""
        if row.run == self._journal.run:
            return time.time()
        if row.sent_at is not None:
            return max(row.began, row.sent_at)
        return self._opened_here if row.seen is None else row.seen + 2 * SEEN_EVERY

    def _look_at(self, group: Pending, *, is_conclusive: bool = False) -> Look:
        outgoing = prepare(group.execution_id, group.message)

        def since(clock: Clock) -> datetime:
            return min(_moment(row.began, row, clock) for row in group.doubts)

        def work(call: Call) -> Look:
            listing = read_arrivals(
                self._requester, call, outgoing, since, is_conclusive=is_conclusive
            )
            if listing.clock is None:
                why = listing.gap or ""
                return Look(listing, Attribution([why] * len(group.doubts), is_whole=False))
            return Look(listing, self._attribute(group, listing, listing.clock))

        return read(self._requester, self._deadline(), group.execution_id, work)

    def _attribute(self, group: Pending, listing: ArrivalList, clock: Clock) -> Attribution:
        timeout = timedelta(seconds=self._requester.settings.timeout)
        doubts: list[Doubt] = []
        certain: list[Window] = []
        for row in group.rows:
            earliest = _moment(row.began, row, clock)
            latest = _moment(self._latest(row), row, clock) + CLOCK_MARGIN + timeout + LATE
            window = Window(earliest, latest)
            if row.state != "delivered":
                doubts.append(Doubt(window, earliest - BEHIND, latest))
            else:
                certain.append(_window_of_answered(row, clock) or window)
        cut = min(doubt.since for doubt in doubts)
        with ledger.sharing(group.execution_id, group.message, self._journal.batch) as share:
            free = [one for one in listing.arrivals if one.id not in share.taken]
            certain += [_window_of(one, clock) for one in share.others if one.is_sure]
            possible = [_window_of(one, clock) for one in share.others if not one.is_sure]
            # The listing has only some of the arrivals of a window that begins before it.
            possible += [one for one in certain if one.earliest < cut]
            whole = [one for one in certain if one.earliest >= cut]
            found = attribute(doubts, whole, possible, free)
            share.claimed += [one.id for one in found.results if isinstance(one, Arrival)]
        return found

    def _doubt_about(self, group: Pending, look: Look) -> str | None:
        """Return why a row that does not show may have arrived all the same; None: it has not."""
        if look.listing.gap is not None:
            return look.listing.gap
        if not look.attribution.is_whole:
            return NOT_WHOLE
        there, last = self._available
        controls = [there[group.execution_id]] if group.execution_id in there else last
        doubt: str | None = NO_CONTROL
        for row in controls:
            if row.position not in self._controls:
                self._controls[row.position] = self._control(row)
            doubt = self._controls[row.position]
            if doubt is None:
                break
        return doubt

    def _control(self, row: SentRow) -> str | None:
        """Return why a row that Asteroid accepted is not found, None if it is."""
        outgoing = prepare(row.execution_id, row.message)

        def since(clock: Clock) -> datetime:
            return _moment(row.began, row, clock)

        def shows(call: Call) -> bool:
            listing = read_arrivals(self._requester, call, outgoing, since)
            clock = listing.clock
            window = None if clock is None else _window_of_answered(row, clock)
            return window is not None and any(
                one.is_exact and window.has(one.at) for one in listing.arrivals
            )

        until = time.monotonic() + self._requester.settings.confirm_grace
        for times in count():
            try:
                if read(self._requester, self._deadline(), row.execution_id, shows):
                    return None
                why = CONTROL_FAILED.format(position=row.position)
            except AsteroidError as error:
                why = f"Looking up row {row.position:,} as a control failed. {error}"
            left = until - time.monotonic()
            if left <= 0 or self._stopping.wait(min(RECONCILIATION.after_s(times), left)):
                return why
        return None

    def _each(
        self, groups: Iterable[Pending], work: Callable[[Pending], T]
    ) -> dict[Pending, T | AsteroidError]:
        """Do the work for each group, many at a time; if the batch stops, for some of them."""
        found: dict[Pending, T | AsteroidError] = {}

        def guarded(group: Pending) -> T | AsteroidError | None:
            if self._stopping.is_set():
                return None
            # What concerns every execution does so for all that follow.
            if self._refusal is not None:
                return self._refusal
            try:
                return work(group)
            except AsteroidError as error:
                if error.refuses_key or error.stops_batch:
                    self._refusal = error
                return error

        pool = ThreadPoolExecutor(MOST_AT_ONCE, "asteroid-magic reconcile")
        looks = {pool.submit(guarded, group): group for group in groups}
        try:
            waiting = set(looks)
            while waiting and not self._stopping.is_set():
                done, waiting = wait(waiting, TICK, FIRST_COMPLETED)
                for look in done:
                    result = look.result()
                    if result is not None:
                        found[looks[look]] = result
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for deadline in list(self._deadlines):
                deadline.cancel()
            self._deadlines.clear()
        return found

    def _deadline(self) -> Deadline:
        """Return a deadline for one look, which ends when the batch stops."""
        deadline = Deadline(self._requester.settings.timeout)
        self._deadlines.add(deadline)
        return deadline


def _found(looks: dict[Pending, Looked], group: Pending, row: SentRow) -> bool:
    look = looks.get(group)
    return isinstance(look, Look) and isinstance(look.result(group, row), Arrival)


def _found_in(groups: Iterable[Pending], looks: dict[Pending, Looked]) -> list[RowResult]:
    return [
        RowResult(row.position, "delivered", detail=FOUND)
        for group in groups
        for row in group.doubts
        if _found(looks, group, row)
    ]


def _is_missing(looks: dict[Pending, Looked], group: Pending) -> bool:
    look = looks.get(group)
    return isinstance(look, Look) and not all(
        isinstance(result, Arrival) for result in look.attribution.results
    )


def _numbered(row: SentRow) -> NumberedRow:
    return row.position, (row.execution_id, row.message)


def _ahead(row: SentRow, clock: Clock) -> float:
    """Return the least seconds that the server's clock is ahead of this machine's."""
    # A call that ended before it knew the server's clock: now it is known.
    now = clock.earliest(time.monotonic()).timestamp() - time.time()
    return now if row.clock is None else row.clock


def _moment(here: float, row: SentRow, clock: Clock) -> datetime:
    """Return a moment of this machine's clock by the server's clock, at the earliest."""
    return datetime.fromtimestamp(here + _ahead(row, clock), UTC)


def _window_of_answered(row: SentRow, clock: Clock) -> Window | None:
    """Return when a row arrived that Asteroid answered with a 201, None if it did not."""
    if row.sent_at is None or row.elapsed is None:
        return None
    earliest = _moment(row.sent_at, row, clock)
    return Window(earliest, earliest + timedelta(seconds=row.elapsed) + CLOCK_MARGIN)


def _window_of(other: OtherSend, clock: Clock) -> Window:
    late = timedelta() if other.is_sure else LATE
    return Window(clock.earliest(other.began), clock.latest(other.ended) + late)
