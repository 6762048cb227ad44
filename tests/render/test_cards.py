"""Cards are exact, bounded, and inert whatever text they show."""

import contextlib
import io
import re
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest

import asteroid_magic
from asteroid_magic import errors
from asteroid_magic.config.session import session
from asteroid_magic.display import Displayable, forget_cards, note_card
from asteroid_magic.render import cards
from tests.support.outcomes import ID, MESSAGE, Seen, delivery, dry_run

LIMIT = 20_000
EVIL = '</pre><script>x()</script><img src=x onerror="x()"><a href="javascript:x()">\x1b[2J\u202e'
TAGS = {"div", "strong", "span", "br", "code", "pre", "details", "summary"}
ATTRIBUTES = {"class", "dir", "role", "aria-label", "aria-hidden"}
HOSTILE = [
    '"',
    "&",
    "'<",
    "🚆",
    "\x1b",
    "\u202e",
    "e\u0301",
    "\u0301",
    "ש",
    "\ud800",
    "\U000e0041",
    "a\n",
    EVIL,
    "\u200d",
]


def bad_request(text: str, message: str | None = None) -> errors.AsteroidError:
    members = dict.fromkeys(("message", "reason", "capability", "instance"), text + "!")
    problems = [{"parameter": text, "detail": text}] * 20
    error = errors.BadRequest(
        text,
        status_code=400,
        members={**members, "errors": problems, "used": 10**14, "limit": 10**14},
        server_text=text,
        title=text,
        hint=text,
    )
    return error.about(text, text if message is None else message, 7)


def hostile_outcomes(text: str) -> list[Displayable]:
    whole = text * (65_536 // len(text))
    return [
        delivery(text * (1_000_000 // len(text)), execution_id=whole),
        dry_run(whole, whole),
        bad_request(whole),
        bad_request(text * (300 // len(text)), whole),
        errors.InvalidInput(whole, title=whole, hint=whole).about(whole, whole),
    ]


def test_a_delivery_as_text_is_one_line() -> None:
    where = f"✓ Delivered to {ID[:8]} at 18:02:11"
    assert cards.as_text(delivery()) == f"{where}: {MESSAGE}"
    assert cards.as_text(delivery("Yes.\n\n second  line")).splitlines() == [
        where,
        "  message  Yes.",
        "",
        "            second  line",
    ]


@pytest.mark.parametrize(
    "message",
    [
        MESSAGE,
        "\n a\n\n\tb  ",
        '<b>&amp; "q"',
        "שלום 👩\u200d👧",
        "x" * 800,
        "x\n" * 8,
        "x" * 4_000,
    ],
)
def test_the_message_is_shown_exactly(message: str) -> None:
    assert Seen(cards.as_html(delivery(message))).blocks == [message]


def test_a_line_names_the_error_and_ends_with_what_to_do() -> None:
    line = cards.as_line(errors.Unauthorized(status_code=401))
    assert line.startswith(
        "Unauthorized: Not delivered. Asteroid does not accept the API key. Set the right key with"
    )
    assert cards.as_line(delivery()).startswith("Delivery: Delivered.")
    assert cards.as_line(dry_run()).startswith("DryRun: Not sent (dry run).")
    long = cards.as_line(errors.BadRequest("why " * 1_000, status_code=400))
    assert long.endswith("one that has ended accepts no messages.")


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_whatever_it_shows_a_card_is_inert_and_small(text: str) -> None:
    for shown in hostile_outcomes(text):
        card = cards.as_html(shown)
        seen = Seen(card)
        assert len(card.encode()) < LIMIT
        assert seen.tags <= {*TAGS, "style"}
        assert seen.attributes <= ATTRIBUTES
        assert not re.search(r"<script|url\(|@import|\b(?:src|href)=[^x&]", card)
        assert not set(card) & set("\x1b\u202e\ud800\U000e0041")


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_whatever_it_shows_plain_text_is_printable_and_bounded(text: str) -> None:
    for shown in hostile_outcomes(text):
        card, line = cards.as_text(shown), cards.as_line(shown)
        unseen = {
            c for c in set(card + line) if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp", "Cs"}
        }
        assert unseen <= {"\n"}
        assert "\n" not in line
        assert len(line) <= 300
        assert len(card.encode()) < LIMIT
        assert all(row.startswith("  ") for row in card.split("\n")[1:] if row)


def test_a_message_cannot_forge_a_line_of_the_card() -> None:
    text = cards.as_text(delivery("a\n✗ Not delivered\n  sent  never\r  sent  now\x0b\u2028"))
    starts = [line[:11].strip() for line in text.split("\n")]
    assert starts == ["✓ Delivered", "message", "", ""]


def test_the_names_of_workflows_cannot_forge_a_line_either() -> None:
    session.remember(ID, "x at 1:00\n✗ Not delivered\r\x1b[2J")
    assert cards.as_text(delivery()).split("\n") == [
        f"✓ Delivered to x at 1:00 ✗ Not delivered ⟨U+001B⟩[2J at 18:02:11: {MESSAGE}"
    ]


def test_below_its_card_an_error_is_told_in_a_few_words() -> None:
    lost, missing = errors.DeliveryUnknown("Gone."), errors.NotFound(status_code=404)
    note_card(missing, None)
    note_card(lost, sys.stdout)
    assert cards.as_line(missing) == "NotFound: not delivered (see above)"
    assert cards.as_line(lost) == "DeliveryUnknown: may have been delivered (see above)"
    with contextlib.redirect_stdout(io.StringIO()):
        assert "Gone." in cards.as_line(lost), "the card went elsewhere"
    assert "Gone." in cards.as_line(errors.DeliveryUnknown("Gone.")), "this is another error"
    forget_cards()
    assert "No execution has this ID." in cards.as_line(missing)
    assert "Gone." in cards.as_line(lost)


def test_the_records_show_their_cards() -> None:
    shown = delivery()
    assert shown._repr_html_() == cards.as_html(shown)
    assert shown.as_text() == cards.as_text(shown)
    assert shown.traceback_lines() == [cards.as_line(shown)]


@pytest.mark.parametrize("draw", [cards.as_html, cards.as_text, cards.as_line])
def test_what_has_no_card_is_refused(draw: Any) -> None:
    with pytest.raises(TypeError, match="no card for dict"):
        draw({})


def test_no_template_goes_round_the_escaping() -> None:
    package = Path(asteroid_magic.__file__).parent
    templates = [*package.glob("*/templates/*.html"), *package.glob("*/templates/*.css")]
    assert len(templates) > 20
    for template in templates:
        assert not re.search(r"safe|autoescape|macro", template.read_text())
