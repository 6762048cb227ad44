"""Puts an error in place of code, and shows its card before it stops the cell."""

from typing import TypeVar

from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.getipython import get_ipython
from IPython.display import display

from ..errors import AsteroidError

Error = TypeVar("Error", bound=AsteroidError)


def call(module: str, function: str, *arguments: object) -> str:
    """Return code, in plain ASCII, that calls a function of a module of this package."""
    listed = ", ".join(ascii(argument) for argument in arguments)
    return f"__import__({module!r}, fromlist=[{function!r}]).{function}({listed})"


def displayed(error: Error) -> Error:
    """Show the card of an error that is about to be raised, and return the error."""
    display(error)  # type: ignore[no-untyped-call]
    error.is_displayed = is_seen()
    return error


def is_seen() -> bool:
    """Return True if the user sees what is displayed now, above the line of an error."""
    shell = get_ipython()
    # If the cell fails, IPython drops what `%%capture` has captured.
    is_captured = isinstance(getattr(shell, "display_pub", None), CapturingDisplayPublisher)
    # Without input, nobody is there, as in nbclient or papermill: a log shows the line alone.
    is_attended = getattr(getattr(shell, "kernel", None), "_allow_stdin", True)
    return is_attended and not is_captured
