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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from ...models.arrivals import canonical

# The execution ID and a hash of the text. No base URL: several may lead to the same Asteroid.
Key = tuple[str, bytes]

# How long to remember a delivered message.
REMEMBERED_S = 3_600.0
# Remove old entries after every so many messages.
TIDYING = 1_000
FORGOTTEN = 0
# How many of the newest batch messages to remember, at least.
MOST_OF_BATCHES = 200_000


@dataclass(eq=False)
class SentMessage:
    """One message, on its way or delivered; once delivered, `ended` (`time.monotonic`) says when.

    `began` is when it was about to be sent, by the same clock. `is_pending`: its answer may still
    come. `activity_id` is the activity that confirmed it, None if an answer did. `batch` is the
    number of its batch, None for a single send. `form` is the key of all forms of its text.
    """

    key: Key
    form: Key
    batch: int | None = None
    began: float = field(default_factory=time.monotonic)
    is_pending: bool = True
    ended: float | None = None
    activity_id: str | None = None
    base_url: str = ""


class OtherSend(NamedTuple):
    """A send of the same text by somebody else in this process; times by `time.monotonic`.

    `is_sure`: it has surely arrived, in that time.
    """

    began: float
    ended: float
    is_sure: bool


class BatchMessages:
    """The batch messages that may have arrived: very many, so each takes 40 bytes.

    Two different ones count as the same once in 2**64: then a message stays unknown.
    """

    def __init__(self) -> None:
        self._marks, self._forms, self._batches = array("Q"), array("Q"), array("Q")
        self._began, self._ended = array("d"), array("d")

    def add(self, entry: SentMessage) -> None:
        """Note that a message has ended now."""
        columns = self._marks, self._forms, self._batches, self._began, self._ended
        if len(self._marks) >= 2 * MOST_OF_BATCHES:
            for column in columns:
                del column[:MOST_OF_BATCHES]
        self._marks.append(_mark(entry.key))
        self._forms.append(_mark(entry.form))
        self._batches.append(entry.batch or 0)
        self._began.append(entry.began)
        self._ended.append(time.monotonic())

    def count(self, key: Key, since: float) -> int:
        """Return how many of these messages ended at `since`, by `time.monotonic`, or later."""
        return self._marks[bisect_left(self._ended, since) :].count(_mark(key))

    def has_form(self, form: Key, since: float) -> bool:
        """Return True if one of these messages, in any form, ended at `since` or later."""
        return _mark(form) in self._forms[bisect_left(self._ended, since) :]

    def of_others(self, key: Key, batch: int) -> Iterator[OtherSend]:
        """Yield those of other batches than `batch`."""
        for at in self._places(key):
            if self._batches[at] != batch:
                yield OtherSend(self._began[at], self._ended[at], is_sure=False)

    def forget(self, key: Key, batch: int) -> None:
        """Forget one of a batch: an activity that the batch has claimed accounts for it."""
        at = next((at for at in self._places(key) if self._batches[at] == batch), None)
        if at is not None:
            self._marks[at] = FORGOTTEN

    def _places(self, key: Key) -> Iterator[int]:
        mark, at = _mark(key), -1
        with suppress(ValueError):
            while True:
                at = self._marks.index(mark, at + 1)
                yield at


def _mark(key: Key) -> int:
    return int.from_bytes(hashlib.sha256(key[0].encode() + key[1]).digest()[:8])


class Ledger:
    """The messages that account for activities; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # By their form.
        self._entries: dict[Key, list[SentMessage]] = {}
        self._batch_messages = BatchMessages()
        # When the latest send of a text, in any form, whose outcome is unknown ended.
        self._doubts: dict[Key, float] = {}
        self._count = 0

    def begin(self, execution_id: str, message: str, batch: int | None = None) -> SentMessage:
        """Note a message that is about to be sent; until it has `ended`, it may have arrived."""
        entry = _entry(execution_id, message, batch)
        with self._lock:
            self._entries.setdefault(entry.form, []).append(entry)
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

    def doubt(self, entry: SentMessage) -> None:
        """Note that a message may still arrive, although no answer has come."""
        with self._lock:
            self._doubts[entry.form] = time.monotonic()

    def latest(self, execution_id: str, message: str, base_url: str) -> tuple[float, bool] | None:
        """Return when this text, in any form, was last delivered there, by `time.monotonic`.

        With it, True if it was in exactly this form.
        """
        asked = _entry(execution_id, message)
        with self._lock:
            ended = [
                (one.ended, one.key == asked.key)
                for one in self._entries.get(asked.form, ())
                if one.ended is not None and one.base_url == base_url
            ]
            return max(ended, default=None)

    def begin_first(
        self, execution_id: str, message: str, base_url: str, since: float
    ) -> SentMessage | None:
        """Note a message that is about to be sent, unless there is another with its text or form.

        None if one was delivered, is on its way, or ended at `since` or later without an answer.
        """
        entry = _entry(execution_id, message)
        with self._lock:
            others = self._entries.get(entry.form, ())
            is_known = any(
                one.is_pending or (one.ended is not None and one.base_url == base_url)
                for one in others
            )
            is_lost = self._doubts.get(entry.form, since) > since
            if is_known or is_lost or self._batch_messages.has_form(entry.form, since):
                return None
            self._entries.setdefault(entry.form, []).append(entry)
        return entry

    def leave(self, entry: SentMessage, *, may_be_there: bool) -> None:
        """Note the result of a batch message; a batch keeps its own records of its messages."""
        with self._lock:
            entry.is_pending = False
            self._forget(entry)
            if may_be_there:
                self._batch_messages.add(entry)

    def claim(
        self, entry: SentMessage, activities: Sequence[str], since: float, accounted: int = 0
    ) -> str | None:
        """Confirm a lost entry by one of the activities, and return the ID of that activity.

        None if entries that ended at `since` (by `time.monotonic`) or later, pending entries and
        `accounted` other messages account for all of the activities.
        """
        with self._lock:
            entries = self._entries.setdefault(entry.form, [])
            claimed = {other.activity_id for other in entries}
            # An activity that is listed twice counts once.
            distinct = dict.fromkeys(activities)
            free = [activity for activity in distinct if activity and activity not in claimed]
            accounted += sum(
                other.is_pending or (other.ended is not None and other.ended >= since)
                for other in entries
                if other.key == entry.key and other.activity_id is None
            )
            accounted += self._batch_messages.count(entry.key, since)
            if len(free) <= accounted:
                if not entries:
                    del self._entries[entry.form]
                return None
            entry.activity_id, entry.ended = free[0], time.monotonic()
            entries.append(entry)
            return entry.activity_id

    @contextmanager
    def sharing(self, execution_id: str, message: str, batch: int) -> Iterator["Share"]:
        """Yield what the arrivals of a text mean for a batch; nobody else claims one meanwhile."""
        form = _entry(execution_id, message).form
        key = _key(execution_id, message)
        with self._lock:
            sent = [each for each in self._entries.get(form, ()) if each.key == key]
            entries = [each for each in sent if each.batch != batch]
            share = Share(
                {each.activity_id for each in entries if each.activity_id},
                [_other_send(each) for each in entries if not each.activity_id]
                + list(self._batch_messages.of_others(key, batch)),
            )
            yield share
            now = time.monotonic()
            known = {each.activity_id for each in self._entries.get(form, ())}
            for activity_id in share.claimed:
                if activity_id not in known:
                    entry = SentMessage(key, form, batch, now, is_pending=False, ended=now)
                    entry.activity_id = activity_id
                    self._entries.setdefault(form, []).append(entry)
                    self._batch_messages.forget(key, batch)

    def renew_lock(self) -> None:
        """Free the lock in a forked process, whose parent may have held it in another thread."""
        self._lock = threading.Lock()

    def _forget(self, entry: SentMessage) -> None:
        entries = self._entries[entry.form]
        entries.remove(entry)
        if not entries:
            del self._entries[entry.form]

    def _tidy(self) -> None:
        old = time.monotonic() - REMEMBERED_S
        self._doubts = {key: at for key, at in self._doubts.items() if at >= old}
        for key, entries in list(self._entries.items()):
            # Entries confirmed by an activity stay: they are rare, and the activity stays too.
            entries[:] = [
                each
                for each in entries
                if each.is_pending or each.activity_id or (each.ended or 0.0) >= old
            ]
            if not entries:
                del self._entries[key]


@dataclass
class Share:
    """What others in this process have of the arrivals of a text, for a batch that claims some.

    `taken` are the activities that confirmed other messages, `others` the sends of the text that
    may have, or have, arrivals of their own. Add to `claimed` the activities that the batch takes.
    """

    taken: set[str]
    others: list[OtherSend]
    claimed: list[str] = field(default_factory=list)


def _key(execution_id: str, message: str) -> Key:
    return execution_id, hashlib.sha256(message.encode()).digest()


def _entry(execution_id: str, message: str, batch: int | None = None) -> SentMessage:
    key, form = _key(execution_id, message), canonical(message)
    return SentMessage(key, key if form == message else _key(execution_id, form), batch)


def _other_send(entry: SentMessage) -> OtherSend:
    ended = entry.ended
    is_sure = ended is not None and not entry.is_pending
    return OtherSend(entry.began, time.monotonic() if ended is None else ended, is_sure)


ledger = Ledger()
if sys.platform != "win32":
    os.register_at_fork(after_in_child=ledger.renew_lock)
