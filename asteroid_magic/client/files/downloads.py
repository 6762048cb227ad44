"""Downloads a file: asks Asteroid where it is, and fetches it from there without the key."""

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urljoin, urlsplit

from requests.utils import requote_uri

from ...config.api_key import PRINTABLE, ApiKey
from ...config.settings import is_loopback
from ...deadline import Deadline, Timeout
from ...errors import (
    DOWNLOAD,
    ApiError,
    AsteroidError,
    Interrupted,
    InvalidInput,
    NoAnswer,
    NotFound,
    ServerError,
    UnexpectedAnswer,
)
from ...interrupts import Hold
from ...models.files import File
from ...models.message import checked_id
from ...text import kind_of, quoted, size_words
from ..requester import Call, Requester, guarded
from ..retry import READ_ONCE, READ_REQUEST
from ..transport.request import Request
from .multipart import PIECE, TransferProgress, moved, report
from .saved_file import PartialFile, checked_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests import Response

# After the one of Asteroid itself.
MOST_REDIRECTS = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})
SUCCESS = 200
# The storage may answer so again and then not.
PASSING = frozenset({408, 429})
# Characters of a path in a sentence.
LONGEST_PATH = 400
NOT_SAVED = "The file was not saved"
AGAIN = "List the files again with %asteroid_files, then try again."


def download(
    requester: Requester,
    file: File,
    to: str | PathLike[str],
    timeout: Timeout,
    progress: TransferProgress | None,
) -> Path:
    """Save the file in the folder `to` under a free name, and return its path."""
    path = _path_of(file)
    folder = checked_folder(to)
    if timeout is None:
        timeout = Deadline(requester.settings.timeout, renews=True)
    call = requester.begin(DOWNLOAD, timeout, file.execution_id)

    saved: list[Path] = []

    def work() -> None:
        with PartialFile(folder, file.name) as part:
            _save(requester, call, path, _Reader(file, part, progress))
            # An interrupt in the middle would leave an empty file, or one that nobody knows of.
            with Hold():
                saved.append(part.keep())

    try:
        guarded(call, work)
    except Interrupted as error:
        if saved:
            error.hint = f"The file was saved before that: {quoted(saved[0], LONGEST_PATH)}."
        raise
    return saved[0]


def _path_of(file: object) -> str:
    """Return the path of a file below the base URL; raises `InvalidInput`."""
    problem = f"The file is of type {kind_of(file)}, not a File."
    if isinstance(file, File):
        execution_id = checked_id(file.execution_id, DOWNLOAD)
        if isinstance(file.id, str) and file.id.strip("."):
            kind = "context-files" if file.is_context else "files"
            part = quote(file.id, safe="", errors="replace")
            return f"/executions/{execution_id}/{kind}/{part}/download"
        problem = "The file has no ID."
    raise InvalidInput(problem, hint="Give a File of files().", operation=DOWNLOAD)


def _save(requester: Requester, call: Call, path: str, reader: "_Reader") -> None:
    """Fetch the file; after a failure of a server or a connection, begin again as other reads."""
    policy = requester.read_policy or READ_REQUEST
    tries = 0
    while True:
        tries += 1
        try:
            _fetch(requester, call, path, reader)
        except AsteroidError as error:
            fault = error
        else:
            return
        wait = policy.delay_s(fault, tries)
        if wait is None or wait >= call.deadline.left():
            raise fault
        call.deadline.wait(wait)


def _fetch(requester: Requester, call: Call, path: str, reader: "_Reader") -> None:
    asked = Request(DOWNLOAD, "GET", f"{requester.base_url}{path}")
    try:
        answer = requester.request(call, asked, READ_ONCE)
    except NotFound as error:
        error.title, error.hint = "Asteroid has no such file", AGAIN
        raise
    # The server may have repeated the key, in the address that is about to be asked.
    url = _target(requester.base_url, answer.headers, call.key)
    for _ in range(MOST_REDIRECTS + 1):
        reader.host = urlsplit(url).hostname or ""
        location = requester.fetch(call, url, reader)
        if location is None:
            return
        url = _target(url, location, call.key)
    raise _refused(f"There are more than {MOST_REDIRECTS} further redirects.")


def _target(base: str, headers: "Mapping[str, str]", key: ApiKey) -> str:
    """Return where a redirect leads; raises `UnexpectedAnswer` unless it may be followed."""
    location = headers.get("Location", "")
    try:
        url = requote_uri(urljoin(base, location.encode("latin-1").decode()))
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        url, host = "", ""
        parts = urlsplit(url)
    if not (location and host and PRINTABLE.fullmatch(url)):
        raise _refused("A redirect leads to no usable address.")
    if "@" in parts.netloc:
        raise _refused("A redirect contains a user name or password.")
    if not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))):
        raise _refused(f"A redirect leads to {key.hide_in(host)}, without encryption (https).")
    if any(key.hide_in(form) != form for form in (url, unquote(url))):
        raise _refused("A redirect contains the API key.")
    return parts._replace(fragment="").geturl()


class _Reader:
    """Reads one answer of the storage into the file; returns the headers of a redirect."""

    def __init__(self, file: File, part: PartialFile, progress: TransferProgress | None) -> None:
        self.host = ""
        self._file, self._part, self._progress = file, part, progress

    def __call__(self, response: "Response") -> "Mapping[str, str] | None":
        try:
            if response.status_code in REDIRECTS:
                return response.headers
            if response.status_code != SUCCESS:
                raise self._refusal(response.status_code)
            self._read(response)
        finally:
            # A body that was not read to its end must not pass for another answer.
            response.close()
        return None

    def _refusal(self, status: int) -> ApiError:
        is_passing = status >= 500 or status in PASSING  # noqa: PLR2004 (server errors)
        kind = ServerError if is_passing else ApiError
        return kind(
            f"{self.host}, where Asteroid keeps the file, answered {status}.",
            status_code=status,
            title=NOT_SAVED,
            hint="Try again: Asteroid then gives a new address for the file.",
            operation=DOWNLOAD,
        )

    def _read(self, response: "Response") -> None:
        listed, length = self._file.size, _length(response)
        if listed is not None and length not in {None, listed}:
            raise self._wrong_size(f"its storage has {size_words(length or 0)}")
        # http.client takes no other encodings apart, not even with this one.
        is_chunked = response.headers.get("Transfer-Encoding", "").strip().lower() == "chunked"
        size = listed if length is None else length
        if size is None and not is_chunked:
            raise self._wrong_size("its storage does not say how many bytes it has")
        self._part.begin()
        done = 0
        read = getattr(response.raw, "read1", response.raw.read)
        while piece := (b"" if done == size else read(PIECE, decode_content=False)):
            done += len(piece)
            moved(len(piece))
            if size is not None and done > size:
                raise self._wrong_size("more bytes came")
            self._part.write(piece)
            report(self._progress, self._file.name, done, size or 0)
        if size is None or done == size:
            if size == done and self._has_more(response):
                raise self._wrong_size("more bytes came")
            return
        raise NoAnswer(
            f"Only {done:,} of {size:,} bytes of {quoted(self._file.name)} came.",
            title=NOT_SAVED,
            operation=DOWNLOAD,
        )

    def _has_more(self, response: "Response") -> bool:
        # With a Content-Length, urllib3 ends there.
        return _length(response) is None and bool(response.raw.read(1, decode_content=False))

    def _wrong_size(self, why: str) -> UnexpectedAnswer:
        listed = self._file.size
        known = "" if listed is None else f" {size_words(listed)}, but"
        return UnexpectedAnswer(
            f"Asteroid lists {quoted(self._file.name)} with{known or ' no size, and'} {why}.",
            status_code=SUCCESS,
            title=NOT_SAVED,
            hint=f"It may have changed. {AGAIN}",
            operation=DOWNLOAD,
        )


def _length(response: "Response") -> int | None:
    text = response.headers.get("Content-Length", "").strip()
    return int(text[:18]) if text.isascii() and text.isdigit() else None


def _refused(why: str) -> UnexpectedAnswer:
    return UnexpectedAnswer(
        why,
        status_code=DOWNLOAD.expected,
        title=NOT_SAVED,
        hint="The address of the file is not safe to follow. Check the base URL.",
        operation=DOWNLOAD,
    )
