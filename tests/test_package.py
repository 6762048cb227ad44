"""The package as a whole: what is public, what is loaded when, and which way imports run."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import asteroid_magic

ROOMS = Path(asteroid_magic.__file__).parent
HEAVY = ("requests", "urllib3", "ipywidgets", "jinja2", "tornado", "keyring", "tqdm", "sqlite3")

PURE = {
    "activities",
    "arguments",
    "clock",
    "errors",
    "executions",
    "hearing",
    "ledger",
    "lenient",
    "purposes",
    "lookup",
    "records",
    "line",
    "cards",
    "choices",
    "panels",
    "wording",
    "text",
    "opening",
    "journal",
    "kept",
    "outcomes",
    "outgoing",
    "report",
    "rows",
    "summary",
    "display",
    "session",
    "tables",
    "telling",
    "transcript",
    "usage",
}


def run(code: str) -> str:
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_every_public_name_is_there_and_is_listed() -> None:
    names = set(asteroid_magic.__all__)
    for name in names:
        assert getattr(asteroid_magic, name) is not None
    assert sorted(names) == asteroid_magic.__all__
    assert names <= set(dir(asteroid_magic))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        asteroid_magic.nothing  # noqa: B018 (the look-up is what is tested)


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = run("import sys, asteroid_magic; print(*sys.modules)").split()
    assert not {*HEAVY, "IPython"} & set(loaded)


def test_loading_the_extension_loads_nothing_heavy() -> None:
    code = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
before = set(sys.modules)
shell.run_line_magic("load_ext", "asteroid_magic")
print(*set(sys.modules) - before)
shell.history_manager.end_session()
"""
    loaded = run(code).split()
    assert "asteroid_magic.magics" in loaded
    assert not {name for name in loaded if name.partition(".")[0] in HEAVY}
    assert len([name for name in loaded if name.startswith("asteroid_magic")]) <= 12


def imports(room: Path, *, anywhere: bool) -> set[str]:
    """Return the modules that a room imports; only at its top unless `anywhere`."""
    tree = ast.parse(room.read_text())
    found: set[str] = set()
    for node in ast.walk(tree) if anywhere else tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            prefix = "." * node.level
            names = [alias.name for alias in node.names]
            found |= {prefix + node.module} if node.module else {prefix + name for name in names}
    return found


def rooms() -> list[Path]:
    return sorted(ROOMS.glob("*.py"))


@pytest.mark.parametrize("room", sorted(PURE))
def test_the_pure_rooms_import_no_framework(room: str) -> None:
    foreign = {name.partition(".")[0] for name in imports(ROOMS / f"{room}.py", anywhere=True)}
    assert not foreign & {"IPython", "ipywidgets", "requests", "urllib3", "traitlets", "tornado"}


def test_only_its_magic_imports_the_sandbox() -> None:
    users = {room.stem for room in rooms() if ".sandbox" in imports(room, anywhere=True)}
    assert users == {"actions", "magics"}, "magics names its type alone"
    assert ".sandbox" not in run("import sys, asteroid_magic.client; print(*sys.modules)")


def test_the_sandbox_imports_no_other_room() -> None:
    for room in (ROOMS / "sandbox").glob("*.py"):
        assert not {name for name in imports(room, anywhere=True) if name.startswith("..")}


def test_no_file_and_no_function_outgrows_its_measure() -> None:
    for room in ROOMS.rglob("*.py"):
        source = room.read_text()
        assert source.count("\n") <= 250, room
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                body = (
                    node.end_lineno - node.lineno - len((ast.get_docstring(node) or "").split("\n"))
                )
                assert body <= 40, f"{room}: {node.name}"


def test_the_package_is_typed_and_its_templates_are_inside() -> None:
    assert (ROOMS / "py.typed").exists()
    assert {file.name for file in (ROOMS / "cards").iterdir()} >= {"card.html", "style.html"}
