"""Keeps the conversation of an execution, and the list of active ones, up to date."""

from typing import TYPE_CHECKING

from ..exports import lazy_exports

if TYPE_CHECKING:
    from .conversation import ConversationState
    from .inbox import InboxEntry, InboxState
    from .monitor import Monitor, MonitorState
    from .reply import ReplyState
    from .sends import Send

__all__ = [
    "ConversationState",
    "InboxEntry",
    "InboxState",
    "Monitor",
    "MonitorState",
    "ReplyState",
    "Send",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "conversation": ("ConversationState",),
        "inbox": ("InboxEntry", "InboxState"),
        "monitor": ("Monitor", "MonitorState"),
        "reply": ("ReplyState",),
        "sends": ("Send",),
    },
)
