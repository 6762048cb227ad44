"""Puts the magics into a shell, with what goes along with them, and takes all of it out again."""

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
# What every one of our magics begins with.
PREFIX = "asteroid_"


class _Matcher:
    """What IPython's completer asks for a line of ours; it loads `completer` when there is one."""

    matcher_api_version = 2
    matcher_identifier = SEND_MAGIC
    matcher_priority = 200

    def __init__(self, shell: "InteractiveShell") -> None:
        self._shell = shell
        # By which IPython knows a matcher, as if it were a function.
        self.__qualname__ = SEND_MAGIC

    def __call__(self, context: Any) -> dict[str, Any]:
        if PREFIX not in context.text_until_cursor:
            return {"completions": []}
        from ..input.completer import matches  # noqa: PLC0415 (loaded with the first line of ours)

        return matches(self._shell, context)


def load(shell: "InteractiveShell") -> None:
    """Register the magics with `shell`, what keeps their text exact, and what Tab offers."""
    if any(isinstance(one, AsteroidMagics) for one in shell.configurables):
        return
    shell.register_magics(*OURS)
    hooks.install(shell)
    if hasattr(completer, "context_matcher"):
        # Before IPython 8.6, a matcher is not told what stands before the cursor.
        shell.Completer.custom_matchers.append(_Matcher(shell))


def unload(shell: "InteractiveShell") -> None:
    """Take all of that out of `shell`, stop the sandbox and forget what the session had set."""
    hooks.uninstall(shell)
    # Loaded by the first form and by the first sandbox: without them there is none to close.
    if (events := sys.modules.get("asteroid_magic.form.settings_events")) is not None:
        events.close_all()
    if (sandbox_command := sys.modules.get("asteroid_magic.magics.sandbox_command")) is not None:
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
