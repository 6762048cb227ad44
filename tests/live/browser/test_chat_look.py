"""The look of the panel: for the eye, a screen reader, narrow windows and other colours."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from asteroid_magic.sandbox import Sandbox
from tests.live.browser.conftest import Opener
from tests.support.accessibility import BORDER, violations
from tests.support.chats import ChatPage
from tests.support.sandboxes import running

QUICKLY = "%config AsteroidMagics.confirm_grace = 0"
CHAT = ".ac-chat"
# Whether something is wider than the panel, which then would need to be scrolled sideways.
TOO_WIDE = """root => {
  const { right } = root.getBoundingClientRect();
  return Array.from(root.querySelectorAll('*')).filter(one => one.checkVisibility()
    && !one.closest('.ac-status') && one.getBoundingClientRect().right > right + 1)
    .map(one => one.outerHTML.slice(0, 100));
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_panel_breaks_no_rule_of_accessibility(
    open_cells: Opener, box: Sandbox, scheme: str
) -> None:
    box.add_waiting(1, "confirmation")
    box.add_waiting(1, "choices")
    host = "notebooks" if scheme == "light" else "lab"
    look: dict[str, Any] = {"color_scheme": scheme, "viewport": {"width": 1280, "height": 1400}}
    with open_cells(box, QUICKLY, "%asteroid_chat", host=host, **look) as notebook:
        chat = ChatPage(notebook.page)
        expect(chat.list.get_by_text("Which time shall I book?")).to_be_visible()
        assert violations(chat.page, CHAT) == []
        for workflow in ("Book a table", "Buy a ticket", "Order supplies"):
            chat.open(workflow)
            chat.question.get_by_role("checkbox" if workflow[0] == "O" else "button").first.click()
            expect(chat.message).not_to_have_value("")
            assert violations(chat.page, CHAT) == []
            if workflow == "Book a table":
                chat.deliver("Friday 18:30, please.")
                expect(chat.log).to_contain_text("I booked what you said")
                assert violations(chat.page, CHAT) == []
            chat.back()
        chat.open("Sort incoming invoices")
        check_failures(chat, box)


def test_the_picture_of_the_panel(open_cells: Opener, box: Sandbox, pictures: Path) -> None:
    """The README and the documentation show it: sharp, and 900 pixels wide."""
    look: dict[str, Any] = {
        "color_scheme": "light",
        "device_scale_factor": 1.5,
        "viewport": {"width": 650, "height": 1400},
    }
    with open_cells(box, "%asteroid_chat", host="notebooks", **look) as notebook:
        chat = ChatPage(notebook.page)
        chat.open("Book a table")
        chat.deliver("Friday 18:30, please.")
        expect(chat.log).to_contain_text("I booked what you said")
        path = pictures / "panel.png"
        chat.root.screenshot(path=path, animations="disabled", caret="hide")
        assert path.stat().st_size < 150_000
        assert int.from_bytes(path.read_bytes()[16:20]) == pytest.approx(900, abs=50)


def check_failures(chat: ChatPage, box: Sandbox) -> None:
    """Judge a message that may have been delivered, one that was not, and the menu."""
    box.fail_next(drop="before")
    expect(chat.type_and_send("It's 4 people.")).to_contain_text("May have been delivered")
    box.fail_next(status=400)
    expect(chat.type_and_send("Is anybody there?")).to_contain_text("Not delivered")
    for summary in chat.log.locator("summary").all()[:3]:
        summary.click()
    chat.button("More").click()
    assert violations(chat.page, CHAT) == []
    chat.root.get_by_role("menuitem", name="Cancel execution").click()
    assert violations(chat.page, CHAT) == []
    chat.button("Keep it running").click()


@pytest.mark.parametrize(
    ("width", "scale"), [(400, 1), (640, 2)], ids=["400 px", "200 percent of 1280 px"]
)
def test_nothing_is_cut_off_in_a_narrow_window(
    open_cells: Opener, box: Sandbox, width: int, scale: int
) -> None:
    look: dict[str, Any] = {
        "viewport": {"width": width, "height": 1200},
        "device_scale_factor": scale,
    }
    with open_cells(box, QUICKLY, "%asteroid_chat", host="notebooks", **look) as notebook:
        chat = ChatPage(notebook.page)
        expect(chat.list.get_by_role("button")).to_have_count(2)
        assert chat.root.evaluate(TOO_WIDE) == []
        chat.open("Book a table")
        expect(chat.question).to_be_visible()
        assert chat.root.evaluate(TOO_WIDE) == []
        chat.back()
        chat.open("Sort incoming invoices")
        chat.deliver("w" * 300)
        check_failures(chat, box)
        chat.button("More").click()
        assert chat.root.evaluate(TOO_WIDE) == []


def test_in_forced_colours_buttons_have_borders_and_a_choice_can_be_seen(
    open_cells: Opener, box: Sandbox
) -> None:
    """As Windows draws a page for users who need a high contrast."""
    box.add_waiting(1, "choices")
    look: dict[str, Any] = {"forced_colors": "active", "viewport": {"width": 1000, "height": 1200}}
    with open_cells(box, "%asteroid_chat", host="notebooks", **look) as notebook:
        chat = ChatPage(notebook.page)
        chat.open("Book a table")
        option = chat.question.get_by_role("button").nth(1)
        before = option.screenshot()
        option.click()
        chat.status.hover(force=True)
        assert option.screenshot() != before
        for button in chat.root.get_by_role("button").all():
            assert button.evaluate(BORDER) == ["solid", True], button.inner_text()
        chat.back()
        chat.open("Order supplies")
        box_of = chat.question.get_by_role("checkbox").nth(1)
        before = box_of.screenshot()
        box_of.check()
        chat.message.click()
        assert box_of.screenshot() != before


def test_without_motion_nothing_turns(open_cells: Opener, box: Sandbox) -> None:
    look: dict[str, Any] = {"reduced_motion": "reduce"}
    with open_cells(box, f"%asteroid_chat {running(box)}", host="notebooks", **look) as notebook:
        chat = ChatPage(notebook.page)
        chat.deliver("Go on.")
        turns = "one => getComputedStyle(one, '::before').animationName"
        waiting = chat.root.locator(".ac-awaits .ac-doing-text")
        expect(waiting).to_be_visible()
        assert waiting.evaluate(turns) == "none"
