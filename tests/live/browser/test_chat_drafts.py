"""What is typed in the panel is neither lost nor doubled, whatever the kernel says meanwhile."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.support.lone_panels import A, B, LonePage, lone_page

CHECKBOXES = {
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
