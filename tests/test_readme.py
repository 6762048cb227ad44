"""What the README says agrees with the code."""

import re
from pathlib import Path

import asteroid_magic
from asteroid_magic.errors import AsteroidError
from asteroid_magic.line import OPTIONS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def section(title: str) -> str:
    return re.split(r"^#+ ", README.split(f"# {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def test_it_names_the_two_commands_and_ci_uses_them() -> None:
    assert 'pip install -e ".[demo]" && jupyter lab notebooks/quickstart.ipynb' in README
    assert 'pip install -e ".[test]" && pytest' in README
    if (ROOT / ".ci/run").exists():
        assert '-e ".[test]" && pytest' in (ROOT / ".ci/run").read_text()


def first_cells(title: str) -> str:
    """Return the first column of the tables in a section."""
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


def test_its_table_of_rooms_lists_every_room() -> None:
    rows = first_cells("Architecture")
    listed = set(re.findall(r"`(\w+)\.py`", rows))
    rooms = {room.stem for room in (ROOT / "asteroid_magic").glob("*.py")}
    assert listed == rooms
    assert "`sandbox/`" in rows


def test_its_links_and_pictures_lead_somewhere() -> None:
    headings = {
        re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", README, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert target.removeprefix("#") in headings or (ROOT / target).exists(), target
