"""One build of the documentation for all tests of this folder."""

import os

import pytest

from tests.support.sites import Page, built


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Page]:
    """The pages of the documentation, by their names."""
    for needed in ("furo", "myst_nb", "sphinx_copybutton"):
        pytest.importorskip(needed, reason="the documentation needs the extra [docs]")
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        # The folder of the whole run: its processes share one site.
        folder = folder.parent
    return built(folder / "site")
