"""What the panel tells a screen reader, where the focus is, and what is in view."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.support.lone_panels import A, B, LonePage, lone_page

QUESTION = {"header": "", "question": "Shall I?", "several": False, "options": []}
ENTRY = {
    **dict.fromkeys(("press", "data", "start", "mark", "extent", "when", "day"), ""),
    "kind": "agent",
    "label": "Agent",
    "items": [],
    "files": [],
}


@pytest.fixture
def lone(browser: Browser) -> Iterator[LonePage]:
    with lone_page(browser) as page:
        yield page


def test_the_end_of_every_message_is_told_and_no_end_twice(lone: LonePage) -> None:
    chat = lone.add()
    chat.show(A)
    for text in ("One.", "Two."):
        chat.type_and_send(text)
    one, two = chat.presses()
    refused = {**one, "outcome": "not_delivered", "title": "The server refused it"}
    # What failed is told, although another has been pressed since.
    chat.show(A, refused, {**two, "stage": "sending"})
    expect(chat.status).to_have_text("Not delivered: The server refused it.")
    chat.show(A, refused, two)
    expect(chat.status).to_have_text("Delivered.")
    # Another conversation is not what has just been delivered, nor is this one once more.
    chat.show(B)
    expect(chat.status).to_have_text("")
    chat.show(A, refused, two)
    expect(chat.status).to_have_text("")
    chat.show(A, refused, {**two, "ending": "spoke"})
    expect(chat.status).to_have_text("The agent has spoken.")


def test_the_answer_to_a_command_is_told(lone: LonePage) -> None:
    chat = lone.add()
    chat.show(A)
    chat.show(A, note="The execution is now: paused.")
    expect(chat.banner).to_have_text("The execution is now: paused.")
    expect(chat.status).to_have_text("The execution is now: paused.")


def test_the_focus_stays_in_the_panel_when_its_button_goes(lone: LonePage) -> None:
    chat = lone.add()
    chat.show(A)
    chat.button("More").focus()
    chat.show(A, isOver=True)
    expect(chat.message).to_be_focused()
    chat.show(A, awaits=True)
    chat.button("Stop waiting").focus()
    chat.show(A)
    expect(chat.message).to_be_focused()
    chat.show(A, waitsFor="confirm", questions=[QUESTION])
    chat.button("Approve").focus()
    chat.show(A)
    expect(chat.message).to_be_focused()


def test_a_message_that_failed_stands_above_what_was_sent_after_it(lone: LonePage) -> None:
    chat = lone.add()
    chat.show(A)
    refused = {"press": "1", "text": "Refused.", "outcome": "not_delivered", "before": "m2"}
    texts = {"m1": "Before.", "a1": "The agent.", "m2": "Sent again.", "a2": "Thanks."}
    entries = [{**ENTRY, "key": key, "text": text} for key, text in texts.items()]
    looking = {"press": "2", "text": "Lost.", "stage": "looking", "outcome": ""}
    chat.show(A, refused, looking, order=list(texts), entries=entries)
    assert chat.log.locator(".ac-words").all_inner_texts() == [
        "Before.",
        "The agent.",
        "Refused.",
        "Sent again.",
        "Thanks.",
        "Lost.",
    ]
    expect(chat.bubble("Lost.")).to_contain_text("Looking for the message")
    # Where nothing was sent after it, it stays at the end, where the user sees it.
    chat.show(A, {**refused, "before": ""}, order=list(texts))
    assert chat.log.locator(".ac-words").last.inner_text() == "Refused."


def test_the_menu_and_its_question_are_used_with_the_keyboard(lone: LonePage) -> None:
    chat = lone.add()
    chat.show(A)
    press = chat.page.keyboard.press
    chat.button("More").focus()
    press("Enter")
    pause, cancel = (chat.root.get_by_role("menuitem", name=one) for one in ("Pause", "Cancel"))
    for key, item in (("End", cancel), ("Home", pause), ("ArrowUp", cancel), ("ArrowDown", pause)):
        press(key)
        expect(item).to_be_focused()
    press("End")
    press("Enter")
    question = chat.root.get_by_role("group", name="Cancel this execution?")
    expect(question).to_be_visible()
    keep, yes = chat.button("Keep it running"), chat.button("Yes, cancel it")
    expect(keep).to_be_focused()
    press("Shift+Tab")
    expect(yes).to_be_focused()
    press("Tab")
    expect(keep).to_be_focused()
    press("Escape")
    expect(question).to_have_count(0)
    expect(chat.button("More")).to_be_focused()
    # Who leaves the question with Tab has not answered it.
    for key in ("Enter", "End", "Enter", "Tab"):
        press(key)
    expect(question).to_have_count(0)
    expect(chat.log).to_be_focused()
    press("Tab")
    expect(chat.message).to_be_focused()
    controls = chat.page.evaluate("window.said.filter(one => one.type === 'control')")
    assert controls == []


def test_the_way_back_says_how_many_others_wait(lone: LonePage) -> None:
    chat = lone.add()
    one = {"name": "Book", "status": "waits for you", "tone": "ask", "asks": "", "age": 1}
    listed = [{**one, "id": A, "waits": True}, {**one, "id": B, "waits": False}]
    chat.show(A, listed=listed)
    back = chat.root.get_by_role("button", name="All executions")
    expect(back).to_have_text(re.compile("All executions$"))
    chat.show(B, listed=listed)
    expect(back).to_have_text(re.compile("All executions · 1 waiting$"))


def test_keys_for_one_execution_do_not_reach_another_that_somebody_else_opens(
    lone: LonePage,
) -> None:
    chat = lone.add()
    chat.show(A)
    chat.message.focus()
    chat.page.keyboard.type("For the fir")
    # Another view of the panel, or a cell, opens it.
    chat.show(B)
    chat.page.keyboard.type("st one")
    expect(chat.message).to_have_value("")
    expect(chat.log).to_be_focused()
    chat.show(A)
    expect(chat.message).to_have_value("For the fir")


def test_a_question_without_text_has_a_name(lone: LonePage) -> None:
    chat = lone.add()
    for header, name in (("Tariff", "Tariff"), ("", "The agent waits for your answer.")):
        asked = {**QUESTION, "header": header, "question": ""}
        chat.show(A, waitsFor="question", questions=[asked])
        expect(chat.root.get_by_role("group", name=name, exact=True)).to_be_visible()
        expect(chat.question).to_have_text(name)


def test_what_the_user_reads_stays_in_place_when_older_entries_go(lone: LonePage) -> None:
    chat = lone.add()
    entries = [{**ENTRY, "key": str(at), "text": f"Entry {at}\nand more"} for at in range(60)]
    order = [entry["key"] for entry in entries]
    chat.show(A, order=order, entries=entries)
    read = chat.log.get_by_text("Entry 30")
    read.evaluate("element => element.scrollIntoView({ block: 'start' })")
    before = read.bounding_box()
    newest = {**ENTRY, "key": "60", "text": "The newest"}
    chat.show(A, order=[*order[10:], "60"], entries=[newest], hasOlder=True)
    expect(chat.log).to_contain_text("The newest")
    after = read.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(after["y"] - before["y"]) <= 1


def test_many_long_options_leave_the_message_in_view(lone: LonePage) -> None:
    chat = lone.add()
    labels = [f"option{at}" * 40 for at in range(200)]
    options = [{"label": one, "shown": one[:120], "note": ""} for one in labels]
    asked = {**QUESTION, "options": options}
    chat.show(A, waitsFor="question", questions=[asked])
    box = chat.root.bounding_box()
    assert box is not None
    assert box["height"] < 720
    assert chat.root.evaluate("one => one.scrollWidth - one.clientWidth") <= 0
    option = chat.question.get_by_role("button").last
    option.click()
    expect(chat.message).to_have_value(labels[-1])
