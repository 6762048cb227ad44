"""Tables of files and cards of uploads: what a user reads, whatever the names hold."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from asteroid_magic import File, Files, InvalidInput, Upload, UploadedFile
from asteroid_magic.config.session import session
from asteroid_magic.errors import UPLOAD
from asteroid_magic.render.renderer import as_html, as_line, as_text
from asteroid_magic.text import size_words
from tests.support.outcomes import ID, Seen

HOSTILE = "<script>alert(1)</script>\u202e\x1b[2J\n**x** `a`"


def file(number: int = 1, **changed: Any) -> File:
    fields: dict[str, Any] = {
        "id": f"f{number}",
        "name": "fares.csv",
        "size": 12_345,
        "mime_type": "text/csv",
        "created_at": datetime(2026, 10, 1, 18, 2, 11, tzinfo=UTC),
        "execution_id": ID,
        "directory": "downloads",
    }
    return File(**fields | changed)


def upload(*files: UploadedFile) -> Upload:
    return Upload(execution_id=ID, base_url="https://asteroid.example", files=files, elapsed=1.0)


def one(name: str = "a.csv", outcome: Any = "delivered", **changed: Any) -> UploadedFile:
    return UploadedFile(name=name, size=2_000_000, outcome=outcome, **changed)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1_000, "1 kB"),
        (12_345, "12.3 kB"),
        (999_999, "1 MB"),
        (80_000_000, "80 MB"),
        (10**15, "1,000 TB"),
    ],
)
def test_a_size_is_short(size: int, words: str) -> None:
    assert size_words(size) == words


def test_a_table_has_a_line_a_file() -> None:
    session.remember(ID)
    files = Files([file(), file(2, directory="context", size=None, created_at=None)], ID)
    assert as_text(files).split("\n") == [
        "Name       Size     Type      Created                  Folder",
        "fares.csv  12.3 kB  text/csv  2026-10-01 18:02:11 UTC  downloads",
        "fares.csv  unknown  text/csv                           given to it",
        f"To save the agent's files here: %asteroid_files {ID[:8]} --save .",
    ]
    seen = Seen(as_html(files))
    assert "12.3 kB" in seen.words
    assert "script" not in seen.tags
    assert as_line(files) == as_text(files).split("\n")[0]


def test_a_table_of_saved_files_says_where_they_are() -> None:
    files = Files([file(), file(2)], ID, {"f1": Path("out/fares.csv")})
    assert "Saved as" in as_text(files)
    assert "out/fares.csv" in Seen(as_html(files)).words
    assert "To save the" not in as_text(files)


def test_hostile_names_stay_text_and_a_table_stays_small() -> None:
    rows = [
        file(number, name=HOSTILE * 200, mime_type=HOSTILE * 50, directory=HOSTILE * 50)
        for number in range(500)
    ]
    files = Files(rows, ID, {one.id: Path("x" * 5_000) for one in rows})
    html = as_html(files)
    assert len(html.encode()) < 200_000
    assert "<script" not in html
    for shown in (html, as_text(files)):
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert "and 400 more files, not shown" in shown
    assert len(as_text(files).split("\n")) == 102


def test_an_upload_is_one_line_that_unfolds() -> None:
    html = as_html(upload(one(), one("b.csv")))
    assert "<details>" in html
    words = Seen(html).words
    assert "Delivered" in words
    assert f"2 files (4 MB) to {ID}" in words
    assert "a.csv, b.csv" in words


def test_an_upload_that_failed_says_what_became_of_each_file() -> None:
    card = as_text(
        upload(
            one(confirmed_by="files"),
            one("b.csv", "unknown"),
            one("c.csv", "not_delivered", was_sent=False),
        )
    )
    assert "? May have been delivered: 3 files (6 MB)" in card
    assert "a.csv (2 MB): delivered (it is listed; the answer was lost)" in card
    assert "b.csv (2 MB): may have been delivered" in card
    assert "c.csv (2 MB): not sent" in card


def test_of_many_files_those_that_did_not_arrive_come_first() -> None:
    card = as_text(upload(*(one(f"{n}.csv") for n in range(40)), one("last.csv", "not_delivered")))
    assert "last.csv (2 MB): not delivered" in card
    assert "and 35 more, 35 of them delivered" in card


def test_an_error_with_an_upload_shows_its_files() -> None:
    error = InvalidInput("It changed.", operation=UPLOAD).about(ID, None)
    error.upload = upload(one(HOSTILE, "not_delivered"))
    for shown in (as_html(error), as_text(error)):
        assert "Not delivered" in shown
        assert "\x1b" not in shown
