"""What the panel tells a screen reader, and where the focus is, in a page whose kernel is the test."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.support.lone_panels import A, B, LonePage, lone_page


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
