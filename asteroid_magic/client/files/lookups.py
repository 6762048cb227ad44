"""Looks for an upload whose answer was lost among the files that the execution was given.

Nothing is sent again. A file that is not found stays unknown: it may still be on its way.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from ...models.files import File
from ..reading.arrivals import AHEAD, MOST_UNCERTAIN
from ..requester import Call, Requester
from ..retry import CONFIRMATION
from .listings import list_context_files

# The execution, the name of the file and its size.
Key = tuple[str, str, int]

# How long to remember an upload, in seconds.
REMEMBERED_S = 3_600.0
NOT_THERE = "It is not among the files of the execution yet; it may still arrive."
NO_CLOCK = "The server's answers do not tell its time, so it is unknown which files are new."


@dataclass(eq=False)
class PendingUpload:
    """One upload of this process; `began` and `ended` are by `time.monotonic`.

    `may_be_there`: it was delivered, or may have been. `file_id` is the file that confirmed it.
    """

    key: Key
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    may_be_there: bool = True
    file_id: str | None = None


class _UploadLedger:
    """The uploads of this process, so that none confirms two: two files may look the same."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._uploads: list[PendingUpload] = []

    def begin(self, key: Key) -> PendingUpload:
        """Note that this file is about to be sent."""
        entry = PendingUpload(key)
        oldest = entry.began - REMEMBERED_S
        with self._lock:
            self._uploads = [one for one in self._uploads if (one.ended or oldest) >= oldest]
            self._uploads.append(entry)
        return entry

    def claim(self, entry: PendingUpload, files: Sequence[str], since: float) -> str | None:
        """Return the file that is this upload, None if other uploads may explain all `files`.

        They were created at `since`, by `time.monotonic`, or later.
        """
        with self._lock:
            others = [
                one
                for one in self._uploads
                if one is not entry
                and one.key == entry.key
                and one.may_be_there
                and (one.ended is None or one.ended >= since)
            ]
            taken = {one.file_id for one in others}
            free = [each for each in files if each not in taken]
            if len(free) > sum(one.file_id is None for one in others):
                entry.file_id = free[-1]
            return entry.file_id


upload_ledger = _UploadLedger()


@dataclass(frozen=True)
class UploadSearch:
    """What a search came to: the file, or None and why that is not known."""

    found: File | None
    why: str = ""


def look_for(
    requester: Requester, looking: Call, entry: PendingUpload, asked: float, until: float
) -> UploadSearch:
    """Look for a file that was sent at `asked` until `until`, both by `time.monotonic`.

    Looks at least once. Raises the error that kept it from reading the list.
    """
    search = UploadSearch(None)
    for looks in count():
        search = _look(requester, looking, entry, asked)
        rest = until - time.monotonic()
        if search.found is not None or rest <= 0:
            break
        looking.deadline.wait(min(CONFIRMATION.after_s(looks), rest))
        if not looking.deadline.left():
            break
    return search


def _look(requester: Requester, looking: Call, entry: PendingUpload, asked: float) -> UploadSearch:
    execution_id, name, size = entry.key
    listed = list_context_files(requester, looking, execution_id)
    clock = looking.clock
    if clock is None or clock.uncertainty > MOST_UNCERTAIN:
        return UploadSearch(None, NO_CLOCK)
    since, latest = clock.earliest(asked), clock.latest(time.monotonic())
    if any(one.created_at and one.created_at > latest + AHEAD for one in listed):
        return UploadSearch(None, "The times of the files are ahead of the server's clock.")
    alike = [
        one
        for one in listed
        if (one.name, one.size) == (name, size)
        and one.id
        and _is_between(one.created_at, since, latest)
    ]
    claimed = upload_ledger.claim(entry, [one.id for one in alike], clock.since(since))
    found = next((one for one in alike if one.id == claimed), None)
    return UploadSearch(found, "" if found else NOT_THERE)


def _is_between(moment: datetime | None, since: datetime, latest: datetime) -> bool:
    return moment is not None and since <= moment <= latest + timedelta(seconds=1)
