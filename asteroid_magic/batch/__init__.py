"""Sends many messages: none lost, none sent twice."""

from typing import TYPE_CHECKING

from ..exports import lazy_exports

if TYPE_CHECKING:
    from .batch import send_many

__all__ = ["send_many"]

__getattr__, __dir__ = lazy_exports(__name__, {"batch": ("send_many",)})
