"""Gives files to executions, and takes files from them."""

from typing import TYPE_CHECKING

from ...exports import lazy_exports

if TYPE_CHECKING:
    from .uploads import UploadResult, try_upload

__all__ = ["UploadResult", "try_upload"]

__getattr__, __dir__ = lazy_exports(__name__, {"uploads": ("UploadResult", "try_upload")})
