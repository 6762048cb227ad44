"""The widgets of one form: its fields and buttons, in reading order.

The form must send what the browser shows when the user presses Send. The last edits of a field may
not have arrived by then, and while the kernel is busy the event of a plain click overtakes them. So
Send is a choice, between nothing and sending, that the browser itself links to the fields: the
choice freezes them, and each field reports that through its own channel, after its last edit.
A choice counts only once, however often the browser delivers the click (ipywidgets #3996).

While the fields are frozen and the kernel has not taken the press, a style rule with a delay shows
"Waiting for the kernel…".
"""

import math
import re
from collections.abc import Callable
from pathlib import Path

import ipywidgets
from ipywidgets import HTML, Button, HBox, Label, VBox
from traitlets import CBool

from . import html
from .comms import CHANGING, Field
from .execution_list import ExecutionList
from .file_field import FileField

FEWEST_ROWS, MOST_ROWS, COLUMNS = 4, 16, 80
TAKEN = "asteroid-form-is-taken"
# After a choice that ended the connection, ipywidgets sends nothing more of that button.
STUCK = (
    "Still no answer. Files of more than 10 MB cannot reach the kernel, and stop the form: "
    "then run its cell again. It keeps your text."
)


class _Freezing(Field):
    """A field that a choice can freeze: the browser sends the number of the choice."""

    disabled = CBool(False).tag(sync=True)


class _Text(_Freezing, ipywidgets.Text):  # type: ignore[misc]
    pass


class _Textarea(_Freezing, ipywidgets.Textarea):  # type: ignore[misc]
    pass


class _ToggleButtons(Field, ipywidgets.ToggleButtons):  # type: ignore[misc]
    pass


class RadioChoice(Field, ipywidgets.RadioButtons):  # type: ignore[misc]
    """Radio buttons for a choice of one."""


class CheckedChoice(Field, ipywidgets.Checkbox):  # type: ignore[misc]
    """A checkbox for one of several choices."""


def _keyboard() -> ipywidgets.Widget:
    """Return a widget that puts the keyboard into the message of the form that holds it."""
    import anywidget  # noqa: PLC0415 (only for ipywidgets 7)

    class Keyboard(anywidget.AnyWidget):
        _esm = Path(__file__).parent / "static" / "keyboard.js"

    return Keyboard()


class FormWidgets:
    """The widgets of one form; hold the `lock` to change several of them."""

    def __init__(self, execution: str, message: str) -> None:
        self.lock = CHANGING
        self._said = ""
        self._make(execution, message)
        for widget, name in (
            (self.listing, "listing"),
            (self.execution, "execution"),
            (self.message, "message"),
            (self.send, "send"),
            (self.waiting, "waiting"),
            (self.stuck, "stuck"),
            (self.attach, "small"),
            (self.conversation, "talk"),
            (self.refresh, "small"),
            (self.stop, "small"),
        ):
            widget.add_class(f"asteroid-form-{name}-field")
        # How often a program has filled in a field, and how much of that the browser shows.
        self._filled, self._shown = Label("0"), Label("0")
        self._links = self._linked()
        self._is_by_program = False
        self.rows = self._laid_out()
        self.message.observe(self._grow, "value")
        self.attach.observe(self._name_files, "value")
        self._grow()
        for button in (self.cancel, self.stop, self.look_again):
            show(button, is_shown=False)

    def _make(self, execution: str, message: str) -> None:
        self.style = HTML(html.style())
        # The header is drawn anew with every minute, and the focus must stay on a link.
        self.header, self.links = HTML(), HTML()
        self.listing = ExecutionList()
        self.execution = _Text(
            value=execution, description="Execution ID", placeholder="or paste an ID"
        )
        self.about = HTML()
        self.conversation = VBox()
        self.cards = HTML()
        self.doing = HTML()
        self.stop = Button(
            description="Stop waiting", tooltip="Wait no longer for the answer; the agent goes on"
        )
        self.question = VBox()
        self.message = _Textarea(
            value=message, description="Message", placeholder="What the agent should read"
        )
        self.attach = FileField()
        self.attached = HTML()
        # The first choice, to send nothing, is hidden; so is one of the other two.
        self.send = _ToggleButtons(options=["", "Send", "Send again"], button_style="primary")
        self.look_again = Button(
            description="Look again", tooltip="Look for the message in the execution; sends nothing"
        )
        self.cancel = Button(description="Cancel", tooltip="Stop waiting for the server")
        self.reason = HTML()
        self.waiting = HTML(html.note("Waiting for the kernel…", "busy"))
        self.stuck = HTML(html.note(STUCK))
        self.updated = HTML()
        self.refresh = Button(description="Refresh", tooltip="Read everything again now")
        self.key = HTML()
        self.announcements = HTML(html.announcements())
        # A class of the HTML itself would draw it anew, and a screen reader would say nothing.
        self.spoken = VBox([self.announcements])
        # ipywidgets 7 cannot put the keyboard into a field.
        self._keyboard = None if hasattr(self.message, "focus") else _keyboard()

    def _linked(self) -> list[ipywidgets.Widget]:
        """Let the browser itself freeze the fields on Send, and report what it shows."""
        return [
            *(ipywidgets.jsdlink((self.send, "index"), (one, "disabled")) for one in self._frozen),
            ipywidgets.jsdlink((self._filled, "value"), (self._shown, "value")),
            self.listing.linked(),
        ]

    def _laid_out(self) -> tuple[ipywidgets.Widget, ...]:
        lines = [
            HBox([self.listing, self.execution]),
            HBox([self.doing, self.stop]),
            HBox([self.send, self.attach, self.look_again, self.cancel, self.reason, self.waiting]),
            HBox([self.updated, self.refresh]),
        ]
        choosing, doing, sending, updating = lines
        top = VBox([self.header, self.links, choosing, self.about])
        below = VBox(
            [
                *(doing, self.question, self.message, self.attached),
                *(sending, self.stuck, updating, self.key),
            ]
        )
        for line in lines:
            line.add_class("asteroid-form-line")
        # These lines and the conversation keep their heights: what comes moves no button.
        doing.add_class("asteroid-form-doing")
        updating.add_class("asteroid-form-foot")
        if self._keyboard is not None:
            # Hidden with its line, also where the page cannot load it.
            line = HBox([self._keyboard])
            line.layout.display = "none"
            below.children += (line,)
        for part in (top, below):
            part.add_class("asteroid-form-controls")
        return (self.style, top, self.conversation, self.cards, below, self.spoken)

    @property
    def _frozen(self) -> tuple[ipywidgets.Widget, ...]:
        """What pressing Send freezes."""
        return self.listing, self.execution, self.message, self.attach

    def when_sent(self, send: Callable[[], None]) -> None:
        """Call `send` whenever the user has pressed Send and all values are final."""

        def look(_change: object) -> None:
            if self.is_pressed:
                send()

        self.send.observe(look, "index")
        for widget in self._frozen:
            widget.observe(look, "disabled")

    @property
    def is_pressed(self) -> bool:
        """Return True if the user has pressed Send and all values are final."""
        return bool(self.send.index and all(one.disabled for one in self._frozen))

    @property
    def is_as_shown(self) -> bool:
        """Return True if the browser showed these values when the user pressed Send."""
        return bool(self._is_by_program or self._filled.value == self._shown.value)

    def fill(self, field: ipywidgets.Widget, text: str) -> None:
        """Fill in a field for a program; the browser reports once it shows the text."""
        field.value = text
        self._filled.value = str(int(self._filled.value) + 1)

    def answer(self, text: str, before: str) -> bool:
        """Put an answer into the message: in place of the one `before`, or below other text.

        Returns False if the message cannot be changed now.
        """
        if self.message.disabled:
            return False
        typed = self.message.value
        # The user may have written above and behind it.
        found = re.search(rf"^{re.escape(before)}(?!\w)", typed, re.MULTILINE) if before else None
        if found is not None:
            above, behind = typed[: found.start()], typed[found.end() :]
            if not text:
                # Its line goes with it.
                above = above if behind else above.removesuffix("\n")
                behind = behind.removeprefix("\n")
            text = above + text + behind
        elif typed:
            text = f"{typed}\n{text}" if text and not typed.endswith("\n") else typed + text
        self.fill(self.message, text)
        return True

    def freeze(self) -> None:
        """Do in the kernel what pressing Send does in the browser."""
        self._is_by_program = True
        for one in self._frozen:
            one.disabled = True
        self.send.index = 1

    def release(self) -> None:
        """Give the fields back to the user."""
        # First, so that a late report of a frozen field does not look like another press.
        self.send.index = 0
        for one in self._frozen:
            one.disabled = False
        self._is_by_program = False
        show(self.cancel, is_shown=False)
        self.send.remove_class(TAKEN)

    def allow(self, reason: str) -> None:
        """Enable Send, or disable it and show the `reason`."""
        self.send.disabled = bool(reason)
        self.reason.value = html.note(reason)

    def doubt(self, *, is_in_doubt: bool) -> None:
        """Offer to look for the message and to send it again, or to send as usual."""
        change = self.send.add_class if is_in_doubt else self.send.remove_class
        change("asteroid-form-is-in-doubt")
        show(self.look_again, is_shown=is_in_doubt)

    def show_sending(self) -> None:
        """Show that the form is sending, and offer Cancel."""
        self.send.add_class(TAKEN)
        show(self.look_again, is_shown=False)
        self.show_progress("Sending…")
        show(self.cancel, is_shown=True)

    def show_progress(self, words: str) -> None:
        """Show the progress of the send beside the buttons."""
        self.reason.value = html.note(words, "busy")

    def announce(self, name: str) -> None:
        """Tell a screen reader one of `html.ANNOUNCEMENTS`, "" for nothing."""
        before, self._said = self._said, name
        if before == name:
            return
        if before:
            self.spoken.remove_class(f"asteroid-form-says-{before}")
        if name:
            self.spoken.add_class(f"asteroid-form-says-{name}")

    @property
    def said(self) -> str:
        """The name of what was announced last."""
        return self._said

    def _name_files(self, _change: object) -> None:
        self.attached.value = html.attached(self.attach.files)

    def mark_wrong(self, *, is_wrong: bool) -> None:
        """Mark the field of the ID as holding no ID, or remove that mark."""
        change = self.execution.add_class if is_wrong else self.execution.remove_class
        change("asteroid-form-is-wrong")

    def focus(self) -> None:
        """Put the keyboard into the message."""
        if self._keyboard is None:
            self.message.focus()
        else:
            self._keyboard.send({})

    def close(self) -> None:
        """Close every widget of the form, also those that widgets create for themselves."""
        own = (self._filled, self._shown, self.listing.number)
        waiting: list[ipywidgets.Widget] = [*self.rows, *self._links, *own]
        while waiting:
            widget = waiting.pop()
            waiting += getattr(widget, "children", ())
            close(widget)

    def _grow(self, _change: object = None) -> None:
        lines = self.message.value.split("\n")
        rows = sum(max(1, math.ceil(len(line) / COLUMNS)) for line in lines) + 1
        self.message.rows = min(max(rows, FEWEST_ROWS), MOST_ROWS)


def show(widget: ipywidgets.Widget, *, is_shown: bool) -> None:
    """Show a widget, or hide it."""
    widget.layout.display = "" if is_shown else "none"


def close(widget: ipywidgets.Widget) -> None:
    """Close a widget, its layout and its style, which ipywidgets would keep forever."""
    for part in (getattr(widget, "layout", None), getattr(widget, "style", None), widget):
        if isinstance(part, ipywidgets.Widget):
            part.close()
