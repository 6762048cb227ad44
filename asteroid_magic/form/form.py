"""`SendForm`: the form for users who would rather fill one in than type a magic.

It holds what the user has filled in and sees, never the key. What waits for the network runs on a
thread of its own, so that other cells go on; such a thread sets widgets, and nothing else. A saved
notebook keeps the cards as plain HTML, for the day when it has no kernel.
"""

import threading
import uuid
from datetime import UTC, datetime
from typing import Any

from IPython.display import publish_display_data
from ipywidgets import VBox

from ..client.client import AsteroidClient
from ..config.session import session
from ..config.settings import resolve
from ..constants import DEFAULT_BASE_URL, DEFAULT_TIMEOUT_S
from ..errors import (
    AsteroidError,
    ConfigurationError,
    InvalidInput,
)
from ..input.execution_ref import id_in
from ..models.delivery import Delivery
from ..models.message import checked_text, is_execution_id, prepare
from ..render.cards import as_line
from . import html, settings_events
from .background_send import BackgroundSend
from .html import FormSend
from .picker import Picker
from .widgets import FormWidgets

MOST_CARDS = 10
LONGEST_DOUBLE_CLICK = 0.6


class SendForm(VBox):  # type: ignore[misc]
    """A form that sends messages to executions and shows what became of them.

    `execution` and `message` fill it in; an execution is an ID or an object with an `id`. Each
    send uses `client`, or without one the settings of that moment, as `%asteroid_send` does.
    Raises `InvalidInput` for an object that holds no execution ID.
    """

    # Until it is all there: ipywidgets closes what it cannot finish.
    _is_closed = True

    def __init__(
        self, execution: object = None, message: str = "", client: AsteroidClient | None = None
    ) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._sending: BackgroundSend | None = None
        self._outcomes: tuple[Delivery | AsteroidError, ...] = ()
        self._has_key = False
        self._fingerprint: int | None = None
        self._fields = FormWidgets(_text_of(execution), checked_text(message))
        self._form_id = uuid.uuid4().hex[:12]
        self._sends: list[FormSend] = []
        super().__init__(self._fields.rows)
        self.add_class("asteroid-form")
        self.add_class(f"asteroid-form-{self._form_id}")
        self._picker = Picker(self._fields, client)
        for widget in (self._fields.execution, self._fields.message):
            widget.observe(self._look, "value")
        self._fields.when_sent(self._start)
        self._fields.cancel.on_click(lambda _: self.cancel())
        self._fields.refresh.on_click(lambda _: self.refresh())
        self._fields.clear.on_click(lambda _: self._fields.empty())
        self._is_closed = False
        settings_events.watch(self)
        self.check_settings()

    @property
    def execution(self) -> str:
        """The execution ID as it stands in the form."""
        return self._picker.value

    @execution.setter
    def execution(self, execution: object) -> None:
        self._fields.fill(self._fields.execution, _text_of(execution))

    @property
    def message(self) -> str:
        """The message as it stands in the form."""
        return str(self._fields.message.value)

    @message.setter
    def message(self, message: str) -> None:
        self._fields.fill(self._fields.message, message)

    @property
    def outcomes(self) -> tuple[Delivery | AsteroidError, ...]:
        """What became of the last ten messages of this form, newest first."""
        return self._outcomes

    def submit(self) -> None:
        """Do what pressing Send does; the outcome is shown, and stands in `outcomes`, later.

        Raises `InvalidInput` where Send could not be pressed, with the reason.
        """
        reason = "The form is closed." if self._is_closed else self._reason()
        if self._sending is not None:
            reason = "A message of this form is still on its way."
        if reason:
            raise InvalidInput(reason, hint="").about(self.execution, self.message)
        self._fields.freeze()

    def cancel(self) -> None:
        """Stop waiting for the message under way; the agent may have it all the same."""
        sending = self._sending
        if sending is not None:
            self._tell(sending, "Cancelling…")
            sending.cancel()

    def refresh(self) -> None:
        """Look at the settings again, and list the active executions anew."""
        self._fingerprint = None
        self._free()
        self.check_settings()

    def check_settings(self) -> None:
        """Show where the key comes from, and what it may reach, if the settings have changed."""
        fingerprint = settings_events.fingerprint()
        if fingerprint == self._fingerprint or self._is_closed:
            return
        self._fingerprint = fingerprint
        source, problem, base_url = self._settings()
        self._has_key = source is not None
        elsewhere = None if base_url == DEFAULT_BASE_URL else base_url
        self._fields.key.value = html.key_line(source, problem, elsewhere)
        self._look()
        self._picker.refresh(has_key=self._has_key)

    def close(self) -> None:
        """Close the form: what is under way ends, and its threads and widgets with it."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        settings_events.forget(self)
        self._picker.close()
        if self._sending is not None:
            self._sending.cancel()
        self._publish_saved_view()
        self._fields.close()
        self.layout.close()
        super().close()
        # Before version 8, ipywidgets puts None in the place of the display of what is closed.
        self.__dict__.pop("_ipython_display_", None)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, {'closed' if self._is_closed else 'open'}>"

    def _ipython_display_(self, **_: Any) -> None:
        if self._is_closed:
            self._publish_saved_view(update=False)
            return
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        publish_display_data(  # type: ignore[no-untyped-call]
            {
                "application/vnd.jupyter.widget-view+json": view,
                # Where widgets cannot be shown, the saved view below stands for the form.
                "text/html": "",
                "text/plain": html.INSTEAD,
            }
        )
        self._publish_saved_view(update=False)

    def _publish_saved_view(self, *, update: bool = True) -> None:
        """Put the cards into the notebook itself, for the day when it has no kernel."""
        publish_display_data(  # type: ignore[no-untyped-call]
            {"text/html": html.saved_view(self._form_id, self._sends, is_closed=self._is_closed)},
            transient={"display_id": f"asteroid-form-{self._form_id}"},
            update=update,
        )

    def _settings(self) -> tuple[str | None, str | None, str]:
        """Return where the key comes from, what is wrong with the settings, and the base URL."""
        if self._client is not None:
            return self._client.key_source, None, self._client.base_url
        try:
            settings = resolve()
        except ConfigurationError as error:
            return None, f"{error.detail} {error.hint}", DEFAULT_BASE_URL
        source = None if settings.key is None else settings.key.source
        return source, None, settings.base_url

    def _look(self, _change: object = None) -> None:
        if self._sending is None:
            self._fields.allow(self._reason())

    def _reason(self) -> str:
        """Return why there is nothing to send yet, and nothing where there is."""
        if not self._has_key:
            return "Set the API key first."
        if not is_execution_id(self.execution):
            return "Choose an execution, or paste its ID."
        if not self.message:
            return "Write a message."
        try:
            prepare(self.execution, self.message)
        except InvalidInput as error:
            return f"{error.detail} {error.hint}"
        return ""

    def _start(self) -> None:
        timeout = DEFAULT_TIMEOUT_S if session.timeout is None else session.timeout
        if self._client is not None:
            timeout = self._client.timeout
        with self._lock:
            # One press may be reported more than once, and from more than one thread.
            if self._sending is not None or self._is_closed or not self._fields.is_pressed:
                return
            if not self._fields.is_as_shown:
                self._fields.release()
                self._fields.allow("A cell has just filled in the form: look, and press again.")
                self._fields.send.disabled = False
                return
            self._sending = sending = BackgroundSend(
                self.execution, self.message, timeout, self._finish
            )
        try:
            self._fields.show_sending()
            self._fields.spoken.value = html.announcement("Sending.")
            sending.start(self._client, lambda words: self._tell(sending, words))
        except BaseException:
            sending.cancel()
            raise

    def _tell(self, sending: BackgroundSend, words: str) -> None:
        with self._lock:
            if self._sending is sending:
                self._fields.show_progress(words)

    def _finish(self, sending: BackgroundSend, outcome: Delivery | AsteroidError) -> None:
        if self._is_closed:
            return
        self._sends = [FormSend(datetime.now(UTC), outcome), *self._sends][:MOST_CARDS]
        try:
            self._show(sending, outcome)
        finally:
            with self._lock:
                self._fields.release()
                self._sending = None
                self._look()
            # Last, so that whoever waits for it finds a form that can send again.
            self._outcomes = tuple(one.outcome for one in self._sends)
        # A press that came while this one was ending.
        self._start()

    def _show(self, sending: BackgroundSend, outcome: Delivery | AsteroidError) -> None:
        if isinstance(outcome, Delivery):
            session.remember(outcome.execution_id)
            if self.message == sending.message:
                self._fields.message.value = ""
            # It may be waiting no more.
            self._picker.refresh(has_key=self._has_key, quietly=True)
        self._fields.cards.value = html.history(self._sends)
        self._fields.spoken.value = html.announcement(as_line(outcome))
        self._publish_saved_view()
        # So soon after the first, a second click is one of a double click.
        sending.rest(LONGEST_DOUBLE_CLICK)

    def _free(self) -> None:
        """Give back fields that an interrupt has left frozen, with no message under way."""
        with self._lock:
            if self._sending is None and not self._is_closed:
                self._fields.release()
                self._look()


def _text_of(execution: object) -> str:
    if execution is None or isinstance(execution, (str, uuid.UUID)):
        return str(execution or "")
    return id_in(execution, "execution")
