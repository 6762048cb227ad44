"""Lets `verbatim` see the cells that name the magic, and loads it at the first of them.

What every other cell costs is looking for the name: `%load_ext` and each cell stay quick.
"""

import threading
from typing import TYPE_CHECKING, Any

from ..constants import SEND_MAGIC

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_cell = threading.local()


def take_cell(lines: list[str]) -> list[str]:
    """Let a whole cell of ours be taken; return any other cell as it is."""
    first = next((line for line in lines if not line.isspace()), "")
    if f"%%{SEND_MAGIC}" not in first:
        return lines
    from . import transformer  # noqa: PLC0415 (loaded when it is first needed)

    return transformer.take_cell(lines)


# Whether a cell of ours is complete is for IPython to say, which asks for the blank line behind it.
take_cell.has_side_effects = True  # type: ignore[attr-defined]


def keep_whole(lines: list[str]) -> list[str]:
    """Let lines of ours be kept whole; return any other cell as it is."""
    _cell.names_us = any(SEND_MAGIC in line for line in lines)
    if not _cell.names_us:
        return lines
    from . import transformer  # noqa: PLC0415 (as above)

    return transformer.keep_whole(lines)


class SendLine:
    """What IPython asks, between its own transformers, for a line of ours."""

    @staticmethod
    def find(tokens_by_line: list[Any]) -> Any:
        """Return the transformer of the first line of ours, None where there is none."""
        if not getattr(_cell, "names_us", False):
            return None
        from . import transformer  # noqa: PLC0415 (as above)

        return transformer.SendLine.find(tokens_by_line)


def install(shell: "InteractiveShell") -> None:
    """Put the transformers in place, before those of IPython."""
    shell.input_transformers_cleanup[:0] = [take_cell, keep_whole]
    shell.input_transformer_manager.token_transformers.append(SendLine)


def uninstall(shell: "InteractiveShell") -> None:
    """Take the transformers away again."""
    for transformers, ours in (
        (shell.input_transformers_cleanup, take_cell),
        (shell.input_transformers_cleanup, keep_whole),
        (shell.input_transformer_manager.token_transformers, SendLine),
    ):
        if ours in transformers:
            transformers.remove(ours)
