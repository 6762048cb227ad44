"""Cards and tables as a front end draws them: math, widths and heights, folds."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Browser, Locator, Page, expect

from asteroid_magic.sandbox import Sandbox
from tests.live.browser.conftest import Opener, reach
from tests.support import notebooks
from tests.support.accessibility import violations
from tests.support.jupyter import loopback_only

MANY = 60
LINE_PX = 27
PRICES = "$5 at the door, at most $6"
ROWS = """
from datetime import UTC, datetime, timedelta
from asteroid_magic import Execution, Executions, send_many
began = datetime.now(UTC) - timedelta(minutes=4)
long = "A workflow with a name that is too long for its column, even in a wide window, by far"
ids = [f"3f2a9c1e-7b44-4d0a-9a53-0c1f6b2e8d{n}" for n in range(10, 70)]
"""
LIST = (
    "Executions([Execution(id=one, status='running', workflow_name=long, created_at=began)"
    " for one in ids])"
)
REPORT = "send_many([(one, long) for one in ids], progress=False)"


def cells(run: str) -> tuple[str, ...]:
    return (
        f"run_id = {run!r}{ROWS}",
        f"%asteroid_send run_id {PRICES}",
        LIST,
        REPORT,
        "%asteroid_executions",
        "%asteroid_activities run_id",
        f"%asteroid_send nobody {PRICES}",
    )


def check_cards(page: Page) -> None:
    """Assert what must be so in each host."""
    cards = page.locator(".asteroid-card")
    expect(cards).to_have_count(6)
    delivered, listing, report = cards.nth(0), cards.nth(1), cards.nth(2)
    # MathJax has had the time to see all of these.
    expect(page.locator(".asteroid-card mjx-container, .asteroid-card .MathJax")).to_have_count(0)
    expect(delivered.locator("summary")).to_contain_text(PRICES)
    wait_for_height(delivered.locator("summary"), LINE_PX)
    expect(delivered.get_by_text("Sent", exact=True)).to_be_hidden()
    delivered.locator("summary").click()
    expect(delivered.get_by_text("Sent", exact=True)).to_be_visible()
    wait_for_height(listing, (MANY + 2) * LINE_PX)
    for summary in report.locator("summary").all():
        summary.click()
    expect(report.locator("tr").last).to_be_visible()
    wait_for_height(report, (MANY + 10) * LINE_PX)
    for table in (listing, report):
        for code in table.locator("code").all():
            wait_for_height(code, LINE_PX)
        first = table.locator("code").first
        assert first.evaluate("one => getComputedStyle(one).textOverflow") == "ellipsis"
        assert first.evaluate("one => one.scrollWidth > one.clientWidth")
    assert first.text_content() in ("3f2a9c1e-7b44-4d0a-9a53-0c1f6b2e8d10", None)
    expect(listing.get_by_text("4 min").first).to_be_visible()
    expect(listing.locator("td[title*=':']").first).to_be_visible()
    # A triangle says that there is more.
    style = "one => [getComputedStyle(one).display, getComputedStyle(one).listStyleType]"
    for summary in page.locator(".asteroid-card summary").all():
        assert summary.evaluate(style) in (
            ["list-item", "disclosure-closed"],
            ["list-item", "disclosure-open"],
        )


def wait_for_height(element: Locator, limit: float) -> None:
    """Wait until an element is lower than `limit` pixels; a front end lays it out in steps."""
    element.page.wait_for_function(
        "([one, limit]) => one.getBoundingClientRect().height < limit",
        arg=[element.element_handle(), limit],
    )


@pytest.mark.parametrize("host", ["lab", "notebooks"])
def test_cards_look_right(open_cells: Opener, box: Sandbox, host: str) -> None:
    look: dict[str, Any] = {"viewport": {"width": 1280, "height": 5200}}
    with open_cells(box, *cells(box.executions[1].id), host=host, **look) as notebook:
        check_cards(notebook.page)


def test_cards_look_right_in_an_exported_page(
    browser: Browser, box: Sandbox, tmp_path: Path
) -> None:
    made = notebooks.of_cells(reach(box, tmp_path), *cells(box.executions[1].id))
    ran = notebooks.execute(made, allow_errors=True)
    body, _ = HTMLExporter(
        require_js_url="", jquery_url="", mathjax_url="", mermaid_js_url=""
    ).from_notebook_node(nbformat.from_dict(ran))
    (tmp_path / "page.html").write_text(body)
    with loopback_only(browser, viewport={"width": 1280, "height": 900}) as page:
        page.goto((tmp_path / "page.html").as_uri())
        check_cards(page)
        assert violations(page, ".asteroid-card") == []
