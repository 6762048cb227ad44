"""``docs/guide/settings.md`` agrees with the code."""

import re

from IPython.core.interactiveshell import InteractiveShell

from asteroid_magic.constants import API_KEY_VARIABLE, BASE_URL_VARIABLE, DEFAULT_BASE_URL
from asteroid_magic.magics.send_magics import AsteroidMagics
from tests.support.documents import page

PAGE = page("docs/guide/settings.md")


def test_its_settings_are_those_of_the_magics_with_their_defaults(shell: InteractiveShell) -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| .* \| (\w+) \|$", PAGE.section("Change a setting"), re.MULTILINE
    )
    assert {name for name, _ in rows} == set(AsteroidMagics.class_own_traits(config=True))
    magics = AsteroidMagics(shell)
    stated = {name: float(default) for name, default in rows if default.isdigit()}
    # The tests look for no lost message, so the default of that is not the one of the package.
    del stated["confirm_grace"]
    assert stated == {"timeout": magics.timeout, "max_upload_mb": magics.max_upload_mb}
    assert magics.base_url == ""


def test_its_order_names_the_variables_and_the_default() -> None:
    table = PAGE.section("Where a setting comes from")
    for word in (API_KEY_VARIABLE, BASE_URL_VARIABLE, DEFAULT_BASE_URL):
        assert f"`{word}`" in table
