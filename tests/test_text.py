"""Strings from outside: what is made visible, and where they are cut."""

import unicodedata

import pytest

from asteroid_magic.text import (
    Excerpt,
    beginning,
    bytes_in_card,
    counted,
    escaped,
    excerpt,
    shorten,
    visible,
)

FAMILY = "👩\u200d👩\u200d👧\u200d👦"
WORST = [
    '"',
    "&",
    "<",
    "é",
    "漢",
    "🚆",
    "\x1b",
    "\u202e",
    "\U000e0041",
    "\ud800",
    "a\u0301",
    FAMILY,
]


@pytest.mark.parametrize(
    ("unseen", "written"),
    [
        ("\x1b", "⟨U+001B⟩"),
        ("\x00", "⟨U+0000⟩"),
        ("\r", "⟨U+000D⟩"),
        ("\x85", "⟨U+0085⟩"),
        ("\u2028", "⟨U+2028⟩"),
        ("\u2029", "⟨U+2029⟩"),
        ("\u202e", "⟨U+202E⟩"),
        ("\u2066", "⟨U+2066⟩"),
        ("\ud800", "⟨U+D800⟩"),
        ("\U000e0041", "⟨U+E0041⟩"),
    ],
)
@pytest.mark.parametrize("joiners", [False, True])
def test_what_misleads_is_written_out(unseen: str, written: str, *, joiners: bool) -> None:
    assert visible(f"a{unseen}b", joiners=joiners) == f"a{written}b"


@pytest.mark.parametrize("character", ["\u200d", "\u200c", "\u200e", "\u200f", "\u00ad"])
def test_what_only_shapes_its_neighbours_stays_with_joiners(character: str) -> None:
    assert visible(f"a{character}b", joiners=True) == f"a{character}b"
    assert visible(f"a{character}b") == f"a⟨U+{ord(character):04X}⟩b"


def test_newlines_and_tabs_stay_unless_told_otherwise() -> None:
    assert visible("a\n\tb") == "a\n\tb"
    assert visible("a\n\tb", keep="\n") == "a\n⟨U+0009⟩b"
    assert visible("a\n\tb", keep="") == "a⟨U+000A⟩⟨U+0009⟩b"


def test_ordinary_text_of_any_script_is_left_alone() -> None:
    text = "Ja, ürgent! 漢字 עברית العربية 🚆 ❤\ufe0f e\u0301"
    assert visible(text) == text


def test_nothing_unseen_is_left_of_the_first_two_planes() -> None:
    seen = visible("".join(map(chr, range(0x20000))) + "\U000e0001", keep="")
    assert not {unicodedata.category(c) for c in set(seen)} & {"Cc", "Cf", "Zl", "Zp", "Cs"}


def test_a_short_text_is_not_shortened() -> None:
    assert shorten("ten letter", 10) == "ten letter"


def test_a_long_text_keeps_its_beginning_and_says_how_much_is_left_out() -> None:
    assert shorten("a" * 12_355, 10) == "aaaaaaaaaa… (12,345 more characters)"
    assert shorten("a" * 11, 10) == "aaaaaaaaaa… (1 more character)"


def test_a_text_is_not_cut_within_a_grapheme() -> None:
    assert beginning(f"ab{FAMILY}", 5) == "ab"
    assert beginning("xe\u0301\u0302z", 2) == "x"
    assert beginning("a👍🏽", 2) == "a"
    assert excerpt(f"{'a' * 90}{FAMILY}", 15).tail == ""


def test_endless_combining_marks_are_cut_all_the_same() -> None:
    zalgo = "a" + "\u0301" * 10_000
    assert len(beginning(zalgo, 100)) == 100


def test_an_excerpt_of_a_short_text_is_the_text() -> None:
    assert excerpt("a" * 90, 90) == Excerpt("a" * 90)
    assert excerpt("", 90) == Excerpt("")


def test_an_excerpt_keeps_beginning_and_end_and_counts_the_rest() -> None:
    text = "".join(f"{number:06}" for number in range(10_000))
    head, left_out, tail = excerpt(text, 90)
    assert text.startswith(head)
    assert text.endswith(tail)
    assert (len(head), len(tail)) == (60, 30)
    assert len(head) + left_out + len(tail) == len(text)


@pytest.mark.parametrize("worst", WORST, ids=ascii)
def test_an_excerpt_keeps_its_budget_of_escaped_bytes(worst: str) -> None:
    head, left_out, tail = excerpt(worst * 100_000, 6_000, bytes_in_card)
    size = len(escaped(visible(head + tail)).encode())
    assert 5_500 < size <= 6_000
    assert len(head) + left_out + len(tail) == len(worst) * 100_000


@pytest.mark.parametrize("worst", WORST, ids=ascii)
def test_the_cost_of_a_character_is_never_too_low(worst: str) -> None:
    drawn = escaped(visible(worst, joiners=True)).encode()
    assert sum(map(bytes_in_card, worst)) >= len(drawn)


def test_things_are_counted_in_the_singular_and_the_plural() -> None:
    assert [counted(n, "line") for n in (0, 1, 1234)] == ["0 lines", "1 line", "1,234 lines"]
