"""The files that a user wants to upload, all checked before the first byte leaves."""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from ...errors import UPLOAD, InvalidInput
from ...text import counted, exact, has_unseen, kind_of, quoted, size_words

# What a caller gives: a path, or a pair of a name and its contents.
FileInput = str | os.PathLike[str] | tuple[str, bytes]

MEGABYTE = 1_000_000
LONGEST_NAME = 255
# Servers read these in different ways within a multipart header (RFC 7578, 4.2), or take a part of
# the name for a path.
UNSAFE = frozenset('"\\/')
RENAME = "Rename the file, or give a pair: a name, and its contents as bytes."

# What tells whether a file is still the one that was checked: its size, and when it changed.
Stamp = tuple[int, int]


@dataclass(frozen=True)
class Source:
    """A file that can be uploaded: its `size` in bytes, and where its contents are."""

    name: str
    size: int
    path: Path | None = None
    data: bytes = b""
    stamp: Stamp | None = None

    def open(self) -> BinaryIO:
        """Open it; raises `InvalidInput` if it is not the file that was checked."""
        if self.path is None:
            return BytesIO(self.data)
        try:
            opened = self.path.open("rb")
        except OSError as error:
            problem = unreadable(self.name, error)
        else:
            if self.is_unchanged(opened):
                return opened
            opened.close()
            problem = changed(self.name)
        raise problem

    def is_unchanged(self, opened: BinaryIO) -> bool:
        """Return True if an open file has the size and the time of the one that was checked."""
        return self.stamp is None or _stamp(os.fstat(opened.fileno())) == self.stamp


def changed(name: str) -> InvalidInput:
    """Return the error for a file that changes while it is read."""
    return InvalidInput(
        f"The file {quoted(name)} changed after it was checked.",
        hint="Wait until nothing writes to it any more, then upload it again.",
        operation=UPLOAD,
    )


def checked_sources(files: Iterable[FileInput], max_upload_mb: float) -> tuple[Source, ...]:
    """Return the files, ready to upload; raises `InvalidInput` for the first that cannot be."""
    checked = tuple(_source(one) for one in files)
    if not checked:
        raise _refused("There is no file to upload.", "Give one or more paths.")
    for source in checked:
        what = f"The file {quoted(source.name)}"
        if not source.size:
            raise _refused(f"{what} is empty.", "Give a file with contents.")
        if source.size > max_upload_mb * MEGABYTE:
            raise _refused(
                f"{what} has {size_words(source.size)}; the limit is {max_upload_mb:,.15g} MB.",
                "Give a smaller file, or set the limit: "
                "%config AsteroidMagics.max_upload_mb, or AsteroidClient(max_upload_mb=…).",
            )
    return checked


def _source(given: object) -> Source:
    if issubclass(type(given), tuple):
        return _from_pair(given)
    try:
        text = os.fsdecode(exact(given) or os.fspath(given))  # type: ignore[call-overload]
        path = Path(os.path.expanduser(text))  # noqa: PTH111 (a bad user name must not raise)
    except Exception:  # noqa: BLE001 (an object may fail in any way)
        problem = f"A file is of type {kind_of(given)}, not a path."
    else:
        if text:
            return _from_path(path)
        problem = "A path is empty."
    raise _refused(problem, "Give a path, or a pair: a name, and its contents as bytes.")


def _from_pair(given: object) -> Source:
    pair: tuple[object, ...] = tuple(tuple.__iter__(given))  # type: ignore[arg-type]
    name = exact(pair[0]) if len(pair) == 2 else None  # noqa: PLR2004 (a pair)
    if name is None or not isinstance(pair[1], bytes | bytearray | memoryview):
        raise _refused(
            "A tuple is not a pair of a name and bytes.",
            'Give a pair such as ("notes.txt", b"…"); text.encode() turns text into bytes.',
        )
    _check_name(name)
    data = bytes(pair[1])
    return Source(name, len(data), data=data)


def _from_path(path: Path) -> Source:
    shown = quoted(path)
    try:
        found = path.stat()
        is_file = stat.S_ISREG(found.st_mode)
        if is_file:
            # Only a regular file: opening a pipe would wait for a writer.
            with path.open("rb") as opened:
                opened.read(1)
    except OSError as error:
        problem = unreadable(str(path), error)
    except ValueError:
        # Such as a NUL in the path.
        problem = _refused(f"{shown} is not a path.", "Correct the path.")
    else:
        if is_file:
            _check_name(path.name)
            return Source(path.name, found.st_size, path.absolute(), stamp=_stamp(found))
        problem = _refused(f"{shown} is not a regular file.", "Copy its contents into a file.")
        if stat.S_ISDIR(found.st_mode):
            problem = _refused(f"{shown} is a folder.", "Give its files, or pack it into a zip.")
    raise problem


def unreadable(path: str, error: OSError) -> InvalidInput:
    """Return the error for a file that the system does not let this program read."""
    shown = quoted(path)
    if isinstance(error, FileNotFoundError):
        where = quoted(Path.cwd())
        return _refused(f"There is no file {shown}.", f"Check the path. This folder is {where}.")
    why = error.strerror or type(error).__name__
    return _refused(f"The file {shown} cannot be read: {why}.", "Correct that, then try again.")


def _check_name(name: str) -> None:
    """Raise `InvalidInput` unless servers read the name exactly as it is."""
    problem = ""
    if not name.strip() or set(name) == {"."}:
        problem = "is no name of a file"
    elif odd := sorted(UNSAFE & set(name)):
        problem = f"has the character {odd[0]}, which servers read in different ways"
    elif hidden := [one for one in name if has_unseen(one)]:
        problem = f"has the invisible character U+{ord(hidden[0]):04X}"
    elif len(name.encode()) > LONGEST_NAME:
        size = counted(len(name.encode()), "byte")
        problem = f"has {size}; a name has at most {LONGEST_NAME}"
    if problem:
        raise _refused(f"The name {quoted(name)} {problem}.", RENAME)


def _stamp(found: os.stat_result) -> Stamp:
    return found.st_size, found.st_mtime_ns


def _refused(why: str, hint: str) -> InvalidInput:
    return InvalidInput(why, hint=hint, operation=UPLOAD)
