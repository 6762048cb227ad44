"""The Asteroid client for Python programs."""

from typing import TYPE_CHECKING

from ..exports import lazy_exports

if TYPE_CHECKING:
    from .activity_feed import ActivityFeed
    from .client import AsteroidClient
    from .watcher import ExecutionWatcher

__all__ = ["ActivityFeed", "AsteroidClient", "ExecutionWatcher"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "activity_feed": ("ActivityFeed",),
        "client": ("AsteroidClient",),
        "watcher": ("ExecutionWatcher",),
    },
)
