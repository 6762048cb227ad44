"""Registers the magics, input hooks and Tab completion with a shell, and removes them again.

It also lets the errors of this package keep their one line where `%load_ext rich` replaces every
traceback (hazard 41): rich would show frames, and their variables if asked to.
"""

import inspect
import linecache
import sys
from typing import TYPE_CHECKING, Any

from IPython.core import completer

from ..config.session import session
from ..constants import SEND_MAGIC
from ..input import hooks
from .execution_magics import AsteroidExecutionMagics
from .send_magics import AsteroidMagics

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

OURS = (AsteroidMagics, AsteroidExecutionMagics)
# The names of all magics begin with this.
PREFIX = "asteroid_"
# What nbconvert writes for a line that ends in `?`.
HELP = "get_ipython().run_line_magic('p"
PACKAGE = __name__.removesuffix(".magics.extension")


class _Matcher:
    """An IPython completion matcher. It imports `completer` for the first line with a magic."""

    matcher_api_version = 2
    matcher_identifier = SEND_MAGIC
    matcher_priority = 200

    def __init__(self, shell: "InteractiveShell") -> None:
        self._shell = shell
        # IPython identifies a matcher by this name, as if it were a function.
        self.__qualname__ = SEND_MAGIC

    def __call__(self, context: Any) -> dict[str, Any]:
        if PREFIX not in context.text_until_cursor:
            return {"completions": []}
        from ..input.completer import matches  # noqa: PLC0415 (loaded for the first line with a magic)

        return matches(self._shell, context)


class _ErrorLines:
    """Called before each cell: puts itself before a function that replaced IPython's tracebacks."""

    def __init__(self, shell: "InteractiveShell") -> None:
        self._shell = shell
        self._replacement: Any = None

    def __call__(self, _info: object = None) -> None:
        """Look for a replacement; a cell may have installed one."""
        found = vars(self._shell).get("_showtraceback")
        # This package also replaces it below %%capture.
        if found is not None and not str(found.__module__).startswith(PACKAGE):
            self._replacement = found
            self._shell._showtraceback = self._show  # type: ignore[assignment, method-assign]  # noqa: SLF001 (rich sets it, too)

    def _show(self, kind: Any, error: Any, lines: list[str], **options: Any) -> None:
        if kind.__module__.startswith(PACKAGE) and hasattr(kind, "_render_traceback_"):
            type(self._shell)._showtraceback(self._shell, kind, error, lines)  # noqa: SLF001 (as above)
        else:
            self._replacement(kind, error, lines, **options)

    def remove(self) -> None:
        """Leave the replacement alone again."""
        if vars(self._shell).get("_showtraceback") == self._show:
            self._shell._showtraceback = self._replacement  # type: ignore[method-assign]  # noqa: SLF001 (as above)


def load(shell: "InteractiveShell") -> None:
    """Register the magics, the input hooks and Tab completion with `shell`; once is enough."""
    if any(isinstance(one, AsteroidMagics) for one in shell.configurables):
        return
    shell.register_magics(*OURS)
    hooks.install(shell)
    if hasattr(completer, "context_matcher"):
        # Before IPython 8.6, a matcher does not get the text before the cursor.
        shell.Completer.custom_matchers.append(_Matcher(shell))
    keep = _ErrorLines(shell)
    keep()
    shell.events.register("pre_run_cell", keep)
    _check_running_cell(shell)


def _check_running_cell(shell: "InteractiveShell") -> None:
    """Stop the cell or script that loads the extension if the rest of it sends something else."""
    frame, cells = inspect.currentframe(), []
    while frame is not None:
        if frame.f_code.co_name == "run_cell_async":
            # The innermost first: %%capture runs the cell below it.
            cells.append(str(frame.f_locals.get("raw_cell")))
        frame = frame.f_back
    if cells and SEND_MAGIC in cells[0]:
        from .load_check import check_running_cell  # noqa: PLC0415 (few cells do both)

        is_below = any(cell.lstrip().startswith("%%") for cell in cells)
        check_running_cell(shell, cells[0], is_below=is_below)
    if any(HELP in line for line in hooks.running_lines()):
        from .load_check import check_script  # noqa: PLC0415 (few scripts ask for help)

        check_script()
    # With `ipython --ext`, the script runs after this.
    script = "" if cells else getattr(shell.parent, "file_to_run", "")
    if script and any(HELP in line for line in linecache.getlines(script)):
        from .load_check import guard_help  # noqa: PLC0415 (as above)

        guard_help(shell)


def unload(shell: "InteractiveShell") -> None:
    """Remove all of it from `shell`, close what is open, stop the sandbox, clear the session."""
    hooks.uninstall(shell)
    # If the module is not loaded, no view is open, or no sandbox runs.
    if (events := sys.modules.get(f"{PACKAGE}.form.open_views")) is not None:
        events.close_all()
    if (sandbox_command := sys.modules.get(f"{PACKAGE}.magics.sandbox_command")) is not None:
        sandbox_command.stop()
    called_first = shell.events.callbacks["pre_run_cell"]
    for called in [one for one in called_first if isinstance(one, _ErrorLines)]:
        called.remove()
        shell.events.unregister("pre_run_cell", called)
    matchers = getattr(shell.Completer, "custom_matchers", [])
    matchers[:] = [one for one in matchers if not isinstance(one, _Matcher)]
    manager = shell.magics_manager
    for ours in [one for one in shell.configurables if isinstance(one, OURS)]:
        shell.configurables.remove(ours)
        for kind, names in ours.magics.items():
            for name in names:
                manager.magics[kind].pop(name, None)
        manager.registry.pop(type(ours).__name__, None)
    session.clear()
