"""The content of a card, as plain data whose texts are not yet escaped."""

from dataclasses import dataclass

from ..models.links import Link
from ..text import Excerpt
from .transcript import TranscriptEntry

OUTCOMES = {
    "delivered": ("✓", "Delivered"),
    "already": ("✓", "Already delivered"),
    "not_delivered": ("✗", "Not delivered"),
    "unknown": ("?", "May have been delivered"),
    "not_done": ("✗", "Not done"),
    "maybe_done": ("?", "May have been done"),
    "dry_run": ("○", "Not sent (dry run)"),
    "pause": ("✓", "Paused"),
    "resume": ("✓", "Resumed"),
    "cancel": ("✓", "Cancelled"),
    "changed": ("○", "Requested"),
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
    """A label and its lines of text; `code` selects a monospaced font.

    Plain text leaves a `folded` row out: a notebook folds it.
    """

    label: str
    lines: tuple[str, ...]
    code: bool = False
    folded: bool = False


@dataclass(frozen=True)
class CardBlock:
    """A label and a text that keeps its line breaks.

    `attribute` names the attribute that holds the whole text, and `extent` says how long it is.
    `start` replaces a text that is long enough to fold; it is empty for a shorter one. `folded` is
    as in `CardRow`.
    """

    label: str
    text: Excerpt
    extent: str
    start: str
    attribute: str
    folded: bool = False


@dataclass(frozen=True)
class Card:
    """An outcome in words: `why` says what happened, and `hint` what to do next.

    `brief` is the message on one line, for an outcome that needs no attention: then the card is
    one line with folded rows. `notes` are sentences that stay visible below it. `links` lead to
    the execution itself.
    """

    outcome: str
    rows: tuple[CardRow | CardBlock, ...]
    title: str = ""
    why: str = ""
    hint: str = ""
    brief: str = ""
    notes: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()

    @property
    def icon(self) -> str:
        """Return the icon of the outcome."""
        return OUTCOMES[self.outcome][0]

    @property
    def word(self) -> str:
        """Return the outcome in words."""
        return OUTCOMES[self.outcome][1]


@dataclass(frozen=True)
class Lane:
    """One state on a timeline: its name and how long it lasted in words, and its `bars`.

    A bar is its beginning and its length, in thousandths of the whole. `times` says the same in
    words.
    """

    state: str
    words: str
    times: str
    bars: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Timeline:
    """The lanes of a timeline, its beginning and end in words, and the same as lines of text."""

    lanes: tuple[Lane, ...]
    start: str
    end: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class TranscriptCard(Card):
    """A card with a transcript, remarks `above` and `below` its entries, and a timeline."""

    entries: tuple[TranscriptEntry, ...] = ()
    above: str = ""
    below: str = ""
    timeline: Timeline | None = None

    @property
    def folded(self) -> int:
        """Return how many activities are in folded entries."""
        return sum(one.number for one in self.entries)
