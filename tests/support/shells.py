"""A real IPython shell with the extension in it, and what running a cell shows."""

import re
from typing import Any

import pytest
from IPython.core import completer
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

needs_matchers = pytest.mark.skipif(
    not hasattr(completer, "context_matcher"),
    reason="before IPython 8.6 a completer is not told what stands before the cursor",
)


class Notebook:
    """A shell with the extension loaded, and what running a cell in it showed."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self.shown: list[Any] = []
        self.text = ""
        self.error: BaseException | None = None
        self.result: Any = None

    def run(self, cell: str) -> Any:
        """Run a cell; return its result, and keep what it showed."""
        with capture_output() as captured:
            outcome = self.shell.run_cell(cell, store_history=True)
        self.shown = captured.outputs
        self.text = re.sub(r"\x1b\[[0-9;]*m", "", captured.stdout + captured.stderr)
        self.error = outcome.error_before_exec or outcome.error_in_exec
        self.result = outcome.result
        return outcome.result

    def html(self) -> str:
        return "".join(output.data.get("text/html", "") for output in self.shown)
