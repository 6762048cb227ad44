"""One line that tells, in place, how things stand while an agent is waited for.

A notebook keeps one output that is updated, so that a saved one holds the last line alone. A
terminal rewrites its line. Where nothing can be rewritten, as in a log, the last line is shown.
"""

import shutil
import sys
from typing import TYPE_CHECKING, Any

from IPython.display import display, update_display

from ..models.watch import WatchProgress, WatchResult
from ..text import shorten, span, visible
from .templates import draw

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

LONGEST = 120
ENDINGS = {
    "spoke": "the agent has spoken",
    "asks": "the agent asks",
    "confirm": "the agent waits for a confirmation",
    "over": "the execution is over",
    "time": "it is not over yet",
    "interrupted": "you stopped the waiting, not the agent",
    "unreadable": "what the agent does could not be read",
}


class StatusLine:
    """The line; `show` is called with every state, `end` once."""

    def __init__(self, shell: "InteractiveShell", *, is_quiet: bool = False) -> None:
        self._is_quiet = is_quiet
        # A kernel has displays that can be updated; a terminal has none.
        self._in_kernel = hasattr(shell, "kernel")
        self._in_terminal = not self._in_kernel and sys.stdout.isatty()
        self._handle: Any = None
        self._shown = ""

    def show(self, state: WatchProgress) -> None:
        """Show how things stand, in place of what was shown before."""
        if not self._is_quiet and (self._in_kernel or self._in_terminal):
            self._put(_line(state))

    def end(self, heard: WatchResult) -> None:
        """Show how it ended, and leave that."""
        line = f"Waited {span(heard.elapsed)}: {ENDINGS[heard.ending]}."
        if self._is_quiet:
            return
        if self._in_kernel:
            self._put(line)
            return
        if self._in_terminal:
            self._put("")
        print(line)  # noqa: T201 (a line of text in a terminal)

    def _put(self, line: str) -> None:
        if line == self._shown:
            return
        self._shown = line
        if self._in_terminal:
            sys.stdout.write(f"\r\x1b[K{_fitting(line)}")
            sys.stdout.flush()
            return
        html = draw("status_line.html", line=line)
        data = {"text/plain": line, "text/html": html}
        if self._handle is None:
            self._handle = display(data, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            update_display(data, raw=True, display_id=self._handle.display_id)  # type: ignore[no-untyped-call]


def _fitting(line: str) -> str:
    """Return as much of a line as has room in one of the terminal's, by columns."""
    # What IPython's own prompt goes by: loaded in every terminal, and in no notebook.
    from prompt_toolkit.utils import get_cwidth  # noqa: PLC0415 (as said)

    width = shutil.get_terminal_size().columns - 1
    while get_cwidth(line) > width:
        line = line[: width if len(line) > width else -1]
    return line


def _line(state: WatchProgress) -> str:
    """Return the line as visible characters."""
    clock = f"Waiting for the agent, {state.elapsed:.0f} s of {state.limit:.0f}"
    if state.trouble:
        return visible(f"{clock} · could not be read: {shorten(state.trouble, LONGEST)}", keep="")
    # What it does is followed by for how long, not by the end of its sentence.
    words = shorten(state.doing, LONGEST).rstrip(".")
    since = f", for {state.since:.0f} s" if words and state.since >= 1 else ""
    return visible(f"{clock} · {words}{since}" if words else clock, keep="")
