"""The timeline and the links of a card in a real browser: narrow, dark, and with forced colours."""

from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from asteroid_magic import Execution
from asteroid_magic.models.watch import Listing, Transcript
from tests.render.test_transcript import BEGAN, happened, payload
from tests.support.accessibility import violations
from tests.support.outcomes import ID

LANES = ["worked 10 min", "waited for a person 45 min", "was paused 5 min"]
PAGE = "<html lang=en><title>x</title><body style='margin: 8px; {}'><main>{}</main>"


def drawn() -> str:
    statuses = ("running", "paused", "running", "paused_by_agent")
    run = Execution(
        id=ID,
        workflow_name="Book a table",
        status="paused_by_agent",
        started_at=BEGAN,
        live_view_url=f"https://{'live.' * 12}example/",
        platform_url="https://run.example/",
    )
    transcript = Transcript(
        execution=run,
        activities=happened(
            *(payload("status_changed", status=one) for one in statuses), every=300
        ),
        read_at=BEGAN + timedelta(hours=1),
    )
    return transcript._repr_html_() + Listing([run])._repr_html_()


@pytest.mark.parametrize("width", [400, 1_000])
@pytest.mark.parametrize("look", ["light", "dark", "forced"])
def test_every_state_can_be_seen_and_read(browser: Browser, width: int, look: str) -> None:
    options: dict[str, Any] = {"forced_colors": "active"} if look == "forced" else {}
    style = "background: #111; color: #ddd; --jp-content-link-color: #64b5f6"
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    try:
        page = context.new_page()
        page.set_content(PAGE.format(style if look == "dark" else "", drawn()))
        expect(page.locator(".asteroid-lane-name")).to_have_text(LANES)
        for name in LANES:
            bar = page.get_by_role("img", name=name).locator("rect").last.bounding_box()
            assert bar is not None
            assert bar["width"] >= 1
            assert bar["x"] + bar["width"] <= width
        # Nothing is wider than the page, not even a long host.
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if look == "forced":
            lane = page.get_by_role("img", name=LANES[0])
            colour = lane.evaluate("one => getComputedStyle(one).color")
            assert colour == page.evaluate("getComputedStyle(document.body).color")
        else:
            assert violations(page, "main") == []
    finally:
        context.close()
