"""The widgets of one form: its fields and buttons, in reading order.

The form must send what the browser shows when the user presses Send. The last edits of a field may
not have arrived by then, and while the kernel is busy the event of a plain click overtakes them. So
Send is a choice, between nothing and sending, that the browser itself links to the fields: the
choice freezes them, and each field reports that through its own channel, after its last edit.
A choice counts only once, however often the browser delivers the click (ipywidgets #3996).
"""

import math
from collections.abc import Callable, Iterable

import ipywidgets
from ipywidgets import HTML, Button, HBox, Label, ToggleButtons, VBox
from traitlets import CBool

from . import html

FEWEST_ROWS, MOST_ROWS, COLUMNS = 4, 16, 80


class _Freezing(ipywidgets.Widget):  # type: ignore[misc]
    """A field that a choice can freeze: the browser sends the number of the choice."""

    disabled = CBool(False).tag(sync=True)


class _Combobox(_Freezing, ipywidgets.Combobox):  # type: ignore[misc]
    pass


class _Textarea(_Freezing, ipywidgets.Textarea):  # type: ignore[misc]
    pass


class FormWidgets:
    """The widgets of one form."""

    def __init__(self, execution: str, message: str) -> None:
        self.style = HTML(html.style())
        self.key = HTML()
        self.execution = _Combobox(
            value=execution,
            description="Execution",
            placeholder="Choose one, or paste an ID",
            ensure_option=False,
        )
        self.clear = Button(description="Clear", tooltip="Empty the field to choose another")
        self.refresh = Button(description="Refresh", tooltip="List the active executions again")
        self.about = HTML()
        self.listing = HTML()
        self.question = VBox()
        self.message = _Textarea(
            value=message, description="Message", placeholder="What the agent should read"
        )
        # The first choice, to send nothing, is hidden.
        self.send = ToggleButtons(options=["", "Send"], button_style="primary")
        self.cancel = Button(description="Cancel", tooltip="Stop waiting for the answer")
        self.reason = HTML()
        self.spoken = HTML()
        self.cards = HTML()
        for widget, name in (
            (self.execution, "execution"),
            (self.about, "about"),
            (self.message, "message"),
            (self.send, "send"),
        ):
            widget.add_class(f"asteroid-form-{name}-field")
        # How often a program has filled in a field, and how much of that the browser shows.
        self._filled, self._shown = Label("0"), Label("0")
        self._links = self._linked()
        self._is_by_program = False
        self.rows = self._laid_out()
        self.message.observe(self._grow, "value")
        self._grow()
        self.clear.layout.display = self.cancel.layout.display = "none"

    def _linked(self) -> list[ipywidgets.Widget]:
        """Let the browser itself freeze both fields on Send, and report what it shows."""
        return [
            ipywidgets.jsdlink((self.send, "index"), (self.execution, "disabled")),
            ipywidgets.jsdlink((self.send, "index"), (self.message, "disabled")),
            ipywidgets.jsdlink((self._filled, "value"), (self._shown, "value")),
        ]

    def _laid_out(self) -> tuple[ipywidgets.Widget, ...]:
        controls = VBox(
            [
                self.key,
                HBox([self.execution, self.clear, self.refresh]),
                self.about,
                self.listing,
                self.question,
                self.message,
                HBox([self.send, self.cancel, self.reason]),
            ]
        )
        for widget, name in (
            (controls, "controls"),
            (controls.children[1], "line"),
            (controls.children[-1], "line"),
        ):
            widget.add_class(f"asteroid-form-{name}")
        return (self.style, controls, self.spoken, self.cards)

    def when_sent(self, send: Callable[[], None]) -> None:
        """Call `send` whenever the user has pressed Send and both values are final."""

        def look(_change: object) -> None:
            if self.is_pressed:
                send()

        for widget, trait in (
            (self.send, "index"),
            (self.execution, "disabled"),
            (self.message, "disabled"),
        ):
            widget.observe(look, trait)

    @property
    def is_pressed(self) -> bool:
        """Return True if the user has pressed Send and both values are final."""
        return bool(self.send.index and self.execution.disabled and self.message.disabled)

    @property
    def is_as_shown(self) -> bool:
        """Return True if the browser showed these values when the user pressed Send."""
        return bool(self._is_by_program or self._filled.value == self._shown.value)

    def fill(self, field: ipywidgets.Widget, text: str) -> None:
        """Fill in a field for a program; the browser reports once it shows the text."""
        field.value = text
        self._filled.value = str(int(self._filled.value) + 1)

    def answer(self, text: str, before: str) -> None:
        """Put an answer into the message: in place of the one `before`, or below other text."""
        if self.message.disabled:
            return
        typed = self.message.value
        if typed and typed != before:
            text = f"{typed}\n{text}" if text and not typed.endswith("\n") else typed + text
        self.fill(self.message, text)

    def freeze(self) -> None:
        """Do in the kernel what pressing Send does in the browser."""
        self._is_by_program = True
        self.execution.disabled = self.message.disabled = True
        self.send.index = 1

    def release(self) -> None:
        """Give the fields back to the user."""
        # First, so that a late report of a frozen field does not look like another press.
        self.send.index = 0
        self.execution.disabled = self.message.disabled = False
        self._is_by_program = False
        self.cancel.layout.display = "none"

    def allow(self, reason: str) -> None:
        """Enable Send, or disable it and show the `reason`."""
        self.send.disabled = bool(reason)
        self.reason.value = html.note(reason)

    def show_sending(self) -> None:
        """Show that the form is sending, and offer Cancel."""
        self.show_progress("Sending…")
        self.cancel.layout.display = ""

    def show_progress(self, words: str) -> None:
        """Show the progress of the send beside the buttons."""
        self.reason.value = html.note(words, "busy")

    def mark_wrong(self, *, is_wrong: bool) -> None:
        """Mark the execution field as holding no ID, or remove that mark."""
        change = self.execution.add_class if is_wrong else self.execution.remove_class
        change("asteroid-form-is-wrong")

    def empty(self) -> None:
        """Empty the execution field to choose another."""
        if self.execution.disabled:
            return
        self.execution.value = ""
        # The button disappears: keep the keyboard's place. ipywidgets 7 has no `focus`.
        getattr(self.execution, "focus", lambda: None)()

    def offer(self, lines: Iterable[str]) -> None:
        """Offer these lines to choose from."""
        self.execution.options = tuple(lines)

    def close(self) -> None:
        """Close every widget of the form, also those that widgets create for themselves."""
        waiting: list[ipywidgets.Widget] = [*self.rows, *self._links, self._filled, self._shown]
        while waiting:
            widget = waiting.pop()
            waiting += getattr(widget, "children", ())
            close(widget)

    def _grow(self, _change: object = None) -> None:
        lines = self.message.value.split("\n")
        rows = sum(max(1, math.ceil(len(line) / COLUMNS)) for line in lines) + 1
        self.message.rows = min(max(rows, FEWEST_ROWS), MOST_ROWS)


def close(widget: ipywidgets.Widget) -> None:
    """Close a widget, its layout and its style, which ipywidgets would keep forever."""
    for part in (getattr(widget, "layout", None), getattr(widget, "style", None), widget):
        if isinstance(part, ipywidgets.Widget):
            part.close()
