"""Records as HTML and as plain text."""

from typing import TYPE_CHECKING

from ..exports import lazy_exports

if TYPE_CHECKING:
    from .renderer import as_html, as_line, as_text

__all__ = ["as_html", "as_line", "as_text"]

__getattr__, __dir__ = lazy_exports(__name__, {"renderer": ("as_html", "as_line", "as_text")})
