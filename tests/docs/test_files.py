"""The page about files says what is so: its examples run, in Python and as magics."""

import re
from pathlib import Path

import pytest

from asteroid_magic.config.session import session
from asteroid_magic.sandbox import Sandbox
from tests.support.sandboxes import eventually
from tests.support.shells import Notebook

PAGE = (Path(__file__).parents[2] / "docs/guide/files.md").read_text()


def test_its_examples_run(
    notebook: Notebook, box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = box.executions[1].id
    eventually(lambda: box.files(run))
    monkeypatch.chdir(tmp_path)
    for name in ("invoice.pdf", "my notes.txt"):
        (tmp_path / name).write_text("1")
    session.remember(run)
    session.base_url = box.base_url
    blocks = re.findall(r"```(python)?\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 4
    for language, code in blocks:
        lines = [code] if language else code.replace("8b078c8b", run[:8]).splitlines()
        for line in lines:
            notebook.run(line)
            assert notebook.error is None, line
    assert {"invoice.pdf", "my notes.txt", "notes.txt"} <= set(box.files(run))
    assert (tmp_path / "reports" / "invoices (1).csv").exists()


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        assert (Path(__file__).parents[2] / "docs" / target).exists(), target


def test_it_is_short() -> None:
    assert len(PAGE.encode()) < 5_000
