"""The front end of the panel in a page without Jupyter: the test is its kernel."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page

from asteroid_magic.panel.panel import STATIC
from tests.support.chats import ChatPage

A, B = (f"{digit * 8}-1111-4111-8111-111111111111" for digit in "ab")
SCRIPT = """async source => {
  const file = new Blob([source], { type: "text/javascript" });
  const { default: panel } = await import(URL.createObjectURL(file));
  window.said = [];
  window.panels = [];
  window.add = () => {
    const calls = new Set(), el = document.body.appendChild(document.createElement("div"));
    const model = { send: said => window.said.push(said), on: (_, call) => calls.add(call),
      off: (_, call) => calls.delete(call) };
    const close = panel.render({ model, el });
    window.panels.push({ close: () => { close(); el.remove(); },
      tell: content => { for (const call of calls) call(content); } });
  };
}"""
CONVERSATION = {
    "name": "Book a table",
    "status": "running",
    "tone": "active",
    "waits": False,
    "phase": "active",
    "isPaused": False,
    "isKnown": True,
    "isRead": True,
    "isOver": False,
    "isPurged": False,
    "nothing": "Nothing has happened yet.",
    "links": [],
    "waitsFor": "",
    "since": None,
    "began": None,
    "age": 0,
    "questions": [],
    "tellsDoing": False,
    "doing": "",
    "access": "",
    "error": "",
    "awaits": False,
    "order": [],
    "entries": [],
    "hasOlder": False,
}
PRESS = {
    "typed": "",
    "stage": "done",
    "at": "18:02:00",
    "activity": "",
    "before": "",
    "outcome": "delivered",
    "title": "",
    "why": "",
    "hint": "",
    "note": "",
    "ending": "",
    "files": [],
    "gone": [],
}


class LonePanel(ChatPage):
    """A panel whose kernel is the test."""

    def __init__(self, page: Page, at: int) -> None:
        super().__init__(page)
        self._at = at
        self.tell(type="welcome", view="")

    def tell(self, **content: object) -> None:
        """Be the kernel, and tell the panel something."""
        self.page.evaluate("([at, told]) => window.panels[at].tell(told)", [self._at, content])

    def show(
        self,
        chosen: str,
        *presses: dict[str, Any],
        note: str = "",
        listed: Sequence[dict[str, Any]] = (),
        **parts: object,
    ) -> None:
        """Show an execution with these presses and these parts of its conversation.

        `listed` are the executions of the list.
        """
        conversation = {**CONVERSATION, "id": chosen, **parts} if chosen else None
        self.tell(
            type="view",
            chosen=chosen,
            problem="",
            key="",
            note=note,
            stopped=False,
            inbox={
                "entries": listed,
                "waiting": sum(one["waits"] for one in listed),
                "hasMore": False,
                "error": "",
                "age": 0,
            },
            conversation=conversation,
            presses=[{**PRESS, **one} for one in presses],
        )

    @contextmanager
    def without_kernel(self) -> Iterator[None]:
        """Let `model.send` throw, as it does after a restart of the kernel."""
        fail = "throw new Error(`disposed ${window.thrown += 1}`)"
        self.page.evaluate(f"() => {{ window.thrown = 0; window.said.push = () => {{ {fail} }}; }}")
        yield
        self.page.evaluate("delete window.said.push")

    def presses(self) -> list[dict[str, str]]:
        """Return what the panel has sent, as the kernel would show it: pressed, and the text."""
        said = self.page.evaluate("window.said.filter(one => one.type === 'send')")
        return [{"press": one["press"], "text": one["text"]} for one in said]

    def close(self) -> None:
        """Take the panel from the page."""
        self.page.evaluate("at => window.panels[at].close()", self._at)


class LonePage:
    """A page in which panels can be added, one after the other."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._count = 0

    def add(self) -> LonePanel:
        """Add a panel."""
        self.page.evaluate("window.add()")
        self._count += 1
        return LonePanel(self.page, self._count - 1)


@contextmanager
def lone_page(browser: Browser) -> Iterator[LonePage]:
    """Give a page with the front end, and without Jupyter; no error may occur in it."""
    context = browser.new_context()
    errors: list[str] = []
    try:
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.evaluate(SCRIPT, (STATIC / "panel.js").read_text())
        page.add_style_tag(content=(STATIC / "panel.css").read_text())
        yield LonePage(page)
    finally:
        context.close()
    assert errors == []
