"""Times on screen: in the zone of the user, or how long ago."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from asteroid_magic.render.times import age, clock, stamp, zone

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)


@pytest.mark.usefixtures("berlin")
def test_a_time_is_shown_in_the_zone_of_this_machine() -> None:
    assert stamp(NOON) == "2026-10-01 14:00:00 UTC+2"
    assert stamp(datetime(2026, 12, 1, 23, 30, tzinfo=UTC)) == "2026-12-02 00:30:00 UTC+1"
    assert clock(NOON) == "14:00:00"


def test_where_the_machine_is_in_utc_the_time_says_so() -> None:
    assert stamp(NOON) == "2026-10-01 12:00:00 UTC"


@pytest.mark.parametrize(
    ("minutes", "name"), [(0, "UTC"), (330, "UTC+5:30"), (-210, "UTC-3:30"), (-480, "UTC-8")]
)
def test_a_zone_is_named_by_its_offset(minutes: int, name: str) -> None:
    assert zone(NOON.astimezone(timezone(timedelta(minutes=minutes)))) == name


@pytest.mark.usefixtures("berlin")
def test_at_the_ends_of_the_calendar_no_time_fails() -> None:
    assert stamp(datetime.max.replace(tzinfo=UTC)).startswith("9999-12-31 23:59:59")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (0.4, "0 s"),
        (32, "32 s"),
        (59.9, "1 min"),
        (60, "1 min"),
        (299, "4 min"),
        (3_600, "1 h"),
        (86_399, "23 h"),
        (86_400, "1 day"),
        (10**8, "1,157 days"),
    ],
)
def test_an_age_has_one_unit(seconds: float, words: str) -> None:
    assert age(NOON - timedelta(seconds=seconds), NOON) == words


def test_without_a_time_the_age_is_counted_from_now() -> None:
    assert age(datetime.now(UTC) - timedelta(hours=5)) == "5 h"
