"""When to look, with a made-up clock."""

import math
from itertools import pairwise

import pytest

from asteroid_magic import NoAnswer, RateLimited, Unauthorized
from asteroid_magic.errors import READ
from asteroid_magic.monitor.schedule import Schedule, Subject


class Times:
    """A schedule, and the times of the looks that it asked for."""

    def __init__(self, stops_after: float = 600.0) -> None:
        self.now = 0.0
        self.schedule = Schedule(lambda: self.now, stops_after)
        self.looks: dict[Subject, list[float]] = {"conversation": [], "inbox": []}
        self.error: NoAnswer | RateLimited | Unauthorized | None = None
        self.has_news = False

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            subject = min(self.looks, key=self.schedule.due_in)
            due = self.schedule.due_in(subject)
            if self.now + due > end:
                self.now = end
                return
            self.now += due
            self.looks[subject].append(self.now)
            self.schedule.requested(1)
            if self.error is None:
                self.schedule.looked(subject, news=self.has_news)
            else:
                self.schedule.failed(subject, self.error)


def gaps_of(looks: list[float]) -> list[float]:
    return [after - before for before, after in pairwise(looks)]


def test_nothing_is_due_before_the_user_is_there() -> None:
    assert Times().schedule.due_in("inbox") == math.inf


def test_after_a_touch_it_looks_often_and_then_twice_a_minute() -> None:
    times = Times()
    times.schedule.touched()
    times.run(300)
    gaps = gaps_of(times.looks["conversation"])
    assert gaps[:4] == pytest.approx([1.5, 2.25, 3.375, 5.0])
    assert set(gaps[4:]) == {31.0}
    lists = times.looks["inbox"]
    assert lists[:3] == [0, 8, 16]
    assert lists[3] - lists[2] == 31


def test_news_keep_it_looking_often_within_fifty_requests_a_minute() -> None:
    times = Times()
    times.has_news = True
    times.schedule.touched()
    times.run(599)
    every = sorted(times.looks["conversation"] + times.looks["inbox"])
    assert max(sum(at <= one < at + 60 for one in every) for at in every) <= 50
    gaps = gaps_of(times.looks["conversation"])
    assert max(gaps) <= 5


def test_touches_without_end_keep_the_waits_growing() -> None:
    times = Times()
    for _ in range(600):
        times.schedule.touched()
        times.run(0.1)
    assert len(times.looks["conversation"]) <= 16


def test_it_stops_ten_minutes_after_the_last_touch_and_a_touch_resumes_it() -> None:
    times = Times()
    times.schedule.touched()
    times.run(599)
    assert times.schedule.stops_in == 1
    times.run(10_000)
    assert times.looks["inbox"][-1] < 600
    assert not times.schedule.stops_in
    times.schedule.touched()
    assert times.schedule.due_in("inbox") == times.schedule.due_in("conversation") == 0


def test_a_view_in_sight_goes_on_without_hurry() -> None:
    times = Times(stops_after=60)
    times.schedule.touched()
    for _ in range(360):
        times.run(10)
        times.schedule.seen()
    assert len([at for at in times.looks["inbox"] if at > 60]) == pytest.approx(3540 / 31, abs=2)
    end = times.now
    times.run(1000)
    assert times.looks["inbox"][-1] <= end + 60


def test_the_wait_that_a_server_asks_for_counts_for_everything() -> None:
    times = Times()
    times.schedule.touched()
    busy = RateLimited("", status_code=429, operation=READ)
    busy.retry_after = 45.0
    times.schedule.failed("inbox", busy)
    times.schedule.touched()
    times.run(44)
    assert times.looks == {"conversation": [], "inbox": []}
    times.run(2)
    assert times.looks == {"conversation": [45], "inbox": [45]}


def test_failures_back_off_to_the_usual_pace() -> None:
    times = Times()
    times.error = NoAnswer(operation=READ)
    times.schedule.touched()
    times.run(300)
    gaps = gaps_of(times.looks["inbox"])
    assert gaps == sorted(gaps)
    assert gaps[-1] == 31


def test_what_is_refused_for_good_is_not_repeated_soon() -> None:
    times = Times()
    times.error = Unauthorized("", status_code=401, operation=READ)
    times.schedule.touched()
    for _ in range(60):
        times.run(1)
        times.schedule.touched()
    assert times.looks == {"conversation": [0, 31], "inbox": [0, 31]}
    times.schedule.refresh()
    assert times.schedule.due_in("inbox") == 0
