"""The conversation panel in a page, as the tests use it and a person would."""

from playwright.sync_api import Locator, Page, expect


class ChatPage:
    """What a person finds in a panel: its parts by the names that a screen reader speaks.

    `root` is the element of the panel; without it, the page has one panel.
    """

    def __init__(self, page: Page, root: Locator | None = None) -> None:
        self.page = page
        region = page.get_by_role("region", name="Asteroid chat")
        self.root = region if root is None else root
        self.list = self.root.get_by_role("list", name="Executions")
        self.log = self.root.get_by_role("log", name="Conversation")
        self.message = self.root.get_by_role("textbox", name="Message")
        self.send = self.button("Send")
        self.status = self.root.get_by_role("status")
        self.banner = self.root.locator(".ac-banner")
        self.question = self.root.locator(".ac-question")
        self.updated = self.root.locator(".ac-updated")
        self.bubbles = self.root.locator(".ac-is-own")

    def button(self, name: str) -> Locator:
        """Return the button with this name."""
        return self.root.get_by_role("button", name=name, exact=True)

    def executions(self) -> list[str]:
        """Return the names of the listed executions' buttons."""
        return [" ".join(one.split()) for one in self.list.get_by_role("button").all_inner_texts()]

    def open(self, workflow: str) -> None:
        """Open the conversation with the execution of this workflow."""
        self.list.get_by_role("button", name=workflow).click()
        expect(self.message).to_be_focused()

    def back(self) -> None:
        """Go back to the list."""
        self.root.get_by_role("button", name="All executions").click()
        expect(self.list).to_be_visible()

    def bubble(self, text: str) -> Locator:
        """Return the bubbles with this message."""
        return self.bubbles.filter(has=self.page.get_by_text(text, exact=True))

    def type_and_send(self, text: str) -> Locator:
        """Type a message, send it with the keyboard, and return its bubble."""
        self.message.fill(text)
        # Until the kernel has heard the page, a press would send nothing, and say so.
        expect(self.send).to_have_attribute("aria-disabled", "false")
        self.page.keyboard.press("Control+Enter")
        return self.bubble(text)

    def deliver(self, text: str) -> None:
        """Send a message, and wait until it is delivered."""
        bubble = self.type_and_send(text)
        expect(bubble.get_by_label("Delivered at")).to_be_visible()
        expect(self.message).to_have_value("")
