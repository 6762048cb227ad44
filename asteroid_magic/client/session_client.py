"""The client of this session: the magics and the form share its connections.

Over a distance, a new TLS connection takes three times as long as a message on an open one. Only
the connections stay: each call reads the settings and the key again, and a connection never leads
to another base URL, or past another proxy or CA bundle, than the settings say at that moment.
"""

import atexit
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from ..config.session import session
from ..config.settings import resolve
from ..constants import DEFAULT_BASE_URL
from ..errors import ConfigurationError
from .boundary import public
from .client import AsteroidClient
from .requester import Requester
from .transport.transport import Surroundings, Transport, surroundings_of


@contextmanager
def session_client(
    client: AsteroidClient | None = None,
    *,
    base_url: str | None = None,
    timeout: float | None = None,
) -> Iterator[AsteroidClient]:
    """Yield `client`; if None, one with the current settings, over the session's connections.

    `timeout` is in seconds. Raises `ConfigurationError` as `AsteroidClient` does.
    """
    if client is not None:
        yield client
        return
    user = object()
    # Begin before the connections are taken: an interrupt may come at any moment.
    try:
        yield _client_for(user, base_url, timeout)
    finally:
        _connections.give_back(user)


class SettingsInUse(NamedTuple):
    """What a view says of its settings: `key_source` is None without a key, `problem` says why."""

    key_source: str | None
    problem: str | None
    base_url: str


def settings_in_use(client: AsteroidClient | None = None) -> SettingsInUse:
    """Return the settings of `client`; if None, the current ones, without the key."""
    if client is not None:
        return SettingsInUse(client.key_source, None, client.base_url)
    try:
        settings = resolve()
    except ConfigurationError as error:
        return SettingsInUse(None, f"{error.detail} {error.hint}", DEFAULT_BASE_URL)
    source = None if settings.key is None else settings.key.source
    return SettingsInUse(source, settings.key_problem or None, settings.base_url)


def without_retries(client: AsteroidClient) -> AsteroidClient:
    """Return a client over the same connections that makes each read only once.

    Raises `ConfigurationError` if `client` is closed.
    """
    return _SharingClient(client.requester.without_retries())


class _SharingClient(AsteroidClient):
    def __init__(self, requester: Requester) -> None:
        self._settings = requester.settings
        self._requester = requester

    def close(self) -> None:
        """Do nothing: the connections belong to the session, or to another client."""


@public
def _client_for(user: object, base_url: str | None, timeout: float | None) -> AsteroidClient:
    settings = resolve(base_url=base_url, timeout=timeout)
    return _SharingClient(Requester(settings, _connections.take(user, settings.base_url)))


class _SessionConnections:
    """The connections that the session keeps, and older ones that a call still uses."""

    def __init__(self) -> None:
        # A generator that nobody ends gives back whenever it is collected, also inside `take`.
        self._lock = threading.RLock()
        self._latest: Transport | None = None
        self._made_for: tuple[str, Surroundings] | None = None
        self._used: dict[object, Transport] = {}

    def take(self, user: object, base_url: str) -> Transport:
        """Return the connections to this base URL, for this user until it gives them back."""
        made_for = base_url, surroundings_of(base_url)
        with self._lock:
            if self._latest is None or made_for != self._made_for:
                self.close()
                self._latest, self._made_for = Transport(*made_for), made_for
            self._used[user] = self._latest
            return self._latest

    def give_back(self, user: object) -> None:
        """Close what this user had, if it is not the latest and no other call uses it."""
        with self._lock:
            self._close_unless_used(self._used.pop(user, None))

    def close(self) -> None:
        """Close the connections: at once, or as soon as the calls that use them have ended."""
        with self._lock:
            before, self._latest = self._latest, None
            self._close_unless_used(before)

    def _close_unless_used(self, transport: Transport | None) -> None:
        in_use = [self._latest, *self._used.values()]
        if transport is not None and not any(transport is one for one in in_use):
            transport.close()

    def start_anew(self) -> None:
        """Forget the other threads of the process that this one was forked from."""
        self._lock = threading.RLock()
        self._used.clear()


_connections = _SessionConnections()
session.listeners.append(_connections.close)
atexit.register(_connections.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_connections.start_anew)
