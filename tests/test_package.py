"""The package as a whole: what is public, what is loaded when, and what each name means."""

import ast
import re
import subprocess
import sys
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

import asteroid_magic

FOLDER = Path(asteroid_magic.__file__).parent
PACKAGES = (
    "config",
    "models",
    "client",
    "client.files",
    "client.transport",
    "batch",
    "render",
    "form",
    "panel",
    "monitor",
    "input",
    "magics",
)
# Names that earlier versions had, and that say nothing to a newcomer.
PRIVATE_WORDS = (
    "clerk",
    "crew",
    "course",
    "courier",
    "couriers",
    "parcel",
    "parcels",
    "errand",
    "lookout",
    "kept",
    "settling",
    "telling",
    "doors",
    "notices",
)
HEAVY = (
    *("anywidget", "ipywidgets", "jinja2", "keyring", "requests", "sqlite3", "tornado", "tqdm"),
    "urllib3",
)


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
    assert "asteroid_magic.magics.send_magics" in loaded
    assert not {name for name in loaded if name.partition(".")[0] in HEAVY}
    assert not {name for name in loaded if name.startswith("asteroid_magic.panel")}
    assert len([name for name in loaded if name.startswith("asteroid_magic")]) <= 12


def test_a_reload_of_the_display_hooks_keeps_the_cards() -> None:
    code = """
import importlib
import asteroid_magic, asteroid_magic.display
importlib.reload(asteroid_magic.display)
print(asteroid_magic.NotFound("gone", status_code=404).as_text())
"""
    assert "Not delivered" in run(code)


def test_only_its_magic_loads_the_sandbox() -> None:
    assert ".sandbox" not in run("import sys, asteroid_magic.client.client; print(*sys.modules)")


def test_a_package_hands_on_its_public_names_lazily() -> None:
    code = """
import sys
import asteroid_magic.client
assert "asteroid_magic.client.client" not in sys.modules
from asteroid_magic.client import AsteroidClient
print(AsteroidClient.__module__)
"""
    assert run(code).strip() == "asteroid_magic.client.client"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_that_a_package_hands_on_is_there(package: str) -> None:
    module = import_module(f"asteroid_magic.{package}")
    folder = Path(module.__path__[0])
    for name in module.__all__:
        assert getattr(module, name) is not None
        # Importing a submodule of this name would put it in the place of what is handed on.
        assert not (folder / f"{name}.py").exists()
    assert set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        module.nothing  # noqa: B018 (the look-up is what is tested)


def test_a_public_class_name_has_one_meaning() -> None:
    places: dict[str, set[str]] = {}
    for path in FOLDER.rglob("*.py"):
        if "sandbox" in path.parts:
            continue
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, set()).add(str(path.relative_to(FOLDER)))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


@pytest.mark.parametrize("package", ["", *PACKAGES])
def test_type_checkers_see_every_name_that_a_package_hands_on(package: str) -> None:
    tree = ast.parse((FOLDER / package.replace(".", "/") / "__init__.py").read_text())
    (block,) = (
        node for node in tree.body if isinstance(node, ast.If) and "TYPE" in ast.unparse(node.test)
    )
    imported = {
        alias.name
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    }
    module = import_module(f"asteroid_magic.{package}".rstrip("."))
    assert imported == set(module.__all__)


def test_every_module_that_a_text_names_is_there() -> None:
    """Docstrings and pages name modules by their dotted path: one that has moved leads nowhere."""
    pages = [
        *FOLDER.rglob("*.py"),
        *(FOLDER.parent / name for name in ("README.md", "CONTRIBUTING.md")),
        *(FOLDER.parent / "docs").glob("*/*.md"),
    ]
    for page in filter(Path.exists, pages):
        for name in re.findall(r"`(asteroid_magic(?:\.[a-z_]+)+)`", page.read_text()):
            assert find_spec(name), f"{page.name}: {name}"


@pytest.mark.parametrize("word", PRIVATE_WORDS)
def test_no_name_needs_a_glossary(word: str) -> None:
    for path in FOLDER.rglob("*.py"):
        assert not {name for name in public_names(path) if word in name.split("_")}, path


@cache
def public_names(path: Path) -> set[str]:
    """Return the names of a module, and of its classes and functions, in lower case."""
    nodes = ast.walk(ast.parse(path.read_text()))
    kinds = ast.ClassDef | ast.FunctionDef
    names = {path.stem, *(node.name for node in nodes if isinstance(node, kinds))}
    return {name.lower() for name in names if not name.startswith("_")}


def test_the_package_is_typed_and_its_templates_are_inside() -> None:
    assert (FOLDER / "py.typed").exists()
    for package in ("render", "form"):
        kinds = {file.suffix for file in (FOLDER / package / "templates").iterdir()}
        assert kinds == {".html", ".css"}
    assert {file.suffix for file in (FOLDER / "panel" / "templates").iterdir()} == {".html"}
    assert {file.suffix for file in (FOLDER / "panel" / "static").iterdir()} == {".js", ".css"}
