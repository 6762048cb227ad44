"""One line that shows what the agent does while a magic waits for it.

A notebook updates one output, so that a saved notebook keeps only the last line. A console and an
`Output` widget never update an output (hazard 43), and a kernel does not know its front end: so the
output begins with a sentence that stays true. A terminal rewrites its line. A log, which cannot be
rewritten, gets only the last line.
"""

import shutil
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from IPython.display import display, update_display

from ...display import writable
from ...models.watch import WatchProgress, WatchResult
from ...text import shorten, span, visible
from ..templates import draw

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

LONGEST = 120
FIRST = "This cell waits for the agent, {:.0f} s at most. Interrupt it to stop waiting."


class StatusLine:
    """The line: call `show` with every state, and `end` once.

    If standard output cannot take it, there is no line, and the waiting goes on.
    """

    def __init__(self, shell: "InteractiveShell", *, is_quiet: bool = False) -> None:
        self._is_quiet = is_quiet
        # A kernel can update a display; a terminal cannot.
        self._in_kernel = hasattr(shell, "kernel")
        self._in_terminal = False
        with suppress(Exception):
            self._in_terminal = not self._in_kernel and sys.stdout.isatty()
        self._handle: Any = None
        self._shown = ""

    def show(self, state: WatchProgress) -> None:
        """Show this state in place of the one before."""
        if not self._is_quiet and (self._in_kernel or self._in_terminal):
            if self._in_kernel and self._handle is None:
                self._put(FIRST.format(state.limit))
            self._put(_line(state))

    def end(self, heard: WatchResult) -> None:
        """Show how long the wait took, and leave that line; the card says how it ended."""
        line = f"Waited {span(heard.elapsed)}."
        if self._is_quiet:
            return
        if self._in_kernel:
            self._put(line)
            return
        if self._in_terminal:
            self._put("")
        with suppress(Exception):
            print(writable(line))  # noqa: T201 (a line of text in a terminal)

    def _put(self, line: str) -> None:
        if line == self._shown:
            return
        self._shown = line
        if self._in_terminal:
            with suppress(Exception):
                sys.stdout.write(f"\r\x1b[K{writable(_fitting(line))}")
                sys.stdout.flush()
            return
        html = draw("status_line.html", line=line)
        data = {"text/plain": line, "text/html": html}
        if self._handle is None:
            self._handle = display(data, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            update_display(data, raw=True, display_id=self._handle.display_id)  # type: ignore[no-untyped-call]


def _fitting(line: str) -> str:
    """Return as much of the line as fits the terminal's width, in columns."""
    # IPython's prompt has loaded this in every terminal, and in no notebook.
    from prompt_toolkit.utils import get_cwidth  # noqa: PLC0415 (as said)

    width = shutil.get_terminal_size().columns - 1
    while get_cwidth(line) > width:
        line = line[: width if len(line) > width else -1]
    return line


def _line(state: WatchProgress) -> str:
    """Return the line, in visible characters only."""
    clock = f"Waiting for the agent, {state.elapsed:.0f} s of {state.limit:.0f}"
    if state.trouble:
        return visible(f"{clock} · could not be read: {shorten(state.trouble, LONGEST)}", keep="")
    # The duration follows, so no full stop comes before it.
    words = shorten(state.doing, LONGEST).rstrip(".")
    since = f", for {state.since:.0f} s" if words and state.since >= 1 else ""
    return visible(f"{clock} · {words}{since}" if words else clock, keep="")
