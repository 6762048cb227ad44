"""Where a download is saved: under a safe name, within its folder, never over another file."""

import os
import re
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from ...errors import DOWNLOAD, AsteroidError, InvalidInput
from ...interrupts import Hold
from ...text import has_unseen, kind_of, quoted

# Bytes of a name: file systems take 255, and a number may be added, or the ending of a part.
LONGEST_NAME, LONGEST_ENDING = 200, 20
PART = ".part"
MOST_ALIKE = 10_000
# Reserved by Windows, or the parts of a path there.
_RESERVED = re.compile(r'[<>:"/\\|?*]')
# With any ending, or none. The digits include the superscripts.
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])\s*(?:\..*)?",
    re.IGNORECASE | re.DOTALL,
)


def safe_name(name: str) -> str:
    """Return a name for a file that stays in its folder, and is an ordinary file everywhere."""
    last = re.split(r"[/\\]", name)[-1]
    plain = "".join("_" if has_unseen(one) else one for one in _RESERVED.sub("_", last))
    plain = plain.strip().rstrip(". ")
    if plain.startswith("."):
        # It would be hidden, and could be a file that a program reads when it starts.
        plain = f"_{plain.lstrip('.')}"
    if _DEVICE.fullmatch(plain):
        plain = f"_{plain}"
    return _cut(plain).rstrip(". ") or "file"


def _cut(name: str) -> str:
    stem, ending = os.path.splitext(name)  # noqa: PTH122 (a name, not a path)
    if len(ending.encode()) > LONGEST_ENDING:
        stem, ending = name, ""
    most = LONGEST_NAME - len(ending.encode())
    return stem.encode()[:most].decode(errors="ignore") + ending


def checked_folder(to: object) -> Path:
    """Return the folder, created if it is missing; ``~`` is the home. Raises `InvalidInput`."""
    try:
        folder = Path(os.path.expanduser(os.fsdecode(os.fspath(to))))  # type: ignore[call-overload]  # noqa: PTH111 (a bad user name must not raise)
    except Exception:  # noqa: BLE001 (an object may fail in any way)
        problem = f"The folder is of type {kind_of(to)}, not a path."
    else:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            problem = f"{quoted(folder)} is a file, not a folder."
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "it is not a path"
            problem = f"The folder {quoted(folder)} cannot be created: {why}."
        else:
            return folder
    raise InvalidInput(problem, hint="Give the path of a folder.", operation=DOWNLOAD)


class PartialFile:
    """A file that is being saved, within ``with``: `keep` gives it its name.

    Without that, it is removed in the end. Raises `AsteroidError` if it cannot be written.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, safe_name(name)
        self._part: Path | None = None
        self._file: Any = None

    def __enter__(self) -> Self:
        try:
            # An interrupt in the middle would leave a file that nobody knows of.
            with Hold():
                # Not opened a second time: another program could have put a link there.
                self._part, self._file = self._reserved(f"{self._name}{PART}")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    def begin(self) -> None:
        """Begin again with an empty file."""
        self._do(lambda: (self._file.seek(0), self._file.truncate()))

    def write(self, piece: bytes) -> None:
        """Add a piece."""
        self._do(lambda: self._file.write(piece))

    def keep(self) -> Path:
        """Give the file its name, or the first free one with a number; return its path."""
        self._do(self._file.close)
        # Reserved, so that no other program can take the name before the file gets it.
        final, opened = self._reserved(self._name)
        opened.close()
        try:
            os.replace(self._part, final)  # type: ignore[arg-type]  # noqa: PTH105 (as in `_do`)
        except OSError as error:
            with suppress(OSError):
                final.unlink()
            problem = self._failed(error)
        else:
            self._part = None
            return final
        raise problem

    def _reserved(self, name: str) -> tuple[Path, BinaryIO]:
        """Create and open a file with the first free name; raises `AsteroidError`."""
        stem, ending = os.path.splitext(name)  # noqa: PTH122 (as above)
        problem: AsteroidError | None = None
        for number in range(MOST_ALIKE):
            path = self._folder / (f"{stem} ({number}){ending}" if number else name)
            try:
                # Exclusive: it fails for whatever has this name, a broken link too.
                opened = path.open("xb")
            except FileExistsError:
                continue
            except OSError as error:
                problem = self._failed(error)
                break
            return path, opened
        raise problem or self._failed(FileExistsError())

    def _do(self, work: Any) -> None:
        try:
            work()
        except OSError as error:
            problem = self._failed(error)
        else:
            return
        raise problem

    def _failed(self, error: OSError) -> AsteroidError:
        why = error.strerror or type(error).__name__
        return AsteroidError(
            f"{quoted(self._name)} cannot be saved in {quoted(self._folder)}: {why}.",
            title="The file was not saved",
            hint="Make room there, or choose another folder.",
            operation=DOWNLOAD,
        )

    def _end(self) -> None:
        """Close the file, and remove it unless it has its name."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
        if self._part is not None:
            with suppress(OSError):
                self._part.unlink()
            self._part = None
