"""Holds back interrupts (SIGINT) where one would lose an outcome or a card.

Python raises `KeyboardInterrupt` between any two steps of the main thread: also after an answer has
come, before it is noted. So a magic holds interrupts from its first step to its last, and lets them
through only where it waits: inside `interruptible`, whose caller knows what an interrupt means.
"""

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")

# An interrupt that was held for so many seconds lets the next one through: something hangs.
LONGEST_HOLD_S = 2.0

_thread = threading.local()


class Hold:
    """A context in which interrupts of the main thread wait, except inside `interruptible`.

    It does nothing in other threads, and none if the program has a SIGINT handler of its own.
    `is_pending`: an interrupt has been held and not yet raised.
    """

    def __init__(self) -> None:
        self.is_pending = self.is_open = False
        # True once an interrupt has been raised inside `interruptible`.
        self.is_raised = False
        self._is_over = False
        self._since = 0.0
        self._outer: Hold | None = None
        # The handler before this one; None if interrupts are not held.
        self._before: Callable[[int, FrameType | None], Any] | None = None

    def __enter__(self) -> Self:
        try:
            before = signal.signal(signal.SIGINT, self._receive)
        except ValueError:
            return self
        owner = getattr(before, "__self__", None)
        if isinstance(owner, Hold):
            before = owner.following
        elif before is not signal.default_int_handler:
            signal.signal(signal.SIGINT, before)
            return self
        self._before = before
        self._outer = current()
        _thread.hold = self
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._before is None:
            return
        self._end()
        self._restore()
        if self.is_pending and error is None:
            self._before(signal.SIGINT, None)

    @property
    def following(self) -> "Callable[[int, FrameType | None], Any] | None":
        """The handler for a hold within this one; if this one is over, for one after it."""
        return self._before if self._is_over else self._receive

    def _end(self) -> None:
        """Hold no further interrupt."""
        _thread.hold = self._outer
        self._is_over = True

    def _restore(self) -> None:
        """Put the earlier handler back, unless a third one has been set."""
        if signal.getsignal(signal.SIGINT) == self._receive:
            signal.signal(signal.SIGINT, self._before)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        """Raise `KeyboardInterrupt`, or note it for later; called by Python for each SIGINT."""
        now = time.monotonic()
        hangs = self.is_pending and now - self._since > LONGEST_HOLD_S
        if self._before is not None and (self.is_open or self._is_over or hangs):
            self.is_raised = self.is_open
            self._before(number, frame)
        elif not self.is_pending:
            self.is_pending, self._since = True, now


def current() -> Hold | None:
    """Return the hold of this thread; None if interrupts are not held."""
    hold: Hold | None = getattr(_thread, "hold", None)
    return hold


def interruptible(work: Callable[[], T]) -> T:
    """Return what `work` returns; an interrupt during it, or held before it, raises as usual.

    Python loses an interrupt that comes while it closes a generator: it counts as held.
    """
    hold = current()
    if hold is None or hold.is_open:
        return work()
    try:
        hold.is_open = True
        if hold.is_pending:
            hold.is_pending = False
            raise KeyboardInterrupt
        result = work()
        hold.is_pending = hold.is_pending or hold.is_raised
        return result
    finally:
        hold.is_open = hold.is_raised = False
