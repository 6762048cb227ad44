"""``docs/project/architecture.md`` shows the packages and modules that there are."""

import re

from tests.support.documents import ROOT, page

PAGE = page("docs/project/architecture.md")
FOLDER = ROOT / "asteroid_magic"


def test_its_diagram_and_its_table_name_every_package() -> None:
    packages = {
        init.parent.relative_to(FOLDER).as_posix() for init in FOLDER.glob("*/**/__init__.py")
    } - {"."}
    cells = PAGE.first_cells("Architecture")
    assert set(re.findall(r"`([a-z/]+)/`", cells)) == packages
    diagram = PAGE.blocks[0].text
    assert {package.partition("/")[0] for package in packages} <= set(re.findall(r"\w+", diagram))


def test_its_table_names_the_modules_that_all_share() -> None:
    shared = {path.name for path in FOLDER.glob("*.py")} - {"__init__.py"}
    assert set(re.findall(r"`(\w+\.py)`", PAGE.first_cells("Architecture"))) == shared


def test_the_life_of_a_message_leads_through_modules_that_are_there() -> None:
    modules = re.findall(r"`([a-z_/]+\.py)`", PAGE.section("The life of a message"))
    assert len(modules) > 25
    assert not [module for module in modules if not (FOLDER / module).is_file()]
