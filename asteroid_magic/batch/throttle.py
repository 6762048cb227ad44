"""The throttle of a batch: lets messages through for all workers together, or for none."""

import threading
import time

from ..client.retry import BUSY_SERVER, LONGEST_BUSY_S, MOST_REFUSED_MESSAGES
from ..models.report import RowResult


class Throttle:
    """Closes while the server accepts no messages, and for good when the batch must stop.

    `stopping` is set when no further message may begin; `why` is the reason, empty if the user
    stopped the batch. Every method may be called from any thread.
    """

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.why = ""
        self._closed_until = 0.0
        self._last_passed = time.monotonic()
        self._waits = self._refusals = 0
        self._lock = threading.Lock()

    @property
    def wait(self) -> float:
        """The seconds until it opens again; 0 while it is open."""
        return max(0.0, self._closed_until - time.monotonic())

    def pass_through(self) -> bool:
        """Wait until it is open; return False if no further message may begin."""
        while self._closed_until and (left := self.wait) and not self.stopping.wait(left):
            pass
        return not self.stopping.is_set()

    def stop(self, why: str = "") -> None:
        """Let no further message begin."""
        self.why = self.why or why
        self.stopping.set()

    def note(self, outcome: RowResult) -> None:
        """Close or stay open, depending on the server's answer."""
        with self._lock:
            if outcome.stops_batch:
                self.stop(f"No message can be sent. {outcome.detail}")
            if outcome.wait is not None:
                self._pause(outcome.wait)
                return
            self._last_passed = time.monotonic()
            self._waits = 0
            self._refusals = self._refusals + 1 if outcome.is_refusal else 0
            if self._refusals == MOST_REFUSED_MESSAGES:
                self.stop(
                    f"Asteroid refused {MOST_REFUSED_MESSAGES} messages in a row. {outcome.detail}"
                )

    def _pause(self, asked: float) -> None:
        # Messages under way together are refused together: that counts once.
        if not self.wait:
            self._waits += 1
        wait = asked or BUSY_SERVER.after_s(self._waits - 1)
        until = max(self._closed_until, time.monotonic() + wait)
        if until - self._last_passed > LONGEST_BUSY_S:
            # Before any wait: the server may ask for hours, or years.
            left = until - time.monotonic()
            self.stop(f"Asteroid accepts no more messages: it asks to wait {left:,.0f} seconds.")
        else:
            self._closed_until = until
