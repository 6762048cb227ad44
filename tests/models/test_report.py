"""A report that fails: which rows, why, and what to do."""

from pathlib import Path
from typing import Any

import pytest

from asteroid_magic import AsteroidError, BatchFailed, Report
from asteroid_magic.models.report import RowResult
from tests.render.test_report import report_of, some


def failure_of(report: Report) -> BatchFailed:
    with pytest.raises(BatchFailed) as caught:
        report.raise_for_failures()
    return caught.value


def test_nothing_is_raised_where_every_row_was_delivered() -> None:
    report_of(*some(delivered=3)).raise_for_failures()
    report_of().raise_for_failures()


def test_the_error_has_the_counts_the_first_rows_and_their_reasons() -> None:
    report = report_of(*some(delivered=4, failed=7, unknown=2, waiting=1))
    error = failure_of(report)
    assert isinstance(error, AsteroidError)
    assert error.report is report
    assert error.outcome == "unknown"
    assert error.title == "4 of 14 messages were delivered"
    assert error.detail == (
        "2 may have been delivered, 7 not delivered, 1 not sent. Row 4 not delivered: why failed. "
        "Row 5 not delivered: why failed. Row 6 not delivered: why failed. And 7 more rows."
    )
    assert "Check the executions in report.unknown before you resend" in error.hint


def test_a_row_has_the_number_that_it_has_in_the_list() -> None:
    outcomes = [RowResult(0, "failed", error="NotFound", detail="why"), RowResult(1, "delivered")]
    assert "Row 0 not delivered: why." in failure_of(report_of(*outcomes)).detail


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"interrupted": True}, "You interrupted the batch."),
        ({"stopped": "The key is refused."}, "stopped by itself. The key is refused."),
    ],
)
def test_a_batch_that_ended_early_fails_whatever_it_delivered(
    options: dict[str, Any], words: str
) -> None:
    error = failure_of(report_of(*some(delivered=3), **options))
    assert words in error.detail
    assert error.outcome == "not_delivered"
    assert error.title == "3 of 3 messages were delivered"


def test_inline_it_is_one_quiet_line() -> None:
    error = failure_of(report_of(*some(delivered=1, failed=9)))
    (line,) = error._render_traceback_()
    assert line.startswith(
        "BatchFailed: Not delivered. 1 of 10 messages were delivered. 9 not delivered. Row 1 not "
    )
    assert len(line) <= 300


def test_with_a_journal_it_says_how_to_retry_and_needs_no_file(tmp_path: Path) -> None:
    path = tmp_path / "answers.db"
    report = report_of(*some(delivered=1, failed=1), journal=path)
    assert "run the same call with the same journal" in failure_of(report).hint
    path.unlink()
    error = failure_of(report)
    assert error.detail.startswith("1 not delivered. The rows cannot be read.")
