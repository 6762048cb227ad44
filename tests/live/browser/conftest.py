"""One browser and one Jupyter server for all tests of this folder."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from asteroid_magic.sandbox import Sandbox
from tests.support.jupyter import (
    FLAGS,
    WITHOUT_SUBSHELLS,
    Jupyter,
    Notebook,
    SharedPages,
    chromium,
)

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
def pages(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedPages]:
    yield from started(browser, Jupyter(tmp_path_factory.mktemp("jupyter")))


@pytest.fixture(scope="package")
def pages_without_subshells(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SharedPages]:
    """Pages whose widgets do not hear the kernel while a cell runs, as with older versions."""
    yield from started(browser, Jupyter(tmp_path_factory.mktemp("jupyter"), WITHOUT_SUBSHELLS))


def started(browser: Browser, jupyter: Jupyter) -> Iterator[SharedPages]:
    """Give pages of a Jupyter server while the fixture lasts."""
    with jupyter as server, closing(SharedPages(browser, server)) as shared:
        yield shared


@pytest.fixture
def jupyter(pages: SharedPages) -> Jupyter:
    return pages.jupyter


@pytest.fixture
def open_cells(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Open a notebook whose cells use a sandbox, and run them all, or begin to.

    The key comes from a file, so that the cells do not hold it.
    """

    @contextmanager
    def open_them(
        box: Sandbox,
        *cells: str,
        subshells: bool = True,
        often: bool = False,
        wait: bool = True,
        **look: Any,
    ) -> Iterator[Notebook]:
        kind = "pages" if subshells else "pages_without_subshells"
        pages: SharedPages = request.getfixturevalue(kind)
        name = pages.jupyter.add(reach(box, tmp_path, often=often), *cells)
        try:
            with pages.opened(name, **look) as notebook:
                notebook.run_all(wait=wait)
                yield notebook
        except BaseException as error:
            error.add_note((tmp_path / LATE).read_text() or "The kernel was not late.")
            raise

    return open_them


# Here a kernel writes every 50 s what its threads do: the only trace of a cell that never ends.
LATE = "late"
LOOK_OFTEN = """
import asteroid_magic.monitor.schedule as schedule
schedule.LIVELY_LOOKS, schedule.LIVELY_LISTING_S = schedule.Backoff(0.5, 1.0), 1.0
schedule.MOST_REQUESTS = 1_000
"""


def reach(box: Sandbox, folder: Path, *, often: bool = False) -> str:
    """Return a cell that loads the extension, and points it to the sandbox.

    The form and the panel look for news as `tests/monitor/test_schedule.py` tells, or more often,
    for a test that has to wait for what is new.
    """
    settings = {"ASTEROID_BASE_URL": box.base_url, "ASTEROID_API_KEY": box.api_key}
    program = folder / "reach.py"
    late = folder / LATE
    late.touch()
    program.write_text(
        "import faulthandler, os\n"
        f"faulthandler.dump_traceback_later(50, True, open({str(late)!r}, 'w'))\n"
        f"os.environ.update({settings!r}){LOOK_OFTEN if often else ''}"
    )
    return (
        "import json, os, pathlib\n"
        f"exec(pathlib.Path({str(program)!r}).read_text(), {{}})\n"
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
