"""Whose arrival an activity is: none counts for two, and what is only nearly one stays a doubt."""

from datetime import UTC, datetime, timedelta

import pytest

from asteroid_magic.models import arrivals
from asteroid_magic.models.activities import Activity
from asteroid_magic.models.arrivals import Arrival, Comparison, Doubt, Window, attribute
from tests.support.outcomes import ID

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def window(first: float, last: float) -> Window:
    return Window(at(first), at(last))


def doubt(first: float, last: float) -> Doubt:
    return Doubt(window(first, last), at(first - 60), at(last))


def arrival(seconds: float | None, name: str = "", *, is_exact: bool = True) -> Arrival:
    moment = None if seconds is None else at(seconds)
    data = {"message": "yes"}
    return Arrival(
        Activity(name or f"a{seconds}", ID, moment, "user_message_received", data), is_exact
    )


def results(
    doubts: list[Doubt],
    listed: list[Arrival],
    certain: tuple[Window, ...] = (),
    possible: tuple[Window, ...] = (),
) -> list[str | None]:
    found = attribute(doubts, certain, possible, listed).results
    return [one.id if isinstance(one, Arrival) else one for one in found]


def test_an_arrival_in_the_time_of_the_send_is_its_own() -> None:
    assert results([doubt(0, 90)], [arrival(5)]) == ["a5"]
    assert results([doubt(0, 90)], []) == [None]
    assert results([doubt(0, 90)], [arrival(91)]) == [None], "a later one is somebody else's"
    assert results([doubt(0, 90)], [arrival(-61)]) == [None]


def test_what_is_nearly_an_arrival_is_a_doubt() -> None:
    assert results([doubt(0, 90)], [arrival(-30)]) == [arrivals.EARLY]
    assert results([doubt(0, 90)], [arrival(None)]) == [arrivals.UNDATED]
    assert results([doubt(0, 90)], [arrival(5, is_exact=False)]) == [arrivals.SIMILAR]


def test_a_certain_send_takes_the_arrival_that_fits_it_first() -> None:
    """The example of the docstring."""
    certain = (window(0, 8),)
    assert results([doubt(30, 120)], [arrival(1), arrival(31)], certain) == ["a31"]
    assert results([doubt(2, 90)], [arrival(5)], certain) == [None]


def test_a_message_that_is_missing_may_have_any_arrival() -> None:
    """Its own is not in its window: so the only arrival that there is proves nothing."""
    certain = (window(0, 8),)
    assert not attribute([doubt(30, 120)], certain, (), [arrival(31)]).is_whole
    assert results([doubt(30, 120)], [arrival(31)], certain) == [arrivals.OTHERS]
    assert results([doubt(30, 120)], [arrival(31), arrival(32)], certain) == ["a32"]


def test_a_possible_send_leaves_the_doubt() -> None:
    possible = (window(0, 90),)
    assert results([doubt(0, 90)], [arrival(5)], possible=possible) == [arrivals.OTHERS]
    assert results([doubt(0, 90)], [arrival(5), arrival(6)], possible=possible) == ["a6"]


def test_as_many_doubts_are_settled_as_there_are_arrivals() -> None:
    doubts = [doubt(10, 100), doubt(0, 90), doubt(20, 110)]
    assert results(doubts, [arrival(25), arrival(26)]) == ["a26", "a25", None]


def test_an_arrival_that_is_listed_twice_counts_once() -> None:
    assert results([doubt(0, 90)] * 2, [arrival(5), arrival(5)]) == ["a5", None]
    nameless = [Arrival(arrival(5).activity.__class__("", ID, at(5), "", {}))] * 2
    assert results([doubt(0, 90)] * 2, nameless)[1] is None


@pytest.mark.parametrize(
    ("text", "listed", "is_exact"),
    [
        ("yes", "yes", True),
        ("yes", "Yes", None),
        ("yes", " yes\n", False),
        ("one\r\ntwo", "one\ntwo", False),
        ("caf\u00e9", "cafe\u0301", False),
        ("a text that is rather long, and cut", "a text that is rather long…", False),
        ("a text that is rather long, and cut", "a text that is rather long, and...", False),
        ("a short one", "a short", None),
        ("", " ", False),
    ],
)
def test_a_text_that_a_server_may_have_changed_is_similar(
    text: str, listed: str, is_exact: bool | None
) -> None:
    activity = Activity("a", ID, NOON, "user_message_received", {"message": listed})
    assert Comparison(text, ID).is_exact(activity) is is_exact
    assert Comparison(text, ID.replace("1", "2")).is_exact(activity) is None
