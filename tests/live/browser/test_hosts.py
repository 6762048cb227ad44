"""Other hosts: Voilà, a page exported by nbconvert, and an `Output` widget."""

import re
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Browser, expect

from asteroid_magic.sandbox import Sandbox
from tests.live.browser.conftest import Opener, reach
from tests.support import notebooks
from tests.support.accessibility import violations
from tests.support.jupyter import Voila, loopback_only
from tests.support.pages import FormPage


def test_voila_serves_the_form_and_it_sends(browser: Browser, tmp_path: Path, box: Sandbox) -> None:
    run = box.executions[1].id
    notebook = notebooks.of_cells(reach(box, tmp_path), f"%asteroid_form {run}")
    asks = ("cdn.jsdelivr.net",)  # Voilà's own page, for icons
    with (
        Voila(tmp_path / "voila", notebook) as voila,
        loopback_only(browser, asks=asks) as page,
    ):
        page.goto(voila.url)
        form = FormPage(page)
        form.deliver("Hello from a dashboard.")
    assert box.messages(run) == ["Hello from a dashboard."]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A notebook run without a front end, exported as a page."""
    folder = tmp_path_factory.mktemp("exported")
    with Sandbox(pace=0.02) as box:
        run = box.executions[1].id
        ran = notebooks.execute(
            notebooks.of_cells(
                reach(box, folder),
                f"%asteroid_send {run} Yes, go on.",
                "%asteroid_send nobody Please do not lose this.",
                "%asteroid_form",
            ),
            allow_errors=True,
        )
    assert box.api_key not in nbformat.writes(ran)
    # As Lab saves it: by default, without the state of widgets.
    ran.metadata.pop("widgets")
    body, _ = HTMLExporter(
        require_js_url="", jquery_url="", mathjax_url="", mermaid_js_url=""
    ).from_notebook_node(ran)
    page = folder / "page.html"
    page.write_text(body)
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_exported_page_shows_the_cards_and_what_to_use_for_the_form(
    browser: Browser, exported: Path, scheme: str
) -> None:
    with loopback_only(browser, color_scheme=scheme) as page:
        page.goto(exported.as_uri())
        cards = page.locator(".asteroid-card")
        expect(cards.nth(0)).to_contain_text("Delivered")
        expect(cards.nth(1)).to_contain_text("Please do not lose this.")
        expect(page.get_by_text("works only while its kernel runs")).to_be_visible()
        assert violations(page, ".asteroid-card") == []


def test_an_output_widget_keeps_no_stale_line(open_cells: Opener, box: Sandbox) -> None:
    asking, running = (execution.id for execution in box.executions[:2])
    wait = (
        "import ipywidgets\nout = ipywidgets.Output()\ndisplay(out)\nwith out:\n"
        f"    sent = %asteroid_send --wait 30 --show {asking} Friday"
    )
    batch = (
        "from asteroid_magic import send_many\nother = ipywidgets.Output()\ndisplay(other)\n"
        f"with other:\n    display(send_many([({running!r}, 'Go on.')]))"
    )
    with open_cells(box, wait, batch) as notebook:
        cells = notebook.page.locator(".jp-OutputArea-output .jp-OutputArea")
        expect(cells.nth(0)).to_contain_text("I booked what you said: “Friday”")
        expect(cells.nth(0)).to_contain_text("This cell waits for the agent, 30 s at most.")
        expect(cells.nth(0)).not_to_contain_text("Waiting for the agent")
        expect(cells.nth(1)).to_contain_text("1 delivered")
        expect(cells.nth(1)).not_to_contain_text(re.compile(r"\b0%"))
    assert box.messages(asking) == ["Friday"]
