"""The README is short, and agrees with the code."""

import re

from asteroid_magic.magics.extension import OURS
from tests.support.documents import README, ROOT


def test_it_is_short() -> None:
    assert len(README.text.encode()) <= 8_000


def test_it_names_the_two_commands_and_ci_uses_them() -> None:
    blocks = [block.text.strip() for block in README.blocks if block.language == "sh"]
    assert 'pip install -e ".[demo]" && jupyter lab notebooks/quickstart.ipynb' in blocks
    assert 'pip install -e ".[test]" && pytest' in blocks
    if (ROOT / ".ci/run").exists():
        assert '-e ".[test]" && pytest' in (ROOT / ".ci/run").read_text()


def test_its_magics_are_those_there_are() -> None:
    named = re.findall(r"(%%?)(asteroid_\w+)", README.first_cells("The magics"))
    lines = {name for kind in OURS for name in kind.magics["line"]}
    cells = {name for kind in OURS for name in kind.magics["cell"]}
    assert {name for sign, name in named if sign == "%"} == lines
    assert {name for sign, name in named if sign == "%%"} == cells


def test_a_package_index_can_show_it() -> None:
    """There, links within the page lead nowhere, and HTML may be left out."""
    assert not [link for link in README.links if link.startswith("#")]
    assert not re.findall(r"</?[a-z][^>]*>", README.prose)
    assert not re.findall(r"^\[[^\]]+\]:", README.prose, re.MULTILINE)
