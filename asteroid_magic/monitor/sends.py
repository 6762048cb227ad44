"""What a view has sent, and which activities of a conversation are those messages."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from ..errors import AsteroidError
from ..models.activities import message_of
from ..models.delivery import Delivery
from .conversation import ConversationState


class Sent(Protocol):
    """What is known of a send: its outcome, and what the conversation showed before."""

    @property
    def outcome(self) -> Delivery | AsteroidError | None:
        """The outcome; None while it is not known yet."""

    @property
    def listed_before(self) -> frozenset[str] | None:
        """The messages that the conversation showed before; None if it had not been read."""

    @property
    def listed_as(self) -> str:
        """The text of the message as a conversation shows it; empty if as it was sent."""


class Send(NamedTuple):
    """One send of a view: when it ended (aware, UTC), and how; `note` says what is new about it.

    `listed_before` are the messages, by their activity ID, that the conversation showed before;
    None if it had not been read. `listed_as` is the text of the message as a conversation shows it,
    with the API key in it hidden; empty if it shows what was sent.
    """

    at: datetime
    outcome: Delivery | AsteroidError
    note: str = ""
    listed_before: frozenset[str] | None = None
    listed_as: str = ""


def own_messages(state: ConversationState, sends: Sequence[Sent]) -> dict[int, str]:
    """Return the ID of the activity that is the message of a delivery, by its place in `sends`.

    `sends` are the newest first. Those that are not listed yet have none.
    """
    found: dict[int, str] = {}
    messages: dict[str, str] | None = None
    # The earliest first, so that of two equal texts each gets its own.
    for at in reversed(range(len(sends))):
        sent, listed_before = sends[at].outcome, sends[at].listed_before
        if not isinstance(sent, Delivery) or sent.execution_id != state.execution_id:
            continue
        # Not before one is sought: it looks at each activity, and a view asks at each change.
        messages = messages_in(state) if messages is None else messages
        text = sends[at].listed_as or sent.message
        for activity_id, words in messages.items():
            is_new = listed_before is not None and activity_id not in listed_before
            is_it = activity_id == sent.activity_id or (
                not sent.activity_id and is_new and words == text
            )
            if is_it and activity_id not in found.values():
                found[at] = activity_id
                break
    return found


def messages_in(state: ConversationState) -> dict[str, str]:
    """Return the texts of the users' messages in a conversation by the ID, the oldest first."""
    texts = ((one.id, message_of(one, state.execution_id)) for one in state.activities)
    return {activity_id: text for activity_id, text in texts if activity_id and text is not None}
