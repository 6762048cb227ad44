"""What people who join find beside the code: it agrees with the code, and needs no secret."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import asteroid_magic

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SETTINGS = [
    ROOT / ".pre-commit-config.yaml",
    *sorted((ROOT / ".github").rglob("*.yml")),
]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def read(path: Path) -> dict[Any, Any]:
    found = yaml.safe_load(path.read_text())
    assert isinstance(found, dict)
    return found


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    found = read(path)["jobs"]
    assert isinstance(found, dict)
    return found


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in jobs(path).values() for step in job["steps"]]


@pytest.mark.parametrize("path", SETTINGS, ids=named)
def test_what_services_read_is_yaml(path: Path) -> None:
    assert read(path)


@pytest.mark.parametrize("path", WORKFLOWS, ids=named)
def test_a_workflow_has_no_secret_and_may_only_read(path: Path) -> None:
    assert not re.search(r"secrets\s*[.\[]|inherit|pull_request_target", path.read_text())
    assert read(path)["permissions"] == {"contents": "read"}
    for name, job in jobs(path).items():
        allowed = {"id-token": "write"} if name == "publish" else None
        assert job.get("permissions") == allowed


@pytest.mark.parametrize("path", WORKFLOWS, ids=named)
def test_each_action_has_a_major_version(path: Path) -> None:
    actions = [step["uses"] for step in steps(path) if "uses" in step]
    assert actions
    for action in actions:
        assert re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|release/v\d+)", action)


def test_what_publishes_gets_packages_that_were_checked() -> None:
    release = jobs(ROOT / ".github/workflows/release.yml")
    assert release["publish"]["needs"] == "build"
    assert release["publish"]["environment"]
    commands = [step.get("run", "") for step in release["build"]["steps"]]
    assert "python -m twine check --strict dist/*" in commands
    # The job with the token runs none of our code.
    assert not [step for step in release["publish"]["steps"] if "run" in step]


def test_ci_runs_each_python_that_is_supported() -> None:
    tried = jobs(ROOT / ".github/workflows/ci.yml")["run"]["strategy"]["matrix"]["python"]
    heading = "Programming Language :: Python :: "
    declared = [
        name.removeprefix(heading)
        for name in PROJECT["classifiers"]
        if re.fullmatch(rf"{heading}3\.\d+", name)
    ]
    assert tried == declared
    assert PROJECT["requires-python"] == f">={tried[0]}"


def test_ci_runs_what_everybody_runs() -> None:
    (script,) = [step for step in steps(ROOT / ".github/workflows/ci.yml") if "run" in step]
    assert script["run"] == ".ci/run"
    assert "python-path" in script["env"]["PYTHON"]
    assert '"${PYTHON:-python3}"' in (ROOT / ".ci/run").read_text()


def test_the_changelog_begins_with_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    first, *versions = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert first == "Unreleased"
    dated = [re.fullmatch(r"(\d+\.\d+\.\d+) - (\d{4}-\d\d-\d\d)", one) for one in versions]
    assert all(dated), versions
    assert dated[0] is not None
    assert dated[0][1] == asteroid_magic.__version__
    kinds = set(re.findall(r"^### (.+)$", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=named)
def test_a_notebook_has_no_output(path: Path) -> None:
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    assert not [cell["source"] for cell in cells if cell["outputs"] or cell["execution_count"]]


def test_what_a_bug_report_asks_for_cannot_hold_the_key_by_mistake() -> None:
    fields = read(ROOT / ".github/ISSUE_TEMPLATE/bug.yml")["body"]
    by_id = {field["id"]: field["attributes"] for field in fields if "id" in field}
    assert {"typed", "card", "host", "versions"} <= by_id.keys()
    assert "key removed" in by_id["typed"]["description"]
    (confirmed,) = by_id["key"]["options"]
    assert confirmed["required"]


def test_each_slow_test_is_there() -> None:
    lines = (ROOT / "tests/slow.txt").read_text().splitlines()
    for line in lines:
        if not line.startswith("#"):
            path, _, name = line.partition("::")
            assert f"def {name.rpartition('::')[2]}(" in (ROOT / path).read_text(), line


def test_the_quick_loop_starts_no_kernel_and_no_browser(request: pytest.FixtureRequest) -> None:
    """Whatever is not marked uses no fixture that starts one."""
    starts = {"kernel", "browser", "jupyter"}
    for item in request.session.items:
        if isinstance(item, pytest.Function) and not item.get_closest_marker("slow"):
            assert not starts & set(item.fixturenames), item.nodeid
