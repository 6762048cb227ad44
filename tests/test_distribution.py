"""What is handed out, the sdist and the wheel: built, checked, and tried where nothing else is."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from email.parser import Parser
from pathlib import Path

import nbformat
import pytest

import asteroid_magic
from tests.support.sites import one_at_a_time

pytest.importorskip("build", reason="building needs the extra [dev]")
ROOT = Path(__file__).parents[1]
FIRST_MINUTE = """
import asteroid_magic, importlib.metadata as metadata
from asteroid_magic.client.transport.request import USER_AGENT
print("from", asteroid_magic.__file__)
print("versions", asteroid_magic.__version__, metadata.version("asteroid-magic"), USER_AGENT)
%load_ext asteroid_magic
box = %asteroid_sandbox
waiting = box.executions[0]
%asteroid_send --show waiting Friday 18:30, please.
print("arrived", box.messages(waiting.id))
%asteroid_sandbox --stop
"""


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command; return what it prints, or fail with it."""
    ran = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, and the wheel made of it, as anybody would make them."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


def metadata_of(wheel: Path) -> Message:
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith("METADATA"))
    return Parser().parsestr(archive.read(name).decode())


def environment(folder: Path, requirement: str) -> Path:
    """Make an environment that has what is required and nothing else; return its Python."""
    run(sys.executable, "-m", "venv", "--without-pip", "venv", cwd=folder)
    python = next((folder / "venv").glob("[bS]*/python*"))
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet")
    run(*pip, requirement, cwd=folder)
    return python


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the wheel, its extra [sandbox], and nothing else."""
    return environment(tmp_path_factory.mktemp("empty"), f"{wheel}[sandbox]")


def sources() -> set[str]:
    """Every file of the package, whatever its kind, as the source tree has it."""
    package = ROOT / "asteroid_magic"
    files = (file.relative_to(ROOT) for file in package.rglob("*") if file.is_file())
    return {file.as_posix() for file in files if "__pycache__" not in file.parts}


def test_both_pass_the_check_of_the_index(built: Path) -> None:
    checked = run(sys.executable, "-m", "twine", "check", "--strict", *built.iterdir(), cwd=built)
    assert len(re.findall("PASSED", checked)) == 2


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name for name in names if ".dist-info/" not in name} == sources()
    assert "asteroid_magic/py.typed" in names
    for package in ("render", "form", "panel"):
        assert any(name.startswith(f"asteroid_magic/{package}/templates/") for name in names)
    assert {f"asteroid_magic/panel/static/panel.{kind}" for kind in ("js", "css")} <= set(names)


def test_the_sdist_holds_what_its_own_tests_and_page_need(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names >= sources()
    tests = {file.relative_to(ROOT).as_posix() for file in (ROOT / "tests").rglob("*.py")}
    assert names >= tests
    readme = (ROOT / "README.md").read_text()
    links = {link for link in re.findall(r"\]\(([^)#]+)\)", readme) if "://" not in link}
    assert names >= {link.rstrip("/") for link in links if (ROOT / link).is_file()}


def test_its_page_is_made_of_the_readme_and_its_version_is_the_packages(wheel: Path) -> None:
    metadata = metadata_of(wheel)
    assert metadata["Version"] == asteroid_magic.__version__
    assert metadata["Description-Content-Type"] == "text/markdown"
    page = str(metadata.get_payload())
    # No address of a repository is set, so links have nowhere to lead.
    assert "](" not in page
    assert metadata.get_all("Project-URL") is None
    for command in re.findall(r"^pip install .*$", (ROOT / "README.md").read_text(), re.MULTILINE):
        assert command in page


def test_with_the_address_of_the_repository_its_page_and_its_links_lead_there(
    tmp_path: Path,
) -> None:
    project = tmp_path / "project"
    with one_at_a_time():
        others = shutil.ignore_patterns(".*", "_build", "build", "dist")
        shutil.copytree(ROOT, project, ignore=others)
    settings = (project / "pyproject.toml").read_text()
    address = "https://git.example/a/b"
    assert settings.count('repository = ""') == 1
    changed = settings.replace('repository = ""', f'repository = "{address}/"')
    (project / "pyproject.toml").write_text(changed)
    run(sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path, project, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    metadata = metadata_of(wheel)
    links = re.findall(r"(!?)\[[^\]]*\]\(([^)]+)\)", str(metadata.get_payload()))
    assert links
    for picture, link in links:
        place = f"{address}/{'raw' if picture else 'blob'}/main/"
        assert link.startswith(place), link
        assert (ROOT / link.removeprefix(place).partition("#")[0]).is_file(), link
    urls = metadata.get_all("Project-URL") or []
    assert f"Source, {address}" in urls
    assert all(url.partition(", ")[2].startswith(address) for url in urls)
    run(sys.executable, "-m", "twine", "check", "--strict", wheel, cwd=tmp_path)


def test_installed_alone_it_loads_and_sends_to_the_sandbox(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "minute.ipy").write_text(FIRST_MINUTE)
    shown = run(installed, "-m", "IPython", "--colors=NoColor", "minute.ipy", cwd=tmp_path)
    (place,) = re.findall(r"^from (.*)$", shown, re.MULTILINE)
    assert ROOT not in Path(place).parents
    version = asteroid_magic.__version__
    assert f"versions {version} {version} asteroid-magic/{version}" in shown
    assert "✓ Delivered" in shown
    assert "arrived ['Friday 18:30, please.']" in shown
    assert "The sandbox is stopped." in shown


def test_installed_alone_it_finds_every_template(installed: Path, tmp_path: Path) -> None:
    asked = """
from asteroid_magic.render.templates import environment
for package in ("form", "panel"):
    engine = environment(f"asteroid_magic.{package}")
    for name in engine.list_templates():
        engine.get_template(name)
    print(*engine.list_templates())
from asteroid_magic import ChatPanel
assert "render" in str(ChatPanel._esm)
assert ".ac-" in str(ChatPanel._css)
"""
    found = run(installed, "-c", asked, cwd=tmp_path).split()
    assert set(found) == {Path(name).name for name in sources() if "/templates/" in name}


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def test_the_first_steps_lead_to_a_delivered_message_word_by_word(
    wheel: Path, tmp_path: Path
) -> None:
    page = (ROOT / "docs/first-steps.md").read_text()
    install, serve, begin = blocks(page, "sh")
    cells = blocks(page, "ipython")
    with socket.socket() as free:
        if free.connect_ex(("127.0.0.1", 8642)) == 0:
            pytest.skip("another program serves the port of the sandbox")
    # The one difference: the wheel is not on an index yet. And a page cannot open a browser here.
    assert install.count('"asteroid-magic[sandbox]"') == 1
    install = install.replace("asteroid-magic[sandbox]", f"{wheel}[sandbox]")
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(cell.rstrip("\n")) for cell in cells]
    nbformat.write(notebook, tmp_path / "first.ipynb")
    begin = begin.replace("jupyter lab\n", "jupyter execute --output run.ipynb first.ipynb\n")
    with tempfile.TemporaryDirectory() as folder:
        run("bash", "-euc", install, cwd=Path(folder))
        activate = f"source {folder}/.venv/bin/activate\n"
        with serving(f"{activate}exec {serve}", tmp_path) as exports:
            assert re.fullmatch(blocks(page, "text")[0].strip().replace("…", ".+"), exports)
            run(
                "bash",
                "-euc",
                begin.replace("source ", f"{exports}\nsource {folder}/"),
                cwd=tmp_path,
            )
    ran = json.loads((tmp_path / "run.ipynb").read_text())["cells"]
    shown = "".join(json.dumps(cell.get("outputs", [])) for cell in ran)
    assert "asteroid-delivered" in shown
    assert "Friday 18:30, please." in shown
    assert "Done, I booked" in shown


@contextmanager
def serving(command: str, folder: Path) -> Iterator[str]:
    """Run the sandbox as a process; give the two lines that it prints for a shell."""
    with subprocess.Popen(
        ["bash", "-euc", command], cwd=folder, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            exports: list[str] = []
            assert process.stdout is not None
            while len(exports) < 2:
                line = process.stdout.readline()
                assert line, "the sandbox has ended"
                exports += [line.strip()] if line.strip().startswith("export ") else []
            yield "\n".join(exports)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)


def test_with_the_extra_demo_the_wheel_is_enough_for_the_quickstart(
    wheel: Path, tmp_path: Path
) -> None:
    notebook = shutil.copy(ROOT / "notebooks" / "quickstart.ipynb", tmp_path)
    # Some hundreds of megabytes, which pytest would keep.
    with tempfile.TemporaryDirectory() as folder:
        execute = environment(Path(folder), f"{wheel}[demo]").with_name("jupyter-execute")
        run(execute, "--output", tmp_path / "run.ipynb", notebook, cwd=tmp_path)
    cells = json.loads((tmp_path / "run.ipynb").read_text())["cells"]
    shown = "".join(json.dumps(cell.get("outputs", [])) for cell in cells)
    assert "asteroid-delivered" in shown
