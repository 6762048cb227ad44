"""Shows the card of an error before the error stops the cell."""

from typing import TypeVar

from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.getipython import get_ipython
from IPython.display import display

from ..errors import AsteroidError

Error = TypeVar("Error", bound=AsteroidError)


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
