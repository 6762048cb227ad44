"""The words of a card: all there, the most important first."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from asteroid_magic import Activities, errors
from asteroid_magic.config.session import session
from asteroid_magic.models.delivery import StatusChange
from asteroid_magic.models.watch import WatchResult
from asteroid_magic.render import cards
from tests.support.outcomes import ID, MESSAGE, Seen, delivery, dry_run

LIMIT = 20_000


def in_order(words: str, *expected: str) -> None:
    places = [words.index(word) for word in expected]
    assert places == sorted(places)


def test_a_delivery_says_so_first_then_where_what_and_when() -> None:
    seen = Seen(cards.as_html(delivery()))
    assert seen.words.split()[:2] == ["✓", "Delivered"]
    when = "2026-10-01 18:02:11 UTC, took 0.21 s, 1 attempt"
    in_order(seen.words, "Delivered", ID[:8], MESSAGE, "Execution", "Message", "Sent", when)


def test_a_delivery_is_one_line_with_the_workflow_and_folds_the_rest() -> None:
    session.remember(ID, "Book a table")
    html = cards.as_html(delivery())
    line, rest = html.split("</summary>")
    assert " ".join(Seen(line + "</summary></details></div>").words.split()) == (
        f"✓ Delivered to Book a table at 18:02:11 {MESSAGE}"
    )
    assert rest.index("Workflow") < rest.index(ID) < rest.index("</details>")
    assert cards.as_text(delivery()) == f"✓ Delivered to Book a table at 18:02:11: {MESSAGE}"


def test_every_card_names_the_workflow_that_the_session_knows() -> None:
    session.remember(ID, "Book a table")
    error = errors.NotFound(status_code=404).about(ID, MESSAGE, 1)
    change = StatusChange(execution_id=ID, asked="cancel", status="cancelled")
    late = StatusChange(execution_id=ID, asked="pause", status="running")
    heard = WatchResult(execution_id=ID, ending="time", activities=Activities(), elapsed=1.0)
    waited = replace(delivery(), heard=heard)
    for shown in (error, change, late, heard, delivery(), waited, dry_run()):
        assert shown.as_text().count("Book a table") == 1
        assert "Book a table" in Seen(cards.as_html(shown)).words
    assert change.as_text().splitlines() == ["✓ Cancelled: Book a table", f"  execution  {ID}"]


def test_a_message_that_was_there_before_is_shown_with_its_date() -> None:
    text = cards.as_text(delivery(attempts=0))
    assert text == f"✓ Already delivered to {ID[:8]} at 2026-10-01 18:02:11 UTC: {MESSAGE}"


def test_what_is_unusual_about_a_delivery_is_not_folded_away_in_a_terminal() -> None:
    text = cards.as_text(delivery(confirmed_by="activities"))
    assert "confirmed" in text
    assert "sent " not in text


@pytest.mark.usefixtures("berlin")
def test_the_time_is_that_of_the_user_and_attempts_are_counted() -> None:
    sent_at = datetime(2026, 10, 1, 18, 2, 11, tzinfo=UTC)
    shown = delivery(sent_at=sent_at, attempts=2, elapsed=61.5)
    words = Seen(cards.as_html(shown)).words
    assert "2026-10-01 20:02:11 UTC+2, took 61.50 s, 2 attempts" in words
    assert "at 20:02:11" in cards.as_text(shown)


@pytest.mark.parametrize(
    ("message", "folded"),
    [("x" * 800, ""), ("x\n" * 7 + "x", ""), ("x" * 801, "All 801"), ("x\n" * 8, "All 9")],
)
def test_a_long_message_is_folded_under_its_start(message: str, folded: str) -> None:
    seen = Seen(cards.as_html(errors.InvalidInput("Too long.").about(ID, message)))
    assert ("details" in seen.tags) == bool(folded)
    assert folded in seen.words
    assert not folded or "x …" in seen.words


def test_of_a_very_long_message_beginning_and_end_are_shown() -> None:
    message = "".join(f"{number:07}\n" for number in range(125_000))
    seen, text = Seen(cards.as_html(delivery(message))), cards.as_text(delivery(message))
    head, tail = seen.blocks
    assert message.startswith(head)
    assert message.endswith(tail)
    left_out = f"{1_000_000 - len(head) - len(tail):,} characters left out here"
    assert f"{left_out}; the whole text is in .message" in seen.words
    assert left_out in text
    assert len(text) < LIMIT


def test_a_dry_run_shows_the_request_and_how_to_make_it_with_curl() -> None:
    run = dry_run()
    seen, text = Seen(cards.as_html(run)), cards.as_text(run)
    shown = (f"POST {run.url}", "Content-Type: application/json", "Api-Key: ********")
    in_order(seen.words, "Not sent (dry run)", *shown, run.body, "With curl", run.curl)
    in_order(text, "Not sent (dry run)", *shown, run.body, "with curl", run.curl)
    assert seen.blocks == [run.body, run.curl]
    assert "whole text is in .curl" in Seen(cards.as_html(dry_run("x" * 9_000))).words


def test_an_error_says_what_happened_what_to_do_and_keeps_what_was_typed() -> None:
    error = errors.Unauthorized("Invalid API key.", status_code=401).about(ID, MESSAGE, 1)
    seen, text = Seen(cards.as_html(error)), cards.as_text(error)
    happened = ("Not delivered", "Asteroid does not accept the API key", "Invalid API key.")
    in_order(seen.words, *happened, ID, MESSAGE, "HTTP 401 Unauthorized", "Next: Set the right key")
    in_order(text, *happened, ID, "your message", MESSAGE, "HTTP 401 Unauthorized", "next")
    assert seen.blocks == [MESSAGE]
    assert "Attempts" not in seen.words


def test_all_that_the_server_said_is_shown_once() -> None:
    members = {
        "message": "Too many",
        "reason": "quota",
        "capability": "user_messages",
        "instance": "/requests/8",
        "used": 1000,
        "limit": 1000.0,
        "errors": [{"parameter": "message", "detail": "too long"}, {"detail": "no"}, {}],
    }
    error = errors.RateLimited("Quota used up.", status_code=429, members=members)
    error.retry_after = 12.0
    for words in (Seen(cards.as_html(error)).words, cards.as_text(error)):
        for word in (
            "Quota used up.",
            "Too many\n",
            "quota",
            "user_messages",
            "/requests/8",
            "12 s",
        ):
            assert words.count(word) == 1, word
        in_order(words, "message: too long", "no\n", "1,000 of 1,000")


def test_a_server_message_that_is_the_detail_is_not_repeated() -> None:
    error = errors.BadRequest(
        "No such field", status_code=400, members={"message": "No such field"}
    )
    assert cards.as_text(error).count("No such field") == 1


def test_what_cannot_be_read_is_left_out() -> None:
    numbers = {"used": float("nan"), "limit": 10**5_000}
    text = cards.as_text(errors.ApiError(status_code=799, members=numbers, server_text="<page>"))
    assert "used" not in text
    assert "limit" not in text
    assert "HTTP 799" in text
    assert "<page>" in text


@pytest.mark.parametrize(
    "error", [errors.DeliveryUnknown("Time ran out."), errors.SendInterrupted()]
)
def test_an_unknown_outcome_warns_once_of_a_second_send(error: errors.AsteroidError) -> None:
    error.about(ID, MESSAGE, 1)
    for words in (Seen(cards.as_html(error)).words, cards.as_text(error), cards.as_line(error)):
        in_order(words, "May have been delivered", "The agent may have the message.")
        assert len(re.findall(r"deliver\s+it\s+twice", words)) == 1


def test_an_empty_message_is_called_empty_and_a_missing_one_is_not_shown() -> None:
    error = errors.InvalidInput("The message is empty.")
    assert "message  (" not in cards.as_text(error)
    assert "your message  (empty)" in cards.as_text(error.about(None, ""))


def test_a_list_of_problems_does_not_repeat_the_reason() -> None:
    members = {"errors": [{"parameter": "status", "detail": "unknown"}]}
    for detail, rows in (("unknown", 0), ("other", 1)):
        error = errors.BadRequest(detail, status_code=400, members=members)
        assert Seen(cards.as_html(error)).words.count("Problems") == rows
