"""One browser and one Jupyter server for all tests of this folder."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from asteroid_magic.sandbox import Sandbox
from tests.support.jupyter import FLAGS, Jupyter, Notebook, chromium, opened

expect.set_options(timeout=20_000)

Opener = Callable[..., AbstractContextManager[Notebook]]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = chromium()
    if path is None:
        missing = "No Chromium was found: these tests need one."
        # With REQUIRE_BROWSER, a missing browser must not count as a pass.
        (pytest.fail if os.environ.get("REQUIRE_BROWSER") else pytest.skip)(missing)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="package")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    with Jupyter(tmp_path_factory.mktemp("jupyter")) as server:
        yield server


@pytest.fixture
def open_cells(browser: Browser, jupyter: Jupyter, tmp_path: Path) -> Opener:
    """Open a notebook whose cells use a sandbox, and run them all.

    The key comes from a file, so that the cells do not hold it.
    """

    @contextmanager
    def open_them(box: Sandbox, *cells: str, **look: Any) -> Iterator[Notebook]:
        with opened(
            browser, jupyter, jupyter.add(reach(box, tmp_path), *cells), **look
        ) as notebook:
            notebook.run_all()
            yield notebook

    return open_them


def reach(box: Sandbox, folder: Path) -> str:
    """Return a cell that loads the extension and points it to the sandbox."""
    settings = folder / "settings.json"
    settings.write_text(
        json.dumps({"ASTEROID_BASE_URL": box.base_url, "ASTEROID_API_KEY": box.api_key})
    )
    return (
        "import json, os, pathlib\n"
        f"os.environ.update(json.loads(pathlib.Path({str(settings)!r}).read_text()))\n"
        "%load_ext asteroid_magic"
    )


@pytest.fixture
def pictures(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The folder for pictures: that of ``--pictures``, or a new one."""
    asked = request.config.getoption("--pictures")
    return Path(asked) if asked else tmp_path


@pytest.fixture
def renew_pictures(request: pytest.FixtureRequest) -> bool:
    """Whether ``--renew-pictures`` asks for the pictures of today to be kept."""
    return bool(request.config.getoption("--renew-pictures"))
