"""The ipywidgets form that sends messages."""

from typing import TYPE_CHECKING

from ..exports import lazy_exports

if TYPE_CHECKING:
    from .form import SendForm

__all__ = ["SendForm"]

__getattr__, __dir__ = lazy_exports(__name__, {"form": ("SendForm",)})
