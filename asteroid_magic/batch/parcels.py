"""What a batch sends to another process, and what is done with it there.

A parcel holds rows, and where to send them. It holds the key only where the process that it comes
to has none, or another: that process says so, and gets the parcel again.
"""

import hashlib
import secrets
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from ..client.client import AsteroidClient
from ..config.api_key import ApiKey
from ..config.settings import resolve
from ..errors import ConfigurationError
from ..models.row_results import Numbered, Outcome
from .thread_sender import send_one

# What comes back in place of outcomes: the key is needed; the parcel may have come once before.
NO_KEY, AGAIN = "no key", "again"
LARGEST = 8
SALT = 16

_lock = threading.Lock()
_clients: dict[tuple[str, float, ApiKey], AsteroidClient] = {}


class Parcel:
    """Rows on their way to another process; its repr, which may be logged, shows none of them.

    `mark` is a hash by which a process knows whether its own key is the one that is meant.
    """

    def __init__(
        self,
        base_url: str,
        timeout: float,
        mark: bytes,
        rows: tuple[Numbered, ...],
        key: ApiKey | None = None,
        name: str = "",
    ) -> None:
        self.base_url, self.timeout, self.mark = base_url, timeout, mark
        self.rows, self.key = rows, key
        # Two parcels are never the same, not even with the same rows: Dask would send one of them.
        self.name = name or secrets.token_hex(16)

    def __repr__(self) -> str:
        return f"<Parcel of {len(self.rows)} messages to {self.base_url}>"

    def __reduce__(self) -> tuple[Any, ...]:
        key = None if self.key is None else self.key.reveal()
        return _unpacked, (self.base_url, self.timeout, self.mark, self.rows, key, self.name)

    def __dask_tokenize__(self) -> str:
        return self.name


def _unpacked(
    base_url: str,
    timeout: float,
    mark: bytes,
    rows: tuple[Numbered, ...],
    key: str | None,
    name: str,
) -> Parcel:
    own = None if key is None else ApiKey(key, "the process that began the batch")
    return Parcel(base_url, timeout, mark, rows, own, name)


def mark_of(key: ApiKey | None, salt: bytes = b"") -> bytes:
    """Return a hash of a key with a salt, which the hash begins with; nothing for no key."""
    if key is None:
        return b""
    salt = salt or secrets.token_bytes(SALT)
    return salt + hashlib.blake2b(key.reveal().encode(), salt=salt, digest_size=8).digest()


def deliver(parcel: Parcel) -> list[Outcome] | str:
    """Send the rows of a parcel, all at a time, in the process that it has come to."""
    client = _client_for(parcel)
    if client is None:
        return NO_KEY
    # Dask does the work of a worker that has died once more, on another.
    if _has_begun():
        return AGAIN
    return send_all(client, parcel.rows)


def send_all(client: AsteroidClient, rows: Sequence[Numbered]) -> list[Outcome]:
    """Send rows, all at a time, over the connections of one client."""
    if len(rows) == 1:
        return [send_one(client, *rows[0])]
    with ThreadPoolExecutor(len(rows), "asteroid-magic parcel") as pool:
        return [_result(each) for each in [pool.submit(send_one, client, *row) for row in rows]]


def _result(sending: Future[Outcome]) -> Outcome:
    while True:
        try:
            return sending.result()
        except KeyboardInterrupt:
            # A terminal interrupts every process of a group; what is under way is to end.
            continue


def _client_for(parcel: Parcel) -> AsteroidClient | None:
    """Return this process's client for the parcel, None if it has no such key."""
    key = parcel.key
    if key is None:
        with suppress(ConfigurationError):
            key = resolve(None, parcel.base_url, parcel.timeout, allow_insecure=True).key
    if key is None or (parcel.mark and mark_of(key, parcel.mark[:SALT]) != parcel.mark):
        return None
    place = parcel.base_url, parcel.timeout, key
    with _lock:
        if place not in _clients:
            _clients[place] = AsteroidClient(
                key.reveal(), parcel.base_url, parcel.timeout, allow_insecure=True
            )
        return _clients[place]


def _has_begun() -> bool:
    """Tell whether the task of Dask that this runs in, if any, had begun once before."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return False
    try:
        task = distributed.get_worker().get_current_task()
    except ValueError:
        return False
    scheduler = distributed.get_client()
    # Kept by the scheduler until it forgets the task.
    if scheduler.get_metadata([task, "begun"], default=False):
        return True
    scheduler.set_metadata([task, "begun"], True)
    return False
