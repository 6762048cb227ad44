"""Makes strings from outside safe and short enough to show.

A message, a server's reply or an execution ID can contain anything: escape sequences that repaint a
terminal, marks that reorder a line, a megabyte of quotes. No function here raises.
"""

import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import accumulate, takewhile
from typing import Any, NamedTuple

UNSEEN = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs"})
JOINER = "\u200d"
# The only format characters (Cf) that can mislead a reader: they reorder or hide text.
REORDERING = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
TAGS = range(0xE0000, 0xE0080)
# The marks of HTML, of links, images, code and emphasis in Markdown, of TeX, and a newline.
MARKS = {ord(mark): f"&#{ord(mark)};" for mark in "&<>\"'\n\\`*[]{}$"}
SKIN_TONES = range(0x1F3FB, 0x1F400)
LONGEST_CLUSTER = 32
MARGIN = 20
LONGEST_QUOTE = 60
LEAST_KILOBYTE = 1_000

Cost = Callable[[str], int]


class Excerpt(NamedTuple):
    """The start and the end of a text, and the number of characters omitted between them."""

    head: str
    left_out: int = 0
    tail: str = ""


def visible(text: str, *, keep: str = "\n\t", joiners: bool = False) -> str:
    """Return the text with every invisible character spelled out, such as ``⟨U+001B⟩``.

    Invisible are control, format, line and paragraph separator and surrogate characters, except
    those in `keep`. With `joiners`, this also keeps format characters that only shape their
    neighbours, as in emoji and Persian.
    """
    # Checking only the distinct characters keeps a megabyte fast.
    unseen = {
        ord(character): f"⟨U+{ord(character):04X}⟩"
        for character in set(text).difference(keep)
        if _is_unseen(character, joiners=joiners)
    }
    return text.translate(unseen) if unseen else text


def has_unseen(text: str) -> bool:
    """Return True if a character is invisible; one that only shapes its neighbours is not."""
    return visible(text, keep="", joiners=True) != text


def exact(value: Any) -> str | None:
    """Return the text of a `str`, also of a subclass, as an exact `str`; None for other objects.

    This runs no code of the object: a subclass could give another text each time, or raise, and an
    object could only claim to be text, as a mock does.
    """
    return str.__str__(value) if issubclass(type(value), str) else None


def kind_of(value: object) -> str:
    """Return the name of the type of an object, without running code of the object."""
    name: str = type.__dict__["__name__"].__get__(type(value))
    return name


def escaped(text: str) -> str:
    """Return the text for HTML, on one line, and inert where that is read as Markdown."""
    return text.translate(MARKS)


def one_each(character: str) -> int:
    """Return 1: the cost of a character if the limit is a number of characters."""
    return len(character)


@lru_cache(maxsize=4096)
def bytes_in_card(character: str) -> int:
    """Return the most bytes that a character takes in a card, as HTML or as plain text.

    This includes spelling it out, escaping it and UTF-8, and the margin after a newline.
    """
    return MARGIN if character == "\n" else len(escaped(visible(character)).encode())


def beginning(text: str, limit: int, cost: Cost = one_each) -> str:
    """Return the longest start of the text that costs at most `limit`, in whole graphemes."""
    return text[: _cut(text, _fitting(text, limit, cost), -1)]


def shorten(text: str, limit: int, cost: Cost = one_each) -> str:
    """Return the text; if it costs more than `limit`, its start and how much is omitted.

    The note about that adds about 30 characters to `limit`.
    """
    if cost is one_each and len(text) <= limit:
        # The common case, without counting characters one by one.
        return text
    head = beginning(text, limit, cost)
    left_out = len(text) - len(head)
    return f"{head}… ({counted(left_out, 'more character')})" if left_out else text


def excerpt(text: str, limit: int, cost: Cost = one_each) -> Excerpt:
    """Return the whole text, or its start and its end, which together cost at most `limit`."""
    if _fitting(text, limit, cost) == len(text):
        return Excerpt(text)
    head = beginning(text, limit * 2 // 3, cost)
    end = len(text) - _fitting(reversed(text), limit // 3, cost)
    tail = text[_cut(text, end, 1) :]
    return Excerpt(head, len(text) - len(head) - len(tail), tail)


def quoted(text: object, limit: int = LONGEST_QUOTE) -> str:
    """Return a text from a user or a server in quotation marks, short enough for a sentence."""
    return repr(shorten(str(text), limit))


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return the number with its noun, as in ``1 line`` and ``12,345 lines``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {plural or f'{noun}s'}"


def size_words(size: int) -> str:
    """Return a number of bytes as text, such as ``512 bytes``, ``12.3 kB`` or ``80 MB``."""
    if size < LEAST_KILOBYTE:
        return counted(size, "byte")
    shown = float(size)
    for unit in ("kB", "MB", "GB", "TB"):
        shown /= LEAST_KILOBYTE
        if round(shown, 1) < LEAST_KILOBYTE or unit == "TB":
            break
    return f"{shown:,.1f}".removesuffix(".0") + f" {unit}"


def span(seconds: float) -> str:
    """Return a duration as text, such as ``2.1 s`` or ``3 min 5 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes:,} min {rest} s" if minutes else f"{seconds:.1f} s"


def _is_unseen(character: str, *, joiners: bool) -> bool:
    category = unicodedata.category(character)
    if joiners and category == "Cf":
        return character in REORDERING or ord(character) in TAGS
    return category in UNSEEN


def _fitting(characters: Iterable[str], limit: int, cost: Cost) -> int:
    totals = takewhile(lambda total: total <= limit, accumulate(map(cost, characters)))
    return sum(1 for _ in totals)


def _cut(text: str, at: int, step: int) -> int:
    """Return the nearest place from `at` on that splits no grapheme, or `at` if none is near."""
    for place in range(at, at + step * LONGEST_CLUSTER, step):
        if not 0 < place < len(text):
            return min(max(place, 0), len(text))
        if not _belong_together(text[place - 1], text[place]):
            return place
    return at


def _belong_together(before: str, after: str) -> bool:
    marks = unicodedata.category(after).startswith("M") or ord(after) in SKIN_TONES
    return marks or JOINER in (before, after)
