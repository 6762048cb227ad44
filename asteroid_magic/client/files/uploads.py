"""Uploads files to an execution: one request a file, so that each has an outcome of its own.

With several files in one request, a lost answer would leave all of them unknown, and the server
might keep some of them. After the first file that is not delivered, no further file is sent. No
file is sent twice on a guess: if its answer is lost, it is looked up.
"""

import time
from collections.abc import Iterable
from typing import NamedTuple

from ...deadline import Deadline, Timeout
from ...errors import READ, UPLOAD, AsteroidError, Interrupted, UnexpectedAnswer
from ...models.files import Upload, UploadedFile
from ...models.message import ExecutionRef, checked_id
from ...text import quoted
from ..boundary import stripped
from ..requester import Call, Requester, guarded
from ..retry import UNSENT_MESSAGE
from ..transport.request import Request
from ..transport.response import BYTE_ORDER_MARK, Answer
from .lookups import PendingUpload, UploadSearch, look_for, upload_ledger
from .multipart import MultipartBody, TransferProgress
from .sources import FileInput, Source, checked_sources

BROKEN_OFF = "Not all of the file was sent, so Asteroid does not have it."


class UploadResult(NamedTuple):
    """The outcome of an upload: `error` is None if all files were delivered.

    `upload` says what became of each file; None if the files could not even be checked.
    """

    upload: Upload | None
    error: AsteroidError | None


def try_upload(
    requester: Requester,
    execution: ExecutionRef,
    files: Iterable[FileInput],
    timeout: Timeout = None,
    progress: TransferProgress | None = None,
) -> UploadResult:
    """Upload files and return the result; raises no `AsteroidError`.

    For a thread of its own, in a form for example: another thread ends it with `cancel` of the
    `Deadline` that it gave as `timeout`, such as ``Deadline(30, renews=True)``. `progress` is
    called in the thread that uploads.
    """
    try:
        return UploadResult(upload(requester, execution, files, timeout, progress), None)
    except AsteroidError as error:
        # Its frames may hold the key.
        return UploadResult(error.upload, stripped(error))


def upload(
    requester: Requester,
    execution: ExecutionRef,
    files: Iterable[FileInput],
    timeout: Timeout,
    progress: TransferProgress | None,
) -> Upload:
    """Upload files to an execution, one after the other.

    Raises the error of the first file that is not delivered; its `upload` says which ones are.
    """
    execution_id = checked_id(execution, UPLOAD)
    sources = checked_sources(files, requester.settings.max_upload_mb)
    began = time.monotonic()
    if timeout is not None and not isinstance(timeout, Deadline):
        timeout = requester.begin(UPLOAD, timeout, execution_id).deadline
    done: list[UploadedFile] = []
    failure: AsteroidError | None = None
    for source in sources:
        if failure is not None:
            late = UploadedFile(
                name=source.name, size=source.size, outcome="not_delivered", was_sent=False
            )
            done.append(late)
            continue
        try:
            done.append(_upload_one(requester, execution_id, source, timeout, progress))
        except AsteroidError as error:
            failure = error
            done.append(_failed(source, error))
    result = Upload(
        execution_id=execution_id,
        base_url=requester.base_url,
        files=tuple(done),
        elapsed=time.monotonic() - began,
    )
    if failure is None:
        return result
    failure.upload, failure.outcome = result, result.outcome
    raise failure.about(execution_id, None)


def _failed(source: Source, error: AsteroidError) -> UploadedFile:
    outcome = error.outcome
    name = f"{quoted(source.name)}: "
    if quoted(source.name) not in error.detail:
        error.detail = f"{name}{error.detail}" if error.detail else name.rstrip(": ")
        error.args = (error.detail,)
    return UploadedFile(
        name=source.name,
        size=source.size,
        outcome="not_delivered" if outcome == "not_done" else outcome,
    )


def _upload_one(
    requester: Requester,
    execution_id: str,
    source: Source,
    timeout: Deadline | None,
    progress: TransferProgress | None,
) -> UploadedFile:
    deadline = timeout or Deadline(requester.settings.timeout, renews=True)
    # Each file has the whole time, if the deadline renews.
    deadline.gain(float("inf"))
    call = requester.begin(UPLOAD, deadline, execution_id)
    entry = upload_ledger.begin((execution_id, source.name, source.size))
    try:
        _transmit(requester, call, source, progress)
    except AsteroidError as error:
        entry.may_be_there = error.outcome != "not_delivered"
        if error.outcome != "unknown" or not requester.settings.confirm_grace:
            raise
        unknown = error
    else:
        return UploadedFile(name=source.name, size=source.size, outcome="delivered")
    finally:
        entry.ended = time.monotonic()
    return _look_up(requester, call, source, entry, unknown)


def _transmit(
    requester: Requester, call: Call, source: Source, progress: TransferProgress | None
) -> None:
    url = f"{requester.base_url}/executions/{call.execution_id}/context-files"
    confirmed: list[Answer] = []
    with MultipartBody(source, progress) as body:
        request = Request(UPLOAD, "POST", url, body)

        def work() -> None:
            answer = requester.request(call, request, UNSENT_MESSAGE)
            _check_answer(answer, body)
            confirmed.append(answer)

        try:
            guarded(call, work)
        except Interrupted as error:
            if confirmed:
                raise _there(error, "Asteroid had confirmed the file already.") from None
            raise _unless_whole(error, body) from None
        except AsteroidError as error:
            raise _unless_whole(error, body) from None


def _check_answer(answer: Answer, body: MultipartBody) -> None:
    """Raise `UnexpectedAnswer` for a success that does not confirm the file."""
    if _is_page(answer):
        why = "The server answered with a web page, as a proxy or a login page does."
    elif not body.is_whole:
        # urllib3 reads the answer of a server that stops reading the request.
        why = "The server answered before it had the whole file."
    else:
        return
    raise UnexpectedAnswer(why, status_code=answer.status, outcome="unknown", operation=UPLOAD)


def _is_page(answer: Answer) -> bool:
    """Return True for HTML: Asteroid answers in plain text, with the same status as any page."""
    is_html = "html" in answer.headers.get("Content-Type", "").lower()
    return is_html or answer.text.removeprefix(BYTE_ORDER_MARK).lstrip().startswith("<")


def _unless_whole(error: AsteroidError, body: MultipartBody) -> AsteroidError:
    """Return the error; if the request never left whole, it says that the file is not there."""
    if error.outcome == "unknown" and not body.is_whole:
        error.outcome = "not_delivered"
        error.detail = f"{error.detail} {BROKEN_OFF}".strip()
        error.args = (error.detail,)
        error.hint = UPLOAD.again.capitalize() + " when you are ready."
    return error


def _look_up(
    requester: Requester, call: Call, source: Source, entry: PendingUpload, error: AsteroidError
) -> UploadedFile:
    """Return the delivery if the file is listed; otherwise raise the error of the upload."""
    grace = requester.settings.confirm_grace
    stops = isinstance(error, Interrupted)
    # As for a message: a user's interrupt must also stop what follows.
    interrupted = stops and not call.deadline.is_cancelled
    deadline = Deadline(grace) if interrupted else call.deadline.then(grace)
    until = time.monotonic() + (0.0 if stops else grace)
    looking = Call(READ, deadline, call.key)
    try:
        search = guarded(looking, lambda: look_for(requester, looking, entry, call.asked, until))
    except Interrupted:
        search = UploadSearch(None, "You interrupted the search for it.")
    except AsteroidError:
        search = UploadSearch(None, "Reading the files of the execution failed too.")
    if search.found is None:
        parts = (error.detail, search.why)
        error.detail = " ".join(f"{part.rstrip('. ')}." for part in parts if part)
        error.args = (error.detail,)
        raise error
    if interrupted:
        raise _there(error, "The files of the execution show that it has arrived.")
    return UploadedFile(
        name=source.name,
        size=source.size,
        outcome="delivered",
        confirmed_by="files",
        file_id=search.found.id,
    )


def _there(error: AsteroidError, why: str) -> AsteroidError:
    """Return the error of an interrupted upload whose file is delivered."""
    error.outcome, error.detail = "delivered", why
    error.hint = "The agent has this file."
    error.args = (error.detail,)
    return error
