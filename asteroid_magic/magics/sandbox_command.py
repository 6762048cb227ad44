"""Implements `%asteroid_sandbox`: starts and stops a small Asteroid server on this machine."""

from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from ..config.api_key import ApiKey
from ..config.session import session
from ..config.settings import check_platform, resolve_base_url
from .feedback import display_errors

if TYPE_CHECKING:
    from ..sandbox import Sandbox

_running: "list[Sandbox]" = []


def sandbox(line: str) -> "Sandbox | None":
    """Run `%asteroid_sandbox`: return the running sandbox, or stop it."""
    if line.split() == ["--stop"]:
        what = "The sandbox is stopped." if _running else "No sandbox was running."
        stop()
        print(f"{what} Messages go to {resolve_base_url()}.")  # noqa: T201 (the result is one line of text)
        return None
    if line.split():
        raise UsageError("%asteroid_sandbox takes only --stop.")
    if not (_running and _running[0].is_running):
        _running[:] = [_start()]
    # Its card shows them: their beginnings are enough from now on.
    for execution in reversed(_running[0].executions):
        session.remember(execution.id, execution.workflow_name)
    return _running[0]


def stop() -> None:
    """Stop the sandbox, if one runs, and restore the settings from before it started."""
    session.sandbox = None
    while _running:
        _running.pop().stop()


def _start() -> "Sandbox":
    display_errors(check_platform)
    try:
        # The sandbox needs tornado, which is optional.
        from ..sandbox import Sandbox  # noqa: PLC0415
    except ImportError as error:
        words = str(error)
    else:
        started = Sandbox().start()
        session.sandbox = (started.base_url, ApiKey(started.api_key, "the sandbox"))
        return started
    raise UsageError(words)
