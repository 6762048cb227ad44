"""Asteroid, as a program sees it."""

from typing import TYPE_CHECKING

from ..exports import lazy_exports

if TYPE_CHECKING:
    from .activity_feed import Lookout
    from .client import AsteroidClient
    from .watcher import Follower

__all__ = ["AsteroidClient", "Follower", "Lookout"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "activity_feed": ("Lookout",),
        "client": ("AsteroidClient",),
        "watcher": ("Follower",),
    },
)
