"""The execution as a user types it in a command that a card shows."""

from ..config.session import session
from ..models.executions import SHORT_ID
from ..text import bytes_in_card, shorten

FIELD = 300


def in_command(execution_id: str) -> str:
    """Return the start of an ID where that is enough for a magic of this session, or all of it."""
    start = execution_id[:SHORT_ID].lower()
    alike = [seen for seen in session.seen if seen.startswith(start)]
    return shorten(
        execution_id[:SHORT_ID] if alike == [execution_id.lower()] else execution_id,
        FIELD,
        bytes_in_card,
    )
