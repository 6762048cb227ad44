"""IPython's own tests, without and with the extension: as many pass with it, and the same ones.

``python -m tests.support.ipython_suite`` fetches the source distribution of the installed IPython
from pip's index, runs its tests of input transformers, magics, the completer and the history, and
compares which of them pass. It ends with 1 if the two sets differ. It needs IPython 8 or newer: the
tests of IPython 7 import nose, which does not work with Python 3.11.
"""

import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).parents[2]
AREAS = ("inputtransformer2", "magic", "completer", "history")
# What IPython's tests need besides pytest.
NEEDED = ("pytest-asyncio", "testpath")
PLUGIN = """
import builtins

def pytest_sessionstart(session):
    shell = builtins.get_ipython()
    shell.extension_manager.load_extension("asteroid_magic")
    assert "asteroid_send" in shell.magics_manager.magics["line"]

def pytest_sessionfinish(session):
    shell = builtins.get_ipython()
    assert "asteroid_send" in shell.magics_manager.magics["line"], "a test removed it"
"""


def fetched(folder: Path) -> Path:
    """Return the folder of the source distribution of the IPython that is installed."""
    wanted = f"ipython=={version('ipython')}"
    pip("download", "--no-binary", "ipython", "--no-deps", "--dest", folder, wanted)
    (archive,) = folder.glob("ipython-*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    (source,) = (path for path in folder.glob("ipython-*") if path.is_dir())
    return source


def pip(command: str, *options: str | Path) -> None:
    """Run pip."""
    words = [sys.executable, "-m", "pip", command, "--quiet", *map(str, options)]
    subprocess.run(words, check=True)


def passing(source: Path, folder: Path, *options: str) -> set[str]:
    """Run the tests, and return the names of those that pass."""
    report = folder / f"report{len(options)}.xml"
    paths = [ROOT, folder / "plugin", folder / "needed"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    files = sorted(
        str(file.relative_to(source))
        for area in AREAS
        for file in source.rglob(f"tests/test_{area}*.py")
    )
    command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *options, *files]
    with (folder / "log").open("w") as log:
        ended = subprocess.run(
            command, check=False, cwd=source, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    # 1: some tests fail, as they do without the extension.
    assert ended.returncode in {0, 1}, (folder / "log").read_text()
    cases = list(ET.parse(report).iter("testcase"))  # noqa: S314 (pytest wrote it just now)
    bad = {"failure", "error", "skipped"}
    return {
        f"{case.get('classname')}::{case.get('name')}"
        for case in cases
        if not bad & {child.tag for child in case}
    }


def listed(names: Iterable[str]) -> str:
    """Return the names, one a line."""
    return "\n".join(f"  {name}" for name in sorted(names))


def main() -> int:
    """Run all, and print what differs."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        source = fetched(folder)
        pip("install", "--no-deps", "--target", folder / "needed", *NEEDED)
        (folder / "plugin").mkdir()
        (folder / "plugin/load_asteroid_magic.py").write_text(PLUGIN)
        without = passing(source, folder)
        within = passing(source, folder, "-p", "load_asteroid_magic")
    print(f"IPython {version('ipython')}: {len(without)} of its tests pass without the extension,")
    print(f"{len(within)} with it.")
    if without == within and without:
        print("They are the same tests.")
        return 0
    print(
        f"Only without it:\n{listed(without - within)}\nOnly with it:\n{listed(within - without)}"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
