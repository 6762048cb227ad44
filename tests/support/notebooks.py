"""Notebooks run in a real kernel, and what a reader of them sees."""

import re
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).parents[2]
# What a kernel runs first so that the agents of its sandboxes hurry, and a message that is lost is
# looked for during half a second.
_HURRY = """
import asteroid_magic.config.settings, asteroid_magic.sandbox
asteroid_magic.sandbox.Sandbox.__init__.__kwdefaults__["pace"] = 0.1
asteroid_magic.config.settings.DEFAULT_CONFIRM_GRACE_S = 0.5
"""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def execute(notebook: NotebookNode, *, hurries: bool = False, **options: Any) -> NotebookNode:
    """Run every cell in a kernel of its own; a failing cell raises unless it may fail.

    If it `hurries`, the waits that a reader sees are shorter; the documentation shows it as it is.
    """
    if hurries:
        options["extra_arguments"] = [f"--IPKernelApp.exec_lines={_HURRY}"]
    # The kernel of this very environment, whatever kernels the machine has.
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "", "language": "python"}
    assert sys.executable
    client = NotebookClient(notebook, timeout=120, **options)
    return client.execute()


def of_cells(*sources: str) -> NotebookNode:
    """Return a notebook of code cells."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    return nbformat.v4.new_notebook(cells=cells)  # type: ignore[no-any-return]


def read(name: str) -> NotebookNode:
    """Return a notebook of the project."""
    return nbformat.read(ROOT / "notebooks" / name, as_version=4)  # type: ignore[no-any-return]


def html(cell: NotebookNode) -> str:
    """Return what a cell shows as HTML."""
    return "".join(_datum(output, "text/html") for output in cell.outputs)


def text(cell: NotebookNode) -> str:
    """Return what a cell shows as plain text: results, what it printed, its error."""
    shown = []
    for output in cell.outputs:
        shown += [_datum(output, "text/plain"), output.get("text", "")]
        shown += output.get("traceback", [])
    return _COLOUR.sub("", "\n".join(part for part in shown if part))


def _datum(output: dict[str, Any], kind: str) -> str:
    return str(output.get("data", {}).get(kind, ""))
