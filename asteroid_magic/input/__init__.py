"""Turns typed text into a command."""

from typing import TYPE_CHECKING

from ..exports import lazy_exports

if TYPE_CHECKING:
    from .execution_ref import resolve_execution
    from .send_line import SendCommand, parse

__all__ = ["SendCommand", "parse", "resolve_execution"]

__getattr__, __dir__ = lazy_exports(
    __name__, {"execution_ref": ("resolve_execution",), "send_line": ("SendCommand", "parse")}
)
