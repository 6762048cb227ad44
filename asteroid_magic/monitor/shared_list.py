"""One list of the active executions for all views of a session that want it at the same time.

After a change of the key, each view wants it at once, and one request is enough.
"""

import os
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..client.client import AsteroidClient
from ..config.settings import fingerprint
from ..deadline import Deadline
from ..models.executions import Executions

MOST_LISTED = 100
# The age in seconds up to which a list that another view has read is as good as a new one.
FRESH_S = 2.0


@dataclass(frozen=True)
class ActiveList:
    """The active executions, as they were at `began` (by `time.monotonic`) or later.

    `clock` is the server's clock at the end of the reading, at `ended`; None if unknown.
    """

    executions: Executions
    began: float
    ended: float
    clock: datetime | None

    @property
    def age(self) -> float:
        """The seconds since it was read."""
        return time.monotonic() - self.ended

    @property
    def server_clock(self) -> datetime | None:
        """The server's clock now."""
        return self.clock and self.clock + timedelta(seconds=self.age)


class SharedList:
    """The latest list, and which view has read it with which settings; safe from any thread."""

    def __init__(self) -> None:
        self._latest: tuple[int, object, ActiveList] | None = None
        self.renew_lock()

    def renew_lock(self) -> None:
        """Free the lock in a forked process, whose parent may have held it in another thread."""
        self._lock = threading.Lock()

    def read(self, view: object, client: AsteroidClient, deadline: Deadline) -> ActiveList:
        """Return the list that another view has just read, or a new one.

        Raises `AsteroidError`.
        """
        has_lock = self._lock.acquire(timeout=deadline.left())
        try:
            settings = fingerprint()
            if has_lock and self._latest is not None:
                made_with, reader, latest = self._latest
                is_fresh = time.monotonic() - latest.began < FRESH_S
                if made_with == settings and reader is not view and is_fresh:
                    return latest
            read = read_list(client, deadline)
            self._latest = settings, view, read
            return read
        finally:
            if has_lock:
                self._lock.release()

    def forget(self, view: object) -> None:
        """Forget the list of a view that is no longer there."""
        latest = self._latest
        if latest is not None and latest[1] is view:
            self._latest = None


def read_list(client: AsteroidClient, deadline: Deadline) -> ActiveList:
    """Read the active executions; raises `AsteroidError`."""
    began = time.monotonic()
    found = client.executions(phase=("pending", "active"), limit=MOST_LISTED, timeout=deadline)
    return ActiveList(found, began, time.monotonic(), client.server_clock())


shared_list = SharedList()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=shared_list.renew_lock)
