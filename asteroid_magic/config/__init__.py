"""The settings and the API key, and where they come from."""

from typing import TYPE_CHECKING

from ..exports import lazy_exports

if TYPE_CHECKING:
    from .api_key import ApiKey
    from .session import Session
    from .settings import Settings, resolve

__all__ = ["ApiKey", "Session", "Settings", "resolve"]

__getattr__, __dir__ = lazy_exports(
    __name__, {"api_key": ("ApiKey",), "session": ("Session",), "settings": ("Settings", "resolve")}
)
