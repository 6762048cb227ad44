"""Files of an execution, read leniently, and what became of files that were uploaded."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self, SupportsIndex, overload

from ..display import Displayable
from ..frame import to_frame
from . import coerce

# The directory of what users gave to the execution; the server has no name for it.
CONTEXT = "context"
# What Asteroid itself keeps in an execution: nobody asked for it.
INTERNAL = frozenset({"debug", "tracing"})

UploadOutcome = Literal["delivered", "not_delivered", "unknown"]


@dataclass(frozen=True, kw_only=True)
class File:
    """A file of an execution, as it was when it was listed.

    Attributes
    ----------
    id : str
        Its ID, ``""`` if it has none.
    name : str
        Its name, as Asteroid has it.
    size : int or None
        Its size in bytes; None if unknown.
    mime_type : str
        Such as ``"application/pdf"``; ``""`` if unknown.
    created_at : datetime or None
        When it was created (aware); None if unknown.
    execution_id : str
        The execution.
    directory : str
        ``"uploads"``, ``"downloads"``, ``"workspace"``, ``"shared"``, ``"debug"``, ``"tracing"``
        or, for what users gave to the execution, ``"context"``; the server may have more.
    created_by : str or None
        ``"user"``, ``"agent"``, ``"environment"`` or ``"system"``; None if unknown.
    data : mapping
        Every other member of the JSON, by its own name.
    """

    id: str
    name: str = ""
    size: int | None = None
    mime_type: str = ""
    created_at: datetime | None = None
    execution_id: str = ""
    directory: str = ""
    created_by: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)

    @property
    def is_context(self) -> bool:
        """Return True if a user gave it to the execution."""
        return self.directory == CONTEXT

    @property
    def is_from_agent(self) -> bool:
        """Return True unless users gave it to the execution, or Asteroid keeps it for itself."""
        return not self.is_context and self.directory not in INTERNAL


class Files(Displayable, tuple[File, ...]):  # noqa: SLOT001 (as `Listing`)
    """The files of one execution, newest first; shown as a table.

    It is a tuple of `File`; a slice of it has the same attributes.

    Attributes
    ----------
    execution_id : str
        The execution.
    saved : mapping of str to Path
        Where files were saved, by ID.
    is_saving : bool
        These are the files of a request to save, even if there was nothing to save.
    """

    execution_id: str
    saved: Mapping[str, Path]
    is_saving: bool

    def __new__(
        cls,
        files: Iterable[File] = (),
        execution_id: str = "",
        saved: Mapping[str, Path] | None = None,
    ) -> Self:
        """Return the files, in this order."""
        made = super().__new__(cls, files)
        made.execution_id, made.saved = execution_id, saved or {}
        made.is_saving = saved is not None
        return made

    def __getnewargs__(self) -> tuple[Any, ...]:
        return tuple(self), self.execution_id, self.saved if self.is_saving else None

    def to_frame(self) -> Any:
        """Return the files as a data frame, one row each.

        Returns
        -------
        pandas.DataFrame
            Its columns are the fields of `File`, except `data`.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        columns = [each.name for each in fields(File) if each.name != "data"]
        rows = ([getattr(one, name) for name in columns] for one in self)
        return to_frame(rows, columns)

    def __str__(self) -> str:
        return self.as_text()

    @overload
    def __getitem__(self, at: SupportsIndex) -> File: ...
    @overload
    def __getitem__(self, at: slice) -> "Files": ...
    def __getitem__(self, at: SupportsIndex | slice) -> "File | Files":
        if isinstance(at, slice):
            saved = self.saved if self.is_saving else None
            return Files(super().__getitem__(at), self.execution_id, saved)
        return super().__getitem__(at)


@dataclass(frozen=True, kw_only=True)
class UploadedFile:
    """What became of one file of an upload.

    Attributes
    ----------
    name : str
        The name of the file.
    size : int
        Its size in bytes.
    outcome : {"delivered", "not_delivered", "unknown"}
        What is known of it.
    was_sent : bool
        False if its turn did not come, because an earlier file failed.
    confirmed_by : {"answer", "files"}
        How a delivery is known: by the answer or, if that was lost, by the files of the execution.
    file_id : str or None
        Its ID among the files of the execution; None if the answer said enough.
    """

    name: str
    size: int
    outcome: UploadOutcome
    was_sent: bool = True
    confirmed_by: Literal["answer", "files"] = "answer"
    file_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Upload(Displayable):
    """What became of the files that were uploaded to an execution.

    Attributes
    ----------
    execution_id : str
        The execution, in lower case.
    base_url : str
        The Asteroid that it belongs to.
    files : tuple of UploadedFile
        The files, in the order of the call.
    elapsed : float
        How long it took, in seconds.
    """

    execution_id: str
    base_url: str
    files: tuple[UploadedFile, ...]
    elapsed: float

    @property
    def outcome(self) -> UploadOutcome:
        """``"delivered"`` if all files are; ``"unknown"`` if one of them may be there."""
        found = {one.outcome for one in self.files}
        if "unknown" in found:
            return "unknown"
        return "not_delivered" if "not_delivered" in found else "delivered"

    _repr_pretty_ = Displayable._repr_pretty_


def read_files(listing: object, execution_id: str) -> Iterator[File]:
    """Yield the files of ``GET …/files``: its directories, also those with an unknown name."""
    directories = coerce.members((coerce.members(listing) or {}).get("directories")) or {}
    for name, listed in directories.items():
        for item in listed if isinstance(listed, list) else ():
            if isinstance(item, dict):
                yield _read_file(item, execution_id, name)


def read_context_files(listing: Iterable[object], execution_id: str) -> Iterator[File]:
    """Yield the files of ``GET …/context-files``."""
    for item in listing:
        if isinstance(item, dict):
            yield _read_file(item, execution_id, CONTEXT)


def _read_file(body: dict[str, Any], execution_id: str, directory: str) -> File:
    rest = dict(body)
    take = rest.pop
    size = coerce.number(take("fileSize", None))
    return File(
        id=coerce.text(take("id", None)) or "",
        name=coerce.text(take("fileName", None)) or "",
        size=int(size) if size is not None and size >= 0 and size == int(size) else None,
        mime_type=coerce.text(take("mimeType", None)) or "",
        created_at=coerce.moment(take("createdAt", None)),
        # The one that was asked: a download must not lead to another.
        execution_id=execution_id,
        directory=directory,
        created_by=coerce.text(take("createdBy", None)),
        data=rest,
    )
