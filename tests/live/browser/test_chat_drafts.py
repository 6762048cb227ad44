"""What is typed in the panel is neither lost nor doubled, whatever the kernel says meanwhile."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.support.lone_panels import A, B, LonePage, lone_page

CHECKBOXES: dict[str, Any] = {
    "waitsFor": "question",
    "questions": [
        {
            "header": "Paper",
            "question": "Which of these?",
            "several": True,
            "options": [{"label": one, "shown": one, "note": ""} for one in ("Red", "Blue")],
        }
    ],
}


@pytest.fixture
def lone(browser: Browser) -> Iterator[LonePage]:
    with lone_page(browser) as page:
        yield page


def test_a_choice_below_own_words_is_replaced_and_not_repeated(lone: LonePage) -> None:
    chat = lone.add()
    chat.show(A, **CHECKBOXES)
    chat.message.fill("For Monday:")
    boxes = chat.question.get_by_role("checkbox")
    boxes.nth(0).check()
    expect(chat.message).to_have_value("For Monday:\nRed")
    boxes.nth(1).check()
    expect(chat.message).to_have_value("For Monday:\nRed, Blue")
    boxes.nth(0).uncheck()
    boxes.nth(1).uncheck()
    expect(chat.message).to_have_value("For Monday:")


def test_what_is_chosen_stays_chosen_like_the_draft_while_another_is_open(lone: LonePage) -> None:
    chat = lone.add()
    chat.show(A, **CHECKBOXES)
    boxes = chat.question.get_by_role("checkbox")
    boxes.nth(1).check()
    confirm = {**CHECKBOXES["questions"][0], "several": False, "options": []}
    chat.show(B, waitsFor="confirm", questions=[confirm])
    chat.button("Reject").click()
    chat.show("")
    chat.show(A, **CHECKBOXES)
    expect(boxes.nth(1)).to_be_checked()
    expect(boxes.nth(0)).not_to_be_checked()
    boxes.nth(0).check()
    expect(chat.message).to_have_value("Red, Blue")
    chat.show(B, waitsFor="confirm", questions=[confirm])
    expect(chat.button("Reject")).to_have_attribute("aria-pressed", "true")
    chat.button("Approve").click()
    expect(chat.message).to_have_value("Approved. Please go on.")
    # Another question begins without an answer.
    (asked,) = CHECKBOXES["questions"]
    chat.show(A, **{**CHECKBOXES, "questions": [{**asked, "question": "And which now?"}]})
    expect(boxes.nth(0)).not_to_be_checked()
    expect(chat.message).to_have_value("Red, Blue")


def test_a_press_that_finds_no_kernel_keeps_its_text_and_the_panel_goes_on(lone: LonePage) -> None:
    lone.page.clock.install()
    chat = lone.add()
    chat.show(A)
    chat.message.fill("Is anybody there?")
    with chat.without_kernel():
        chat.page.keyboard.press("Control+Enter")
        expect(chat.banner).to_contain_text("The kernel is not answering; your text is kept here.")
        expect(chat.message).to_have_value("Is anybody there?")
        expect(chat.bubbles).to_have_count(0)
        # It goes on asking.
        for _ in range(3):
            chat.page.clock.fast_forward(3_000)
        chat.page.wait_for_function("window.thrown > 3")
    assert chat.presses() == []
    chat.page.clock.fast_forward(3_000)
    chat.page.wait_for_function("window.said.at(-1)?.type === 'ping'")
    chat.tell(type="pong", view="", number="1")
    expect(chat.banner).to_be_hidden()
    chat.type_and_send("Now it goes.")
    assert [one["text"] for one in chat.presses()] == ["Now it goes."]


def test_a_text_that_was_put_back_by_hand_does_not_come_back_again(lone: LonePage) -> None:
    chat = lone.add()
    chat.show(A)
    chat.type_and_send("Refused.")
    chat.message.fill("Typed meanwhile.")
    (refused,) = chat.presses()
    chat.show(A, {**refused, "outcome": "not_delivered"})
    chat.button("Edit and resend").click()
    expect(chat.message).to_have_value("Refused.\nTyped meanwhile.")
    chat.page.keyboard.press("Control+Enter")
    chat.show(A, {**refused, "outcome": "not_delivered"}, {**chat.presses()[1], "stage": "sending"})
    expect(chat.bubbles).to_have_count(2)
    expect(chat.message).to_have_value("")


def test_a_message_that_the_kernel_has_forgotten_is_not_being_sent_again(lone: LonePage) -> None:
    chat = lone.add()
    chat.show(A)
    chat.type_and_send("The first.")
    (first,) = chat.presses()
    chat.tell(type="ack", press=first["press"])
    chat.show(A, {**first, "activity": "in the log"})
    expect(chat.bubbles).to_have_count(0)
    # The kernel keeps the last hundred.
    chat.show(A)
    expect(chat.bubbles).to_have_count(0)


def test_every_draft_of_a_closed_panel_comes_back_and_overwrites_none(lone: LonePage) -> None:
    first, second, third = lone.add(), lone.add(), lone.add()
    for at, chat in enumerate((first, second, third)):
        chat.root = chat.page.get_by_role("region", name="Asteroid chat").nth(at)
        chat.message = chat.root.get_by_role("textbox", name="Message")
        chat.show(A)
        chat.message.fill(f"Draft {at}")
    second.close()
    third.close()
    first.show("")
    first.show(A)
    expect(first.message).to_have_value("Draft 0\nDraft 1\nDraft 2")
    first.close()
    chat = lone.add()
    chat.show(B)
    expect(chat.message).to_have_value("")
    chat.show(A)
    expect(chat.message).to_have_value("Draft 0\nDraft 1\nDraft 2")


def test_a_press_that_no_kernel_took_is_shown_by_the_next_panel(lone: LonePage) -> None:
    chat = lone.add()
    chat.show(A)
    for text in ("Taken.", "Not taken."):
        chat.type_and_send(text)
    chat.tell(type="ack", press=chat.presses()[0]["press"])
    chat.close()
    chat = lone.add()
    chat.show(B)
    expect(chat.bubbles).to_have_count(0)
    chat.show(A)
    expect(chat.bubbles).to_have_count(1)
    expect(chat.bubbles).to_contain_text("The kernel has not answered: it may not have been sent.")
    expect(chat.message).to_have_value("")
    chat.button("Edit and resend").click()
    expect(chat.message).to_have_value("Not taken.")


def test_a_press_that_failed_is_shown_by_the_next_panel_of_a_new_kernel(lone: LonePage) -> None:
    chat = lone.add()
    chat.show(A)
    for text in ("Refused.", "Delivered.", "Being sent."):
        chat.type_and_send(text)
    refused, delivered, sending = chat.presses()
    chat.message.fill("A draft.")
    refused["outcome"] = "not_delivered"
    chat.show(A, refused, delivered, {**sending, "stage": "sending", "outcome": ""})
    chat.close()
    chat = lone.add()
    chat.show(A)
    expect(chat.bubbles).to_have_count(1)
    expect(chat.bubble("Refused.").get_by_role("button", name="Edit and resend")).to_be_visible()
    expect(chat.message).to_have_value("A draft.")
    # A kernel that knows the press knows more.
    chat.show(A, {**refused, "title": "The server refused it"})
    expect(chat.bubbles).to_contain_text("Not delivered: The server refused it")


def test_a_press_that_did_not_reach_the_kernel_says_so_once_the_kernel_answers(
    lone: LonePage,
) -> None:
    chat = lone.add()
    chat.show(A)
    bubble = chat.type_and_send("Into the void.")
    expect(bubble).to_contain_text("Waiting for the kernel")
    pinged = "window.said.filter(one => one.type === 'ping').length"
    chat.page.wait_for_function(f"window.seen ??= {pinged}; {pinged} > window.seen")
    ping = chat.page.evaluate("window.said.findLast(one => one.type === 'ping')")
    chat.tell(type="pong", view="another view", number=ping["number"])
    expect(bubble).not_to_contain_text("it may not have been sent")
    chat.tell(type="pong", view=ping["view"], number=ping["number"])
    expect(bubble).to_contain_text("The kernel has not answered: it may not have been sent.")
    expect(bubble.get_by_role("button", name="Edit and resend")).to_be_visible()
    # It was only late.
    press = chat.presses()[0]["press"]
    chat.tell(type="ack", press=press)
    expect(bubble).to_contain_text("Sending")
    expect(bubble).not_to_contain_text("it may not have been sent")
