"""`ChatPanel`: one live place for a user who watches over several agents.

The front end is ``static/panel.js``, whose header lists the messages of both sides. A `Monitor`
keeps what is shown up to date while a page shows the panel; an `Outbox` sends. The draft exists in
the browser only, and the key nowhere in the panel.
"""

import threading
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anywidget
from IPython.display import publish_display_data

from ..client.client import AsteroidClient
from ..client.session_client import session_client
from ..config.session import session
from ..config.settings import resolve
from ..errors import READ, AsteroidError, ConfigurationError, InvalidInput
from ..input.execution_ref import id_in
from ..models.delivery import Delivery
from ..models.executions import status_words
from ..models.message import checked_id, checked_text, is_execution_id
from ..monitor import Monitor, MonitorState
from ..monitor.background_send import begin
from ..monitor.sends import messages_in
from . import kept_copy
from .outbox import Outbox
from .view import View

STATIC = Path(__file__).parent / "static"
# The panel stops this long after it left the view, and asks for so many questions of the list.
STOPS_AFTER_S, MOST_QUESTIONS = 60.0, 5
# Without a word from a front end for so long, the form appears instead.
LONGEST_SILENCE_S = 3.0
# The text of a message from a browser is bounded by the message itself; other words are short.
LONGEST_WORD = 200
CONTROLS = ("pause", "resume", "cancel")
METADATA: dict[str, object] = {}


class ChatPanel(anywidget.AnyWidget):
    """A panel with the active executions, and the conversation with one of them.

    It opens with the list, or with the conversation of `execution`: an ID, or an object with an
    `id`. It uses `client`, or without one the current settings. Raises `InvalidInput` for an object
    without an execution ID.
    """

    _esm = STATIC / "panel.js"
    _css = STATIC / "panel.css"
    # True until the panel is complete: ipywidgets closes one that it cannot finish.
    _is_closed = True

    def __init__(self, execution: object = None, client: AsteroidClient | None = None) -> None:
        chosen = _id_of(execution)
        self._client = client
        self._panel_id = uuid.uuid4().hex[:12]
        # A front end that has outlived a kernel hears another number from the next one.
        self._lock = threading.RLock()
        self._view = View()
        self._note = ""
        self._has_front_end = False
        self._instead: Any = None
        self._kept = ""
        super().__init__()
        self.add_class(f"asteroid-chat-{self._panel_id}")
        self._monitor = Monitor(
            self._follow, client, stops_after=STOPS_AFTER_S, questions=MOST_QUESTIONS
        )
        self._outbox = Outbox(client, self._show, self._monitor.sent)
        self._chosen = chosen
        self._is_closed = False
        self.on_msg(lambda _widget, content, _buffers: self._receive(content))
        self._open(chosen)

    @property
    def execution(self) -> str:
        """The ID of the execution whose conversation is open; empty for the list."""
        return self._chosen

    @property
    def outcomes(self) -> tuple[Delivery | AsteroidError, ...]:
        """The outcomes of the messages sent with this panel, newest first, with their replies."""
        presses = reversed(self._outbox.presses)
        return tuple(one.outcome for one in presses if one.outcome is not None)

    def choose(self, execution: object = None) -> None:
        """Open the conversation of an execution, or the list without one."""
        self._check_open()
        self._open(_id_of(execution))

    def submit(self, message: str) -> None:
        """Do what pressing Send does, in the open conversation; `outcomes` has the outcome later.

        Raises `InvalidInput` if no conversation is open.
        """
        self._check_open()
        if not self._chosen:
            raise InvalidInput("No conversation is open.", hint="Call choose(execution) first.")
        self._press(uuid.uuid4().hex, self._chosen, checked_text(message))

    def close(self) -> None:
        """Close the panel, and end its send and its threads."""
        if self._is_closed:
            return
        with self._lock:
            is_first, self._is_closed = not self._is_closed, True
        if not is_first:
            return
        self._monitor.close()
        self._outbox.close()
        if self._instead is not None:
            self._instead.close()
        self._keep(is_closed=True)
        super().close()
        # Before version 8, ipywidgets sets the display method of a closed widget to None.
        self.__dict__.pop("_ipython_display_", None)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, {'closed' if self._is_closed else 'open'}>"

    def _repr_mimebundle_(self, **_: Any) -> None:
        """Show nothing: `_ipython_display_` does."""

    def _ipython_display_(self, **_: Any) -> None:
        if self._is_closed:
            self._keep(is_closed=True, update=False)
            return
        view = {"version_major": 2, "version_minor": 1, "model_id": self.model_id}
        publish_display_data(  # type: ignore[no-untyped-call]
            {
                "application/vnd.jupyter.widget-view+json": view,
                # Where no widgets are shown, the kept copy below replaces the panel.
                "text/html": "",
                "text/plain": kept_copy.INSTEAD,
            },
            METADATA,
        )
        self._keep(update=False)
        timer = threading.Timer(LONGEST_SILENCE_S, self._show_form)
        timer.daemon = True
        timer.start()

    def _check_open(self) -> None:
        if self._is_closed:
            raise InvalidInput("The panel is closed.", hint="Make a new one: ChatPanel().")

    def _open(self, execution_id: str) -> None:
        with self._lock:
            self._chosen = execution_id
            self._note = ""
        if self._has_key():
            self._monitor.choose(execution_id or None)
        self._show()

    def _has_key(self) -> bool:
        return bool(self._key_source()[0])

    def _key_source(self) -> tuple[str, str]:
        """Return the source of the key, and why there is none."""
        if self._client is not None:
            return self._client.key_source or "", ""
        try:
            settings = resolve()
        except ConfigurationError as error:
            return "", f"{error.detail} {error.hint}"
        if settings.key is None:
            return "", settings.key_problem or "There is no API key. Run %asteroid_login in a cell."
        return settings.key.source, ""

    # What the front end says

    def _receive(self, content: object) -> None:
        """Take a message of a front end; whatever it does not understand, it ignores."""
        if not isinstance(content, dict) or self._is_closed:
            return
        word = {
            name: value
            for name, value in content.items()
            if isinstance(value, str) and (name == "text" or len(value) <= LONGEST_WORD)
        }
        take = {
            "hello": self._welcome,
            "ping": self._answer_ping,
            "open": self._take_open,
            "send": self._take_press,
            "cancel": lambda word: self._outbox.cancel(word.get("press", "")),
            "look": self._take_look,
            "stop": lambda _word: self._monitor.stop_waiting(),
            "refresh": lambda _word: self._refresh(),
            "touch": lambda _word: self._touch(),
            "control": self._take_control,
        }.get(word.get("type", ""))
        if take is not None:
            take(word)

    def _welcome(self, word: dict[str, str]) -> None:
        """Greet a new view, and show it everything."""
        self._has_front_end = True
        with self._lock:
            instead, self._instead = self._instead, None
            self._kept = "" if instead else self._kept
        if instead is not None:
            instead.close()
        self.send_message("welcome", view=word.get("view", ""))
        self._touch()
        with self._lock:
            self._view.forget()
        self._show()

    def _answer_ping(self, word: dict[str, str]) -> None:
        self.send_message("pong", view=word.get("view", ""), number=word.get("number", ""))
        if word.get("seen") and self._has_key():
            if self._monitor.state.is_stopped:
                self._monitor.touch()
            self._monitor.seen()

    def _take_open(self, word: dict[str, str]) -> None:
        execution_id = word.get("execution", "")
        if not execution_id or is_execution_id(execution_id):
            self._open(execution_id.lower())

    def _take_press(self, word: dict[str, str]) -> None:
        press, execution_id, text = (word.get(name, "") for name in ("press", "execution", "text"))
        if press and is_execution_id(execution_id):
            self.send_message("ack", press=press)
            self._press(press, execution_id.lower(), text)

    def _press(self, press: str, execution_id: str, text: str) -> None:
        state = self._monitor.state.conversation
        is_read = state is not None and state.updated_at is not None
        listed = None
        if state is not None and is_read and state.execution_id == execution_id:
            listed = frozenset(messages_in(state))
        self._touch()
        self._outbox.press(press, execution_id, text, listed)

    def _take_look(self, word: dict[str, str]) -> None:
        self._touch()
        self._outbox.look_again(word.get("press", ""))

    def _refresh(self) -> None:
        if self._has_key():
            if not self._monitor.state.conversation and self._chosen:
                self._monitor.choose(self._chosen)
            self._monitor.refresh()
        self._show()

    def _touch(self) -> None:
        if self._has_key():
            if not self._monitor.state.conversation and self._chosen:
                self._monitor.choose(self._chosen)
            self._monitor.touch()

    def _take_control(self, word: dict[str, str]) -> None:
        action, execution_id = word.get("action", ""), word.get("execution", "")
        if action in CONTROLS and is_execution_id(execution_id):
            begin("control", self._control, action, execution_id.lower())

    def _control(self, action: str, execution_id: str) -> None:
        try:
            with session_client(self._client) as client:
                change = getattr(client, action)(execution_id)
            note = f"The execution is now: {status_words(change.status)}."
        except AsteroidError as error:
            note = f"{error.title}. {error.hint}"
        except Exception as error:  # noqa: BLE001 (whatever it was, the user must learn of it)
            note = f"The execution may have been changed: {type(error).__name__}."
        with self._lock:
            self._note = note
        self._refresh()

    # What the front ends are shown

    def _follow(self, state: MonitorState) -> None:
        """Show a new state of the monitor; called on its thread."""
        found = state.conversation
        if found is not None and found.execution is not None:
            session.remember(found.execution.id, found.execution.workflow_name)
        for entry in reversed(state.inbox.entries):
            session.remember(entry.execution.id, entry.execution.workflow_name)
        self._outbox.hear(state.replies)
        self._show()

    def _show(self) -> None:
        """Send what is new to the front ends."""
        with self._lock:
            if self._is_closed:
                return
            source, problem = self._key_source()
            state = self._monitor.state if source else MonitorState()
            if state.conversation is not None and state.conversation.execution_id != self._chosen:
                return
            shown = self._view.of(state, self._outbox.presses, key_source=source)
            self.send_message(
                "view", **shown, chosen=self._chosen, problem=problem, note=self._note
            )
        self._keep()

    def send_message(self, kind: str, **content: object) -> None:
        """Send a message to all front ends of the panel."""
        self.send({"type": kind, **content})

    # What the notebook keeps

    def _keep(self, *, is_closed: bool = False, update: bool = True) -> None:
        """Keep the conversation in the notebook itself, for readers without a kernel."""
        state = self._monitor.state.conversation
        drawn = kept_copy.draw_copy(
            self._panel_id, state, self._outbox.presses, datetime.now(UTC), is_closed=is_closed
        )
        with self._lock:
            instead = self._instead
            if update and drawn.body == self._kept:
                return
            self._kept = drawn.body
        data: dict[str, object] = {"text/html": drawn.html}
        if instead is not None and not is_closed:
            # The form takes the place of the copy.
            view = {"version_major": 2, "version_minor": 0, "model_id": instead.model_id}
            data["application/vnd.jupyter.widget-view+json"] = view
        publish_display_data(  # type: ignore[no-untyped-call]
            data,
            METADATA,
            transient={"display_id": f"asteroid-chat-{self._panel_id}"},
            update=update,
        )

    def _show_form(self) -> None:
        """Show the form if no front end has answered: its server lacks anywidget."""
        with self._lock:
            if self._has_front_end or self._is_closed or self._instead is not None:
                return
            from ..form.form import SendForm  # noqa: PLC0415 (rarely needed)

            self._instead = SendForm(self._chosen or None, client=self._client)
            self._kept = ""
        self._keep()


def _id_of(execution: object) -> str:
    if execution is None or execution == "":
        return ""
    if isinstance(execution, (str, uuid.UUID)):
        return checked_id(execution, READ)
    return checked_id(id_in(execution, "execution"), READ)
