"""One request over HTTP, within one deadline."""

from typing import TYPE_CHECKING

from ...exports import lazy_exports

if TYPE_CHECKING:
    from .transport import Transport

__all__ = ["Transport"]

__getattr__, __dir__ = lazy_exports(__name__, {"transport": ("Transport",)})
