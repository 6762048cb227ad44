"""`SendForm`: a form for users who prefer it to typing a magic.

It holds what the user types and sees, never the key. It shows the conversation with the chosen
execution: a `Monitor` keeps that up to date. Network calls run on their own threads, so that other
cells can run; such a thread only sets widgets. A saved notebook keeps the cards as plain HTML, for
readers without a kernel.
"""

import math
import sys
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from IPython.display import publish_display_data
from ipywidgets import VBox

from ..client.client import AsteroidClient
from ..client.session_client import settings_in_use
from ..config.session import session
from ..config.settings import fingerprint, resolve_timeout
from ..constants import DEFAULT_BASE_URL
from ..errors import AsteroidError, InvalidInput
from ..input.execution_ref import id_in
from ..interrupts import Hold
from ..models.delivery import Delivery
from ..models.message import checked_text, is_execution_id, prepare, text_of_id
from ..monitor import Monitor, MonitorState, Send
from ..monitor.attachments import left_over
from ..monitor.background_send import BackgroundSend, UnknownSend, begin
from ..monitor.sends import messages_in
from ..render.times import clock
from . import html, open_views
from .comms import CHANGING, take_while_busy, tell_of_all_at_once
from .conversation_view import ConversationView
from .picker import Picker
from .widgets import FormWidgets

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_CARDS = 10
LONGEST_DOUBLE_CLICK = 0.6
# How long the form stays up to date after the user last touched it, and how often its ages change.
STOPS_AFTER_S, TICK_S = 600.0, 3.0
# Between two looks for a message, in seconds.
SHORTEST_PAUSE_S = 2.0
# After a longer send, the user may be typing somewhere else.
LONGEST_WITH_FOCUS_S = 2.0
CHANGED = "The form has just changed. Check it and press Send again."
# Without it, xeus-python would publish null, which front ends refuse (hazard 43).
METADATA: dict[str, object] = {}


class SendForm(VBox):  # type: ignore[misc]
    """A form that sends messages to executions, and shows the outcomes and the answers.

    It is an `ipywidgets.VBox`: put it last in a cell, or `display` it. A new run of its cell
    replaces the form and keeps the text in it.

    Parameters
    ----------
    execution : str, UUID or object, optional
        Prefills the form: an ID, or an object with an `execution_id` or an `id`.
    message : str, optional
        Prefills the form.
    client : AsteroidClient, optional
        Sends the messages; if None, one with the current settings, as `%asteroid_send` does.

    Raises
    ------
    InvalidInput
        If an object has no execution ID, or the message is no text.

    Notes
    -----
    The API key is in no widget: a saved notebook keeps the state of widgets. Sends run on their own
    threads, so that other cells can run (ipywidgets calls a click handler on the main thread).
    """

    # True until the form is complete: ipywidgets closes a form that it cannot finish.
    _is_closed = True
    _was_stopped = True

    def __init__(
        self, execution: object = None, message: str = "", client: AsteroidClient | None = None
    ) -> None:
        self.made_in = open_views.running_cell()
        self._client = client
        self._sending: BackgroundSend | None = None
        self._in_doubt: UnknownSend | None = None
        self._outcomes: tuple[Delivery | AsteroidError, ...] = ()
        self._has_key = self._is_replaced = False
        self._look_from = 0.0
        self._fingerprint: int | None = None
        self._form_id = uuid.uuid4().hex[:12]
        self._sends: list[Send] = []
        # What keeps the cards in the notebook in the place of the form, with what else it shows.
        self.saves: Callable[[], None] | None = None
        tell_of_all_at_once()
        with CHANGING:
            self._make(_text_of(execution), checked_text(message))
        self._lock = self._fields.lock
        self._monitor = Monitor(self._follow, client, stops_after=STOPS_AFTER_S, tick=TICK_S)
        self._fields.message.observe(self._note_edit, "value")
        self._fields.when_sent(self._start)
        self._fields.cancel.on_click(lambda _: self.cancel())
        self._fields.refresh.on_click(lambda _: self.refresh())
        self._fields.stop.on_click(lambda _: self._monitor.stop_waiting())
        self._fields.look_again.on_click(lambda _: self._look_again())
        self._is_closed = False
        for earlier in open_views.replaced_by(self):
            self._take_over(earlier)
        open_views.watch(self)
        self.check_settings()

    def _make(self, execution: str, message: str) -> None:
        """Make the widgets, this one among them."""
        self._fields = FormWidgets(execution, message)
        super().__init__(self._fields.rows)
        take_while_busy(self)
        self.add_class("asteroid-form")
        self.add_class(f"asteroid-form-{self._form_id}")
        self._view = ConversationView(self._fields)
        self._picker = Picker(self._fields, self._choose)

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
        """The outcomes of the last ten messages of this form, the newest one first.

        The `reply` of a delivery is filled in once the form no longer waits for it.
        """
        return self._outcomes

    @property
    def sends(self) -> tuple[Send, ...]:
        """The last ten messages of this form with what became of them, newest first.

        Each has `at`, when it ended (aware, UTC), its `outcome`, and a `note` about it.
        """
        return tuple(self._sends)

    def submit(self) -> None:
        """Do what pressing Send does; the form and `outcomes` show the outcome later.

        Raises
        ------
        InvalidInput
            If the user could not press Send; it says why.
        """
        reason = "The form is closed." if self._is_closed else self._reason()
        if self._sending is not None:
            reason = "This form is still sending a message."
        if reason:
            raise InvalidInput(reason, hint="").about(self.execution, self.message)
        with Hold(), self._lock:
            self._fields.freeze()

    def cancel(self) -> None:
        """Stop waiting for the current send; the agent may still get the message."""
        sending = self._sending
        if sending is not None:
            self._tell(sending, "Cancelling…")
            self._fields.announce("cancelling")
            sending.cancel()

    def refresh(self) -> None:
        """Read the settings, the list and the chosen execution again."""
        self._fingerprint = None
        self._free()
        self.check_settings()
        if self._has_key:
            self._monitor.refresh()

    def check_settings(self) -> None:
        """If the settings have changed, show the source of the key, and read everything again."""
        settings = fingerprint()
        if settings == self._fingerprint or self._is_closed:
            return
        self._fingerprint = settings
        source, problem, base_url = settings_in_use(self._client)
        has_begun, self._has_key = self._has_key, source is not None
        elsewhere = None if base_url == DEFAULT_BASE_URL else base_url
        with self._lock:
            self._fields.key.value = html.key_line(source, problem, elsewhere)
            self._look()
            self._show(self._monitor.state)
        if has_begun:
            self._monitor.check_settings()
        elif self._has_key:
            self._choose(self._picker.execution_id)

    def close(self) -> None:
        """Close the form, and end its send, its threads and its widgets."""
        if sys.is_finalizing():
            # The end of the program closes everything.
            return
        # An interrupt in the middle would leave widgets and threads that nobody can close.
        with Hold():
            self._close()

    def _close(self) -> None:
        if self._is_closed:
            return
        with self._lock:
            is_first, self._is_closed = not self._is_closed, True
        if not is_first:
            return
        open_views.forget(self)
        # Without the lock, which its callback needs.
        self._monitor.close()
        if self._sending is not None:
            self._sending.cancel()
        self._publish_saved_view()
        with CHANGING:
            self._fields.close()
            self.layout.close()
            super().close()
        # Before version 8, ipywidgets sets the display method of a closed widget to None.
        self.__dict__.pop("_ipython_display_", None)

    def replace(self) -> None:
        """Close the form because a newer run of its cell has made another, once it has sent."""
        self._is_replaced = True
        if self._sending is None:
            self.close()

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
        if self.saves is not None:
            self.saves()
            return
        shown = html.saved_view(
            self._form_id,
            self._sends,
            datetime.now(UTC),
            is_closed=self._is_closed,
            is_replaced=self._is_replaced,
        )
        publish_display_data(  # type: ignore[no-untyped-call]
            {"text/html": shown},
            METADATA,
            transient={"display_id": f"asteroid-form-{self._form_id}"},
            update=update,
        )

    def _take_over(self, earlier: open_views.OpenView) -> None:
        """Keep the text of a form that this one replaces, unless it is for another execution."""
        if isinstance(earlier, SendForm) and earlier.message and not self.message:
            text, execution = earlier.message, earlier.execution
            if self.execution in {"", execution}:
                self.execution, self.message = execution, text
                self._fields.attach.hold(earlier._fields.attach.files)
        earlier.replace()

    def _choose(self, execution_id: str) -> None:
        """Show the conversation with this execution, "" for none."""
        with self._lock:
            self._look()
            self._show(self._monitor.state)
        if self._has_key and not self._is_closed:
            self._monitor.choose(execution_id or None)

    def _note_edit(self, _change: object) -> None:
        with self._lock:
            self._look()
        if self._has_key and not self._is_closed:
            self._monitor.touch()

    def _follow(self, state: MonitorState) -> None:
        """Show a new state of the monitor; called on its thread."""
        with self._lock:
            if not self._is_closed:
                if state.is_stopped and not self._was_stopped:
                    self._fields.announce("stopped")
                self._was_stopped = state.is_stopped
                self._hear(state)
                self._show(state)

    def _show(self, state: MonitorState) -> None:
        if not self._has_key:
            state = MonitorState()
        chosen = self._picker.execution_id
        found = state.conversation
        if found is not None and found.execution is not None:
            session.remember(found.execution.id, found.execution.workflow_name)
        self._picker.show(state.inbox, found, has_key=self._has_key)
        self._view.show(state, chosen, self._sends, has_key=self._has_key)

    def _hear(self, state: MonitorState) -> None:
        """Note the replies that are complete in the outcomes of their messages."""
        for reply in state.replies:
            for at, one in enumerate(self._sends):
                if reply.result is not None and one.outcome is reply.delivery:
                    heard = replace(reply.delivery, heard=reply.result)
                    self._sends[at] = one._replace(outcome=heard)
                    self._fields.announce(reply.result.ending)
                    self._publish_saved_view()
                    self._outcomes = tuple(one.outcome for one in self._sends)

    def _look(self) -> None:
        """Allow a press, or say why not."""
        if self._sending is None:
            self._fields.allow(self._reason())
            asked = self._in_doubt
            self._fields.doubt(
                is_in_doubt=asked is not None and asked.is_about(self.execution, self.message)
            )

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
        with Hold():
            self._begin()

    def _begin(self) -> None:
        timeout = resolve_timeout() if self._client is None else self._client.timeout
        with self._lock:
            # ipywidgets may report one press more than once, and from more than one thread.
            if self._sending is not None or self._is_closed or not self._fields.is_pressed:
                return
            reason = self._reason()
            if reason or not self._fields.is_as_shown:
                self._give_back(reason or CHANGED)
                return
            sending = BackgroundSend(
                self.execution, self.message, timeout, self._finish, self._fields.attach.files
            )
            sending.listed_before = self._listed()
            self._sending = sending
        try:
            self._fields.show_sending()
            self._fields.announce("sending")
            self._monitor.touch()
            sending.start(self._client, lambda words: self._tell(sending, words))
        except BaseException:
            sending.abandon()
            raise

    def _give_back(self, reason: str) -> None:
        """Send nothing, and say why."""
        self._fields.release()
        self._fields.allow(reason)
        self._fields.send.disabled = reason != CHANGED
        # Any other reason stands beside the button already.
        self._fields.announce("changed" if reason == CHANGED else "")

    def _listed(self) -> frozenset[str] | None:
        """Return the messages that the conversation shows; None if it has not been read."""
        state = self._monitor.state.conversation
        if state is None or state.updated_at is None:
            return None
        is_chosen = state.execution_id == self._picker.execution_id
        return frozenset(messages_in(state)) if is_chosen else None

    def _tell(self, sending: BackgroundSend, words: str) -> None:
        with self._lock:
            if self._sending is sending:
                self._fields.show_progress(words)

    def _finish(self, sending: BackgroundSend, outcome: Delivery | AsteroidError) -> None:
        sent = Send(
            datetime.now(UTC),
            outcome,
            listed_before=sending.listed_before,
            listed_as=sending.listed_as,
        )
        if self._is_closed:
            self._sends = [sent, *self._sends][:MOST_CARDS]
            self._outcomes = tuple(one.outcome for one in self._sends)
            self._publish_saved_view()
            return
        try:
            with self._lock:
                self._sends = [sent, *self._sends][:MOST_CARDS]
                self._note_outcome(sending, outcome)
            if outcome.outcome == "unknown":
                # A second click this soon belongs to a double click.
                sending.rest(LONGEST_DOUBLE_CLICK)
        finally:
            with self._lock:
                self._sending = None
                # Before the fields are free: nobody can press what the form would refuse.
                self._look()
                self._fields.release()
                if sending.took < LONGEST_WITH_FOCUS_S:
                    self._fields.focus()
            if isinstance(outcome, Delivery):
                self._monitor.sent(outcome)
            # Last, so that a caller who waits for it finds a form that can send again.
            self._outcomes = tuple(one.outcome for one in self._sends)
        if self._is_replaced:
            self.close()
        # The user may have pressed Send again meanwhile.
        self._start()

    def _note_outcome(self, sending: BackgroundSend, outcome: Delivery | AsteroidError) -> None:
        self._in_doubt = None
        self._fields.attach.hold(left_over(sending.files, outcome))
        if isinstance(outcome, Delivery):
            self._arrived(outcome)
        elif outcome.outcome == "unknown":
            self._in_doubt = UnknownSend(outcome, sending.began)
        self._fields.announce(html.announcement_of(outcome))
        self._show_sends()

    def _arrived(self, delivery: Delivery) -> None:
        session.remember(delivery.execution_id)
        is_to = self._picker.execution_id in {"", delivery.execution_id}
        if is_to and self.message == delivery.message:
            self._fields.message.value = ""

    def _show_sends(self) -> None:
        self._show(self._monitor.state)
        self._publish_saved_view()

    def _look_again(self) -> None:
        """Look for a message that may have been delivered; send nothing."""
        with self._lock:
            asked = self._in_doubt
            if asked is None or self._sending is not None or self._fields.look_again.disabled:
                return
            wait = self._look_from - time.monotonic()
            if wait > 0:
                self._look()
                self._fields.reason.value = html.note(f"Look again in {math.ceil(wait)} s.")
                return
            self._fields.look_again.disabled = True
            self._fields.show_progress("Looking for the message…")
        self._monitor.touch()
        begin("look", self._search, asked)

    def _search(self, asked: UnknownSend) -> None:
        found, said = None, "the message is not among the activities; it may still have arrived"
        pause = SHORTEST_PAUSE_S
        try:
            found = asked.look(self._client)
        except AsteroidError as error:
            said = f"the activities could not be read: {error.title}"
            pause = max(pause, error.retry_after or 0.0)
        except Exception as error:  # noqa: BLE001 (whatever it was, the user can look again)
            said = f"the activities could not be read: {type(error).__name__}"
        with self._lock:
            if self._is_closed:
                return
            self._fields.look_again.disabled = False
            self._look_from = time.monotonic() + pause
            for at, one in enumerate(self._sends):
                if one.outcome is asked.error:
                    note = f"Looked again at {clock(datetime.now(UTC))}: {said}."
                    new = {"note": note} if found is None else {"note": "", "outcome": found}
                    self._sends[at] = one._replace(**new)
            if found is not None and self._in_doubt is asked:
                self._in_doubt = None
            if found is not None and self._sending is None:
                self._arrived(found)
            self._fields.announce("not-found" if found is None else "delivered")
            self._look()
            self._show_sends()
            self._outcomes = tuple(one.outcome for one in self._sends)
        if found is not None:
            self._monitor.sent(found)

    def _free(self) -> None:
        """Release fields that an interrupt has left frozen without a send."""
        with self._lock:
            if self._sending is None and not self._is_closed:
                self._fields.release()
                self._look()


def _text_of(execution: object) -> str:
    text = "" if execution is None else text_of_id(execution)
    return id_in(execution, "execution") if text is None else text
