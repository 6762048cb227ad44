"""Outcomes to draw cards of, and a reader of cards, for the tests of several packages."""

from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

from asteroid_magic.models.delivery import Delivery, DryRun

ID = "3f2a9c1e-7b44-4d0a-9a53-0c1f6b2e8d71"
MESSAGE = "Yes, book the earlier train."


class Seen(HTMLParser):
    """A card as a browser takes it: tags, attributes, words in order, and each text block."""

    def __init__(self, card: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.blocks: list[str] = []
        self.words = ""
        self.within: list[str] = []
        self.feed(card)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in {"br", "wbr"}:
            self.within.append(tag)
        if tag == "pre":
            self.blocks.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.within.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.within:
            self.words += data
        if "pre" in self.within:
            # A browser drops one newline that directly follows the start of a pre.
            self.blocks[-1] += data if self.blocks[-1] else data.removeprefix("\n")


def delivery(message: str = MESSAGE, **changed: Any) -> Delivery:
    fields: dict[str, Any] = {
        "execution_id": ID,
        "message": message,
        "status_code": 201,
        "server_text": "",
        "attempts": 1,
        "sent_at": datetime(2026, 10, 1, 18, 2, 11, tzinfo=UTC),
        "elapsed": 0.2134,
    }
    return Delivery(**fields | changed)


def dry_run(body: str = '{"message":"Yes"}', header: str = "********") -> DryRun:
    url = f"https://odyssey.asteroid.ai/agents/v2/executions/{ID}/user-messages"
    headers = {"Content-Type": "application/json", "X-Asteroid-Agents-Api-Key": header}
    curl = f"curl -X POST '{url}' --data-binary '{body}'"
    return DryRun(
        execution_id=ID,
        message="Yes",
        method="POST",
        url=url,
        headers=headers,
        body=body,
        curl=curl,
    )
