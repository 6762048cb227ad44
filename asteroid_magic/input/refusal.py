"""Puts an error in place of code, and shows its card before it stops the cell."""

import inspect
import sys
from typing import TypeVar

from IPython.core.displaypub import CapturingDisplayPublisher, DisplayPublisher
from IPython.core.getipython import get_ipython
from IPython.display import display

from ..display import forget_cards, note_card
from ..errors import AsteroidError

Error = TypeVar("Error", bound=AsteroidError)


def call(module: str, function: str, *arguments: object) -> str:
    """Return code, in plain ASCII, that calls a function of a module of this package."""
    listed = ", ".join(ascii(argument) for argument in arguments)
    return f"__import__({module!r}, fromlist=[{function!r}]).{function}({listed})"


def displayed(error: Error) -> Error:
    """Show the card of an error that is about to be raised, and return the error."""
    if show(error):
        note_above(error)
    return error


def show(shown: object) -> bool:
    """Display a record; return False if it cannot be, as with standard output closed.

    That error would hide the outcome, which the caller is about to return or to raise.
    """
    try:
        display(shown)  # type: ignore[no-untyped-call]
    except Exception:  # noqa: BLE001 (a stream may fail in any way)
        return False
    return True


def note_above(error: AsteroidError) -> None:
    """Note that what was just displayed is above the line of the error, if the user sees it."""
    shell = get_ipython()
    publisher: object = getattr(shell, "display_pub", None)
    # If the cell fails, IPython drops what `%%capture` has captured.
    is_captured = isinstance(publisher, CapturingDisplayPublisher)
    # Without input, nobody is there, as in nbclient or papermill: a log shows the line alone.
    is_attended = getattr(getattr(shell, "kernel", None), "_allow_stdin", True)
    if shell is None or is_captured or not is_attended or not _is_in_cell():
        return
    note_card(error, sys.stdout if prints_displays() else None)
    shell.events.register("post_execute", _leave)


def prints_displays() -> bool:
    """Return True if IPython prints what it displays, as in a terminal."""
    publisher: object = getattr(get_ipython(), "display_pub", None)
    return getattr(type(publisher), "publish", None) is DisplayPublisher.publish


def _is_in_cell() -> bool:
    """Return True if the code of a cell runs here.

    A task or a thread may show its card below another cell than the one that gets its error.
    """
    frame = inspect.currentframe()
    while frame is not None:
        is_ipython = frame.f_globals.get("__name__", "").startswith("IPython.")
        if is_ipython and frame.f_code.co_name == "run_code":
            return True
        frame = frame.f_back
    return False


def _leave() -> None:
    # Any later display of the error, such as `%tb`, stands in another cell.
    forget_cards()
    shell = get_ipython()
    if shell is not None:
        shell.events.unregister("post_execute", _leave)
