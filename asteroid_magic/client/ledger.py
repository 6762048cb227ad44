"""Which of this process's messages account for which activities, so that none confirms two.

A user may send the same text twice to one execution, and the two activities look the same. So the
ledger counts them: an activity confirms a message only if there are more of them than the other
messages of this process account for, including those whose answer is still to come.
"""

import hashlib
import os
import sys
import threading
import time
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

# The execution ID and a hash of the text. No base URL: several may lead to the same Asteroid.
Key = tuple[str, bytes]

# How long to remember a delivered message.
REMEMBERED_S = 3_600.0
# Remove old entries after every so many messages.
TIDYING = 1_000
# How many of the newest batch messages to remember, at least.
MOST_OF_BATCHES = 200_000


@dataclass(eq=False)
class SentMessage:
    """One message, on its way or delivered; once delivered, `ended` (`time.monotonic`) says when.

    `is_pending`: its answer may still come. `activity_id` is the activity that confirmed it, None
    if an answer did.
    """

    key: Key
    is_pending: bool = True
    ended: float | None = None
    activity_id: str | None = None


class BatchMessages:
    """The batch messages that may have arrived: very many, so each takes 16 bytes.

    Two different ones count as the same once in 2**64: then a message stays unknown.
    """

    def __init__(self) -> None:
        self._marks, self._ended = array("Q"), array("d")

    def add(self, key: Key) -> None:
        """Note that a message has ended now."""
        if len(self._marks) >= 2 * MOST_OF_BATCHES:
            del self._marks[:MOST_OF_BATCHES], self._ended[:MOST_OF_BATCHES]
        self._marks.append(_mark(key))
        self._ended.append(time.monotonic())

    def count(self, key: Key, since: float) -> int:
        """Return how many of these messages ended at `since`, by `time.monotonic`, or later."""
        return self._marks[bisect_left(self._ended, since) :].count(_mark(key))


def _mark(key: Key) -> int:
    return int.from_bytes(hashlib.sha256(key[0].encode() + key[1]).digest()[:8])


class Ledger:
    """The messages that account for activities; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[Key, list[SentMessage]] = {}
        self._batch_messages = BatchMessages()
        self._count = 0

    def begin(self, execution_id: str, message: str) -> SentMessage:
        """Note a message that is about to be sent; until it has `ended`, it may have arrived."""
        entry = SentMessage((execution_id, hashlib.sha256(message.encode()).digest()))
        with self._lock:
            self._entries.setdefault(entry.key, []).append(entry)
            self._count += 1
            if self._count % TIDYING == 0:
                self._tidy()
        return entry

    def delivered(self, entry: SentMessage) -> None:
        """Note that an answer confirmed the delivery."""
        with self._lock:
            entry.is_pending, entry.ended = False, time.monotonic()

    def lost(self, entry: SentMessage) -> None:
        """Note that no answer will come, so the message accounts for nothing for now."""
        if not entry.is_pending:
            return
        with self._lock:
            entry.is_pending = False
            self._forget(entry)

    def leave(self, entry: SentMessage, *, may_be_there: bool) -> None:
        """Note the result of a batch message; a batch keeps its own records of its messages."""
        with self._lock:
            entry.is_pending = False
            self._forget(entry)
            if may_be_there:
                self._batch_messages.add(entry.key)

    def claim(
        self, entry: SentMessage, activities: Sequence[str], since: float, accounted: int = 0
    ) -> str | None:
        """Confirm a lost entry by one of the activities, and return the ID of that activity.

        None if entries that ended at `since` (by `time.monotonic`) or later, pending entries and
        `accounted` other messages account for all of the activities.
        """
        with self._lock:
            entries = self._entries.setdefault(entry.key, [])
            claimed = {other.activity_id for other in entries}
            # An activity that is listed twice counts once.
            distinct = dict.fromkeys(activities)
            free = [activity for activity in distinct if activity and activity not in claimed]
            accounted += sum(
                other.is_pending or (other.ended is not None and other.ended >= since)
                for other in entries
                if other.activity_id is None
            )
            accounted += self._batch_messages.count(entry.key, since)
            if len(free) <= accounted:
                if not entries:
                    del self._entries[entry.key]
                return None
            entry.activity_id, entry.ended = free[0], time.monotonic()
            entries.append(entry)
            return entry.activity_id

    def renew_lock(self) -> None:
        """Free the lock in a forked process, whose parent may have held it in another thread."""
        self._lock = threading.Lock()

    def _forget(self, entry: SentMessage) -> None:
        entries = self._entries[entry.key]
        entries.remove(entry)
        if not entries:
            del self._entries[entry.key]

    def _tidy(self) -> None:
        old = time.monotonic() - REMEMBERED_S
        for key, entries in list(self._entries.items()):
            # Entries confirmed by an activity stay: they are rare, and the activity stays too.
            entries[:] = [
                each
                for each in entries
                if each.is_pending or each.activity_id or (each.ended or 0.0) >= old
            ]
            if not entries:
                del self._entries[key]


ledger = Ledger()
if sys.platform != "win32":
    os.register_at_fork(after_in_child=ledger.renew_lock)
