"""The requests that a press of the user begins, off the kernel's main thread.

So other cells can run meanwhile.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ..client.client import AsteroidClient
from ..client.requester import CANCELLED
from ..client.session_client import session_client
from ..deadline import Deadline
from ..errors import SEND, AsteroidError, DeliveryUnknown, SendInterrupted
from ..models.delivery import Delivery
from ..text import quoted, shorten, size_words
from .attachments import Attachment, add_files, hint_in_view, not_sent, with_files

if TYPE_CHECKING:
    from ..models.files import Upload

TICK = 1.0
# The longest that a look for a message may take, in seconds.
LONGEST_LOOK_S = 15.0

SendOutcome = Delivery | AsteroidError


class BackgroundSend:
    """Sends one message on its own thread, and calls `done` once, with the outcome.

    The `files` go first, each within the timeout, counted from its last byte that moved. If one of
    them does not arrive, the message is not sent.
    """

    def __init__(
        self,
        execution_id: str,
        message: str,
        timeout: float,
        done: Callable[["BackgroundSend", SendOutcome], None],
        files: Sequence[Attachment] = (),
    ) -> None:
        self.execution_id, self.message, self.files = execution_id, message, tuple(files)
        self.began = time.monotonic()
        # The messages, by their activity ID, that the view showed before; None if unknown.
        self.listed_before: frozenset[str] | None = None
        # The message as the activities will show it, if that differs.
        self.listed_as = ""
        self._timeout = timeout
        # That of the files, and then that of the message.
        self._deadline = Deadline(timeout, renews=bool(files))
        self._upload: Upload | None = None
        # What is being uploaded, in words.
        self._uploading = ""
        self._done = done
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._has_begun = self._is_abandoned = False

    def start(self, client: AsteroidClient | None, tell: Callable[[str], None]) -> None:
        """Send with this client, or with the session's; call `tell` with the progress in words."""
        for name, work, arguments in (
            ("send", self._send, (client,)),
            ("clock", self._tick, (tell,)),
        ):
            begin(name, work, *arguments)

    def cancel(self) -> None:
        """End the send: at once if no byte has gone out, else with the outcome known by then."""
        with self._lock:
            deadline, is_uploading = self._deadline, self.is_uploading
            upload = self._upload
        # What became of the files is known only when their thread has ended.
        if deadline.cancel() and not (is_uploading and self._has_begun):
            title = SEND.words(CANCELLED)
            stopped = SendInterrupted(title=title, outcome="not_delivered")
            # Otherwise the view would attach again what has arrived.
            self._finish(stopped if upload is None else add_files(stopped, upload))

    def abandon(self) -> None:
        """End a send whose start failed: not delivered, unless its thread has begun."""
        with self._lock:
            self._is_abandoned = not self._has_begun
        self.cancel()
        if self._is_abandoned:
            self._finish(SendInterrupted(title=SEND.words(CANCELLED), outcome="not_delivered"))

    def _send(self, client: AsteroidClient | None) -> None:
        with self._lock:
            self._has_begun = True
            if self._is_abandoned:
                return
        outcome: SendOutcome
        try:
            with session_client(client) as sender:
                key = sender.requester.settings.key
                self.listed_as = key.hide_in(self.message) if key else ""
                outcome = self._send_both(sender)
        except AsteroidError as error:
            outcome = error.with_traceback(None)
        except Exception as error:  # noqa: BLE001 (whatever it was, the view must not wait forever)
            kind = type(error).__name__
            outcome = DeliveryUnknown(f"Sending failed unexpectedly: {kind}.")
        self._finish(outcome)

    def _send_both(self, sender: AsteroidClient) -> SendOutcome:
        if not self.files:
            return sender.send(self.execution_id, self.message, timeout=self._deadline)
        try:
            upload = sender.upload(
                self.execution_id, *self.files, timeout=self._deadline, progress=self._note_bytes
            )
        except AsteroidError as error:
            return not_sent(error, hint_in_view(error)).with_traceback(None)
        with self._lock:
            self._upload, was = upload, self._deadline
            self._deadline = Deadline(self._timeout)
        if was.is_cancelled:
            # Nothing of the message has gone out, which its own deadline could not tell.
            stopped = SendInterrupted(title=SEND.words(CANCELLED), outcome="not_delivered")
            return add_files(stopped, upload)
        try:
            return with_files(
                sender.send(self.execution_id, self.message, timeout=self._deadline), upload
            )
        except AsteroidError as error:
            return add_files(error.with_traceback(None), upload)

    def _note_bytes(self, name: str, done: int, size: int) -> None:
        percent = 100 * done // max(1, size)
        shown = quoted(shorten(name, 40))
        self._uploading = f"Uploading {shown}, {percent} % of {size_words(size)},"

    @property
    def is_uploading(self) -> bool:
        """Return True while its files are under way, and the message is not."""
        return bool(self.files) and self._upload is None

    @property
    def is_looking(self) -> bool:
        """Return True once it only looks for the message, whose answer was lost."""
        return self._deadline.is_followed and not self.is_uploading

    @property
    def took(self) -> float:
        """The seconds since it began."""
        return time.monotonic() - self.began

    def rest(self, seconds: float) -> None:
        """Wait until `seconds` after the start; return at once if they have passed."""
        time.sleep(max(0.0, seconds - self.took))

    def _tick(self, tell: Callable[[str], None]) -> None:
        while not self._over.wait(TICK):
            if not self._deadline.is_cancelled:
                doing = "Looking for the message" if self.is_looking else "Sending"
                if self.is_uploading:
                    doing = self._uploading or "Uploading"
                tell(f"{doing} for {self.took:.0f} s…")

    def _finish(self, outcome: SendOutcome) -> None:
        with self._lock:
            if self._over.is_set():
                return
            self._over.set()
        if isinstance(outcome, AsteroidError):
            outcome.about(self.execution_id, self.message)
        self._done(self, outcome)


@dataclass(frozen=True)
class UnknownSend:
    """A send whose outcome is unknown; `began` is when, by `time.monotonic`."""

    error: AsteroidError
    began: float

    def is_about(self, execution_id: str, message: str) -> bool:
        """Return True if a send of this message to this execution would repeat it."""
        is_same = (self.error.execution_id or "").lower() == execution_id.lower()
        return is_same and self.error.message == message

    def look(self, client: AsteroidClient | None) -> Delivery | None:
        """Look for the message among the activities of its execution; None if it is not there yet.

        Nothing is sent. Raises `AsteroidError` if they cannot be read.
        """
        execution_id, message = self.error.execution_id or "", self.error.message or ""
        deadline = Deadline(LONGEST_LOOK_S)
        with session_client(client) as reader:
            # Its answer tells the server's time.
            reader.execution(execution_id, timeout=deadline)
            now = reader.server_clock()
            since = now and now - self._ago()
            found = reader.find_delivery(execution_id, message, since, timeout=deadline)
            if found is None:
                return None
            return Delivery(
                base_url=reader.base_url,
                execution_id=execution_id,
                message=message,
                status_code=getattr(self.error, "status_code", None),
                server_text="",
                attempts=max(1, self.error.attempts),
                sent_at=self.error.sent_at or datetime.now(UTC) - self._ago(),
                elapsed=time.monotonic() - self.began,
                confirmed_by="activities",
                activity_id=found.id,
            )

    def _ago(self) -> timedelta:
        """Return how long ago the request was made, at most: nothing older may count."""
        since_press = timedelta(seconds=time.monotonic() - self.began)
        if self.error.sent_at is None:
            return since_press
        return min(since_press, max(datetime.now(UTC) - self.error.sent_at, timedelta()))


def begin(name: str, work: Callable[..., None], *arguments: object) -> None:
    """Do this work on a thread of its own, which the end of the program does not wait for."""
    thread = threading.Thread(
        target=work, args=arguments, name=f"asteroid-magic {name}", daemon=True
    )
    thread.start()
