"""One send of a form, off the kernel's main thread, so that other cells can run."""

import threading
import time
from collections.abc import Callable

from ..client.client import AsteroidClient
from ..client.requester import CANCELLED
from ..client.session_client import session_client
from ..deadline import Deadline
from ..errors import SEND, AsteroidError, DeliveryUnknown, SendInterrupted
from ..models.delivery import Delivery

TICK = 1.0

SendOutcome = Delivery | AsteroidError


class BackgroundSend:
    """Sends one message on its own thread, and calls `done` once, with the outcome."""

    def __init__(
        self,
        execution_id: str,
        message: str,
        timeout: float,
        done: Callable[["BackgroundSend", SendOutcome], None],
    ) -> None:
        self.execution_id, self.message = execution_id, message
        self._deadline = Deadline(timeout)
        self._done = done
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._over = threading.Event()

    def start(self, client: AsteroidClient | None, tell: Callable[[str], None]) -> None:
        """Send with this client, or with the session's; call `tell` with the progress in words."""
        for name, work, arguments in (
            ("send", self._send, (client,)),
            ("clock", self._tick, (tell,)),
        ):
            threading.Thread(
                target=work, args=arguments, name=f"asteroid-magic {name}", daemon=True
            ).start()

    def cancel(self) -> None:
        """End the send: at once if no byte has gone out, else with the outcome known by then."""
        if self._deadline.cancel():
            title = SEND.words(CANCELLED)
            self._finish(SendInterrupted(title=title, outcome="not_delivered"))

    def _send(self, client: AsteroidClient | None) -> None:
        outcome: SendOutcome
        try:
            with session_client(client) as sender:
                outcome = sender.send(self.execution_id, self.message, timeout=self._deadline)
        except AsteroidError as error:
            outcome = error.with_traceback(None)
        except Exception as error:  # noqa: BLE001 (whatever it was, the form must not wait forever)
            kind = type(error).__name__
            outcome = DeliveryUnknown(f"Sending failed unexpectedly: {kind}.")
        self._finish(outcome)

    def rest(self, seconds: float) -> None:
        """Wait until `seconds` after the start; return at once if they have passed."""
        time.sleep(max(0.0, self._began + seconds - time.monotonic()))

    def _tick(self, tell: Callable[[str], None]) -> None:
        while not self._over.wait(TICK):
            if not self._deadline.is_cancelled:
                tell(f"Sending for {time.monotonic() - self._began:.0f} s…")

    def _finish(self, outcome: SendOutcome) -> None:
        with self._lock:
            if self._over.is_set():
                return
            self._over.set()
        if isinstance(outcome, AsteroidError):
            outcome.about(self.execution_id, self.message)
        self._done(self, outcome)
