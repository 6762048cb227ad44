"""What a card says, before it is drawn: plain data, its texts as they came."""

from dataclasses import dataclass

from ..text import Excerpt
from .transcript import TranscriptEntry

OUTCOMES = {
    "delivered": ("✓", "Delivered"),
    "not_delivered": ("✗", "Not delivered"),
    "unknown": ("?", "May have been delivered"),
    "not_done": ("✗", "Not done"),
    "maybe_done": ("?", "May have been done"),
    "dry_run": ("○", "Not sent (dry run)"),
    "pause": ("✓", "Paused"),
    "resume": ("✓", "Resumed"),
    "cancel": ("✓", "Cancelled"),
    "changed": ("○", "Asked for"),
    "transcript": ("≡", "Transcript"),
    "spoke": ("✓", "The agent has spoken"),
    "asks": ("?", "The agent asks"),
    "confirm": ("?", "The agent waits for a confirmation"),
    "over": ("■", "The execution is over"),
    "time": ("…", "Not over yet"),
    "interrupted": ("■", "You stopped watching"),
    "unreadable": ("!", "The execution could not be read"),
}


@dataclass(frozen=True)
class CardRow:
    """A label and its texts, a line each; `code` asks for a monospaced font."""

    label: str
    lines: tuple[str, ...]
    code: bool = False


@dataclass(frozen=True)
class CardBlock:
    """A label and a text that keeps its own lines; `attribute` holds the whole of it.

    `extent` says how long the whole is. `start` stands in for a text long enough to be folded,
    and is empty for any other.
    """

    label: str
    text: Excerpt
    extent: str
    start: str
    attribute: str


@dataclass(frozen=True)
class Card:
    """An outcome in words: `why` and `hint` say what happened and what to do next."""

    outcome: str
    rows: tuple[CardRow | CardBlock, ...]
    title: str = ""
    why: str = ""
    hint: str = ""

    @property
    def icon(self) -> str:
        """Return the character that stands for the outcome."""
        return OUTCOMES[self.outcome][0]

    @property
    def word(self) -> str:
        """Return the outcome in words."""
        return OUTCOMES[self.outcome][1]


@dataclass(frozen=True)
class TranscriptCard(Card):
    """A card that tells what happened, with what is left out `above` and `below` the entries."""

    entries: tuple[TranscriptEntry, ...] = ()
    above: str = ""
    below: str = ""
