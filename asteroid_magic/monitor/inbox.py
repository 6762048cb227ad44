"""The active executions of the account, those that wait for the user first."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from ..client.client import AsteroidClient
from ..deadline import Deadline
from ..errors import AsteroidError
from ..models.activities import Question
from ..models.executions import Execution
from ..models.watch import question_of
from .shared_list import MOST_LISTED, read_list, shared_list

# How many of the newest activities to search for a question, in turn.
DEPTHS = (10, 100)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class InboxEntry:
    """An active execution. Times are aware, by this machine's clock; None if unknown.

    `since` is when it got its status, `created` when it began to exist. `question` is what it asks,
    () for nothing, None if that was not read.
    """

    execution: Execution
    since: datetime | None = None
    created: datetime | None = None
    question: tuple[Question, ...] | None = None

    def has_status_of(self, execution: Execution) -> bool:
        """Return True if this execution still has the status that the entry shows."""
        return self.execution.status == execution.status


@dataclass(frozen=True, kw_only=True)
class InboxState:
    """The active executions when they were last listed, at `updated_at` (aware; None: never).

    Those that wait for the user come first, with the newest question first. `has_more`: there are
    older ones, which were not requested. `error` says why the latest attempt failed, if it did.
    """

    entries: tuple[InboxEntry, ...] = ()
    has_more: bool = False
    error: AsteroidError | None = None
    updated_at: datetime | None = None

    @property
    def waiting(self) -> tuple[InboxEntry, ...]:
        """Those that wait for the user."""
        return tuple(one for one in self.entries if one.execution.is_waiting)


def local_moment(
    server: datetime | None, moment: datetime | None, now: datetime
) -> datetime | None:
    """Return a moment of the server's clock by this machine's clock, which may differ by hours.

    `server` is the server's clock now, None if unknown.
    """
    if moment is None or server is None:
        return moment
    try:
        return now - max(server - moment, timedelta())
    except OverflowError:
        return moment


class Inbox:
    """Lists the active executions; reads the questions of the first `questions` that wait.

    With `shares`, it takes the list that another view of the session has just read.
    """

    def __init__(
        self, now: Callable[[], datetime], questions: int = 0, *, shares: bool = False
    ) -> None:
        self.state = InboxState()
        self._shares = shares
        self._now, self._questions = now, questions
        # Whose questions could not be read, and whether they were refused for good.
        self._skipped: dict[str, bool] = {}

    def look(self, client: AsteroidClient, deadline: Deadline) -> bool:
        """List them; return True if the list differs from the one before.

        Raises `AsteroidError`.
        """
        listed = (
            shared_list.read(self, client, deadline)
            if self._shares
            else read_list(client, deadline)
        )
        found, server = listed.executions, listed.server_clock
        before, now = self.state, self._now()
        known = {one.execution.id: one for one in before.entries}
        same = {one.id for one in found if one.id in known and known[one.id].has_status_of(one)}
        self._skipped = {one: True for one in same if self._skipped.get(one)}
        entries = [self._entry(server, one, known.get(one.id), now) for one in found]
        self.state = InboxState(
            entries=_in_order(entries),
            has_more=len(found) == MOST_LISTED,
            updated_at=now - timedelta(seconds=listed.age),
        )
        return before.updated_at is not None and _statuses(before) != _statuses(self.state)

    def fail(self, error: AsteroidError) -> None:
        """Note why the latest attempt failed."""
        self.state = replace(self.state, error=error)

    @property
    def unread(self) -> InboxEntry | None:
        """The first whose question is still to be read; None if enough are."""
        waiting = [one for one in self.state.waiting if one.execution.id not in self._skipped]
        first = waiting[: self._questions]
        return next((one for one in first if one.question is None), None)

    def skip_question(self, error: AsteroidError) -> None:
        """Leave the one that is `unread` for now; for good if it was refused for good."""
        if (entry := self.unread) is not None:
            self._skipped[entry.execution.id] = error.is_final

    def read_question(self, client: AsteroidClient, deadline: Deadline) -> bool:
        """Read the question of the first that is `unread`; return True.

        Raises `AsteroidError`.
        """
        entry = self.unread
        if entry is None:
            return False
        asked, since = None, entry.since
        for depth in DEPTHS:
            newest = client.activities(
                entry.execution.id, limit=depth, order="desc", timeout=deadline
            )
            asked = question_of(newest)
            changed = next((one for one in newest if one.status is not None), None)
            if changed is not None:
                since = local_moment(client.server_clock(), changed.timestamp, self._now())
            if asked is not None or len(newest) < depth:
                break
        self._replace(entry, since, asked or ())
        return True

    def _entry(
        self, server: datetime | None, one: Execution, known: InboxEntry | None, now: datetime
    ) -> InboxEntry:
        created = known.created if known else local_moment(server, one.created_at, now)
        if known is None or not known.has_status_of(one):
            # It has changed since the last look: not long ago.
            return InboxEntry(execution=one, since=now if known else None, created=created)
        return replace(known, execution=one)

    def _replace(
        self, entry: InboxEntry, since: datetime | None, question: tuple[Question, ...]
    ) -> None:
        changed = replace(entry, since=since, question=question)
        is_it = (one.execution.id == entry.execution.id for one in self.state.entries)
        entries = [
            changed if found else one for found, one in zip(is_it, self.state.entries, strict=True)
        ]
        self.state = replace(self.state, entries=_in_order(entries))


def _in_order(entries: Iterable[InboxEntry]) -> tuple[InboxEntry, ...]:
    newest = sorted(entries, key=_newest, reverse=True)
    return tuple(sorted(newest, key=lambda one: not one.execution.is_waiting))


def _newest(entry: InboxEntry) -> datetime:
    asked = entry.since if entry.execution.is_waiting else None
    return asked or entry.created or _LONG_AGO


def _statuses(state: InboxState) -> dict[str, str]:
    return {one.execution.id: one.execution.status for one in state.entries}
