"""The messages that a panel sends: one at a time, in their order, each once for its press."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from ..client.client import AsteroidClient
from ..config.settings import resolve_timeout
from ..errors import AsteroidError, ConfigurationError, InvalidInput, SendInterrupted
from ..models.delivery import Delivery
from ..models.message import prepare
from ..monitor import ReplyState
from ..monitor.attachments import Attachment
from ..monitor.background_send import BackgroundSend, UnknownSend, begin

# Older ones are forgotten, and with them what a second delivery of an old press would do.
MOST_KEPT = 100
NOT_WHOLE = "The files did not come whole from the browser."
CLOSED = "The panel was closed before it sent this"
Stage = Literal["queued", "sending", "looking", "done"]


@dataclass(frozen=True, kw_only=True)
class Press:
    """A message that the user has pressed Send for; `id` is the number that the browser gave it.

    `stage` says how far it is. Then `outcome` says what is known, and `began` when it was sent, by
    `time.monotonic`. `note` is what is new about it. `listed_before` are the messages that the
    conversation showed before, by their activity ID; None if it had not been read. `listed_as` is
    the text as a conversation shows it, with the API key in it hidden; empty if as it was sent.
    `files` go before the message; `names` are their names and sizes in bytes, also once they are
    gone.
    """

    id: str
    execution_id: str
    text: str
    at: datetime
    stage: Stage = "queued"
    outcome: Delivery | AsteroidError | None = None
    began: float = 0.0
    note: str = ""
    listed_before: frozenset[str] | None = None
    listed_as: str = ""
    files: tuple[Attachment, ...] = ()
    names: tuple[tuple[str, int], ...] = ()


class Outbox:
    """Sends what the user presses Send for; calls `changed` with each news, on any thread.

    A press counts once, however often it arrives. `delivered` hears of each delivery.
    """

    def __init__(
        self,
        client: AsteroidClient | None,
        changed: Callable[[], None],
        delivered: Callable[[Delivery], None],
    ) -> None:
        self._client, self._changed, self._delivered = client, changed, delivered
        self._lock = threading.RLock()
        self._presses: dict[str, Press] = {}
        self._under_way: tuple[str, BackgroundSend] | None = None
        self._is_closed = False

    @property
    def is_busy(self) -> bool:
        """Return True while a message waits to be sent, or is being sent."""
        with self._lock:
            is_queued = any(one.stage == "queued" for one in self._presses.values())
            return is_queued or self._under_way is not None

    @property
    def presses(self) -> tuple[Press, ...]:
        """The last hundred, the oldest first."""
        with self._lock:
            return tuple(self._presses.values())

    def press(
        self,
        press_id: str,
        execution_id: str,
        text: str,
        listed: frozenset[str] | None,
        files: Sequence[Attachment] | None = (),
    ) -> None:
        """Send a text, unless it has come before; what cannot be sent fails at once.

        The `files` go first; None if they have not come whole from the browser.
        """
        with self._lock:
            if press_id in self._presses or self._is_closed:
                return
            made = Press(
                id=press_id,
                execution_id=execution_id,
                text=text,
                at=datetime.now(UTC),
                listed_before=listed,
                files=tuple(files or ()),
                names=tuple((name, len(contents)) for name, contents in files or ()),
            )
            try:
                prepare(execution_id, text)
            except InvalidInput as error:
                made = replace(made, stage="done", outcome=error.with_traceback(None))
            else:
                if files is None:
                    spoiled = InvalidInput(NOT_WHOLE, hint="Attach them again, and send again.")
                    made = replace(made, stage="done", outcome=spoiled.about(execution_id, text))
            self._presses[press_id] = made
            self._forget_old()
        try:
            self._begin_next()
        finally:
            self._changed()

    def cancel(self, press_id: str) -> None:
        """Stop sending a message; its outcome says what is known by then."""
        with self._lock:
            found = self._presses.get(press_id)
            sending = self._under_way
            if found is not None and found.stage == "queued":
                stopped = SendInterrupted(title="You cancelled the send", outcome="not_delivered")
                self._end(press_id, stopped.about(found.execution_id, found.text))
                sending = None
        if sending is not None and sending[0] == press_id:
            sending[1].cancel()
        self._changed()

    def look_again(self, press_id: str) -> None:
        """Look for a message that may have been delivered; sends nothing."""
        with self._lock:
            found = self._presses.get(press_id)
            is_asked = found is not None and found.stage == "done" and is_unknown(found)
            if found is None or not is_asked or self._is_closed:
                return
            self._presses[press_id] = replace(found, stage="looking", note="")
        try:
            begin("look", self._search, found)
        except BaseException:
            with self._lock:
                self._presses[press_id] = found
            raise
        finally:
            self._changed()

    def hear(self, replies: Iterable[ReplyState]) -> None:
        """Note the replies that are complete."""
        with self._lock:
            for reply in replies:
                for press in self._presses.values():
                    if reply.result is not None and press.outcome is reply.delivery:
                        delivery = replace(reply.delivery, heard=reply.result)
                        self._presses[press.id] = replace(press, outcome=delivery)
                        break

    def take_over(self, presses: Iterable[Press]) -> None:
        """Keep those of another outbox that failed, as the oldest of this one; send nothing."""
        with self._lock:
            failed = {one.id: one for one in presses if isinstance(one.outcome, AsteroidError)}
            self._presses = failed | self._presses
            self._forget_old()

    def close(self) -> None:
        """End the send under way; send nothing more: what waits is not delivered."""
        with self._lock:
            self._is_closed = True
            sending = self._under_way
            for press in self.presses:
                if press.stage == "queued":
                    stopped = SendInterrupted(title=CLOSED, outcome="not_delivered")
                    self._end(press.id, stopped.about(press.execution_id, press.text))
        if sending is not None:
            sending[1].cancel()

    def _begin_next(self) -> None:
        with self._lock:
            waiting = [one for one in self._presses.values() if one.stage == "queued"]
            if self._under_way is not None or not waiting or self._is_closed:
                return
            press = waiting[0]
            sending = BackgroundSend(
                press.execution_id, press.text, self._timeout(), self._finish, press.files
            )
            self._under_way = press.id, sending
            self._presses[press.id] = replace(press, stage="sending", began=sending.began)
        try:
            sending.start(self._client, lambda words: self._tick(press.id, sending, words))
        except BaseException:
            # A thread could not be started.
            sending.abandon()
            raise

    def _timeout(self) -> float:
        if self._client is not None:
            return self._client.timeout
        try:
            return resolve_timeout()
        except ConfigurationError:
            # The send itself says what is wrong.
            return 1.0

    def _tick(self, press_id: str, sending: BackgroundSend, words: str) -> None:
        with self._lock:
            press = self._presses.get(press_id)
            if press is None or press.stage != "sending":
                return
            if sending.is_looking:
                self._presses[press_id] = replace(press, stage="looking", note="")
            elif sending.is_uploading:
                self._presses[press_id] = replace(press, note=words)
            elif press.note:
                self._presses[press_id] = replace(press, note="")
            else:
                return
        self._changed()

    def _finish(self, sending: BackgroundSend, outcome: Delivery | AsteroidError) -> None:
        with self._lock:
            under_way = self._under_way
            if under_way is None or under_way[1] is not sending:
                return
            self._under_way = None
            press = self._presses[under_way[0]]
            self._presses[press.id] = replace(press, listed_as=sending.listed_as)
            self._end(press.id, outcome)
            is_closed = self._is_closed
        try:
            if isinstance(outcome, Delivery) and not is_closed:
                self._delivered(outcome)
            self._changed()
        finally:
            # Whatever a view cannot show, the next message goes out.
            self._begin_next()

    def _end(self, press_id: str, outcome: Delivery | AsteroidError) -> None:
        press = self._presses[press_id]
        self._presses[press_id] = replace(
            press, stage="done", outcome=outcome, at=datetime.now(UTC), note="", files=()
        )

    def _search(self, press: Press) -> None:
        found, said = None, "The message is not among the activities; it may still have arrived."
        assert isinstance(press.outcome, AsteroidError)  # noqa: S101 (`look_again` has checked it)
        try:
            found = UnknownSend(press.outcome, press.began).look(self._client)
        except AsteroidError as error:
            said = f"The activities could not be read: {error.title}."
        except Exception as error:  # noqa: BLE001 (whatever it was, the user can look again)
            said = f"The activities could not be read: {type(error).__name__}."
        with self._lock:
            if found is not None:
                self._end(press.id, found)
            elif press.id in self._presses:
                self._presses[press.id] = replace(press, stage="done", note=said)
            is_closed = self._is_closed
        if found is not None and not is_closed:
            self._delivered(found)
        self._changed()

    def _forget_old(self) -> None:
        done = [one.id for one in self._presses.values() if one.stage == "done"]
        for press_id in done[: max(0, len(self._presses) - MOST_KEPT)]:
            del self._presses[press_id]


def is_unknown(press: Press) -> bool:
    """Return True if the message may have been delivered."""
    return isinstance(press.outcome, AsteroidError) and press.outcome.outcome == "unknown"
