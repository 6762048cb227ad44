"""The documentation as its readers get it: built by its command, whole, and without a network."""

import re
from urllib.parse import unquote, urlsplit

import pytest

from tests.support.sites import COMMAND, ROOT, Page

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


@pytest.mark.parametrize("name", PAGES)
def test_it_has_the_page(site: dict[str, Page], name: str) -> None:
    assert "To be written." not in site[name].text


def test_contributors_find_the_command() -> None:
    assert COMMAND in (ROOT / "CONTRIBUTING.md").read_text()


def test_its_links_lead_somewhere(site: dict[str, Page]) -> None:
    pages = {page.file: page for page in site.values()}
    followed = 0
    for file, page in pages.items():
        for link in page.links:
            url = urlsplit(link)
            if url.scheme:
                continue
            target = (file.parent / unquote(url.path)).resolve() if url.path else file
            assert target.exists(), f"{file.name}: {link}"
            assert target not in pages or unquote(url.fragment) in pages[target].names, link
            followed += 1
    assert followed > 500


def test_its_pages_load_nothing_from_another_server(site: dict[str, Page]) -> None:
    for name, page in site.items():
        assert not {one for one in page.loaded if urlsplit(one).netloc}, name
        assert not re.search(r"@import|url\(['\"]?(?:https?:)?//", page.text), name
        # Its script would come from another server.
        assert not any("mathjax" in one for one in page.loaded), name


def test_notebooks_are_pages_with_their_cards(site: dict[str, Page]) -> None:
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert len(notebooks) >= 6
    for notebook in notebooks:
        text = site[f"notebooks/{notebook.stem}"].text
        assert "asteroid-card" in text or "asteroid-form" in text, notebook.name
        assert "Traceback" not in text
    assert "asteroid-delivered" in site["notebooks/quickstart"].text
    assert "May have been delivered" in site["notebooks/quickstart"].text


def test_it_can_be_searched_read_in_the_dark_and_copied_from(site: dict[str, Page]) -> None:
    assert "delivered" in (site["index"].file.parent / "searchindex.js").read_text()
    assert "theme-toggle" in site["first-steps"].text
    assert any("copybutton" in one for one in site["first-steps"].loaded)


def test_what_to_do_about_an_unknown_outcome_is_two_clicks_from_the_start(
    site: dict[str, Page],
) -> None:
    troubleshooting = site["help/troubleshooting"]
    (heading,) = {
        name for name in troubleshooting.names if name.startswith("may-have-been-delivered")
    }
    assert any(link.startswith("help/troubleshooting.html") for link in site["index"].links)
    assert f"#{heading}" in troubleshooting.links
