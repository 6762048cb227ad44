"""The widgets of one form: its fields and buttons, laid out in the order in which they are read.

What is sent must be what the browser shows when Send is pressed. A field's last edits may still be
on their way then, and while the kernel is busy the message of a plain click overtakes them. So
Send is a toggle that the browser itself links to the fields: pressing it freezes them, and the
news of that comes to the kernel by each field's own channel, behind its last edit.
"""

import math
from collections.abc import Callable, Iterable

import ipywidgets
from ipywidgets import HTML, Button, Combobox, HBox, Textarea, ToggleButton, VBox

from . import panels

FEWEST_ROWS, MOST_ROWS, COLUMNS = 4, 16, 80


class Fields:
    """The widgets of one form; `form_id` tells its style and its kept cards from another's."""

    def __init__(self, form_id: str, execution: str, message: str) -> None:
        self.style = HTML(panels.style(form_id))
        self.key = HTML()
        self.execution = Combobox(
            value=execution,
            description="Execution",
            placeholder="Choose one, or paste an ID",
            ensure_option=False,
        )
        self.clear = Button(description="Clear", tooltip="Empty the field, to choose another")
        self.refresh = Button(description="Refresh", tooltip="List the active executions again")
        self.about = HTML()
        self.listing = HTML()
        self.message = Textarea(
            value=message, description="Message", placeholder="What the agent should read"
        )
        self.send = ToggleButton(description="Send", tooltip="", button_style="primary")
        self.cancel = Button(description="Cancel", tooltip="Stop waiting for the answer")
        self.reason = HTML()
        self.spoken = HTML()
        self.cards = HTML()
        self.may_send = False
        for widget, name in (
            (self.execution, "execution"),
            (self.about, "about"),
            (self.message, "message"),
            (self.send, "send"),
        ):
            widget.add_class(f"asteroid-form-{name}-field")
        self._links = [
            ipywidgets.jsdlink((self.send, "value"), (widget, "disabled"))
            for widget in (self.send, self.execution, self.message)
        ]
        self.rows = self._laid_out()
        self.message.observe(self._grow, "value")
        self.send.observe(self._insist, "disabled")
        self._grow()
        self.clear.layout.display = self.cancel.layout.display = "none"

    def _laid_out(self) -> tuple[ipywidgets.Widget, ...]:
        controls = VBox(
            [
                self.key,
                HBox([self.execution, self.clear, self.refresh]),
                self.about,
                self.listing,
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
        """Call `send` whenever Send has been pressed and both values are final."""

        def look(_change: object) -> None:
            if self.send.value and self.execution.disabled and self.message.disabled:
                send()

        for widget, trait in (
            (self.send, "value"),
            (self.execution, "disabled"),
            (self.message, "disabled"),
        ):
            widget.observe(look, trait)

    def freeze(self) -> None:
        """Do in the kernel what pressing Send does in the browser."""
        self.execution.disabled = self.message.disabled = self.send.disabled = True
        self.send.value = True

    def release(self) -> None:
        """Give the fields back to the person."""
        self.execution.disabled = self.message.disabled = False
        self.send.value = False
        # Last: the browser does not redraw the toggle for a change that its own link answers.
        self.send.description = "Send"
        self.cancel.layout.display = "none"
        self._insist()

    def allow(self, reason: str) -> None:
        """Let Send be pressed, unless there is a `reason` why not, which is then shown."""
        self.may_send = not reason
        self.reason.value = panels.note(reason)
        self._insist()

    def show_sending(self) -> None:
        """Show that a message is under way, which can be cancelled."""
        self.send.description = "Sending…"
        self.cancel.layout.display = ""

    def show_progress(self, words: str) -> None:
        """Show beside the buttons how the message under way is getting on."""
        self.reason.value = panels.note(words, "busy")

    def offer(self, lines: Iterable[str]) -> None:
        """Offer these executions to choose from."""
        self.execution.options = tuple(lines)

    def close(self) -> None:
        """Close every widget there is of the form, with those that widgets make for themselves."""
        waiting: list[ipywidgets.Widget] = [*self.rows, *self._links]
        while waiting:
            widget = waiting.pop()
            waiting += getattr(widget, "children", ())
            close(widget)

    def _grow(self, _change: object = None) -> None:
        lines = self.message.value.split("\n")
        rows = sum(max(1, math.ceil(len(line) / COLUMNS)) for line in lines) + 1
        self.message.rows = min(max(rows, FEWEST_ROWS), MOST_ROWS)

    def _insist(self, _change: object = None) -> None:
        # As it lets go of a pressed toggle, the browser enables it whatever the fields hold.
        if not self.send.value:
            self.send.disabled = not self.may_send


def close(widget: ipywidgets.Widget) -> None:
    """Close a widget, its layout and its style: ipywidgets would keep these for good."""
    for part in (getattr(widget, "layout", None), getattr(widget, "style", None), widget):
        if isinstance(part, ipywidgets.Widget):
            part.close()
