"""What the cards of an execution show beside its transcript: links, a timeline, its waiting."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from asteroid_magic import Activities, Execution
from asteroid_magic.models.watch import Transcript, WatchResult
from asteroid_magic.render import cards
from asteroid_magic.render.executions import ENDS_BY_ITSELF
from tests.render.test_transcript import BEGAN, happened, payload
from tests.support.outcomes import ID, Seen, delivery

ENDS = " ".join(ENDS_BY_ITSELF.split())
LIVE = "https://live.example/x?a=1&b=$2*"
RUNNING = payload("status_changed", status="running")
ASKS = payload("status_changed", status="paused_by_agent", pausedPayload={"reason": "Which?"})
CONFIRM = payload("status_changed", status="awaiting_confirmation")


def execution(status: str = "running", **members: Any) -> Execution:
    fields: dict[str, Any] = {"created_at": BEGAN, "started_at": BEGAN} | members
    return Execution(id=ID, workflow_name="Book a table", status=status, **fields)


def transcript(*payloads: dict[str, Any], minutes: float = 10, **members: Any) -> Transcript:
    return Transcript(
        execution=execution(**members),
        activities=happened(*payloads, every=60),
        read_at=BEGAN + timedelta(minutes=minutes),
    )


def watched(*payloads: dict[str, Any], ending: Any, **members: Any) -> WatchResult:
    return WatchResult(
        execution_id=ID,
        ending=ending,
        activities=happened(*payloads, every=60),
        elapsed=5.0,
        execution=execution(**members),
    )


def flat(text: str) -> str:
    return " ".join(text.split())


def test_links_are_links_in_html_and_plain_urls_in_text() -> None:
    unsafe = "javascript:alert(1)"
    for shown in (
        transcript(RUNNING, live_view_url=LIVE, platform_url=unsafe),
        watched(RUNNING, ending="time", live_view_url=LIVE, platform_url=unsafe),
        delivery(heard=watched(RUNNING, ending="spoke", live_view_url=LIVE, platform_url=unsafe)),
    ):
        html, text = cards.as_html(shown), shown.as_text()
        [link] = re.findall("<a .*?</a>", html)
        assert 'href="https://live.example/x?a=1&#38;b=&#36;2&#42;"' in link
        assert 'target="_blank" rel="noopener noreferrer">Live view (live.example)<' in link
        assert f"live view {LIVE}" in flat(text)
        assert "alert" not in html + text


def test_an_execution_without_links_shows_none() -> None:
    shown = transcript(RUNNING)
    assert "Links" not in cards.as_html(shown)
    assert "live view" not in shown.as_text()
    assert "<a " not in cards.as_html(
        WatchResult(execution_id=ID, ending="time", activities=Activities(), elapsed=1.0)
    )


def test_a_card_says_since_when_the_agent_waits_and_that_the_pause_ends() -> None:
    since = "It has waited for you since 2026-10-01 18:03:11 UTC."
    asks = watched(RUNNING, ASKS, ending="asks", status="paused_by_agent")
    for shown in (transcript(RUNNING, ASKS, status="paused_by_agent"), asks, delivery(heard=asks)):
        assert f"{since} {ENDS}" in flat(shown.as_text())
        assert f"{since} {ENDS}" in Seen(cards.as_html(shown)).words
    assert "does not state how long" in ENDS


def test_of_a_confirmation_only_its_beginning_is_known() -> None:
    since = "It has waited for your confirmation since 2026-10-01 18:03:11 UTC."
    for shown in (
        transcript(RUNNING, CONFIRM, status="awaiting_confirmation"),
        watched(RUNNING, CONFIRM, ending="confirm"),
    ):
        assert since in flat(shown.as_text())
        assert ENDS not in flat(shown.as_text())


def test_since_when_it_waits_is_not_said_if_the_activities_do_not_tell() -> None:
    for payloads in ([RUNNING], [], [ASKS, CONFIRM]):
        text = flat(transcript(*payloads, status="paused_by_agent").as_text())
        assert "It has waited" not in text
        assert ENDS in text
    for shown in (
        transcript(ASKS, RUNNING),
        transcript(ASKS, status="completed"),
        watched(ASKS, ending="over"),
        watched(ASKS, ending="time"),
    ):
        assert "It has waited" not in flat(shown.as_text())
        assert ENDS not in flat(shown.as_text())


@pytest.mark.parametrize(
    ("stamp", "words"),
    [
        ("2026-10-01T18:02:11Z", "were deleted on 2026-10-01 18:02:11 UTC."),
        ("2026-10-01T20:02:11+02:00", "were deleted on 2026-10-01 18:02:11 UTC."),
        ("last week", "were deleted."),
    ],
)
def test_activities_that_were_deleted_are_said_to_be(stamp: str, words: str) -> None:
    members: dict[str, Any] = {"status": "completed", "data": {"purgedAt": stamp}}
    for shown in (transcript(**members), watched(ending="over", **members)):
        for drawn in (flat(shown.as_text()), Seen(cards.as_html(shown)).words):
            assert f"The activities of this execution {words}" in drawn
            assert "Nothing has happened" not in drawn


def test_a_timeline_has_a_lane_for_each_state_and_the_same_in_text() -> None:
    shown = transcript(
        RUNNING, ASKS, RUNNING, payload("status_changed", status="paused"), status="paused"
    )
    html = cards.as_html(shown)
    words = ["worked 2 min", "waited for a person 1 min", "was paused 7 min"]
    assert re.findall('asteroid-lane-name">(.*?)<', html) == words
    assert re.findall("<title>(.*?)</title>", html) == words
    [worked, _, paused] = re.findall("<svg.*?</svg>", html)
    bars = re.findall(r'<rect x="([\d.]+)" width="([\d.]+)"', worked)
    assert [(float(at), float(width)) for at, width in bars] == [(0, 100), (200, 100)]
    assert "<desc>2026-10-01 18:02:11 UTC, 1 min; 2026-10-01 18:04:11 UTC, 1 min</desc>" in worked
    assert "<desc>2026-10-01 18:05:11 UTC, 7 min</desc>" in paused
    assert "2026-10-01 18:02:11 UTC" in Seen(html).words
    assert "to 18:12:11" in Seen(html).words
    assert not re.search(r"<script|<style[^>]*src|\son\w+=", html)
    text = flat(shown.as_text())
    assert "timeline 2026-10-01 18:02:11 UTC to 18:12:11 " + ", ".join(words) in text
    assert (
        "18:02:11 worked; 18:03:11 waited for a person; 18:04:11 worked; 18:05:11 was paused"
    ) in text


def test_what_is_not_known_has_a_lane_of_its_own() -> None:
    shown = Transcript(
        execution=execution(),
        activities=happened(RUNNING, every=60)[:1],
        has_older=True,
        read_at=BEGAN + timedelta(minutes=1),
    )
    late = Execution(id=ID, status="running", started_at=BEGAN - timedelta(hours=2, minutes=5))
    html = cards.as_html(
        Transcript(
            execution=late, activities=shown.activities, has_older=True, read_at=shown.read_at
        )
    )
    assert "2 h 5 min not known" in Seen(html).words
    assert "worked 1 min" in Seen(html).words


def test_without_any_state_there_is_no_timeline() -> None:
    unknown = Transcript(execution=Execution(id=ID), activities=Activities())
    assert "svg" not in cards.as_html(unknown)
    assert "timeline" not in unknown.as_text()


def test_a_short_state_is_still_seen_and_none_leaves_the_picture() -> None:
    blink = [RUNNING, payload("status_changed", status="paused")] * 300
    shown = Transcript(
        execution=execution("paused"),
        activities=happened(*blink, every=0.01),
        read_at=BEGAN + timedelta(days=400),
    )
    html = cards.as_html(shown)
    for at, width in re.findall(r'<rect x="([\d.]+)" width="([\d.]+)"', html):
        assert float(width) >= 4
        assert 0 <= float(at) <= 1000 - float(width) + 0.1
    assert len(html) < 100_000
    assert "earlier" in shown.as_text()
    assert "was paused 399 d 23 h" in flat(shown.as_text()) or "was paused 400 d" in flat(
        shown.as_text()
    )


@pytest.mark.parametrize("year", [1, 9999])
def test_odd_times_break_no_card(year: int) -> None:
    odd = datetime(year, 12 if year > 1 else 1, 31, 23, 59, 59, tzinfo=BEGAN.tzinfo)
    each: list[dict[str, Any]] = [
        {"created_at": odd},
        {"started_at": odd},
        {"terminal_at": odd},
    ]
    for members in each:
        for status in ("running", "completed"):
            shown = transcript(RUNNING, ASKS, status=status, **members)
            assert cards.as_html(shown)
            assert shown.as_text()


@pytest.mark.parametrize("mark", ["x", "&", "%", "\u00e9"])
def test_the_longest_links_and_timeline_leave_a_card_small(mark: str) -> None:
    urls: dict[str, Any] = {
        name: f"https://{'a' * 60}.example/{mark * (3_900 // len(mark))}"
        for name in ("live_view_url", "recording_url", "platform_url")
    }
    changes = [RUNNING, payload("status_changed", status="paused"), ASKS, CONFIRM] * 300
    words = [payload("generic", message="&" * 300)] * 900
    long = transcript(*changes, *words, minutes=3_000, status="paused_by_agent", **urls)
    html = cards.as_html(long)
    assert len(html.encode()) < 200_000
    assert len(long.as_text().encode()) < 200_000
    assert ("<a " in html) == (mark in "x%")
