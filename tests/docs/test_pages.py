"""What holds for every page: its examples run, its links lead somewhere, its tables are whole."""

import re
from functools import partial
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from asteroid_magic import sandbox
from asteroid_magic.sandbox import Sandbox
from tests.support.documents import DOCS, PAGES, README, ROOT, RUNNABLE, Document, page
from tests.support.sandboxes import eventually
from tests.support.shells import Notebook

ALL = [README, *PAGES]
EXAMPLES = [one for one in ALL if one.cells]
# Languages of blocks that do not run. {toctree} and the like are for Sphinx.
OTHERS = re.compile(r"text|sh|\{[\w-]+\}")
named = partial(pytest.mark.parametrize, "document", ids=lambda one: one.name)


@pytest.fixture
def user(shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Notebook:
    """A user in an empty folder, whose sandbox has quick agents."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sandbox, "Sandbox", partial(Sandbox, pace=0.02))
    return Notebook(shell)


SANDBOX = """
box = %asteroid_sandbox
run_id = box.executions[1].id
"""
REFERENCE = """
from asteroid_magic import *
client, execution_id, message = AsteroidClient(), run_id, "Yes, go on."
"""


def begin_as_read(document: Document, user: Notebook) -> None:
    """Give an example what its page does not: a sandbox, and in the reference a client."""
    if not any("%asteroid_sandbox" in cell for cell in document.cells):
        user.run("%load_ext asteroid_magic")
        user.run(SANDBOX)
    if document.name.startswith("docs/reference/"):
        user.run(REFERENCE)


@named(argvalues=EXAMPLES)
def test_the_examples_of_a_page_run_one_after_the_other(document: Document, user: Notebook) -> None:
    begin_as_read(document, user)
    for cell in document.cells:
        user.run(cell)
        assert user.error is None, f"{cell}\n{user.text}\n{user.error}"
        assert "UsageError" not in user.text, f"{cell}\n{user.text}"


def test_what_runs_is_what_pages_should_have() -> None:
    """A page that loses its examples is noticed."""
    assert len(EXAMPLES) >= 11
    assert sum(len(one.cells) for one in EXAMPLES) >= 60


@named(argvalues=ALL)
def test_each_block_says_its_language(document: Document) -> None:
    for block in document.blocks:
        known = block.language in RUNNABLE or OTHERS.match(block.language)
        assert known, f"{block.language!r} of {block.text}"


@named(argvalues=ALL)
def test_links_and_pictures_lead_somewhere(document: Document) -> None:
    for link in document.links:
        if link.startswith("https://"):
            continue
        path = document.leads_to(link)
        assert path.exists(), link
        assert path.is_relative_to(ROOT), link
        heading = link.partition("#")[2]
        assert not heading or heading in Document(path).headings, link


@named(argvalues=ALL)
def test_each_table_is_one(document: Document) -> None:
    for table in re.findall(r"(?:^\|.*\n)+", document.prose, re.MULTILINE):
        rows = table.splitlines()
        assert rows[1].startswith("| ---"), table
        # A bar in code would begin a cell.
        assert len({re.sub(r"\\\|", "", row).count("|") for row in rows}) == 1, table


@named(argvalues=ALL)
def test_each_page_has_one_title(document: Document) -> None:
    is_another_file = any(block.language == "{include}" for block in document.blocks)
    titles = re.findall(r"^# ", document.prose, re.MULTILINE)
    assert is_another_file or len(titles) == 1


@pytest.mark.parametrize("start", [README, page("docs/index.md")], ids=["README", "index"])
def test_the_way_to_the_most_urgent_help_is_short(start: Document) -> None:
    urgent = "docs/help/troubleshooting.md#may-have-been-delivered-what-now"
    links = {link for link in start.links if "may-have-been-delivered" in link}
    assert {ROOT / urgent.partition("#")[0]} == {start.leads_to(link) for link in links}


def test_every_page_is_in_the_contents() -> None:
    listed = {
        (one.path.parent / line).relative_to(DOCS).as_posix()
        for one in PAGES
        for block in one.blocks
        if block.language == "{toctree}"
        for line in block.text.splitlines()
        if line and not line.startswith(":")
    }
    there = {one.path.relative_to(DOCS).with_suffix("").as_posix() for one in PAGES} - {"index"}
    notebooks = {f"notebooks/{path.stem}" for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert listed == {*there, *notebooks, "project/gallery"}


def test_every_picture_is_shown() -> None:
    """The command that makes them all makes no others."""
    pictures = {path for path in (DOCS / "images").iterdir() if path.suffix == ".png"}
    shown = {one.leads_to(link) for one in ALL for link in one.links if link.endswith(".png")}
    assert pictures == shown


def test_the_examples_about_files_give_and_save_them(user: Notebook, tmp_path: Path) -> None:
    first, *cells = page("docs/guide/files.md").cells[:-1]
    user.run(first)
    box: Sandbox = user.shell.user_ns["box"]
    run = box.executions[1].id
    # The running agent saves one after a moment.
    eventually(lambda: box.files(run))
    for cell in cells:
        user.run(cell)
    assert {"invoice.txt", "my notes.txt", "notes.txt"} <= set(box.files(run))
    assert (tmp_path / "reports" / "invoices (1).csv").exists()
