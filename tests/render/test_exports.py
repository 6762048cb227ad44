"""What becomes of a card in an export of the notebook: nothing from outside becomes live."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from markdown_it import MarkdownIt
from nbconvert import HTMLExporter, MarkdownExporter, RSTExporter
from nbformat.v4 import new_code_cell, new_notebook, new_output

from asteroid_magic import Execution, errors
from asteroid_magic.config.session import session
from asteroid_magic.form.html import INSTEAD, saved_view
from asteroid_magic.models.watch import Listing, Transcript
from asteroid_magic.monitor import Send
from tests.render.test_transcript import BEGAN, payload, transcript
from tests.support.outcomes import ID, delivery

# Each is markup in Markdown or in reStructuredText; a blank line would end the HTML before it.
LIVE = "Hi\n\n![x](http://a.example/i)\n\n**b** `c` $5 {{ 1 }}\n\n.. image:: http://a.example\n\n"


class SavedForm:
    """What a notebook keeps of a form, as IPython would show it."""

    def __init__(self, *sends: Send) -> None:
        self._sends = sends

    def _repr_html_(self) -> str:
        return saved_view("abc", self._sends, datetime(2026, 10, 1, tzinfo=UTC))

    def as_text(self) -> str:
        return INSTEAD


def shown() -> list[Any]:
    session.remember(ID, LIVE)
    error = errors.BadRequest(LIVE, status_code=400, server_text=LIVE).about(ID, LIVE, 1)
    listing = Listing([Execution(id=ID, workflow_name=LIVE, status=LIVE)])
    said = transcript(payload("generic", message=LIVE), payload("reasoning", reasoning=LIVE))
    run = Execution(
        id=ID,
        workflow_name=LIVE,
        status="paused",
        started_at=BEGAN,
        platform_url="https://run.example/_x_*y*$z$?a=1&b=2",
        live_view_url="javascript:alert(1)",
    )
    changes = [payload("status_changed", status=one) for one in ("running", "paused")]
    heard = transcript(*changes, execution=run, read_at=BEGAN + timedelta(minutes=5))
    links = Listing([run, replace(run, status="paused_by_agent")])
    sends = [Send(datetime.now(UTC), error) for _ in range(2)]
    return [delivery(LIVE), error, listing, said, heard, links, SavedForm(*sends)]


@pytest.fixture
def notebook() -> Any:
    outputs = [
        new_output("display_data", {"text/html": one._repr_html_(), "text/plain": one.as_text()})
        for one in shown()
    ]
    return new_notebook(cells=[new_code_cell("x", outputs=outputs)])


def test_no_card_has_a_line_that_ends_html_in_markdown() -> None:
    for one in shown():
        html = one._repr_html_()
        assert all(line.strip() for line in html.split("\n"))
        assert not re.search(
            r"[*`$\\\[\]{}]", re.sub("<style>.*?</style>", "", html, flags=re.DOTALL)
        )


def test_cards_in_markdown_are_html_to_the_end(notebook: Any) -> None:
    # markdown-it reads what nbconvert writes, as GitHub and others do: one block of HTML a card.
    text, _ = MarkdownExporter().from_notebook_node(notebook)
    tokens = MarkdownIt("commonmark").parse(text)
    blocks = [one for one in tokens if one.type == "html_block"]
    assert len(blocks) == len(shown())
    assert not [one for one in tokens if one.type == "inline"]


def test_cards_in_restructured_text_stay_within_raw_html(notebook: Any) -> None:
    text, _ = RSTExporter().from_notebook_node(notebook)
    assert text.count(".. raw:: html") == len(shown())
    outside = [line for line in text.splitlines() if line and not line.startswith(" ")]
    assert set(outside) <= {".. raw:: html", ".. code:: ipython3", ".. code:: "}


def test_a_sanitized_page_shows_no_style_sheet(notebook: Any) -> None:
    page, _ = HTMLExporter(sanitize_html=True, template_name="lab").from_notebook_node(notebook)
    assert "Delivered" in page
    assert "asteroid-card {" not in page
    assert "max-width: 52em" not in page
    assert ":has(.asteroid" not in page


def test_math_is_not_typeset_in_anything_that_is_shown() -> None:
    for one in shown():
        assert re.match(r'<div class="[^"]* mathjax_ignore tex2jax_ignore"', one._repr_html_())


def test_a_timeline_and_links_survive_exports_as_text_at_least(notebook: Any) -> None:
    page, _ = HTMLExporter(template_name="lab").from_notebook_node(notebook)
    assert '<svg class="asteroid-bars asteroid-is-working"' in page
    links = re.findall("<a class[^>]*>Page of the run \\(run.example\\)</a>", page)
    assert len(links) == 3
    assert all('rel="noopener noreferrer"' in one for one in links)
    sanitized, _ = HTMLExporter(sanitize_html=True, template_name="lab").from_notebook_node(
        notebook
    )
    markdown, _ = MarkdownExporter().from_notebook_node(notebook)
    for shown in (page, sanitized, markdown):
        words = " ".join(shown.split())
        assert "worked 2 s" in words
        assert "was paused 4 min 58 s" in words
        assert "Page of the run (run.example)" in words
        assert "alert(1)" not in shown
    assert "<svg" not in sanitized


def test_plain_text_has_the_whole_url() -> None:
    [heard] = [one for one in shown() if isinstance(one, Transcript)][1:]
    assert "https://run.example/_x_*y*$z$?a=1&b=2" in heard.as_text()
    assert "<" not in heard.as_text()
