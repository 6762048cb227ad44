"""One deadline for a whole call: resolving, connecting, handshake, sending, waiting, reading.

A socket's own timeout restarts with every byte that arrives, so a server that sends slowly holds a
call without limit; and urllib3 gives each address of a host the whole timeout. So the sockets of
`client.transport.connections` check, before each operation, how much time is left for the call
that their thread is making.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Deadline:
    """A moment after which a call is over, and what the sockets have noted about the call.

    Another thread may call `cancel`. A deadline serves one request at a time.

    Parameters
    ----------
    seconds : float
        How far away the moment is.
    renews : bool, default False
        The transfer of a file may take longer, as long as its bytes move: see `gain`.
    """

    def __init__(self, seconds: float, *, renews: bool = False) -> None:
        self._end = time.monotonic() + seconds
        self._seconds = seconds
        self.renews = renews
        # An interrupt may leave it locked: the call that it ends must not wait for itself.
        self._lock = threading.RLock()
        self._taken = threading.Lock()
        self._is_over = False
        # Made when a call first waits: few do, and it takes longer to make than all the rest.
        self._waking: threading.Event | None = None
        self._socket: socket.socket | None = None
        self._next: Deadline | None = None
        # True from the start of a connection until the first byte of a request goes out: until
        # then, the server provably has nothing.
        self.connecting = False
        # True while a proxy is asked to connect; and its status if it did not, 0 if unknown.
        self.is_tunnelling = False
        self.proxy_status: int | None = None

    def take(self) -> bool:
        """Take the deadline for one request; return False if another call's is under way."""
        return self._taken.acquire(blocking=False)

    def give_back(self) -> None:
        """Let the next request take the deadline."""
        self._taken.release()

    def left(self) -> float:
        """Return the time left.

        Returns
        -------
        float
            Seconds, never less than 0.
        """
        return 0.0 if self._is_over else max(0.0, self._end - time.monotonic())

    def gain(self, seconds: float) -> None:
        """Move the end later, if it `renews` and is not over; never beyond its first length.

        So a transfer that stands still ends after that length, however large the file is.
        """
        with self._lock:
            if self.renews and self.left():
                latest = time.monotonic() + self._seconds
                self._end = max(self._end, min(self._end + seconds, latest))

    def wait(self, seconds: float) -> None:
        """Wait `seconds`, or until the deadline is cancelled."""
        with self._lock:
            if self._is_over:
                return
            waking = self._waking = self._waking or threading.Event()
        waking.wait(seconds)

    @property
    def is_followed(self) -> bool:
        """Return True once another deadline has followed this one: its own call has ended."""
        return self._next is not None

    @property
    def is_cancelled(self) -> bool:
        """Return True if it has been cancelled."""
        return self._is_over

    def then(self, seconds: float) -> "Deadline":
        """Return a deadline for what follows the call: the time left of this one plus `seconds`.

        To cancel this one from now on, even a second time, also cancels the new one.
        """
        following = Deadline(self.left() + seconds)
        with self._lock:
            self._next = following
        return following

    def cancel(self) -> bool:
        """End the call at once, from any thread.

        Returns
        -------
        bool
            True if no byte of the request went out, nor ever will. If False, the call ends with
            what it knows by then.
        """
        with self._lock:
            self._is_over = True
            nothing_sent, bound, following = self.connecting, self._socket, self._next
            waking = self._waking
        if waking is not None:
            waking.set()
        if following is not None:
            following.cancel()
        if bound is not None:
            with suppress(OSError):
                # The method of the plain socket: that of ssl would also drop the TLS state,
                # which the other thread still uses.
                socket.socket.shutdown(bound, socket.SHUT_RDWR)
        return nothing_sent

    def use(self, bound: socket.socket) -> float:
        """Note the socket that the call is about to wait on; return the seconds left.

        Raises `TimeoutError` if the time is over.
        """
        self._socket = bound
        left = self.left()
        if not left:
            raise TimeoutError("the deadline of the call has passed")
        return left

    def begin_sending(self) -> None:
        """Note that bytes of the request are about to go out; TimeoutError if cancelled."""
        with self._lock:
            if self._is_over:
                raise TimeoutError("the call was cancelled")
            # What asks a proxy to connect is no byte of the request.
            self.connecting = self.is_tunnelling

    @contextmanager
    def governing(self) -> Iterator[None]:
        """Bound every socket operation of this thread while the context lasts."""
        before = current()
        _thread.deadline = self
        try:
            yield
        finally:
            _thread.deadline = before
            with self._lock:
                # From now on the connection may belong to another call.
                self._socket = None


# How a caller limits a call: seconds, a deadline that it can cancel, or None for the default.
Timeout = float | Deadline | None

_thread = threading.local()


def current() -> Deadline | None:
    """Return the deadline of the call that this thread is making, None if it makes none."""
    deadline: Deadline | None = getattr(_thread, "deadline", None)
    return deadline
