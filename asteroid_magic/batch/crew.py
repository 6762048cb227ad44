"""What all who send the rows of a batch have in common: threads, and an executor."""

from typing import Protocol

from ..models.row_results import Numbered


class Crew(Protocol):
    """Who sends the rows: threads, or an executor.

    At most `most` are to be in its hands, of which so many as `ready` have not begun.
    """

    most: int
    ready: int

    def start(self, rows: list[Numbered]) -> None:
        """Send these rows, and report each outcome to the clerk."""

    def stop(self) -> None:
        """Let nothing begin any more, so far as that can be prevented."""

    def cancel(self) -> None:
        """End what is under way at once, so far as that can be."""

    def close(self) -> None:
        """Leave nothing behind, but what still waits for an answer."""
