"""What the panel links: only what is safe to follow, whatever the kernel says."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.support.lone_panels import A, B, LonePage, lone_page

ENTRY: dict[str, Any] = {
    **dict.fromkeys(("press", "text", "data", "start", "mark", "extent", "when", "day"), ""),
    "kind": "system",
    "label": "2 system entries",
    "items": [{"mark": "•", "text": one, "note": ""} for one in ("Note: alive", "Note: polled")],
}
UNSAFE = [
    *("javascript:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)", "data:text/html,x"),
    *("https:", "https://", "https://user@a.example", "https://:x@a.example/", "//a.example"),
    *("https:\\\\a.example", "https://a.example\\@b.example", "https://a%20b.example"),
    *("http:a.example", "/view", "https://a b.example", "blob:https://a.example/1", ""),
]


@pytest.fixture
def lone(browser: Browser) -> Iterator[LonePage]:
    with lone_page(browser) as page:
        yield page


def test_a_link_opens_elsewhere_and_shows_where_it_leads(lone: LonePage) -> None:
    chat = lone.add()
    run = {"name": "Page of the run", "url": "https://run.example:8443/x?a=1"}
    chat.show(A, links=[{"name": "Live view", "url": "http://live.example/"}, run])
    links = chat.root.get_by_role("link")
    expect(links).to_have_text(["Live view (live.example)", "Page of the run (run.example:8443)"])
    for link in links.all():
        expect(link).to_have_attribute("target", "_blank")
        expect(link).to_have_attribute("rel", "noopener noreferrer")
    expect(links.last).to_have_attribute("href", "https://run.example:8443/x?a=1")
    # News of the conversation must not take the focus away.
    links.last.focus()
    chat.show(A, links=[{"name": "Live view", "url": "http://live.example/"}, run], age=5)
    expect(links.last).to_be_focused()
    chat.show(B)
    expect(links).to_have_count(0)
    chat.show("")
    expect(chat.root.locator(".ac-links")).to_be_hidden()


def test_what_is_not_safe_is_no_link_even_if_the_kernel_says_so(lone: LonePage) -> None:
    chat = lone.add()
    safe = {"name": "Live view", "url": "https://live.example/"}
    chat.show(A, links=[*({"name": "x", "url": one} for one in UNSAFE), safe])
    expect(chat.root.get_by_role("link")).to_have_text(["Live view (live.example)"])


def test_entries_for_machines_are_folded_and_what_was_deleted_is_said(lone: LonePage) -> None:
    chat = lone.add()
    chat.show(A, order=["e1"], entries=[{**ENTRY, "key": "e1"}])
    expect(chat.log.get_by_text("Note: alive")).to_be_hidden()
    chat.log.get_by_text("2 system entries").click()
    expect(chat.log.get_by_text("Note: alive")).to_be_visible()
    chat.show(B, isPurged=True, nothing="They were deleted on Monday.")
    expect(chat.log).to_have_text("They were deleted on Monday.")
