"""The conversation panel in a real JupyterLab and Notebook 7, in a real Chromium."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from asteroid_magic.sandbox import Sandbox
from tests.live.browser.conftest import Opener
from tests.support.chats import ChatPage
from tests.support.jupyter import Jupyter
from tests.support.sandboxes import asking, running
from tests.support.waiting import until

CHAT = "panel = %asteroid_chat\npanel"
QUICKLY = "%config AsteroidMagics.confirm_grace = 0"
HOSTILE = (
    "<img src=x onerror=\"window.canary='ran'\"><script>window.canary='ran'</script>"
    "<a href=\"javascript:window.canary='ran'\">click</a> $x^2$ **bold**"
)
TEXT = "It's {4} people,\n  at most $50 each: 👩‍👩‍👧‍👦; are you done?"


@pytest.mark.parametrize("host", ["lab", "notebooks"])
def test_a_person_answers_one_who_waits_with_the_keyboard_and_hears_the_reply(
    open_cells: Opener, box: Sandbox, jupyter: Jupyter, host: str
) -> None:
    with open_cells(box, CHAT, host=host, often=True) as notebook:
        chat = ChatPage(notebook.page)
        open_the_first(chat)
        answer = choose_the_first_answer(chat)
        expect(chat.bubble(answer).get_by_label("Delivered at")).to_be_visible()
        expect(chat.message).to_be_focused()
        expect(chat.message).to_have_value("")
        expect(chat.question).to_have_count(0)
        expect(chat.log).to_contain_text("I booked what you said")
        expect(chat.root.get_by_text("finished", exact=True)).to_be_visible()
        # The message and the server's own entry of it are one.
        expect(chat.bubbles).to_have_count(1)
        expect(chat.status).to_have_text("The execution is over.")
        notebook.check("panel.outcomes[0].outcome == 'delivered'")
        notebook.check("any('I booked' in one.text for one in panel.outcomes[0].reply)")
        assert box.messages(asking(box)) == [answer]
        chat.back()
        expect(chat.list.get_by_role("button").first).to_be_focused()
        expect(chat.list.get_by_role("button")).to_have_count(1)
        until(lambda: "I booked what you said" in notebook.save())
        saved = notebook.save()
    assert box.api_key not in saved
    assert box.api_key not in jupyter.read(notebook.name)


def open_the_first(chat: ChatPage) -> None:
    """Open the first of the list with the keyboard."""
    expect(chat.list.get_by_role("button")).to_have_count(2)
    first, second = chat.executions()
    assert re.match(r"Book a table waits for you \d+ min Trattoria Lucia has no", first)
    assert re.match(r"Sort incoming invoices running \d+ min", second)
    expect(chat.root.get_by_text("1 of 2 waits for you")).to_be_visible()
    chat.list.get_by_role("button").first.focus()
    chat.page.keyboard.press("Enter")
    expect(chat.message).to_be_focused()
    expect(chat.log).to_contain_text("Found three free times")


def choose_the_first_answer(chat: ChatPage) -> str:
    """Answer the question with its first option and a word of one's own; return the message."""
    assert chat.question.get_attribute("aria-labelledby")
    expect(chat.question).to_contain_text("Which time shall I book?")
    option = chat.question.get_by_role("button").first
    answer = str(option.get_attribute("aria-label"))
    option.focus()
    chat.page.keyboard.press("Enter")
    expect(chat.message).to_have_value(answer)
    expect(chat.message).to_be_focused()
    chat.page.keyboard.type(", please.")
    chat.page.keyboard.press("Control+Enter")
    return f"{answer}, please."


def test_what_is_typed_is_what_is_sent_and_a_double_press_sends_once(
    open_cells: Opener, box: Sandbox
) -> None:
    with open_cells(box, f"%asteroid_chat {running(box)}") as notebook:
        chat = ChatPage(notebook.page)
        expect(chat.log).to_contain_text("Filed an invoice")
        expect(chat.send).to_have_attribute("aria-disabled", "true")
        chat.message.fill(TEXT)
        chat.send.dblclick()
        expect(chat.bubbles.get_by_label("Delivered at")).to_be_visible()
        assert chat.bubbles.locator(".ac-words").inner_text() == TEXT
        chat.deliver(HOSTILE)
        # Enter is a new line; keys of the panel are none of the notebook.
        chat.message.press_sequentially("one")
        chat.page.keyboard.press("Enter")
        chat.message.press_sequentially("two")
        expect(chat.message).to_have_value("one\ntwo")
        chat.page.keyboard.press("Control+Enter")
        expect(chat.bubble("two")).to_have_count(0)
        expect(chat.bubbles).to_have_count(3)
        assert notebook.page.evaluate("window.canary") is None
        until(lambda: len(box.messages(running(box))) == 3)
        assert box.messages(running(box)) == [TEXT, HOSTILE, "one\ntwo"]


def test_the_keys_of_the_panel_are_none_of_the_notebook(open_cells: Opener, box: Sandbox) -> None:
    with open_cells(box, f"%asteroid_chat {asking(box)}", host="notebooks") as notebook:
        chat, page = ChatPage(notebook.page), notebook.page
        cells = page.locator(".jp-CodeCell").count()
        chat.question.get_by_role("button").first.focus()
        for key in ("d", "d", "a", "x", "Escape"):
            page.keyboard.press(key)
        page.keyboard.press("Control+Enter")
        expect(chat.status).to_have_text("Write a message first.")
        assert page.locator(".jp-CodeCell").count() == cells
        expect(chat.question.get_by_role("button").first).to_be_visible()
    assert box.messages(asking(box)) == []


def test_a_confirmation_and_several_options_fill_the_message(
    open_cells: Opener, box: Sandbox
) -> None:
    (ticket,) = box.add_waiting(1, "confirmation")
    (supplies,) = box.add_waiting(1, "choices")
    with open_cells(box, CHAT, host="notebooks") as notebook:
        chat = ChatPage(notebook.page)
        chat.open("Buy a ticket")
        expect(chat.question).to_contain_text("About to pay 29.90 euros")
        chat.button("Approve").click()
        expect(chat.message).to_have_value("Approved. Please go on.")
        expect(chat.button("Approve")).to_have_attribute("aria-pressed", "true")
        chat.button("Reject").click()
        expect(chat.message).to_have_value("Rejected. Please do not do this.")
        chat.back()
        chat.open("Order supplies")
        boxes = chat.question.get_by_role("checkbox")
        boxes.nth(1).check()
        boxes.nth(0).check()
        expect(chat.message).to_have_value("Recycled paper, Blue pens")
        boxes.nth(1).uncheck()
        expect(chat.message).to_have_value("Recycled paper")
        chat.page.keyboard.press("Control+Enter")
        expect(chat.bubbles.get_by_label("Delivered at")).to_be_visible()
        # Each conversation has its own draft.
        chat.back()
        chat.open("Buy a ticket")
        expect(chat.message).to_have_value("Rejected. Please do not do this.")
    assert box.messages(supplies) == ["Recycled paper"]
    assert box.messages(ticket) == []


def test_every_failure_is_told_and_the_text_comes_back(open_cells: Opener, box: Sandbox) -> None:
    with open_cells(box, QUICKLY, f"%asteroid_chat {running(box)}") as notebook:
        chat = ChatPage(notebook.page)
        expect(chat.log).to_contain_text("Filed an invoice")
        box.fail_next(status=201, delay=30.0)
        bubble = chat.type_and_send("Slow one.")
        expect(bubble).to_contain_text("Sending")
        bubble.get_by_role("button", name="Cancel").click()
        expect(bubble).to_contain_text(re.compile("May have been delivered|Not delivered"))
        box.fail_next(status=400)
        bubble = chat.type_and_send("Refused one.")
        expect(bubble).to_contain_text("✗ Not delivered")
        expect(chat.status).to_contain_text("Not delivered")
        expect(chat.message).to_have_value("Refused one.")
        # It does not come back by itself if that would overwrite something.
        box.fail_next(status=400, delay=0.5)
        bubble = chat.type_and_send("Refused two.")
        chat.message.fill("Already typing.")
        bubble.get_by_role("button", name="Edit and resend").click()
        expect(chat.message).to_have_value("Refused two.\nAlready typing.")


def test_what_may_have_been_delivered_is_looked_for_and_not_sent_again(
    open_cells: Opener, box: Sandbox
) -> None:
    run = running(box)
    with open_cells(box, QUICKLY, f"%asteroid_chat {run}") as notebook:
        chat = ChatPage(notebook.page)
        expect(chat.log).to_contain_text("Filed an invoice")
        box.fail_next(drop="before")
        bubble = chat.type_and_send("Lost one.")
        expect(bubble).to_contain_text("? May have been delivered")
        expect(bubble).to_contain_text("Press Look again: it looks for the message")
        expect(bubble.get_by_role("button", name="Edit and resend")).to_have_count(0)
        bubble.get_by_role("button", name="Look again").click()
        expect(bubble).to_contain_text("The message is not among the activities")
        expect(bubble.get_by_role("button", name="Edit and resend")).to_be_visible()
        assert "Lost one." not in box.messages(run)
        box.fail_next(drop="after")
        bubble = chat.type_and_send("Arrived one.")
        look = bubble.get_by_role("button", name="Look again")
        expect(bubble.get_by_label("Delivered at").or_(look)).to_be_visible()
        if look.count():
            look.click()
        expect(bubble.get_by_label("Delivered at")).to_be_visible()
    assert box.messages(run) == ["Arrived one."]


def test_an_execution_is_paused_resumed_and_cancelled_after_a_question(
    open_cells: Opener, box: Sandbox
) -> None:
    with open_cells(box, f"%asteroid_chat {running(box)}") as notebook:
        chat, page = ChatPage(notebook.page), notebook.page
        more = chat.button("More")
        more.click()
        expect(chat.root.get_by_role("menuitem", name="Pause")).to_be_focused()
        page.keyboard.press("Escape")
        expect(chat.root.get_by_role("menu")).to_have_count(0)
        expect(more).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        expect(chat.root.locator(".ac-pill")).to_have_text("paused")
        more.click()
        chat.root.get_by_role("menuitem", name="Resume").click()
        expect(chat.root.locator(".ac-pill")).to_have_text("running")
        more.click()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(chat.root.get_by_role("group", name="Cancel this execution?")).to_be_visible()
        expect(chat.button("Keep it running")).to_be_focused()
        page.keyboard.press("Enter")
        expect(chat.root.locator(".ac-pill")).to_have_text("running")
        more.click()
        chat.root.get_by_role("menuitem", name="Cancel execution").click()
        chat.button("Yes, cancel it").click()
        expect(chat.root.locator(".ac-pill")).to_have_text("cancelled")
        expect(chat.button("More")).to_have_count(0)


def test_an_open_thought_and_the_place_stay_when_entries_come(
    open_cells: Opener, box: Sandbox
) -> None:
    with open_cells(box, f"%asteroid_chat {running(box)}", host="notebooks") as notebook:
        chat = ChatPage(notebook.page)
        steps = chat.log.locator("details").first
        steps.locator("summary").first.click()
        expect(steps).to_have_attribute("open", "")
        chat.deliver("Another entry.")
        expect(steps).to_have_attribute("open", "")


def test_a_new_run_of_the_cell_replaces_the_panel_and_keeps_the_draft(
    open_cells: Opener, box: Sandbox
) -> None:
    with open_cells(box, f"panel = %asteroid_chat {running(box)}\npanel") as notebook:
        chat = ChatPage(notebook.page)
        chat.message.fill("Half a thought")
        notebook.run_code("first = panel")
        notebook.page.evaluate(
            "window.jupyterapp.commands.execute('notebook:run-all-cells')",
        )
        notebook.check("panel is not first and 'closed' in repr(first)")
        expect(chat.root).to_have_count(1)
        expect(chat.message).to_have_value("Half a thought")


def state_of_widgets(page: Page) -> str:
    """Return the state of all widgets, as the notebook would save it."""
    script = """async () => {
      const { sessionContext } = window.jupyterapp.shell.currentWidget;
      const future = sessionContext.session.kernel.requestExecute({ code:
        "import ipywidgets as w; s = w.Widget.get_manager_state(drop_defaults=False)",
        user_expressions: { state: "__import__('json').dumps(s['state'], default=str)" } });
      return (await future.done).content.user_expressions.state.data['text/plain'];
    }"""
    return str(page.evaluate(script))


def test_neither_the_key_nor_the_draft_is_in_the_state(open_cells: Opener, box: Sandbox) -> None:
    with open_cells(box, f"%asteroid_chat {running(box)}") as notebook:
        chat = ChatPage(notebook.page)
        chat.message.fill("a-draft-of-4711")
        expect(chat.send).to_have_attribute("aria-disabled", "false")
        state = state_of_widgets(notebook.page)
    assert "anywidget" in state
    assert "a-draft-of-4711" not in state
    assert box.api_key not in state
    assert json.loads(state[1:-1].encode().decode("unicode_escape"))
