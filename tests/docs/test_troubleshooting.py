"""The pages about what can be seen quote what the package says."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from asteroid_magic.errors import SEND
from asteroid_magic.sandbox import Sandbox
from tests.support.documents import ROOT, page
from tests.support.shells import Notebook

PAGES = ("docs/help/troubleshooting.md", "docs/guide/panel.md", "docs/guide/form.md")
# What IPython and Python say, and names of hosts.
FOREIGN = {"Line magic function", "No module named", "Run All"}


def quotations() -> set[str]:
    """What the pages have in italics; of one with a gap or code, its parts."""
    prose = "\n".join(page(name).prose for name in PAGES)
    quoted = (" ".join(one.split()) for one in re.findall(r"(?<!\*)\*([^*]+)\*(?!\*)", prose))
    parts = {part.strip() for one in quoted for part in re.split(r"…|`[^`]*`|'[^']*'", one)}
    return {re.sub(r" \(\d+\)$", "", part) for part in parts if part not in {"", "not found"}}


def strings(path: Path) -> Iterator[str]:
    """Yield the texts in a module, in the words for a message."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield re.sub(r"\{(thing|may)\}", lambda word: str(getattr(SEND, word[1])), node.value)


PACKAGE = ROOT / "asteroid_magic"
SAID = "\n".join(
    [
        *(path.read_text() for path in PACKAGE.glob("*/static/*.js")),
        *(path.read_text() for path in PACKAGE.glob("*/templates/*.html")),
        *(text for path in PACKAGE.rglob("*.py") for text in strings(path)),
    ]
)


@pytest.mark.parametrize("words", sorted(quotations()))
def test_a_quotation_is_what_a_user_sees(words: str) -> None:
    assert words in SAID or words in FOREIGN


def test_there_are_quotations() -> None:
    assert len(quotations()) >= 15


def test_the_limit_that_it_names_is_one(notebook: Notebook, box: Sandbox, run_id: str) -> None:
    """If this fails, the page can promise more."""
    assert "lines that all begin with `#`" in " ".join(page(PAGES[0]).text.split())
    notebook.run("%asteroid_send run_id Dear agent,\n# first\n# second")
    assert box.messages(run_id) == ["Dear agent,"]
