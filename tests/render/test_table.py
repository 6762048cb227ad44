"""The table of executions: exact, bounded, and inert."""

import re
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from importlib import import_module
from typing import Any

import pytest
from IPython.core.formatters import DisplayFormatter

from asteroid_magic import Execution, Executions, Option, Question
from asteroid_magic.models.watch import Listing
from asteroid_magic.render import table
from asteroid_magic.render.table import as_html, as_text
from tests.render.test_cards import ATTRIBUTES, HOSTILE, TAGS
from tests.support.outcomes import ID, Seen

pandas: Any = import_module("pandas")

CREATED = datetime(2026, 10, 1, 20, 2, 11, tzinfo=timezone(timedelta(hours=2)))


def some(*statuses: str) -> Listing:
    return Listing(
        (
            Execution(id=ID, workflow_name="Book a table", status=status, created_at=CREATED)
            for status in statuses
        ),
        read_at=CREATED + timedelta(minutes=4, seconds=59),
    )


def test_a_notebook_shows_a_table_and_a_terminal_its_text() -> None:
    shown = some("running", "paused_by_agent")
    data, _ = DisplayFormatter().format(shown)
    assert str(shown) == data["text/plain"]
    assert data["text/plain"].splitlines() == [
        "Status         Workflow      Execution" + " " * 29 + "Age",
        f"waits for you  Book a table  {ID}  4 min",
        f"running        Book a table  {ID}  4 min",
        "1 more waits. To see for what: %asteroid_activities EXECUTION",
    ]
    words = Seen(data["text/html"]).words.split("\n")
    assert [word for word in words if word] == [
        "StatusWorkflowExecutionAge",
        *("waits for you", "Book a table", ID, "4 min"),
        *("running", "Book a table", ID, "4 min"),
        "1 more waits. To see for what: %asteroid_activities EXECUTION",
    ]
    assert data["text/html"].count('<td title="2026-10-01 18:02:11 UTC">4 min</td>') == 2
    assert data["text/html"].count('<tr class="asteroid-waiting">') == 1


def test_what_is_not_known_leaves_its_cell_empty() -> None:
    text = Executions([Execution(id="x")]).as_text()
    assert text.splitlines()[1].split() == ["unknown", "x"]
    assert table.as_text(Executions()) == "No executions were found."
    assert "No executions were found." in Seen(table.as_html(Executions())).words


def test_of_very_many_the_first_are_shown_and_the_others_counted() -> None:
    shown = some(*["running"] * 1_234)
    assert shown.as_text().count(ID) == table.as_html(shown).count(ID) == 100
    assert shown.as_text().endswith("and 1,134 more executions, not shown")
    assert "and 1,134 more executions, not shown" in table.as_html(shown)


@pytest.mark.parametrize("text", [*HOSTILE, "_"], ids=ascii)
def test_whatever_it_shows_a_table_is_inert_and_bounded(text: str) -> None:
    whole = text * (10_000 // len(text))
    evil = Executions([Execution(id=whole, workflow_name=whole, status=whole)] * 300)
    html, plain = table.as_html(evil), evil.as_text()
    assert len(html.encode()) < 100_000
    assert_inert(html)
    assert not set(plain) & set("\x1b\u202e\ud800\U000e0041")
    assert len(plain.splitlines()) == 102


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_whatever_is_asked_a_table_is_inert_and_bounded(text: str) -> None:
    whole = text * (10_000 // len(text))
    evil = Executions(
        Execution(id=f"{number}{whole}", workflow_name=whole, status=whole) for number in range(300)
    )
    asked = [Question(whole, whole, options=(Option(whole, whole),) * 50)] * 50
    asking = Listing(evil, dict.fromkeys((one.id for one in evil), tuple(asked)))
    html, plain = table.as_html(asking), table.as_text(asking)
    assert len(html.encode()) < 200_000
    assert_inert(html)
    assert not set(plain) & set("\x1b\u202e\ud800\U000e0041")
    assert plain.count("and 44 more") == table.MOST_ASKING * table.MOST_QUESTIONS


def assert_inert(html: str) -> None:
    seen = Seen(html)
    assert seen.tags <= {*TAGS, "style", "table", "thead", "tbody", "tr", "th", "td", "wbr"}
    assert seen.attributes <= {*ATTRIBUTES, "scope", "colspan", "title"}
    assert not re.search(r"<script|url\(|@import|\b(?:src|href)=[^x&]", html)
    assert not set(html) & set("\x1b\u202e\ud800\U000e0041")


def test_a_frame_has_a_row_for_each() -> None:
    frame = some("running", "completed").to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame["status"]) == ["running", "completed"]
    assert list(frame["id"]) == [ID, ID]
    assert frame["created_at"][0] == CREATED
    assert "data" not in frame.columns
    assert list(Executions().to_frame().columns) == list(frame.columns)


def test_without_pandas_a_frame_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['pandas'] = None\n"
        "from asteroid_magic import Executions; Executions().to_frame()"
    )
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.stderr.strip().endswith(
        "ImportError: to_frame() needs pandas. Install it with: pip install pandas"
    )
    assert "During handling" not in ended.stderr


URLS: dict[str, Any] = {
    "live_view_url": "https://live.example/x?a=1&b=2",
    "recording_url": "https://rec.example/x",
    "platform_url": "javascript:alert(1)",
}


def test_who_waits_has_its_links_in_sight_and_those_of_the_others_are_folded() -> None:
    waits = Execution(id=ID, workflow_name="Waits", status="paused_by_agent", **URLS)
    ended = Execution(id=ID, workflow_name="Ended", status="completed", **URLS)
    plain = Execution(id=ID, workflow_name="Plain", status="running")
    for shown in (Listing([ended, waits, plain]), Listing([waits], {ID: ()})):
        html, text = shown._repr_html_(), shown.as_text()
        seen = html.partition("<details>")[0]
        assert "Live view (live.example)" in seen
        assert 'href="https://live.example/x?a=1&#38;b=2" target="_blank" rel="noopener' in seen
        assert "  live view: https://live.example/x?a=1&b=2" in text.splitlines()
        assert "alert" not in html + text
    html, text = (draw(Listing([ended, waits, plain])) for draw in (as_html, as_text))
    folded = html.partition("<details>")[2]
    assert "Links of the others" in folded
    assert "Ended" in folded
    assert "Recording (rec.example)" in folded
    assert "Plain" not in folded
    assert text.splitlines()[-1].startswith("Links of the others: the live_view_url, recording_url")
    alone = Listing([plain])
    assert "<details>" not in alone._repr_html_()
    assert "Links" not in alone.as_text()


def test_many_and_long_links_leave_a_table_small() -> None:
    for length in (10, 300, 3_900):
        url = "https://live.example/" + "x" * length
        urls: dict[str, Any] = dict.fromkeys(URLS, url)
        for status in ("running", "paused_by_agent"):
            many = [
                Execution(id=ID, workflow_name="&" * 500, status=status, **urls) for _ in range(100)
            ]
            plain = as_html(Executions(many))
            assert len(plain.encode()) < 100_000
            assert len(as_html(Listing(many)).encode()) < 200_000
            assert "<a " in plain
            assert "not all links" in plain.lower()
