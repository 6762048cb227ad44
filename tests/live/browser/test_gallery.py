"""The gallery looks as it did: each card and each state of the panel, beside its kept picture."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.support.gallery import PICTURES, Card, PanelState, Theme, page, sections
from tests.support.pictures import FONTS, check_fonts, difference, taken

EXHIBITS = [one for section in sections() for one in section.exhibits]
# Ages would go on counting.
STAND_STILL = "window.setInterval = () => 0; window.setTimeout = () => 0;"


@pytest.fixture(scope="module", params=["light", "dark"])
def gallery(
    request: pytest.FixtureRequest, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Page, Theme]]:
    theme: Theme = request.param
    file = tmp_path_factory.mktemp("gallery") / "gallery.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        file.write_text(page(theme, list(sections())))
    time.tzset()
    look = {"width": 800, "height": 800}
    context = browser.new_context(viewport=look, color_scheme=theme)  # type: ignore[arg-type]
    context.add_init_script(STAND_STILL)
    opened = context.new_page()
    opened.goto(file.as_uri())
    opened.locator("html[data-ready]").wait_for(state="attached")
    opened.locator(".gallery-panel .ac-chat").nth(-1).wait_for()
    check_fonts(opened.locator("body"))
    opened.add_style_tag(content=FONTS)
    yield opened, theme
    context.close()


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=lambda exhibit: exhibit.name)
def test_it_looks_as_its_picture(
    gallery: tuple[Page, Theme],
    exhibit: Card | PanelState,
    renew_pictures: bool,
    pictures: Path,
    tmp_path: Path,
) -> None:
    opened, theme = gallery
    name = f"{exhibit.name}-{theme}"
    picture = taken(opened.locator(f"#{name}"))
    if name == "activities-light":
        # The documentation shows it.
        (pictures / "transcript.png").write_bytes(picture)
    assert not difference(name, picture, renew=renew_pictures, folder=tmp_path)


def test_each_picture_is_of_something() -> None:
    names = {f"{one.name}-{theme}" for one in EXHIBITS for theme in ("light", "dark")}
    kept = {file.stem for file in PICTURES.glob("*.png") if not file.stem.startswith("form-")}
    assert kept == names
