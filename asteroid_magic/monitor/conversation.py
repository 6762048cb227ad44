"""The conversation of one execution: what was said and done, what it asks, and its status."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

from ..client.activity_feed import MOST_RECENT, ActivityFeed
from ..client.client import AsteroidClient
from ..deadline import Deadline
from ..errors import AsteroidError, Forbidden, NotFound
from ..models.activities import Activities, Activity, ActivityKind, Question
from ..models.executions import WAITING, Execution
from ..models.watch import doing, question_of
from .inbox import InboxState, local_moment
from .reply import Reply

# How many of the newest activities to read at first.
FIRST = 100
Access = Literal["unread", "readable", "not_found", "forbidden", "unreadable"]
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class ConversationState:
    """A conversation as it was at `updated_at` (aware; None if it was never read).

    `execution` has the latest status; it is None until it was read. `access` says whether it can
    be: ``"unread"`` means that this is not known yet. `since` (aware, by this machine's clock) is
    when it got its status, None if unknown; `started`, in the same way, when it began to run, or to
    exist. `activities` are the latest, 200 at most, oldest first;
    `has_older`: there are others. `question` is what it asks now, () for nothing; of an execution
    that waits for confirmation, the reason. `doing` is what the agent does, in one line. `error`
    says why the latest attempt to read failed, if it did.
    """

    execution_id: str
    access: Access = "unread"
    execution: Execution | None = None
    since: datetime | None = None
    started: datetime | None = None
    activities: Activities = field(default=Activities(), repr=False)
    has_older: bool = False
    question: tuple[Question, ...] = ()
    doing: str = ""
    error: AsteroidError | None = None
    updated_at: datetime | None = None

    @property
    def waits_for(self) -> Literal["asks", "confirm"] | None:
        """What it waits for: the user's answer, or confirmation; None if it does not wait."""
        return WAITING.get(self.execution.status) if self.execution else None

    @property
    def is_over(self) -> bool:
        """Return True if the execution has ended."""
        return self.execution is not None and self.execution.phase == "terminal"

    @property
    def is_purged(self) -> bool:
        """Return True if the server has deleted its activities."""
        return self.execution is not None and self.execution.is_purged


class Conversation:
    """Reads one execution, look by look: one request if nothing is new.

    A change of the status is known from the activities. The execution itself is read at first, and
    if the list of executions shows another status.
    """

    def __init__(self, execution_id: str, now: Callable[[], datetime]) -> None:
        self.state = ConversationState(execution_id=execution_id)
        self._now = now
        self._feed: ActivityFeed | None = None
        self._must_read = True
        # True if the latest look found the execution over, which no activity says.
        self._ended_silently = self._stream_ended = False
        # How many activities the latest look brought; the first counts none.
        self._news = 0
        # What an older activity asked, if the latest do not tell.
        self._asked_before: tuple[Question, ...] = ()
        # The last change of the status, and how the list last contradicted it.
        self._changed: Activity | None = None
        self._other: tuple[str, str] | None = None

    @property
    def is_complete(self) -> bool:
        """Return True if nothing more can come: it is over, and was quiet at the last look."""
        is_last = self.state.is_over and (self._news == 0 or self.state.is_purged)
        return is_last and not self._must_read and self.state.error is None

    def look(self, client: AsteroidClient, deadline: Deadline) -> bool:
        """Read what is new; return True if something has happened.

        Raises `AsteroidError`.
        """
        has_read, before = self._must_read, self.state.execution
        if self._must_read:
            self._read(client, deadline)
        feed = self._feed = self._feed or ActivityFeed(client, self._id, first=FIRST)
        feed.client, feed.has_gap = client, False
        try:
            news = feed.look(deadline)
        except NotFound:
            # Its activities may have been deleted, and it is still there.
            if not has_read:
                self._read(client, deadline)
            if not self.state.is_purged:
                raise
            news = 0
        # Only a `Reply` needs those.
        feed.heard.clear()
        activities = _in_order(feed.recent)
        latest = activities[len(activities) - min(news, len(activities)) :]
        if any(one.kind == ActivityKind.TERMINAL and not one.is_end for one in latest):
            # The end of a stream of activities may be that of the execution, or not.
            self._stream_ended = True
            self._read(client, deadline)
        self._ended_silently = self._stream_ended and self.state.is_over
        self._stream_ended = False
        changed = _last_change(activities)
        if before is None and changed and changed.status != self._status:
            # It has just changed, or its activities are listed late.
            self._read(client, deadline)
        self._show(client, deadline, activities)
        if before is not None and before.phase != "terminal" and self.state.is_over:
            self._read_links(client, deadline)
        self._news = news
        return before is not None and (bool(news) or before.status != self._status)

    def tell(self, client: AsteroidClient, reply: Reply) -> None:
        """Tell a reply what the look that has just ended brought."""
        if self._feed is not None:
            recent, has_gap = self._feed.recent, self._feed.has_gap
            is_over = self._ended_silently
            reply.hear(client, recent, self._news, has_gap=has_gap, is_over=is_over)

    def fail(self, error: AsteroidError) -> None:
        """Note why the latest attempt failed."""
        access = self.state.access
        if isinstance(error, Forbidden):
            access = "forbidden"
        elif isinstance(error, NotFound) and self._must_read:
            access = "not_found"
        elif access != "readable":
            access = "unreadable"
        # What was refused may have changed when it can be read again.
        self._must_read = self._must_read or error.is_final
        self.state = replace(self.state, access=access, error=error)
        if access in ("not_found", "forbidden"):
            self.state = replace(self.state, question=(), doing="")

    def compare(self, inbox: InboxState) -> bool:
        """Return True if a new list shows another status than is known: look again now."""
        key = self._id.lower()
        found = next((one for one in inbox.entries if one.execution.id.lower() == key), None)
        if found is None and inbox.has_more:
            return False
        listed = found.execution.status if found else ""
        if self.state.execution is None:
            return False
        is_same = listed == self._status or (not listed and self.state.is_over)
        before, self._other = self._other, None if is_same else (listed, self._status)
        # One request is enough: the list may be behind.
        is_news = self._other is not None and self._other != before
        self._must_read = self._must_read or is_news
        return is_news

    def refresh(self) -> None:
        """Read the execution itself again at the next look."""
        self._must_read = True

    @property
    def _id(self) -> str:
        return self.state.execution_id

    @property
    def _status(self) -> str:
        return self.state.execution.status if self.state.execution else ""

    def _read(self, client: AsteroidClient, deadline: Deadline) -> None:
        """Read the execution itself."""
        self._must_read = True
        read = client.execution(self._id, timeout=deadline)
        self._must_read = False
        since = self.state.since if read.status == self._status else self._began(client, read)
        begun = read.started_at or read.created_at
        started = self.state.started or local_moment(client.server_clock(), begun, self._now())
        self.state = replace(self.state, execution=read, since=since, started=started)

    def _read_links(self, client: AsteroidClient, deadline: Deadline) -> None:
        """Read an execution that has just ended once more: now it may have a recording."""
        try:
            read = client.execution(self._id, timeout=deadline)
        except AsteroidError:
            # The links are all that is missed.
            return
        if read.phase == "terminal":
            self.state = replace(self.state, execution=read)

    def _began(self, client: AsteroidClient, read: Execution) -> datetime | None:
        """Return when it got its status, as far as the execution itself tells."""
        if self.state.execution is not None:
            return self._now()
        moments = {"terminal": read.terminal_at, "pending": read.created_at}
        return local_moment(client.server_clock(), moments.get(read.phase or ""), self._now())

    def _show(self, client: AsteroidClient, deadline: Deadline, activities: Activities) -> None:
        is_first = self.state.updated_at is None
        self._note_change(client, activities, is_first=is_first)
        asked = question_of(reversed(activities)) if self._status in WAITING else ()
        if asked is None and is_first:
            asked = self._asked_before = client.question(self._id, timeout=deadline)
        most = FIRST if is_first else MOST_RECENT
        self.state = replace(
            self.state,
            access="readable",
            activities=activities,
            has_older=self.state.has_older or len(activities) >= most,
            question=self._asked_before if asked is None else asked,
            doing="" if self.state.is_over else doing(activities),
            error=None,
            updated_at=self._now(),
        )

    def _note_change(
        self, client: AsteroidClient, activities: Activities, *, is_first: bool
    ) -> None:
        """Take the status from its latest change, if that is news."""
        changed, execution = _last_change(activities), self.state.execution
        before, self._changed = self._changed, changed
        if changed is None or changed.status is None or execution is None or changed == before:
            return
        if not is_first:
            execution = replace(execution, status=changed.status)
        if changed.status == execution.status:
            since = local_moment(client.server_clock(), changed.timestamp, self._now())
            self.state = replace(self.state, execution=execution, since=since)


def _in_order(activities: Iterable[Activity]) -> Activities:
    """Return them by their time: one that happened earlier may have been listed late."""
    listed = Activities(activities)
    if all(one.timestamp for one in listed):
        return Activities(sorted(listed, key=lambda one: one.timestamp or _LONG_AGO))
    return listed


def _last_change(activities: Activities) -> Activity | None:
    return next((one for one in reversed(activities) if one.status is not None), None)
