"""Registers the magics, input hooks and Tab completion with a shell, and removes them again."""

import inspect
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


def load(shell: "InteractiveShell") -> None:
    """Register the magics, the input hooks and Tab completion with `shell`; once is enough."""
    if any(isinstance(one, AsteroidMagics) for one in shell.configurables):
        return
    shell.register_magics(*OURS)
    hooks.install(shell)
    if hasattr(completer, "context_matcher"):
        # Before IPython 8.6, a matcher does not get the text before the cursor.
        shell.Completer.custom_matchers.append(_Matcher(shell))
    _check_running_cell(shell)


def _check_running_cell(shell: "InteractiveShell") -> None:
    """Stop the cell that loads the extension if the rest of it sends something else than typed."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_name != "run_cell_async":
        frame = frame.f_back
    typed, runs = (frame.f_locals.get(name) for name in ("raw_cell", "cell")) if frame else ("", "")
    if isinstance(typed, str) and isinstance(runs, str) and SEND_MAGIC in typed:
        from .load_check import check_running_cell  # noqa: PLC0415 (few cells do both)

        check_running_cell(shell, typed, runs)


def unload(shell: "InteractiveShell") -> None:
    """Remove all of it from `shell`, close the forms, stop the sandbox and clear the session."""
    hooks.uninstall(shell)
    # If the module is not loaded, no form is open, or no sandbox runs.
    package = __name__.removesuffix(".magics.extension")
    if (events := sys.modules.get(f"{package}.form.settings_events")) is not None:
        events.close_all()
    if (sandbox_command := sys.modules.get(f"{package}.magics.sandbox_command")) is not None:
        sandbox_command.stop()
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
