"""The report of a batch: exact, bounded, and inert."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from IPython.core.formatters import DisplayFormatter

from asteroid_magic import JournalError, Report
from asteroid_magic.batch.journal import Journal
from asteroid_magic.batch.row_results import storable
from asteroid_magic.config.session import session
from asteroid_magic.models.report import RowResult
from tests.render.test_cards import ATTRIBUTES, HOSTILE, TAGS
from tests.support.outcomes import ID, Seen

pandas: Any = import_module("pandas")

LOOK = (
    "Check the executions in report.unknown before you resend: "
    "a second send may deliver a message twice."
)

LEGEND = "? may have been delivered, x not delivered, . not sent, # delivered"


def report_of(*outcomes: RowResult, message: str = "hello", **options: Any) -> Report:
    journal = Journal(options.pop("journal", None))
    journal.write([(one.position, (ID, message)) for one in outcomes], outcomes)
    reader = journal.close()
    return Report(counts=reader.counts(), elapsed=2.0, reader=reader, **options)


def some(**numbers: int) -> list[RowResult]:
    kinds = {"failed": "NotFound", "unknown": "ServerError"}
    states = [state for state, number in numbers.items() for _ in range(number)]
    return [
        RowResult(at, state, 1, 1.5, 0.2, kinds.get(state), kinds.get(state) and f"why {state}")  # type: ignore[arg-type]
        for at, state in enumerate(states)
    ]


def test_a_notebook_shows_tables_and_a_terminal_text() -> None:
    report = report_of(*some(delivered=3, failed=2, unknown=1, waiting=1))
    data, _ = DisplayFormatter().format(report)
    assert data["text/plain"].splitlines() == [
        "? 7 messages: 1 may have been delivered, 2 not delivered, 1 not sent, 3 delivered",
        f"  [???xxxxx...#########] {LEGEND}",
        "  Took 2.0 s, 2 per second.",
        "  NotFound (2): row 3: why failed",
        "  ServerError (1): row 5: why unknown",
        f"  row 5  may have been delivered (ServerError)  {ID}  hello",
        f"  row 3  not delivered (NotFound)  {ID}  hello",
        f"  row 4  not delivered (NotFound)  {ID}  hello",
        f"  row 6  not sent  {ID}  hello",
        "  next  To resend only the rows that were not delivered: send_many(report.failed). "
        + LOOK,
    ]
    words = Seen(data["text/html"]).words
    for part in ("7 messages: 1 may", "RowOutcomeExecutionMessage", "row 3: why failed", ID):
        assert part in words
    assert "<details>" not in data["text/html"]


def test_a_report_without_failures_lists_no_rows() -> None:
    report = report_of(*some(delivered=3))
    assert report.as_text().splitlines() == [
        "✓ 3 messages: 3 delivered",
        "  Took 2.0 s, 2 per second.",
        "  To list the rows: to_frame() or entries().",
    ]
    html = report._repr_html_()
    assert "<table" not in html
    assert ID not in html
    assert "To list the rows: to_frame() or entries()." in Seen(html).words
    assert "To list" not in report_of().as_text()


def widths(html: str) -> list[tuple[str, int]]:
    """Return the parts of the bar, each with its share."""
    bar = html.split('class="asteroid-bar"')[1].split("</div>", maxsplit=1)[0]
    found = re.findall(r'class="asteroid-([\w-]+)" style="flex-grow: (\d+)"', bar)
    return [(kind, int(share)) for kind, share in found]


def test_a_bar_shows_the_proportions_in_the_order_of_the_words() -> None:
    html = report_of(*some(delivered=2_500, failed=1, unknown=2, waiting=3))._repr_html_()
    shares = [("unknown", 2), ("not-delivered", 1), ("unsent", 3), ("delivered", 2_500)]
    assert widths(html) == shares
    assert html.index("asteroid-bar") < html.index("2,506 messages")
    for words in ("2 may have been delivered,", "1 not delivered,", "3 not sent,", "2,500 deliv"):
        assert words in html, "the words beside their marks"
    assert widths(report_of(*some(delivered=3))._repr_html_()) == [("delivered", 3)]
    assert 'class="asteroid-bar"' not in report_of()._repr_html_(), "of nothing"
    assert "script" not in html


@pytest.mark.parametrize(
    ("numbers", "bar"),
    [
        ({"delivered": 9_999, "failed": 1}, f"  [x{'#' * 19}] "),
        ({"unknown": 1, "failed": 1, "waiting": 1}, "  [????????xxxxxx......] "),
    ],
)
def test_a_terminal_shows_each_part_of_the_bar(numbers: dict[str, int], bar: str) -> None:
    assert report_of(*some(**numbers)).as_text().splitlines()[1].startswith(bar)


def test_counts_are_shown_although_the_journal_cannot_be_read(tmp_path: Path) -> None:
    report = report_of(*some(delivered=2, failed=3), journal=tmp_path / "answers.db")
    (tmp_path / "answers.db").unlink()
    for shown in (report.as_text(), Seen(report._repr_html_()).words):
        assert "5 messages: 3 not delivered, 2 delivered" in shown
        assert "The rows cannot be read." in shown
        assert "cannot be opened" in shown


def test_rows_beyond_fifty_are_folded_and_beyond_two_hundred_left_out() -> None:
    html = report_of(*some(delivered=50, failed=51))._repr_html_()
    assert "<summary>1 more row</summary>" in html
    report = report_of(*some(delivered=500, failed=300))
    html = report._repr_html_()
    assert html.count("<tr>") == 200 + 2 + 2
    assert html.split("<details>")[0].count("not delivered (NotFound)") == 50
    assert "and 100 more rows, not shown: to_frame() has all" in Seen(html).words
    text = report.as_text()
    assert text.count("not delivered (NotFound)") == 50
    assert "and 250 more rows, not shown: to_frame() has all." in text


def test_delivered_rows_are_not_listed_among_others() -> None:
    report = report_of(*some(delivered=30, unknown=2))
    assert report._repr_html_().count("<tr>") == 2 + 2 + 1
    assert "more row" not in report._repr_html_() + report.as_text()


def test_a_report_is_inert_and_bounded() -> None:
    hostile = storable("".join(HOSTILE))
    outcomes = [
        RowResult(at, "failed", error=f"Kind{at % 30}", detail=hostile * 20) for at in range(300)
    ]
    report = report_of(*outcomes, message=hostile * 50, stopped=hostile * 50)
    html = report._repr_html_()
    assert len(html.encode()) < 200_000
    seen = Seen(html)
    assert seen.tags <= TAGS | {"table", "thead", "tbody", "tr", "th", "td", "style"}
    assert seen.attributes <= ATTRIBUTES | {"scope", "style"}
    assert "\x1b" not in report.as_text()
    assert "\u202e" not in report.as_text()


def test_a_row_names_the_workflow_that_the_session_knows() -> None:
    report = report_of(*some(failed=1))
    session.remember(ID, "Book a <b>\ntable")
    assert f"  row 0  not delivered (NotFound)  {ID} (Book a <b> table)  hello" in report.as_text()
    html = report._repr_html_()
    assert f"{ID} Book a <b> table" in Seen(html).words
    assert "<b>" not in html


def test_a_report_with_long_names_is_bounded() -> None:
    session.remember(ID, "".join(HOSTILE) * 50)
    outcomes = [RowResult(at, "failed", error=f"Kind{at % 30}", detail="no") for at in range(300)]
    report = report_of(*outcomes)
    assert len(report._repr_html_().encode()) < 100_000
    assert "\x1b" not in report.as_text()


def test_an_execution_of_a_bad_row_cannot_forge_a_line() -> None:
    journal = Journal()
    outcomes = [RowResult(0, "failed", error="InvalidInput", detail="bad")]
    journal.write([(0, ("x\n✓ 5 messages: 5 delivered", "hi"))], outcomes)
    reader = journal.close()
    text = Report(counts=reader.counts(), elapsed=1.0, reader=reader).as_text()
    assert all(line.startswith("  ") for line in text.splitlines()[1:])


def test_the_frame_has_a_row_for_each_message() -> None:
    frame = report_of(*some(delivered=2, failed=1)).to_frame()
    assert list(frame["state"]) == ["delivered", "delivered", "failed"]
    assert list(frame["execution_id"]) == [ID] * 3
    assert frame["sent_at"][0] == pandas.Timestamp("1970-01-01 00:00:01.5+00:00")
    assert frame["error"][2] == "NotFound"
    assert list(report_of().to_frame().columns) == list(frame.columns)


def test_without_pandas_the_frame_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        report_of().to_frame()


def test_rows_are_read_from_the_journal_when_they_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "answers.db"
    report = report_of(*some(delivered=2, failed=3), journal=path)
    text = report.as_text()
    assert "To retry what was not delivered, run the same call with the same journal." in text
    failed = report.failed
    assert (len(failed), failed[0], failed[-1:]) == (3, (ID, "hello"), [(ID, "hello")])
    assert repr(failed) == "<3 rows: failed>"
    path.unlink()
    with pytest.raises(JournalError):
        list(failed)
