"""The form in a page, as the tests use it and a person would."""

from playwright.sync_api import Locator, Page, expect


class FormPage:
    """What a person finds in the form: its fields by the names that a screen reader speaks."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.root = self.page.locator(".asteroid-form")
        self.execution = self.root.get_by_label("Execution")
        self.message = self.root.get_by_label("Message")
        self.send = self.root.get_by_role("button", name="Send", exact=True)
        self.cards = self.root.locator(".asteroid-card")
        expect(self.message).to_be_visible()
        expect(self.root.get_by_text("Listing the active executions")).to_have_count(0)

    def offered(self) -> list[str]:
        """Return the lines that the execution field offers."""
        lines = self.root.locator("datalist option")
        return [str(line.get_attribute("value")) for line in lines.all()]

    def choose(self, words: str) -> None:
        """Choose the execution whose line holds these words."""
        (line,) = [one for one in self.offered() if words in one]
        self.execution.fill(line)
        # The line becomes the ID: the choice has been understood.
        expect(self.execution).not_to_have_value(line)

    def newest(self) -> Locator:
        """Return the card of the newest send."""
        return self.cards.first

    def press_and_see(self, words: str) -> None:
        """Press Send, and wait for a card that says these words."""
        self.send.click()
        expect(self.newest()).to_contain_text(words)
        expect(self.message).to_be_enabled()
