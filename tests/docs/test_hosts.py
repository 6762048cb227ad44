"""``docs/help/hosts.md`` names the tests that run each host, and the oldest releases."""

import re
import tomllib

from tests.support.documents import README, ROOT, page

PAGE = page("docs/help/hosts.md")
ROWS = re.findall(r"^\| (.*?) \|.*\| (.*?) \|$", PAGE.text, re.MULTILINE)[2:]


def test_each_host_names_tests_that_are_there_or_says_that_none_is() -> None:
    assert len(ROWS) >= 15
    for host, checked in ROWS:
        tests = re.findall(r"`(tests/.*?)`", checked)
        assert all((ROOT / test).is_file() for test in tests), host
        assert bool(tests) != checked.startswith("not checked"), host


def test_the_readme_names_each_host() -> None:
    names = {
        name for host, _ in ROWS for name in re.findall(r"[A-Z]?[\w-]+", host.split(" to ")[0])
    }
    short = README.section("Where it works")
    common = {"4", "7", "Jupyter", "in", "a", "execute", "py", "percent"}
    assert {name for name in names - common if name.lower() not in short.lower()} == set()


def test_the_oldest_releases_it_names_are_those_that_are_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    declared = dict(
        requirement.split(">=")
        for requirement in [*project["dependencies"], *extras["sandbox"], *extras["demo"]]
        if ">=" in requirement
    )
    text = " ".join(PAGE.text.split()).split("The oldest releases")[1].split("Before")[0]
    named = dict(re.findall(r"(\w+) (\d+(?:\.\d+)+)", text))
    assert len(named) == 6
    assert named.items() <= declared.items()
