"""The tables of ``docs/guide/hearing.md`` are those of the code."""

import re

from asteroid_magic.models.activities import CANCEL_WORDS, COLUMNS
from tests.support.documents import page

PAGE = page("docs/guide/hearing.md").text


def test_its_tables_are_those_of_the_code() -> None:
    assert dict(re.findall(r"^\| `(\w+)` \| (.*?) \|$", PAGE, re.MULTILINE)) == dict(CANCEL_WORDS)
    rows = PAGE.split("One row per activity:")[1].split("Without")[0]
    assert tuple(re.findall(r"`(\w+)`", rows)) == COLUMNS
