"""`SendForm`: a form for users who prefer it to typing a magic.

It holds what the user types and sees, never the key. Network calls run on their own threads, so
that other cells can run; such a thread only sets widgets. A saved notebook keeps the cards as plain
HTML, for readers without a kernel.
"""

import threading
import uuid
from datetime import UTC, datetime
from typing import Any

from IPython.display import publish_display_data
from ipywidgets import VBox

from ..client.client import AsteroidClient
from ..config.session import session
from ..config.settings import fingerprint, resolve, resolve_timeout
from ..constants import DEFAULT_BASE_URL
from ..errors import AsteroidError, ConfigurationError, InvalidInput
from ..input.execution_ref import id_in
from ..models.delivery import Delivery
from ..models.message import checked_text, is_execution_id, prepare, text_of_id
from ..render.cards import as_line
from . import html, settings_events
from .background_send import BackgroundSend
from .html import FormSend
from .picker import Picker
from .widgets import FormWidgets

MOST_CARDS = 10
LONGEST_DOUBLE_CLICK = 0.6
# Without it, xeus-python would publish null, which front ends refuse (hazard 43).
METADATA: dict[str, object] = {}


class SendForm(VBox):  # type: ignore[misc]
    """A form that sends messages to executions and shows the outcomes.

    `execution` and `message` prefill it; an execution is an ID or an object with an `id`. Each send
    uses `client`, or without one the current settings, as `%asteroid_send` does. Raises
    `InvalidInput` for an object without an execution ID.
    """

    # True until the form is complete: ipywidgets closes a form that it cannot finish.
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
        """The execution ID in the form."""
        return self._picker.value

    @execution.setter
    def execution(self, execution: object) -> None:
        self._fields.fill(self._fields.execution, _text_of(execution))

    @property
    def message(self) -> str:
        """The message in the form."""
        return str(self._fields.message.value)

    @message.setter
    def message(self, message: str) -> None:
        self._fields.fill(self._fields.message, checked_text(message))

    @property
    def outcomes(self) -> tuple[Delivery | AsteroidError, ...]:
        """The outcomes of the last ten messages of this form, newest first."""
        return self._outcomes

    def submit(self) -> None:
        """Do what pressing Send does; the form and `outcomes` show the outcome later.

        Raises `InvalidInput`, with the reason, if the user could not press Send.
        """
        reason = "The form is closed." if self._is_closed else self._reason()
        if self._sending is not None:
            reason = "This form is still sending a message."
        if reason:
            raise InvalidInput(reason, hint="").about(self.execution, self.message)
        self._fields.freeze()

    def cancel(self) -> None:
        """Stop waiting for the current send; the agent may still get the message."""
        sending = self._sending
        if sending is not None:
            self._tell(sending, "Cancelling…")
            sending.cancel()

    def refresh(self) -> None:
        """Read the settings and list the active executions again."""
        self._fingerprint = None
        self._free()
        self.check_settings()

    def check_settings(self) -> None:
        """If the settings have changed, show the source of the key and list the executions."""
        settings = fingerprint()
        if settings == self._fingerprint or self._is_closed:
            return
        self._fingerprint = settings
        source, problem, base_url = self._settings()
        self._has_key = source is not None
        elsewhere = None if base_url == DEFAULT_BASE_URL else base_url
        self._fields.key.value = html.key_line(source, problem, elsewhere)
        self._look()
        self._picker.refresh(has_key=self._has_key)

    def close(self) -> None:
        """Close the form, and end its send, its threads and its widgets."""
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
        # Before version 8, ipywidgets sets the display method of a closed widget to None.
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
                # Where no widgets are shown, the saved view below replaces the form.
                "text/html": "",
                "text/plain": html.INSTEAD,
            },
            METADATA,
        )
        self._publish_saved_view(update=False)

    def _publish_saved_view(self, *, update: bool = True) -> None:
        """Put the cards into the notebook itself, for readers without a kernel."""
        publish_display_data(  # type: ignore[no-untyped-call]
            {"text/html": html.saved_view(self._form_id, self._sends, is_closed=self._is_closed)},
            METADATA,
            transient={"display_id": f"asteroid-form-{self._form_id}"},
            update=update,
        )

    def _settings(self) -> tuple[str | None, str | None, str]:
        """Return the source of the key, the problem with the settings, and the base URL."""
        if self._client is not None:
            return self._client.key_source, None, self._client.base_url
        try:
            settings = resolve()
        except ConfigurationError as error:
            return None, f"{error.detail} {error.hint}", DEFAULT_BASE_URL
        source = None if settings.key is None else settings.key.source
        return source, settings.key_problem or None, settings.base_url

    def _look(self, _change: object = None) -> None:
        if self._sending is None:
            self._fields.allow(self._reason())

    def _reason(self) -> str:
        """Return why the form cannot send yet; empty if it can."""
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
        timeout = resolve_timeout() if self._client is None else self._client.timeout
        with self._lock:
            # ipywidgets may report one press more than once, and from more than one thread.
            if self._sending is not None or self._is_closed or not self._fields.is_pressed:
                return
            if not self._fields.is_as_shown:
                self._fields.release()
                self._fields.allow(
                    "A cell has just changed the form. Check it and press Send again."
                )
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
            # Last, so that a caller who waits for it finds a form that can send again.
            self._outcomes = tuple(one.outcome for one in self._sends)
        # The user may have pressed Send again meanwhile.
        self._start()

    def _show(self, sending: BackgroundSend, outcome: Delivery | AsteroidError) -> None:
        if isinstance(outcome, Delivery):
            session.remember(outcome.execution_id)
            if self.message == sending.message:
                self._fields.message.value = ""
            # The execution may no longer be waiting.
            self._picker.refresh(has_key=self._has_key, quietly=True)
        self._fields.cards.value = html.history(self._sends)
        self._fields.spoken.value = html.announcement(as_line(outcome))
        self._publish_saved_view()
        # A second click this soon belongs to a double click.
        sending.rest(LONGEST_DOUBLE_CLICK)

    def _free(self) -> None:
        """Release fields that an interrupt has left frozen without a send."""
        with self._lock:
            if self._sending is None and not self._is_closed:
                self._fields.release()
                self._look()


def _text_of(execution: object) -> str:
    text = "" if execution is None else text_of_id(execution)
    return id_in(execution, "execution") if text is None else text
