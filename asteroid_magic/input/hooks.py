"""Passes the cells that name `%asteroid_send` to `transformer` and `half_message`.

It loads them with the first such cell.

In every other cell the hooks only search for the name, so `%load_ext` and each cell stay fast.
"""

import inspect
import linecache
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..constants import SEND_MAGIC

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_cell = threading.local()


def transform_cell(lines: list[str]) -> list[str]:
    """Transform a `%%asteroid_send` cell; return any other cell unchanged."""
    first = next((line for line in lines if not line.isspace()), "").lstrip()
    # Comments may stand above it.
    if not (first.startswith("#") or f"%%{SEND_MAGIC}" in first):
        return lines
    if not any(f"%%{SEND_MAGIC}" in line for line in lines):
        return lines
    from . import transformer  # noqa: PLC0415 (loaded on first use)

    return transformer.transform_cell(lines)


# With this, IPython checks the untransformed cell for completeness, and waits for an empty line.
transform_cell.has_side_effects = True  # type: ignore[attr-defined]


def mask_separators(lines: list[str]) -> list[str]:
    """Mask the separators in `%asteroid_send` lines; return any other cell unchanged."""
    _cell.names_us = any(SEND_MAGIC in line for line in lines)
    if not _cell.names_us:
        return lines
    from . import transformer  # noqa: PLC0415 (as above)

    _cell.typed = transformer.mask_separators(lines)
    return _cell.typed  # type: ignore[no-any-return]


def transform_below(lines: list[str]) -> list[str]:
    """Transform the lines below `%%time` and the like; return any other cell unchanged."""
    if not getattr(_cell, "names_us", False) or not lines or not lines[0].startswith("%%"):
        return lines
    from . import cell_magic, half_message  # noqa: PLC0415 (as above)

    typed = _cell.typed
    try:
        return cell_magic.transform_below(lines, half_message.lines_below(lines, typed))
    except Exception:  # noqa: BLE001 (an error here must not stop the cell from running)
        return lines
    finally:
        # The lines below have been a cell of their own in the meantime.
        _cell.names_us, _cell.typed = True, typed


# With this, IPython does not transform a cell that the user is still typing.
transform_below.has_side_effects = True  # type: ignore[attr-defined]


def check_cell(lines: list[str]) -> list[str]:
    """Stop a cell that would send half of a message; return any other cell unchanged."""
    if not getattr(_cell, "names_us", False):
        return lines
    from . import half_message  # noqa: PLC0415 (as above)

    typed, _cell.typed = _cell.typed, []
    return half_message.check_cell(lines, typed)


# With this, IPython does not check a cell that the user is still typing.
check_cell.has_side_effects = True  # type: ignore[attr-defined]


class SendLineHook:
    """Stands among IPython's token transformers and finds `%asteroid_send` lines."""

    @staticmethod
    def find(tokens_by_line: list[Any]) -> Any:
        """Return the transformer of the first `%asteroid_send` line, or None."""
        if not getattr(_cell, "names_us", False):
            return None
        from . import transformer  # noqa: PLC0415 (as above)

        return transformer.SendLineTransformer.find(tokens_by_line)


def running_lines() -> list[str]:
    """Return the lines of the script or the cell that runs, as typed; none if nothing runs."""
    frame = inspect.currentframe()
    while frame is not None:
        code, typed = frame.f_code, frame.f_locals.get("raw_cell")
        if code.co_name == "run_cell_async" and isinstance(typed, str):
            # A script with the ending .ipy is one cell.
            return typed.splitlines()
        if code.co_name == "<module>" and Path(code.co_filename).is_file():
            return linecache.getlines(code.co_filename)
        frame = frame.f_back
    return []


def install(shell: "InteractiveShell") -> None:
    """Add the transformers, those for cleanup before IPython's own."""
    shell.input_transformers_cleanup[:0] = [transform_cell, mask_separators]
    shell.input_transformer_manager.line_transforms.insert(0, transform_below)
    shell.input_transformer_manager.line_transforms.append(check_cell)
    shell.input_transformer_manager.token_transformers.append(SendLineHook)


def uninstall(shell: "InteractiveShell") -> None:
    """Remove the transformers."""
    for transformers, ours in (
        (shell.input_transformers_cleanup, transform_cell),
        (shell.input_transformers_cleanup, mask_separators),
        (shell.input_transformer_manager.line_transforms, transform_below),
        (shell.input_transformer_manager.line_transforms, check_cell),
        (shell.input_transformer_manager.token_transformers, SendLineHook),
    ):
        if ours in transformers:
            transformers.remove(ours)
