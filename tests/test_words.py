"""No text that a user meets has words that must be read twice."""

import ast
import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.documents import PAGES, ROOT

PACKAGE = ROOT / "asteroid_magic"
# Words of earlier versions that made readers stop, and what to write in their place.
AVOID = {
    r"\bmend(?:ed|s|ing)?\b": "fix, correct",
    r"(?<!about:)\bblanks?\b(?! line)": "space",
    r"\bproves nothing\b": "may still …",
    r"\bgo(?:es|ne)? on with\b": "continue, resume, retry",
    r"\bwords? too many\b": "unexpected argument",
    r"\bc[oa]mes? to nothing\b": "fail",
    r"; [^;]{1,40}(?<!there) is none\b": "is not a number, is not a name",
    r"\bwhat stands behind\b|\bstands? behind\b": "after",
    r"\bless the\b": "without the",
    r"\bof ours\b": "name the thing",
    r"\bhurr(?:y|ies)\b": "be quick",
    r"\bstrikes?\b": "interrupt",
    r"\bis told\b|\bare told\b": "say who says it",
    r"\bmade final\b": "say what happens",
    r"\bthat there is no\b": "unknown",
    r"\bof which\b": "two sentences",
    r"\bwhoever\b|\bnobody knows\b": "the user; unknown",
    r"\btakes no more\b|\bhas not got\b": "accepts no more, did not get",
    r"\bparcels?\b|\bcouriers?\b|\bclerks?\b|\bcrews?\b": "task, sender, dispatcher",
    r"\b[Bb]lank or\b": "empty",
}
# The sandbox's agents speak for themselves.
APART = {"scenes.py", "agents.py"}


def texts_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield what a module shows: its string constants, among them the help of its magics."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


@functools.cache
def pages() -> list[tuple[str, str]]:
    """Return each text that a user meets, on one line, and where it stands."""
    return [(where, " ".join(text.split())) for where, text in every_page()]


def every_page() -> Iterator[tuple[str, str]]:
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        yield name, (ROOT / name).read_text()
    for page in PAGES:
        yield page.name, page.text
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text())["cells"]
        yield path.name, "\n".join("".join(cell["source"]) for cell in cells)
    for path in sorted(PACKAGE.glob("*/templates/*.html")):
        yield path.name, path.read_text()
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name not in APART:
            for line, text in texts_of(path):
                yield f"{path.relative_to(ROOT)}:{line}", text


@pytest.mark.parametrize("pattern", AVOID)
def test_no_text_has_words_that_must_be_read_twice(pattern: str) -> None:
    found = [
        f"{where}: …{text[max(0, match.start() - 40) : match.end() + 40]}…"
        for where, text in pages()
        for match in re.finditer(pattern, text)
    ]
    assert not found, f"write instead: {AVOID[pattern]}"
