"""`ChatPanel`: one live place for a user who watches over several agents.

The front end is ``static/panel.js``, whose header lists the messages of both sides. A `Monitor`
keeps what is shown up to date while a page shows the panel; an `Outbox` sends. The draft exists in
the browser only, and the key nowhere in the panel.
"""

import json
import math
import sys
import threading
import time
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
from IPython.display import publish_display_data

from ..client.client import AsteroidClient
from ..client.session_client import session_client, settings_in_use
from ..config.session import session
from ..config.settings import fingerprint
from ..errors import READ, AsteroidError, InvalidInput
from ..form import open_views
from ..form.comms import CHANGING, take_while_busy, tell_of_all_at_once
from ..input.execution_ref import id_in
from ..interrupts import Hold
from ..models.delivery import Delivery
from ..models.executions import status_words
from ..models.message import checked_id, checked_text, is_execution_id
from ..monitor import ConversationState, Monitor, MonitorState, Send
from ..monitor.attachments import Attachment
from ..monitor.background_send import begin
from ..monitor.sends import messages_in
from . import saved_copy
from .incoming import Incoming
from .outbox import Outbox, Press
from .view import NAME, View, line

if TYPE_CHECKING:
    from .stand_in import StandIn

STATIC = Path(__file__).parent / "static"
# The panel stops reading this long after it left the view, in seconds.
STOPS_AFTER_S = 60.0
# Of so many executions that wait, the list shows what they ask.
MOST_QUESTIONS = 20
# Without a word from a front end for so long while no cell runs, the form appears instead.
LONGEST_SILENCE_S, SILENCE_STEP_S = 2.5, 0.25
# The copy in the notebook follows what an agent does at most this often, in seconds.
LEAST_BETWEEN_S = 5.0
# Every text of a front end is short, but for a message, the name of a file, and the sizes of files.
LONGEST_WORD, LONGEST_NOTE = 200, 400
LONGEST = {"text": sys.maxsize, "name": 4_000, "files": 20_000}
CONTROLS = ("pause", "resume", "cancel")
NO_KEY = "There is no API key. Run %asteroid_login in a cell."
METADATA: dict[str, object] = {}


class ChatPanel(anywidget.AnyWidget):
    """A panel with the active executions, and the conversation with one of them.

    It is an `anywidget.AnyWidget`: put it last in a cell, or `display` it. A new run of its cell
    replaces it.

    Parameters
    ----------
    execution : str, UUID or object, optional
        The conversation to open: an ID, or an object with an `execution_id` or an `id`. Without
        one, the panel opens with the list.
    client : AsteroidClient, optional
        Reads and sends; if None, one with the current settings.

    Raises
    ------
    InvalidInput
        If this names no execution.

    Notes
    -----
    The API key stays in the kernel: the page in the browser never gets it. The panel reads while a
    page shows it, and stops a minute after.
    """

    _esm = STATIC / "panel.js"
    _css = STATIC / "panel.css"
    # True until the panel is complete: ipywidgets closes one that it cannot finish.
    _is_closed = True
    # What became of the last command to an execution.
    _note = ""
    # What the form has sent that stood in for the front end, and is gone.
    _form_sends: tuple[Send, ...] = ()
    # When the kept copy was last drawn, by `time.monotonic`.
    _kept_at = -math.inf

    def __init__(self, execution: object = None, client: AsteroidClient | None = None) -> None:
        self._chosen = _id_of(execution)
        self.made_in = open_views.running_cell()
        self._client = client
        self._panel_id = uuid.uuid4().hex[:12]
        self._lock, self._keeping = threading.RLock(), threading.RLock()
        self._view = View()
        self._settings = settings_in_use(client)
        self._fingerprint = fingerprint()
        self._has_front_end = self._is_replaced = False
        # The panel that a newer run of the cell has made.
        self._heir: ChatPanel | None = None
        # The form that stands in for the front end, if the page has none.
        self._instead: StandIn | None = None
        # The conversation that was open last.
        self._latest: ConversationState | None = None
        # What was typed in the form of an earlier run: the execution and the text.
        self._typed = ("", "")
        # What the kept copy was last drawn from; nothing before the panel is displayed.
        self._kept: tuple[object, ...] = ()
        self._make()
        self._monitor = Monitor(
            self._follow, client, stops_after=STOPS_AFTER_S, questions=MOST_QUESTIONS
        )
        self._incoming = Incoming()
        self._outbox = Outbox(client, self._note_press, self._monitor.sent)
        self._is_closed = False
        self.on_msg(lambda _widget, content, buffers: self._receive(content, buffers))
        for earlier in open_views.replaced_by(self):
            if typed := getattr(earlier, "message", ""):
                self._typed = getattr(earlier, "execution", ""), typed
            if isinstance(earlier, ChatPanel):
                earlier.replace(self)
            else:
                earlier.replace()
        open_views.watch(self)
        self._open(self._chosen)

    def _make(self) -> None:
        """Make the widget."""
        tell_of_all_at_once()
        with CHANGING:
            super().__init__()
        take_while_busy(self)
        self.add_class(f"asteroid-chat-{self._panel_id}")

    @property
    def execution(self) -> str:
        """The ID of the execution whose conversation is open; empty for the list."""
        return self._chosen

    @property
    def outcomes(self) -> tuple[Delivery | AsteroidError, ...]:
        """The outcomes of the last hundred messages of this panel, newest first.

        Those of an earlier run of its cell are among them, if they were not delivered for sure.
        The `reply` of a delivery is filled in once the panel no longer waits for it.
        """
        return tuple(one.outcome for one in self._sends)

    @property
    def _sends(self) -> list[Send]:
        with self._lock:
            instead = self._instead
            of_the_form = self._form_sends if instead is None else instead.sends
        return saved_copy.newest_first(self._outbox.presses, of_the_form)

    def choose(self, execution: object = None) -> None:
        """Open the conversation of an execution, or the list without one.

        Parameters
        ----------
        execution : str, UUID or object, optional
            An ID, or an object with an `execution_id` or an `id`.

        Raises
        ------
        InvalidInput
            If this names no execution, or the panel is closed.
        """
        self._check_open()
        self._open(_id_of(execution))

    def submit(self, message: str) -> None:
        """Do what pressing Send does, in the open conversation; `outcomes` has the outcome later.

        Parameters
        ----------
        message : str
            The text, sent exactly as it is.

        Raises
        ------
        InvalidInput
            If no conversation is open, the panel is closed, or the message is no text.
        """
        self._check_open()
        if not self._chosen:
            raise InvalidInput("No conversation is open.", hint="Call choose(execution) first.")
        with Hold():
            self._press(uuid.uuid4().hex, self._chosen, checked_text(message))

    def check_settings(self) -> None:
        """If the settings have changed, show the source of the key, and read everything again."""
        if self._fingerprint == fingerprint() or self._is_closed:
            return
        with self._lock:
            self._fingerprint = fingerprint()
            has_begun, self._settings = self._has_key, settings_in_use(self._client)
        if has_begun:
            self._monitor.check_settings()
        elif self._has_key:
            self._monitor.choose(self._chosen or None)
        self._show()

    def replace(self, heir: "ChatPanel | None" = None) -> None:
        """Close the panel because a newer run of its cell has made another, once it has sent.

        Parameters
        ----------
        heir : ChatPanel, optional
            The newer panel, which gets the messages that failed.
        """
        self._is_replaced, self._heir = True, heir
        if not self._outbox.is_busy:
            self.close()

    def take_over(self, presses: Iterable[Press]) -> None:
        """Show those of these messages that failed, which the panel of an earlier run leaves.

        Parameters
        ----------
        presses : iterable of Press
            The messages of that panel.
        """
        if not self._is_closed:
            self._outbox.take_over(presses)
            self._show()
        elif self._heir is not None:
            self._heir.take_over(presses)

    def close(self) -> None:
        """Close the panel, and end its send and its threads."""
        if sys.is_finalizing():
            # The end of the program closes everything.
            return
        # An interrupt in the middle would leave threads that nobody can end.
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
        self._outbox.close()
        self._incoming.clear()
        if self._heir is not None:
            self._heir.take_over(self._outbox.presses)
        if self._instead is not None and self._is_replaced:
            self._instead.replace()
        elif self._instead is not None:
            self._instead.close()
        self._keep()
        super().close()
        # Before version 8, ipywidgets sets the display method of a closed widget to None.
        self.__dict__.pop("_ipython_display_", None)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, {'closed' if self._is_closed else 'open'}>"

    def _repr_mimebundle_(self, **_: Any) -> None:
        """Show nothing: `_ipython_display_` does."""

    def _ipython_display_(self, **_: Any) -> None:
        if self._is_closed:
            self._keep(update=False)
            return
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        publish_display_data(  # type: ignore[no-untyped-call]
            {
                "application/vnd.jupyter.widget-view+json": view,
                # Where no widgets are shown, the kept copy below replaces the panel.
                "text/html": "",
                "text/plain": saved_copy.INSTEAD,
            },
            METADATA,
        )
        self._keep(update=False)
        begin("front end", self._await_front_end)

    @property
    def _has_key(self) -> bool:
        return self._settings.key_source is not None

    def _check_open(self) -> None:
        if self._is_closed:
            raise InvalidInput("The panel is closed.", hint="Make a new one: ChatPanel().")

    def _open(self, execution_id: str) -> None:
        with self._lock:
            self._chosen = execution_id
            self._note = ""
        if self._has_key:
            self._monitor.choose(execution_id or None)
        self._show()

    # What the front end says

    def _receive(self, content: object, buffers: Sequence[memoryview] = ()) -> None:
        """Take a message of a front end; whatever it does not understand, it ignores."""
        if not isinstance(content, dict) or self._is_closed:
            return
        word = {
            name: value
            for name, value in content.items()
            if isinstance(value, str) and len(value) <= LONGEST.get(name, LONGEST_WORD)
        }
        take = {
            "hello": self._welcome,
            "ping": self._answer_ping,
            "open": self._take_open,
            "send": self._take_press,
            "piece": lambda word: self._take_piece(word, buffers),
            "cancel": lambda word: self._outbox.cancel(word.get("press", "")),
            "look": self._take_look,
            "stop": lambda _word: self._monitor.stop_waiting(),
            "refresh": lambda _word: self._refresh(),
            "touch": lambda _word: self._touch(),
            "control": self._take_control,
        }.get(word.get("type", ""))
        if take is not None:
            # The kernel's main thread may take it, and the user may interrupt a cell meanwhile.
            with Hold():
                take(word)

    def _welcome(self, word: dict[str, str]) -> None:
        """Greet a new view, and show it everything."""
        with self._lock:
            self._has_front_end = True
            self._view.forget()
        self._close_form()
        self._tell("welcome", view=word.get("view", ""))
        self._touch()
        self._show()

    def _close_form(self) -> None:
        """Close the form that stands in for the front end, unless the user has typed in it."""
        with self._lock:
            instead = self._instead
            if instead is None or instead.message:
                return
            self._instead, self._form_sends = None, instead.sends
        instead.close()
        self._keep()

    def _answer_ping(self, word: dict[str, str]) -> None:
        self._close_form()
        self._tell("pong", view=word.get("view", ""), number=word.get("number", ""))
        self._keep()
        if word.get("seen") and self._has_key:
            if self._monitor.state.is_stopped:
                self._monitor.touch()
            self._monitor.seen()

    def _take_open(self, word: dict[str, str]) -> None:
        execution_id = word.get("execution", "")
        if not execution_id or is_execution_id(execution_id):
            self._open(execution_id.lower())

    def _take_piece(self, word: dict[str, str], buffers: Sequence[memoryview]) -> None:
        press, at, name = (word.get(key, "") for key in ("press", "at", "name"))
        if press:
            self._incoming.take(press, at, name, buffers)

    def _take_press(self, word: dict[str, str]) -> None:
        press, execution_id, text = (word.get(name, "") for name in ("press", "execution", "text"))
        if press and is_execution_id(execution_id):
            self._tell("ack", press=press)
            # Missing, or too long to be read, is not the same as no files.
            files = self._incoming.give(press, word.get("files"))
            self._press(press, execution_id.lower(), text, files)

    def _press(
        self,
        press: str,
        execution_id: str,
        text: str,
        files: Sequence[Attachment] | None = (),
    ) -> None:
        state = self._monitor.state.conversation
        listed = None
        if state and state.updated_at is not None and state.execution_id == execution_id:
            listed = frozenset(messages_in(state))
        self._outbox.press(press, execution_id, text, listed, files)
        self._touch()

    def _take_look(self, word: dict[str, str]) -> None:
        self._touch()
        self._outbox.look_again(word.get("press", ""))

    def _refresh(self) -> None:
        if self._has_key:
            self._monitor.refresh()
        self._show()

    def _touch(self) -> None:
        if self._has_key:
            self._monitor.touch()

    def _take_control(self, word: dict[str, str]) -> None:
        action, execution_id = word.get("action", ""), word.get("execution", "")
        if action in CONTROLS and is_execution_id(execution_id):
            begin("control", self._control, action, execution_id.lower())

    def _control(self, action: str, execution_id: str) -> None:
        try:
            with session_client(self._client) as client:
                change = getattr(client, action)(execution_id)
            note = f"The execution is now: {line(status_words(change.status))}."
        except AsteroidError as error:
            note = line(f"{error.title}. {error.hint}", LONGEST_NOTE)
        except Exception as error:  # noqa: BLE001 (whatever it was, the user must learn of it)
            note = f"The execution may have been changed: {type(error).__name__}."
        with self._lock:
            name = session.seen.get(execution_id, "")
            is_open = execution_id == self._chosen
            self._note = note if is_open else f"{line(name, NAME) or execution_id}: {note}"
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

    def _note_press(self) -> None:
        """Show what is new about a message; called on any thread."""
        try:
            self._show()
        finally:
            if self._is_closed:
                # What became of a message after the end is kept as well.
                self._keep()
            elif self._is_replaced and not self._outbox.is_busy:
                self.close()

    def _show(self) -> None:
        """Send what is new to the front ends."""
        with self._lock:
            if self._is_closed:
                return
            state = self._monitor.state if self._has_key else MonitorState()
            found = state.conversation
            if found is not None and found.execution_id != self._chosen:
                # The monitor is about to follow the choice.
                state = MonitorState(inbox=state.inbox, is_stopped=state.is_stopped)
            source = self._settings.key_source
            presses = self._outbox.presses
            shown = self._view.of(state, presses, self._chosen, key_source=source or "")
            problem = "" if source else line(self._settings.problem or NO_KEY, LONGEST_NOTE)
            self._tell("view", **shown, chosen=self._chosen, problem=problem, note=self._note)
        self._keep()

    def _tell(self, kind: str, **content: object) -> None:
        """Send a message to all front ends of the panel."""
        self.send(_sendable({"type": kind, **content}))

    # What the notebook keeps

    def _keep(self, *, update: bool = True) -> None:
        """Keep the conversation in the notebook itself, for readers without a kernel."""
        # An older copy must not follow a newer one.
        with self._keeping:
            self._publish_copy(update=update)

    def _publish_copy(self, *, update: bool) -> None:
        sends = self._sends
        now = self._monitor.state.conversation
        with self._lock:
            if now is not None and now.updated_at is not None:
                self._latest = now
            # Back in the list, the conversation before is still worth keeping.
            state, instead = self._latest, self._instead
            drawn_from = (
                state and (state.execution, state.activities, state.question, state.access),
                [(one.outcome, one.note) for one in sends],
                self._is_closed,
                instead,
            )
            # The age of what is shown changes all the time; a copy that says so is not new.
            if update and (not self._kept or drawn_from == self._kept):
                return
            is_only_news = drawn_from[1:] == self._kept[1:]
            if update and is_only_news and time.monotonic() - self._kept_at < LEAST_BETWEEN_S:
                # An agent may do something every second; the next ping brings it.
                return
            self._kept, self._kept_at = drawn_from, time.monotonic()
        drawn = saved_copy.draw_copy(
            self._panel_id, state, sends, datetime.now(UTC), words=self._words()
        )
        data: dict[str, object] = {"text/html": drawn}
        if instead is not None and not self._is_closed:
            # The form takes the place of the copy.
            view = {"version_major": 2, "version_minor": 0, "model_id": instead.model_id}
            data["application/vnd.jupyter.widget-view+json"] = view
        publish_display_data(  # type: ignore[no-untyped-call]
            data,
            METADATA,
            transient={"display_id": f"asteroid-chat-{self._panel_id}"},
            update=update,
        )

    def _words(self) -> str:
        if not self._is_closed:
            return saved_copy.GONE
        return saved_copy.REPLACED if self._is_replaced else saved_copy.CLOSED

    def _await_front_end(self) -> None:
        """Show the form if no front end says a word: the page's server has no anywidget."""
        silence, pause = 0.0, threading.Event()
        while silence < LONGEST_SILENCE_S:
            pause.wait(SILENCE_STEP_S)
            # Many kernels take no message while a cell runs.
            silence = 0.0 if open_views.is_cell_running() else silence + SILENCE_STEP_S
            if self._has_front_end or self._is_closed:
                return
        with self._lock:
            if self._has_front_end or self._is_closed or self._instead is not None:
                return
            from .stand_in import StandIn  # noqa: PLC0415 (rarely needed, and it has the whole form)

            execution, text = self._typed
            is_for_this = self._chosen in {"", execution.lower()}
            self._instead = StandIn(
                self._chosen or execution,
                text if is_for_this else "",
                self._client,
                made_in=self.made_in,
                saves=self._keep,
            )
        self._keep()


def _sendable(content: dict[str, object]) -> dict[str, object]:
    """Return content that can be sent: half of a character has no form in UTF-8."""
    plain = json.dumps(content, ensure_ascii=False)
    try:
        plain.encode()
    except UnicodeEncodeError:
        whole = plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        repaired: dict[str, object] = json.loads(whole)
        return repaired
    return content


def _id_of(execution: object) -> str:
    """Return the ID of an execution in lower case; empty for none."""
    if execution is None or execution == "":
        return ""
    given = execution if isinstance(execution, str | uuid.UUID) else id_in(execution, "execution")
    return checked_id(given, READ).lower()
