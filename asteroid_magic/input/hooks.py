"""Shows `transformer` the cells that name the magic, and loads it with the first of them.

What every other cell costs is looking for the name: `%load_ext` and each cell stay quick.
"""

import threading
from typing import TYPE_CHECKING, Any

from ..constants import SEND_MAGIC

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_cell = threading.local()


def transform_cell(lines: list[str]) -> list[str]:
    """Let a whole cell of ours be taken; return any other cell as it is."""
    first = next((line for line in lines if not line.isspace()), "")
    if f"%%{SEND_MAGIC}" not in first:
        return lines
    from . import transformer  # noqa: PLC0415 (loaded when it is first needed)

    return transformer.transform_cell(lines)


# Whether a cell of ours is complete is for IPython to say, which asks for the blank line behind it.
transform_cell.has_side_effects = True  # type: ignore[attr-defined]


def mask_separators(lines: list[str]) -> list[str]:
    """Let lines of ours be kept whole; return any other cell as it is."""
    _cell.names_us = any(SEND_MAGIC in line for line in lines)
    if not _cell.names_us:
        return lines
    from . import transformer  # noqa: PLC0415 (as above)

    return transformer.mask_separators(lines)


class SendLineHook:
    """What IPython asks, between its own transformers, for a line of ours."""

    @staticmethod
    def find(tokens_by_line: list[Any]) -> Any:
        """Return the transformer of the first line of ours, None where there is none."""
        if not getattr(_cell, "names_us", False):
            return None
        from . import transformer  # noqa: PLC0415 (as above)

        return transformer.SendLineTransformer.find(tokens_by_line)


def install(shell: "InteractiveShell") -> None:
    """Put the transformers in place, before those of IPython."""
    shell.input_transformers_cleanup[:0] = [transform_cell, mask_separators]
    shell.input_transformer_manager.token_transformers.append(SendLineHook)


def uninstall(shell: "InteractiveShell") -> None:
    """Take the transformers away again."""
    for transformers, ours in (
        (shell.input_transformers_cleanup, transform_cell),
        (shell.input_transformers_cleanup, mask_separators),
        (shell.input_transformer_manager.token_transformers, SendLineHook),
    ):
        if ours in transformers:
            transformers.remove(ours)
