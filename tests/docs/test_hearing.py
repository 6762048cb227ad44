"""What docs/guide/hearing.md says is so: its examples run, and its table is that of the code."""

import re
from pathlib import Path
from typing import Any

from asteroid_magic.models.activities import CANCEL_WORDS, COLUMNS

PAGE = (Path(__file__).parents[2] / "docs/guide/hearing.md").read_text()


def test_its_examples_run() -> None:
    names: dict[str, Any] = {}
    examples = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(examples) >= 5
    try:
        for example in examples:
            exec(example, names)  # noqa: S102 (this page's own examples)
    finally:
        if "box" in names:
            names["box"].stop()


def test_its_tables_are_those_of_the_code() -> None:
    assert dict(re.findall(r"^\| `(\w+)` \| (.*?) \|$", PAGE, re.MULTILINE)) == dict(CANCEL_WORDS)
    rows = PAGE.split("One row per activity:")[1].split("Without")[0]
    assert tuple(re.findall(r"`(\w+)`", rows)) == COLUMNS
