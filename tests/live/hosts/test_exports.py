"""A notebook in other forms: Markdown, slides and PDF made by nbconvert, a script of jupytext."""

import html
import io
import os
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import pytest
from nbconvert import MarkdownExporter, SlidesExporter, WebPDFExporter
from nbformat import NotebookNode
from playwright.async_api import BrowserType
from pypdf import PdfReader

from asteroid_magic.sandbox import Sandbox
from tests.live.browser.conftest import reach
from tests.support import notebooks
from tests.support.jupyter import FLAGS, chromium

SENT = "Book it, for <b>5</b> people."
LOST = "Please do not lose this."


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> NotebookNode:
    """A notebook that was run: a delivery, a failure, a wait and a form."""
    folder = tmp_path_factory.mktemp("ran")
    with Sandbox(pace=0.02) as box:
        run = box.executions[1].id
        ran = notebooks.execute(
            notebooks.of_cells(
                reach(box, folder),
                f"%asteroid_send {run} {SENT}",
                f"%asteroid_send nobody {LOST}",
                f"%asteroid_watch {run} 1",
                "%asteroid_form",
            ),
            allow_errors=True,
        )
    assert box.api_key not in nbformat.writes(ran)
    ran.metadata.pop("widgets", None)
    return ran


@pytest.mark.parametrize("exporter", [MarkdownExporter, SlidesExporter])
def test_an_export_has_the_cards_the_errors_and_the_last_line_of_a_wait(
    ran: NotebookNode, exporter: Any
) -> None:
    body, _ = exporter().from_notebook_node(ran)
    assert "<strong>Delivered</strong>" in body
    assert "for <b>5</b> people." in html.unescape(body)
    assert body.count(LOST) >= 2, "in the cell and on the card"
    assert "InvalidInput: Not delivered" in body
    assert "Waited 1.0 s." in body
    assert "Waiting for the agent" not in body
    assert "This cell waits" not in body
    assert "works only while its kernel runs" in body


def test_a_pdf_has_them_too(ran: NotebookNode, monkeypatch: pytest.MonkeyPatch) -> None:
    path = chromium()
    if path is None:
        missing = "No Chromium was found: this test needs one."
        (pytest.fail if os.environ.get("REQUIRE_BROWSER") else pytest.skip)(missing)
    launch = BrowserType.launch

    # nbconvert wants a browser that Playwright has downloaded.
    async def launch_ours(kind: Any, **options: Any) -> Any:
        return await launch(kind, **options | {"executable_path": path, "args": FLAGS})

    monkeypatch.setattr(BrowserType, "launch", launch_ours)
    exporter = WebPDFExporter(require_js_url="", jquery_url="", mathjax_url="", mermaid_js_url="")
    body, _ = exporter.from_notebook_node(ran)
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(body)).pages)
    words = " ".join(text.split())
    assert "✓ Delivered" in words
    assert SENT in words
    assert LOST in words
    assert "Waited 1.0 s" in words


def test_a_script_of_jupytext_sends_what_the_notebook_sends(box: Sandbox, tmp_path: Path) -> None:
    run = box.executions[1].id
    cells = [
        reach(box, tmp_path),
        f"%asteroid_send {run} Are you done?",
        f"%%asteroid_send {run}\n# It costs $5 {{each}},\n\n%asteroid_send is mine. Really?",
        f"for word in ('a',):\n    %asteroid_send --fill {run} Is it {{word}}?",
        "%asteroid_send nobody lost?",
    ]
    script = jupytext.writes(notebooks.of_cells(*cells), fmt="py:percent")
    read = jupytext.reads(script, fmt="py:percent")
    assert [cell.source for cell in read.cells] == cells
    read = nbformat.reads(nbformat.writes(read), as_version=4)
    ran = notebooks.execute(read, allow_errors=True)
    assert box.messages(run) == [
        "Are you done?",
        "# It costs $5 {each},\n\n%asteroid_send is mine. Really?",
        "Is it a?",
    ]
    assert "InvalidInput: Not delivered" in notebooks.text(ran.cells[-1])


def test_jupytext_cuts_a_line_at_a_line_separator_as_the_readme_says(box: Sandbox) -> None:
    line = f"%asteroid_send {box.executions[1].id} one\u2028two"
    script = jupytext.writes(notebooks.of_cells(line), fmt="py:percent")
    (cell,) = jupytext.reads(script, fmt="py:percent").cells
    assert cell.source == line.replace("\u2028", "\n")
