"""The documentation as its readers get it: built by its command, whole, and without a network."""

import re
import shlex
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = "sphinx-build -W docs docs/_build/html"
PAGES = (
    "first-steps",
    "guide/sending",
    "guide/hearing",
    "guide/form",
    "guide/panel",
    "guide/many-messages",
    "guide/files",
    "guide/settings",
    "help/outcomes",
    "help/hosts",
    "help/troubleshooting",
    "help/recipes",
    "notebooks/quickstart",
    "project/architecture",
    "project/contributing",
    "project/gallery",
    "reference/index",
    "search",
)
# What a page loads by itself, unlike a link that its reader follows.
LOADED = {("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src"), ("source", "src")}


class Page(HTMLParser):
    """The names that a page has, what it loads, and where its links lead."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.names, self.links, self.loaded = {""}, set[str](), set[str]()
        self.text = file.read_text()
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" or (tag, name) == ("a", "name"):
                self.names.add(value or "")
            if (tag, name) == ("a", "href"):
                self.links.add(value or "")
            if (tag, name) in LOADED:
                self.loaded.add(value or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Page]:
    """The site, made by the documented command, by the path of each page."""
    pytest.importorskip("myst_nb", reason="the documentation needs the extra [docs]")
    assert COMMAND in (ROOT / "CONTRIBUTING.md").read_text()
    folder = tmp_path_factory.mktemp("site").resolve()
    _, *words = shlex.split(COMMAND.replace("docs/_build/html", shlex.quote(str(folder))))
    # A build in use elsewhere, or an old one, must not matter: -E reads all pages anew.
    command = [sys.executable, "-m", "sphinx", "-E", "-q", *words]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return {file: Page(file) for file in folder.rglob("*.html")}


def page_of(site: dict[Path, Page], name: str) -> Page:
    (found,) = (page for file, page in site.items() if file.as_posix().endswith(f"/{name}.html"))
    return found


@pytest.mark.parametrize("name", PAGES)
def test_it_has_the_page(site: dict[Path, Page], name: str) -> None:
    assert "To be written." not in page_of(site, name).text


def test_its_links_lead_somewhere(site: dict[Path, Page]) -> None:
    followed = 0
    for file, page in site.items():
        for link in page.links:
            url = urlsplit(link)
            if url.scheme in {"http", "https", "mailto"}:
                continue
            target = (file.parent / unquote(url.path)).resolve() if url.path else file
            assert target.exists(), f"{file.name}: {link}"
            assert target not in site or unquote(url.fragment) in site[target].names, link
            followed += 1
    assert followed > 500


def test_its_pages_load_nothing_from_another_server(site: dict[Path, Page]) -> None:
    for file, page in site.items():
        foreign = {one for one in page.loaded if urlsplit(one).netloc}
        assert not foreign, file
        assert not re.search(r"@import|url\(['\"]?(?:https?:)?//", page.text), file


def test_notebooks_are_pages_with_their_cards(site: dict[Path, Page]) -> None:
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert len(notebooks) >= 6
    for notebook in notebooks:
        text = page_of(site, f"notebooks/{notebook.stem}").text
        assert "asteroid-card" in text or "asteroid-form" in text, notebook.name
        assert "Traceback" not in text
    quickstart = page_of(site, "notebooks/quickstart").text
    assert "asteroid-delivered" in quickstart
    assert "May have been delivered" in quickstart


def test_it_can_be_searched_read_in_the_dark_and_copied_from(site: dict[Path, Page]) -> None:
    steps = page_of(site, "first-steps")
    assert "theme-toggle" in steps.text
    assert any("copybutton" in one for one in steps.loaded)
    index = next(iter(site)).parents[0]
    while not (index / "searchindex.js").exists():
        index = index.parent
    assert "delivered" in (index / "searchindex.js").read_text()
    # None of its pages needs mathematics, whose script would come from another server.
    assert not any("mathjax" in one for page in site.values() for one in page.loaded)


def test_what_to_do_about_an_unknown_outcome_is_two_clicks_from_the_start(
    site: dict[Path, Page],
) -> None:
    (start,) = (
        page
        for file, page in site.items()
        if file.name == "index.html" and (file.parent / "searchindex.js").exists()
    )
    (heading,) = {
        name
        for name in page_of(site, "help/troubleshooting").names
        if name.startswith("may-have-been-delivered")
    }
    assert any(link.startswith("help/troubleshooting.html") for link in start.links)
    assert f"#{heading}" in page_of(site, "help/troubleshooting").links
