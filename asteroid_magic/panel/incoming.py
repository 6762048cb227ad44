"""Files on their way from a browser, in pieces: one message of theirs would be too large."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..monitor.attachments import Attachment

# Of one press, in bytes. The front end offers a little less.
MOST_BYTES = 60_000_000
# Other pages may be sending theirs; what a page has not finished is forgotten.
MOST_PRESSES = 4


@dataclass
class _Pieces:
    names: list[str] = field(default_factory=list)
    contents: list[bytearray] = field(default_factory=list)
    is_whole: bool = True


class Incoming:
    """Collects the pieces of the files of each press."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._presses: dict[str, _Pieces] = {}

    def take(self, press: str, at: str, name: str, buffers: Sequence[bytes | memoryview]) -> None:
        """Add a piece to the file at this place; one that does not fit spoils the press."""
        with self._lock:
            pieces = self._presses.setdefault(press, _Pieces())
            while len(self._presses) > MOST_PRESSES:
                del self._presses[next(iter(self._presses))]
            if at == str(len(pieces.names)):
                pieces.names.append(name)
                pieces.contents.append(bytearray())
            had = sum(map(len, pieces.contents))
            new = sum(len(memoryview(one).cast("B")) for one in buffers)
            is_next = pieces.names[-1:] == [name] and at == str(len(pieces.names) - 1)
            pieces.is_whole &= is_next and bool(name) and had + new <= MOST_BYTES
            if not pieces.is_whole:
                pieces.contents.clear()
                return
            for one in buffers:
                pieces.contents[-1] += one

    def give(self, press: str, sizes: str | None) -> list[Attachment] | None:
        """Return the files of a press, whose `sizes` in bytes are as told; None if they are not.

        The sizes are numbers with commas between them; empty for no files, None if unknown.
        """
        with self._lock:
            pieces = self._presses.pop(press, _Pieces())
        found = [
            (name, bytes(one)) for name, one in zip(pieces.names, pieces.contents, strict=False)
        ]
        told = ",".join(str(len(contents)) for _, contents in found)
        return found if pieces.is_whole and told == sizes else None

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._presses.clear()
