"""The README agrees with the code."""

import re
import tomllib
from pathlib import Path

import asteroid_magic
from asteroid_magic.errors import AsteroidError
from asteroid_magic.input.send_line import OPTIONS
from asteroid_magic.magics.extension import OURS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def section(title: str) -> str:
    return re.split(r"^#+ ", README.split(f"# {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def test_it_names_the_two_commands_and_ci_uses_them() -> None:
    assert 'pip install -e ".[demo]" && jupyter lab notebooks/quickstart.ipynb' in README
    assert 'pip install -e ".[test]" && pytest' in README
    if (ROOT / ".ci/run").exists():
        assert '-e ".[test]" && pytest' in (ROOT / ".ci/run").read_text()


def first_cells(title: str) -> str:
    """Return the first columns of the tables in a section."""
    return "\n".join(re.findall(r"^\| (.*?) \|", section(title), re.MULTILINE))


def test_its_options_are_those_there_are() -> None:
    cells = first_cells("`%asteroid_send`, `%%asteroid_send`")
    assert set(re.findall(r"`(--[a-z-]+)", cells)) == set(OPTIONS)


def test_its_errors_are_those_there_are() -> None:
    kinds = {
        name
        for name in asteroid_magic.__all__
        if isinstance(value := getattr(asteroid_magic, name), type)
        and issubclass(value, AsteroidError)
    }
    listed = set(re.findall(r"`([A-Z]\w+)`", first_cells("Outcomes and errors")))
    assert listed == kinds - {"AsteroidError"}


def test_its_diagram_and_its_table_name_every_package() -> None:
    folder = ROOT / "asteroid_magic"
    packages = {
        init.parent.relative_to(folder).as_posix() for init in folder.glob("*/**/__init__.py")
    } - {"."}
    assert set(re.findall(r"`([a-z/]+)/`", first_cells("Architecture"))) == packages
    diagram = section("Architecture").split("```")[1]
    assert {package.partition("/")[0] for package in packages} <= set(re.findall(r"\w+", diagram))


def test_its_links_and_pictures_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        path, _, heading = target.partition("#")
        page = ROOT / (path or "README.md")
        assert page.exists(), target
        assert not heading or heading in headings(page.read_text()), target


def headings(page: str) -> set[str]:
    return {
        re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    }


def test_its_magics_are_those_there_are() -> None:
    shown = re.findall(r"^(?:\| |#+ )(`%.*?)(?: \||$)", README, re.MULTILINE)
    named = re.findall(r"(%%?)(asteroid_\w+)", "\n".join(shown))
    lines = {name for kind in OURS for name in kind.magics["line"]}
    cells = {name for kind in OURS for name in kind.magics["cell"]}
    assert {name for _, name in named} == lines | cells
    assert {name for sign, name in named if sign == "%%"} == cells
    assert set(re.findall(r"%(asteroid_[a-z_]+)", README)) == lines | cells


def test_its_hosts_name_the_tests_that_run_them_or_say_that_none_does() -> None:
    rows = re.findall(r"^\| (.*?) \|.*\| (.*?) \|$", section("Hosts"), re.MULTILINE)[2:]
    assert len(rows) >= 9
    for host, checked in rows:
        tests = re.findall(r"`(tests/.*?)`", checked)
        assert all((ROOT / test).is_file() for test in tests), host
        assert bool(tests) != checked.startswith("not checked"), host


def test_the_oldest_releases_it_names_are_those_that_are_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    declared = dict(
        requirement.split(">=")
        for requirement in [*project["dependencies"], *extras["sandbox"], *extras["demo"]]
        if ">=" in requirement
    )
    text = " ".join(section("Hosts").split())
    named = dict(
        re.findall(r"(\w+) (\d+(?:\.\d+)+)", text.split("Those are")[1].split("Before")[0])
    )
    assert len(named) == 6
    assert named.items() <= declared.items()


def test_its_contents_list_its_sections() -> None:
    listed = re.findall(r"^- \[(.*?)\]\(#", README, re.MULTILINE)
    assert listed == re.findall(r"^## (.*)$", README, re.MULTILINE)


def test_each_of_its_tables_is_one() -> None:
    for table in re.findall(r"(?:^\|.*\n)+", README, re.MULTILINE):
        assert table.splitlines()[1].startswith("| ---"), table
