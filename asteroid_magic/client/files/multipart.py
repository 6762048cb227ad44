"""The body of an upload: one file as multipart/form-data (RFC 7578), read while it is sent."""

import mimetypes
import secrets
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeVar

from ...deadline import current
from .sources import Source, changed, unreadable

T = TypeVar("T")

# Is called with the name of a file, the bytes that were sent or read, and its size.
TransferProgress = Callable[[str, int, int], None]

PIECE = 65_536
# A transfer may take as long as it moves so many bytes a second.
LEAST_SPEED = 10_000


def moved(size: int) -> None:
    """Give the call of this thread more time, because so many bytes have moved."""
    deadline = current()
    if deadline is not None:
        deadline.gain(size / LEAST_SPEED)


def report(progress: TransferProgress | None, name: str, done: int, size: int) -> None:
    """Call `progress`, if there is one; its errors end no transfer."""
    if progress is not None:
        with suppress(Exception):
            progress(name, done, size)


class MultipartBody:
    """The file as a streamed body, within ``with``; each iteration begins with its first byte.

    `is_whole`: the last bytes have been handed out. Before that, the server cannot have the whole
    request (RFC 9112, section 8). Iterating raises `InvalidInput` if the file changes meanwhile.
    """

    def __init__(self, source: Source, progress: TransferProgress | None) -> None:
        self.source, self.progress = source, progress
        self.is_whole = False
        boundary = secrets.token_hex(16)
        kind = mimetypes.guess_type(source.name)[0] or "application/octet-stream"
        self.content_type = f"multipart/form-data; boundary={boundary}"
        # The name as UTF-8, as browsers and the vendor's clients send it.
        self.head = (
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="files"; filename="{source.name}"\r\n'
            f"Content-Type: {kind}\r\n\r\n"
        ).encode()
        self.tail = f"\r\n--{boundary}--\r\n".encode()
        self.file: Any = None

    def __enter__(self) -> Self:
        self.file = self.source.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.file.close()

    def __len__(self) -> int:
        return len(self.head) + self.source.size + len(self.tail)

    def __iter__(self) -> "_Pieces":
        self.is_whole = False
        self.file.seek(0)
        return _Pieces(self)


class _Pieces:
    """Hands out the pieces. No generator: Python loses an interrupt while it closes one."""

    def __init__(self, body: MultipartBody) -> None:
        self._body = body
        self._left = body.source.size
        self._told = 0
        self._waiting = [body.head]

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        body, source = self._body, self._body.source
        if self._waiting:
            return self._waiting.pop()
        done = source.size - self._left
        if done > self._told:
            # What was handed out before has been sent by now.
            moved(done - self._told)
            self._told = done
            report(body.progress, source.name, done, source.size)
        if self._left:
            piece = self._read(min(PIECE, self._left))
            self._left -= len(piece)
            return piece
        if body.is_whole:
            raise StopIteration
        if self._file(lambda file: file.read(1) or not source.is_unchanged(file)):
            raise changed(source.name)
        body.is_whole = True
        return body.tail

    def _read(self, size: int) -> bytes:
        piece = self._file(lambda file: file.read(size))
        if len(piece) < size:
            raise changed(self._body.source.name)
        return piece

    def _file(self, work: Callable[[BinaryIO], T]) -> T:
        """Return what `work` reads; raises `InvalidInput` if the system fails."""
        try:
            return work(self._body.file)
        except OSError as error:
            # urllib3 would take it for a failure of the connection.
            problem = unreadable(self._body.source.name, error)
        raise problem
