"""The form in a page, as the tests use it and a person would."""

import re

from playwright.sync_api import Locator, Page, expect

DELIVERED = "✓ Delivered"


class FormPage:
    """What a person finds in a form: its fields by the names that a screen reader speaks.

    `root` is the element of the form; without it, the page has one form.
    """

    def __init__(self, page: Page, root: Locator | None = None) -> None:
        self.page = page
        self.root = page.locator(".asteroid-form") if root is None else root
        self.listing = self.root.get_by_label("Execution", exact=True)
        self.execution = self.root.get_by_label("Execution ID")
        self.message = self.root.get_by_label("Message", exact=True)
        self.send = self.button("Send")
        self.header = self.root.locator(".asteroid-form-header")
        self.conversation = self.root.locator(".asteroid-form-talk-field").locator("visible=true")
        self.scroll_stop = self.root.get_by_role("group", name="Scroll the conversation")
        self.entries = self.conversation.locator(".asteroid-entry").locator("visible=true")
        self.cards = self.root.locator(".asteroid-form-outcomes .asteroid-card")
        self.spoken = self.root.get_by_role("status")
        expect(self.message).to_be_visible()
        expect(self.listing.locator("option", has_text="Reading the list")).to_have_count(0)

    def button(self, name: str) -> Locator:
        """Return the button with this name."""
        return self.root.get_by_role("button", name=name, exact=True)

    def offered(self) -> list[str]:
        """Return the lines that the list of executions offers, without its heading."""
        # A list of ipywidgets shows each space as one at which no line ends.
        lines = self.listing.locator("option").all_inner_texts()[1:]
        return [line.replace("\xa0", " ") for line in lines]

    def chosen(self) -> str:
        """Return the line of the list that is chosen."""
        return self.listing.locator("option:checked").inner_text().replace("\xa0", " ")

    def choose(self, words: str) -> None:
        """Choose the execution whose line holds these words."""
        (at,) = [at for at, line in enumerate(self.offered()) if words in line]
        self.listing.select_option(index=at + 1)
        expect(self.execution).not_to_have_value("")

    def newest(self) -> Locator:
        """Return the card of the newest send."""
        return self.cards.last

    def own(self, text: str) -> Locator:
        """Return the entries of the conversation that are this message, delivered by the form."""
        delivered = self.entries.filter(has_text=DELIVERED)
        return delivered.filter(has=self.page.get_by_text(text, exact=True))

    def press(self, name: str) -> None:
        """Press the button with this name."""
        self.button(name).click()

    def press_and_see(self, words: str, name: str = "Send") -> None:
        """Press Send, and wait for a card that says these words."""
        self.press(name)
        expect(self.newest()).to_contain_text(words)
        expect(self.message).to_be_enabled()

    def deliver(self, text: str) -> None:
        """Type a message, press Send, and wait until the conversation has it as delivered."""
        self.message.fill(text)
        self.send.click()
        expect(self.own(text)).to_be_visible()
        expect(self.message).to_be_enabled()
        expect(self.message).to_have_value("")

    def top(self, element: Locator) -> float:
        """Return where the top of an element is, in pixels from that of the form."""
        own, inside = self.root.bounding_box(), element.bounding_box()
        assert own is not None
        assert inside is not None
        return inside["y"] - own["y"]

    def says(self, words: str | re.Pattern[str]) -> None:
        """Expect these words, anywhere in the form."""
        expect(self.root.get_by_text(words).locator("visible=true").first).to_be_visible()

    def tells(self, words: str | re.Pattern[str]) -> None:
        """Expect a screen reader to be told these words."""
        expect(self.spoken).to_have_text(words, use_inner_text=True)
