"""Transforms the send lines below `%%time`, `%%capture` and other magics that run their cell.

These magics get the lines below them as text, and IPython handles that text later: it would strip
prompts from a message, take a semicolon at its end for Python, and fail with a `TokenError` after
the delivery if Python cannot tokenize it. So the lines become Python before the magic gets them.

`%%capture` also drops the error of the cell below it, and goes on. A failed send must be seen, and
must stop what follows, so `run_captured` raises it again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from IPython.core import magic
from IPython.core.error import UsageError
from IPython.core.getipython import get_ipython

from ..constants import SEND_MAGIC
from ..errors import AsteroidError, InvalidInput
from .refusal import call, displayed, note_above, prints_displays

# They run their cell as the user would.
_RUNNING = {"time", "capture", "prun"}
_CAPTURING = "capture"
# This one runs it again and again.
_REPEATING = "timeit"
# IPython's own decorator: the cell of such a magic is Python. It is new in IPython 8.5.
_PYTHON = getattr(magic, "MAGIC_OUTPUT_CAN_BE_SILENCED", "")
_CALLS = tuple(f"{run}({SEND_MAGIC!r}, " for run in ("run_line_magic", "run_cell_magic"))


def transform_below(lines: list[str], below: list[str]) -> list[str]:
    """Return the lines of a cell with the code below its magic transformed.

    `lines` begin with a cell magic, and `below` are the lines below it as typed. Other magics than
    those that run their cell keep it as it is.
    """
    typed = "".join(below)
    name = _name(lines[0])
    if name is None or SEND_MAGIC not in typed:
        return lines
    try:
        code = str(_shell().input_transformer_manager.transform_cell(typed))
    except SyntaxError:
        # IPython will raise it, too, before it runs anything.
        return lines
    if name == _REPEATING and any(each in code for each in _CALLS):
        return [f"{call(__name__, 'refuse_repeated', typed)}\n"]
    if name == _CAPTURING:
        typed_name, _, arguments = lines[0].removeprefix("%%").rstrip().partition(" ")
        return [f"{call(__name__, 'run_captured', typed_name, arguments, code)}\n"]
    return [lines[0], *code.splitlines(keepends=True)]


def _name(line: str) -> str | None:
    """Return the name of a magic that runs its cell; None for another."""
    name = line.removeprefix("%%").rstrip().partition(" ")[0]
    function: Any = _shell().find_cell_magic(name)
    seen = set()
    while isinstance(function, magic.MagicAlias) and name not in seen:
        seen.add(name)
        name = function.magic_name
        function = _shell().find_cell_magic(name)
    if name in _RUNNING or name == _REPEATING:
        return name
    return name if _PYTHON and getattr(function, _PYTHON, False) else None


def _shell() -> Any:
    # A cell runs, so there is one.
    return get_ipython()


def run_captured(name: str, arguments: str, code: str) -> None:
    """Run a cell below `%%capture`.

    Raises the error that it drops, with its card, if a magic here raised it.
    """
    with _errors_kept():
        _shell().run_cell_magic(name, arguments, code)
    result = _shell().last_execution_result
    error = result.error_before_exec or result.error_in_exec
    if isinstance(error, AsteroidError):
        # Drop the frames: they may hold the key.
        error = error.with_traceback(None)
        if "--no-display" in arguments.split() and not prints_displays():
            # The card was not captured.
            note_above(error)
            raise error
        raise displayed(error)
    if isinstance(error, UsageError):
        raise error.with_traceback(None)


@contextmanager
def _errors_kept() -> Iterator[None]:
    """Keep IPython from showing our errors: `%%capture` does not capture those of a kernel."""
    shell = _shell()
    before, shows = vars(shell).get("_showtraceback"), shell._showtraceback  # noqa: SLF001 (rich sets it, too)

    def show(kind: Any, error: Any, lines: list[str], **options: Any) -> None:
        if not isinstance(error, AsteroidError):
            shows(kind, error, lines, **options)

    shell._showtraceback = show  # noqa: SLF001 (as above)
    try:
        yield
    finally:
        if before is None:
            del shell._showtraceback  # noqa: SLF001 (as above)
        else:
            shell._showtraceback = before  # noqa: SLF001 (as above)


def refuse_repeated(text: str) -> None:
    """Raise `InvalidInput`, with its card, for a send below `%%timeit`."""
    raise displayed(
        InvalidInput(
            "Nothing in this cell ran, and nothing was sent. %%timeit runs its cell many times, so "
            "the message would arrive many times.",
            title="%%timeit would send this message many times",
            hint="To measure one send, use %%time.",
        ).about(None, text)
    )
