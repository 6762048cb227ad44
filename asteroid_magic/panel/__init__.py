"""The conversation panel: who waits, what they ask, an answer, and what they say to it."""

from typing import TYPE_CHECKING

from ..exports import lazy_exports

if TYPE_CHECKING:
    from .panel import ChatPanel

__all__ = ["ChatPanel"]

__getattr__, __dir__ = lazy_exports(__name__, {"panel": ("ChatPanel",)})
