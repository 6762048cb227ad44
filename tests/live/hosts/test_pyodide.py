"""Pyodide, in Node.js: Python in WebAssembly, which opens no connection and starts no thread."""

import json
import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

from tests.support.hosts import absent
from tests.support.notebooks import ROOT

# Pure Python, so that this Python's packages serve that one too.
PACKAGES = sysconfig.get_path("purelib")
CODE = """
import sys
sys.path += ["/project", "/packages"]
from IPython.core.interactiveshell import InteractiveShell
import asteroid_magic
shell = InteractiveShell.instance()
for cell in (
    "%load_ext asteroid_magic",
    "%asteroid_send 123e4567-e89b-12d3-a456-426614174000 Please do not lose this.",
    "%asteroid_sandbox",
    "%asteroid_form",
    "asteroid_magic.AsteroidClient('key')",
):
    shell.user_ns["asteroid_magic"] = asteroid_magic
    print("CELL", cell)
    shell.run_cell(cell)
"""


def test_it_says_that_asteroid_magic_cannot_work_there(tmp_path: Path) -> None:
    node, pyodide = shutil.which("node"), os.environ.get("PYODIDE", "")
    if node is None or not Path(pyodide, "pyodide.mjs").exists():
        absent("PYODIDE does not name a folder with the npm package pyodide, or there is no node.")
    script = tmp_path / "run.mjs"
    script.write_text(f"""
        import {{ loadPyodide }} from {json.dumps(f"{pyodide}/pyodide.mjs")};
        const python = await loadPyodide();
        python.mountNodeFS("/packages", {json.dumps(PACKAGES)});
        python.mountNodeFS("/project", {json.dumps(str(ROOT))});
        python.runPython({json.dumps(CODE)});
    """)
    ended = subprocess.run(
        [str(node), str(script)], capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    _, load, send, sandbox, form, client = ended.stdout.split("CELL ")
    assert len(load.splitlines()) == 1, "it loads, and says nothing"
    assert "✗ Not delivered: asteroid-magic does not work in a browser" in send
    assert "Please do not lose this." in send.split("your message")[1]
    assert "whose kernel runs on a computer" in send
    assert "✗ Not done: asteroid-magic does not work in a browser" in sandbox
    assert "%asteroid_send EXECUTION message" in form
    assert "ConfigurationError: Not done" in client
    assert "Traceback" not in ended.stdout
