"""`Monitor`: keeps what a view shows up to date, on a thread of its own, one request at a time."""

import logging
import math
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from ..client.client import AsteroidClient
from ..client.session_client import session_client, without_retries
from ..config.session import session
from ..config.settings import fingerprint
from ..deadline import Deadline
from ..errors import READ, AsteroidError, NoAnswer
from ..models.delivery import Delivery
from ..models.message import checked_id
from .conversation import Conversation, ConversationState
from .inbox import Inbox, InboxState
from .reply import LIMIT_S, Reply, ReplyState
from .schedule import Schedule
from .shared_list import shared_list

LONGEST_LOOK_S = 10.0
MOST_REPLIES = 10

Task = Literal["conversation", "inbox", "question"]
Wait = Callable[[threading.Condition, float | None], object]


@dataclass(frozen=True, kw_only=True)
class MonitorState:
    """What a view shows: the chosen `conversation` (None without one), the `inbox`, the `replies`.

    `replies` belong to the last ten messages, oldest first. `is_stopped`: nothing is read any more
    until the user touches something.
    """

    conversation: ConversationState | None = None
    inbox: InboxState = InboxState()  # noqa: RUF009 (immutable)
    replies: tuple[ReplyState, ...] = ()
    is_stopped: bool = True


class Monitor:
    """Keeps one conversation and the list of active executions up to date.

    It calls `on_change` with each new state: on its own thread, never twice at once, and never
    after `close` has returned. Hold no lock that `on_change` needs while you call `close`. Nothing
    is read before the first `choose`, `touch` or `refresh`.

    It reads with `client`, or without one with the current settings, anew for each look. It makes
    one request at a time and less than 60 a minute; while nothing happens, 2 a minute for the list
    and 2 for the conversation. It stops `stops_after` seconds after the user was last there. It
    reads the questions of the first `questions` executions that wait. Every `tick` seconds, it
    calls `on_change` although nothing is new, for a view that shows how old its state is.

    A program that ends does not wait for its thread. In a forked child, it is closed.
    """

    def __init__(
        self,
        on_change: Callable[[MonitorState], object],
        client: AsteroidClient | None = None,
        *,
        stops_after: float = 600.0,
        questions: int = 0,
        tick: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        wait: Wait = threading.Condition.wait,
    ) -> None:
        self._on_change, self._client = on_change, client
        self._questions, self._tick = questions, tick or math.inf
        self._clock, self._now, self._wait = clock, now, wait
        self._schedule = Schedule(clock, stops_after)
        self._conversation: Conversation | None = None
        self._inbox = Inbox(now, questions, shares=client is None)
        self._replies: deque[Reply] = deque(maxlen=MOST_REPLIES)
        self._state, self._told = MonitorState(), clock()
        # None while no look is under way.
        self._look: tuple[Task, Deadline] | None = None
        self._is_closed = self._is_woken = False
        self._thread: threading.Thread | None = None
        self._fingerprint = fingerprint()
        self._make_locks()
        _open.add(self)
        session.listeners.append(self.check_settings)

    def _make_locks(self) -> None:
        self._changed = threading.Condition()
        # The callback may call `close`.
        self._telling = threading.RLock()

    @property
    def state(self) -> MonitorState:
        """The latest state."""
        return self._state

    def choose(self, execution_id: str | UUID | None) -> None:
        """Show the conversation of this execution, or none; counts as a touch.

        Whatever is known of it comes from the server: an unknown ID is read. Replies that were
        awaited in another conversation are awaited no longer. Raises `InvalidInput` for what is no
        execution ID.
        """
        chosen = None if execution_id is None else checked_id(execution_id, READ)
        with self._changed:
            now = self._conversation
            if chosen is None or now is None or now.state.execution_id.lower() != chosen.lower():
                self._stop_replies()
                self._conversation = None if chosen is None else Conversation(chosen, self._now)
                self._cancel_look("conversation")
                self._schedule.refresh("conversation")
            self._schedule.touched()
            self._wake()

    def touch(self) -> None:
        """Note that the user has typed, chosen or pressed something: look soon, and often."""
        with self._changed:
            self._schedule.touched()
            self._wake()

    def seen(self) -> None:
        """Note that the user has the view in sight: do not stop yet."""
        with self._changed:
            self._schedule.seen()
            self._wake()

    def refresh(self) -> None:
        """Read everything again now; counts as a touch."""
        with self._changed:
            if self._conversation is not None:
                self._conversation.refresh()
            self._schedule.refresh()
            self._schedule.touched()
            self._wake()

    def sent(self, delivery: Delivery, limit: float = LIMIT_S) -> None:
        """Listen for the reply to a message in the chosen conversation, for `limit` seconds.

        `MonitorState.replies` tells it. A message to another execution gets none.
        """
        reply = Reply(delivery, limit, self._clock, self._now)
        with self._changed:
            chosen = self._conversation
            if chosen is None or not _is_same(chosen, delivery):
                reply.stop()
            elif chosen.is_complete:
                # It has accepted a message, so it is not over.
                chosen.refresh()
            self._replies.append(reply)
            self._schedule.touched()
            self._wake()

    def stop_waiting(self) -> None:
        """Listen for no reply any longer; what was heard stays."""
        with self._changed:
            self._stop_replies()
            self._schedule.touched()
            self._wake()

    def check_settings(self) -> None:
        """Begin again if the key or the base URL has changed, with one request for the list.

        A change in this session is noticed at once, one in the environment when this is called.
        """
        with self._changed:
            if not self._is_closed and self._has_new_settings() and self._thread is not None:
                self._wake()

    def close(self) -> None:
        """End: cancel a request under way, and wait for a callback under way."""
        with self._changed:
            self._is_closed = True
            self._stop_replies()
            self._cancel_look("conversation", "inbox", "question")
            self._changed.notify_all()
        _open.discard(self)
        with suppress(ValueError):
            session.listeners.remove(self.check_settings)
        shared_list.forget(self._inbox)
        with self._telling:
            self._state = self._snapshot()

    def __repr__(self) -> str:
        return f"<Monitor, {'closed' if self._is_closed else 'open'}>"

    def _wake(self) -> None:
        """Let the thread look what is to be done; begin it if it has not begun."""
        if self._is_closed:
            return
        self._is_woken = True
        self._changed.notify_all()
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name="asteroid-magic monitor", daemon=True
            )
            self._thread.start()

    def _run(self) -> None:
        while not self._is_closed:
            pause = self.step()
            with self._changed:
                if not self._is_woken and not self._is_closed:
                    self._wait(self._changed, None if pause == math.inf else pause)

    def step(self) -> float:
        """Do the next thing if one is due, and return the seconds until the one after it."""
        with self._changed:
            self._is_woken = False
            self._has_new_settings()
            task, deadline = self._due_task(), Deadline(LONGEST_LOOK_S)
            self._look = task and (task, deadline)
        if task is not None:
            # What was chosen shows before the server has answered.
            self._tell()
            self._do(task, deadline)
        with self._changed:
            for reply in self._replies:
                reply.check_time()
            self._schedule.awaits_reply = any(not one.is_over for one in self._replies)
        self._tell()
        with self._changed:
            return self._pause()

    def _due_task(self) -> Task | None:
        if self._is_closed:
            return None
        if self._conversation_due_in() <= 0:
            return "conversation"
        if self._schedule.due_in("inbox") <= 0:
            return "inbox"
        return "question" if self._inbox.unread and self._schedule.more_in() <= 0 else None

    def _conversation_due_in(self) -> float:
        chosen = self._conversation
        is_needed = chosen is not None and not chosen.is_complete
        return self._schedule.due_in("conversation") if is_needed else math.inf

    def _pause(self) -> float:
        if self._is_closed:
            return math.inf
        waits = [self._conversation_due_in(), self._schedule.due_in("inbox")]
        waits += [reply.left for reply in self._replies if not reply.is_over]
        if self._inbox.unread:
            waits.append(self._schedule.more_in())
        if self._schedule.stops_in:
            waits += [self._schedule.stops_in, self._told + self._tick - self._clock()]
        return max(0.0, min(waits))

    def _do(self, task: Task, deadline: Deadline) -> None:
        """Make the requests of one look, without the lock, and note what became of it."""
        conversation, inbox = self._conversation, self._inbox
        news, requests = False, [0]
        error: AsteroidError | None = None
        try:
            with session_client(self._client) as shared, _counted(shared, requests) as client:
                if task == "conversation" and conversation is not None:
                    news = conversation.look(client, deadline)
                    self._tell_replies(conversation, client)
                else:
                    look = inbox.look if task == "inbox" else inbox.read_question
                    news = look(client, deadline)
        except AsteroidError as fault:
            error = fault.with_traceback(None)
        except Exception as fault:  # noqa: BLE001 (whatever it was, the next look may succeed)
            kind = type(fault).__name__
            error = NoAnswer(f"Reading failed unexpectedly: {kind}.", operation=READ)
        with self._changed:
            self._look = None
            self._schedule.requested(requests[0])
            is_outdated = task == "conversation" and conversation is not self._conversation
            if not (deadline.is_cancelled or is_outdated or inbox is not self._inbox):
                self._note(task, error, news=news)

    def _tell_replies(self, conversation: Conversation, client: AsteroidClient) -> None:
        with self._changed:
            for reply in self._replies:
                conversation.tell(client, reply)

    def _note(self, task: Task, error: AsteroidError | None, *, news: bool) -> None:
        conversation, schedule = self._conversation, self._schedule
        if task == "question":
            if error is not None:
                schedule.hold_off(error)
                self._inbox.skip_question(error)
            return
        if error is None:
            schedule.looked(task, news=news)
        else:
            schedule.failed(task, error)
        if task == "inbox":
            if error is not None:
                self._inbox.fail(error)
            elif conversation is not None and conversation.compare(self._inbox.state):
                schedule.happened()
        elif conversation is not None and error is not None:
            conversation.fail(error)
            for reply in self._replies:
                reply.fail(error)

    def _has_new_settings(self) -> bool:
        """Begin again if the settings have changed; return True if so."""
        before, self._fingerprint = self._fingerprint, fingerprint()
        if self._client is not None or self._fingerprint == before:
            return False
        if self._conversation is not None:
            self._conversation = Conversation(self._conversation.state.execution_id, self._now)
        self._inbox = Inbox(self._now, self._questions, shares=self._client is None)
        self._cancel_look("conversation", "inbox", "question")
        self._schedule.start_anew()
        return True

    def _cancel_look(self, *tasks: Task) -> None:
        if self._look is not None and self._look[0] in tasks:
            self._look[1].cancel()

    def _stop_replies(self) -> None:
        for reply in self._replies:
            reply.stop()

    def _snapshot(self) -> MonitorState:
        return MonitorState(
            conversation=None if self._conversation is None else self._conversation.state,
            inbox=self._inbox.state,
            replies=tuple(reply.state for reply in self._replies),
            is_stopped=self._is_closed or not self._schedule.stops_in,
        )

    def _tell(self) -> None:
        """Call `on_change` if the state differs from the one before, or a tick is over."""
        with self._changed:
            before, self._state = self._state, self._snapshot()
            is_tick = self._told + self._tick <= self._clock()
            if self._state == before and (self._state.is_stopped or not is_tick):
                return
            self._told = self._clock()
        with self._telling:
            if self._is_closed:
                return
            try:
                self._on_change(self._state)
            except Exception:
                # The thread must go on; the author of the view wants to know.
                logging.getLogger(__name__).exception("A view of executions could not be updated")

    def leave_parent(self) -> None:
        """In a forked child, where its thread does not exist: be closed, with locks of its own."""
        self._make_locks()
        self._is_closed, self._thread, self._look = True, None, None
        self.close()


@contextmanager
def _counted(client: AsteroidClient, requests: list[int]) -> Iterator[AsteroidClient]:
    """Yield a client that makes each read once; then add to `requests` how many it has made."""
    once = without_retries(client)
    try:
        yield once
    finally:
        requests[0] += once.requester.requests


def _is_same(conversation: Conversation, delivery: Delivery) -> bool:
    return conversation.state.execution_id.lower() == delivery.execution_id.lower()


_open: "weakref.WeakSet[Monitor]" = weakref.WeakSet()


def _leave_parent() -> None:
    for monitor in list(_open):
        monitor.leave_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_parent)
