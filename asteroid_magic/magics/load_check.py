"""Stops a cell that loads the extension and then sends: the rest of it was read without it.

IPython transforms a whole cell before it runs the first line. So a message that follows `%load_ext`
in the same cell may have become a request for help, or may be cut into lines of Python. nbconvert
transforms each cell of a notebook that it makes a script of, and never knows the extension.
"""

import ast
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from IPython.core.displayhook import DisplayHook

from ..errors import InvalidInput
from ..input import hooks
from ..input.known_name import is_known
from .feedback import display_errors

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

SHOW = "--show "
# A cell in place of which an error stands begins with this.
REFUSED = "__import__('asteroid_magic.input.half_message'"
# Help on anything but a magic: `Are you done?` became `pinfo`, with the last word alone.
_HELP = re.compile(r"get_ipython\(\)\.run_line_magic\('(?:pinfo2?|psearch)', '(?!%)")


def check_running_cell(shell: "InteractiveShell", typed: str, *, is_below: bool) -> None:
    """Raise `InvalidInput`, with its card, if the cell sends something else than typed.

    `is_below` is True if a cell magic such as `%%time` runs it. Call this when the transformers of
    the extension are in place.
    """
    while typed.lstrip().startswith("%%"):
        # Such as %%time, which has transformed the lines below it by itself.
        typed = typed.lstrip().partition("\n")[2]
    # The same transformers for both: the cell itself may have added one.
    hooks.uninstall(shell)
    try:
        runs = shell.transform_cell(typed)  # type: ignore[no-untyped-call]
    finally:
        hooks.install(shell)
    exact = shell.transform_cell(typed)  # type: ignore[no-untyped-call]
    if exact.startswith(REFUSED):
        # Run again, the cell would be refused for another reason: better say that at once.
        shell.ex(exact)  # type: ignore[no-untyped-call]
    if _meaning(exact) != _meaning(runs) or (is_below and _hides_result(typed)):
        display_errors(_refuse)


def _hides_result(typed: str) -> bool:
    """Return True if IPython hides the result below %%time, or fails after it ran these lines."""
    ends_in_semicolon = getattr(DisplayHook, "semicolon_at_end_of_expression", None)
    try:
        return ends_in_semicolon is not None and bool(ends_in_semicolon(typed))
    except Exception:  # noqa: BLE001 (from Python 3.12 on, it may fail in other ways, too)
        return True


def _refuse() -> None:
    raise InvalidInput(
        "Nothing was sent. IPython had read all of this cell before the extension was loaded, so "
        "it would change the message or hide its outcome.",
        hint="Run the cell again: the extension is loaded now. It is best to load it in a cell of "
        "its own, and for a script with: ipython --ext asteroid_magic script.ipy",
        title="This cell loads the extension and then sends",
    )


def check_script() -> None:
    """Raise `InvalidInput`, with its card, if the script that runs may have lost a message."""
    lines = enumerate(hooks.running_lines(), 1)
    found = [number for number, line in lines if _HELP.search(line)]
    if found:
        display_errors(lambda: _refuse_script(found[0]))


def _refuse_script(number: int) -> None:
    raise InvalidInput(
        f"Nothing was sent. Line {number} of this script asks for help: nbconvert writes that for "
        "a line that ends in ?, even if the line sends a message.",
        hint="In the notebook, write such a message in a %%asteroid_send cell, then convert it "
        "again. Or run the notebook itself, with: jupyter execute. Delete other requests for help.",
        title="This script may have lost the words of a message",
    )


def guard_help(shell: "InteractiveShell") -> None:
    """Stop a script that is about to run where it asks for help on what nothing has.

    If nbconvert lost all of its messages, no send is left in it that could stop it.
    """
    magics = shell.magics_manager.magics["line"]
    for name in ("pinfo", "pinfo2", "psearch"):
        # A look at it loads the real one, if IPython has not yet.
        getattr(magics[name], "__name__", None)
        shell.magics_manager.register_function(_guarded(magics[name]), magic_name=name)


def _guarded(show: Callable[[str], object]) -> Callable[[str], object]:
    def guarded(line: str) -> object:
        if not is_known(f"?{line}"):
            check_script()
        return show(line)

    return guarded


def _meaning(cell: str) -> str:
    """Return what a transformed cell does, for comparison with another one.

    Whether a card is shown at once does not count, nor do spaces around a message.
    """
    try:
        tree = ast.parse(cell)
    except SyntaxError:
        return cell
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            while node.value.startswith(SHOW):
                node.value = node.value.removeprefix(SHOW)
            node.value = node.value.strip(" \t")
    return ast.dump(tree)
