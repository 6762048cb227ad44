"""What a page that loads hears of the widgets while the form changes them on a thread."""

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from ipywidgets import Widget

from asteroid_magic import SendForm
from asteroid_magic.form import comms
from asteroid_magic.sandbox import Sandbox
from tests.support import sandboxes
from tests.support.sandboxes import asking, running
from tests.support.waiting import until

from .conftest import fields, words

VERSION = {"version": "1.0.0"}
ASKS = {"content": {"data": {"method": "request_states"}}}


class Page:
    """A page that loads, on the kernel's side: it asks for all widgets, and is told."""

    def __init__(self, opened: Callable[..., None]) -> None:
        self.told: list[dict[str, Any]] = []
        self._answer: Any = None
        opened(self, {"metadata": VERSION})

    def on_msg(self, answer: Any) -> None:
        """Be a comm: take what is called with each message of the page."""
        self._answer = answer

    def send(self, told: dict[str, Any], **_: object) -> None:
        """Be a comm: tell the page something."""
        self.told.append(told["states"])

    def ask(self) -> dict[str, Any]:
        """Ask for all widgets; return their states by their IDs."""
        self._answer(ASKS)
        return self.told[-1]


class Targets:
    """What the kernel calls when a page opens a comm."""

    def __init__(self) -> None:
        self.called: dict[str, Callable[..., None]] = {}

    def register_target(self, name: str, call: Callable[..., None]) -> None:
        """Be the comm manager of a kernel."""
        self.called[name] = call


def test_a_page_hears_of_every_widget_while_forms_make_and_close_some(
    account: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the lock, ipywidgets fails: its dictionary has changed size during iteration."""
    targets = Targets()
    monkeypatch.setattr(comms, "_comm_manager", lambda: targets)
    form, ended = SendForm(running(account)), threading.Event()
    page = Page(targets.called["jupyter.widget.control"])

    def change() -> None:
        while not ended.is_set():
            form.execution = asking(account)
            form.execution = running(account)
            SendForm().close()

    changing = threading.Thread(target=change)
    changing.start()
    try:
        for _ in range(60):
            states = page.ask()
            assert set(re.findall(r"IPY_MODEL_(\w+)", str(states))) <= set(states)
    finally:
        ended.set()
        changing.join()
    assert len(page.told) == 60
    assert form.model_id in states


def test_a_page_that_loads_can_make_what_it_hears_of_meanwhile(
    account: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knows none of the earlier widgets yet, such as a layout that others have."""
    form = SendForm(running(account))
    until(lambda: "Filed an invoice" in words(fields(form).conversation))
    opened: dict[str, set[str]] = {}
    opening = Widget.open

    def note(widget: Widget) -> None:
        opening(widget)
        named = re.findall(r"IPY_MODEL_(\w+)", str(widget.get_state()))
        opened[widget.model_id] = set(named)

    monkeypatch.setattr(Widget, "open", note)
    sandboxes.deliver(account, running(account), "Something new.")
    form.refresh()
    until(lambda: "Something new." in words(fields(form).conversation))
    assert opened
    for named in opened.values():
        assert named <= set(opened)
