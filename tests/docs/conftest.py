"""One build of the documentation for all tests of this folder."""

import pytest

from tests.support.sites import Page, built


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Page]:
    """The pages of the documentation, by their names."""
    for needed in ("furo", "myst_nb", "sphinx_copybutton"):
        pytest.importorskip(needed, reason="the documentation needs the extra [docs]")
    return built(tmp_path_factory.mktemp("site"))
