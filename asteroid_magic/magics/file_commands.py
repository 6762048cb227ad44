"""Implements `%asteroid_files` and `%asteroid_send --attach`; loaded on first use."""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..client.client import AsteroidClient
from ..client.files.sources import checked_sources
from ..client.session_client import session_client
from ..config.session import session
from ..deadline import Deadline
from ..errors import READ, SEND, UPLOAD, AsteroidError, Interrupted
from ..input import options
from ..input.refusal import show
from ..models.delivery import Delivery, DryRun
from ..models.files import Files, Upload
from ..render.transcript import in_command
from ..text import quoted, size_words
from .feedback import Names, display_errors, execution_named, usage_errors

if TYPE_CHECKING:
    from pathlib import Path

    from IPython.core.interactiveshell import InteractiveShell

# A note names at most this many files.
MOST_NAMED = 3


def files(shell: "InteractiveShell", line: str, local_ns: Names) -> Files:
    """Run `%asteroid_files`."""
    given = usage_errors(lambda: options.parse(line, options.FILES))
    word = usage_errors(lambda: given.execution)

    def work() -> Files:
        execution_id = execution_named(shell, word, local_ns, READ)
        with session_client() as client:
            found = client.files(execution_id)
            session.remember(execution_id)
            if "--save" not in given.options:
                return found
            return _saved(client, found, os.path.expanduser(given.options["--save"][-1]))  # noqa: PTH111 (a bad user name must not raise)

    return display_errors(work)


def _saved(client: AsteroidClient, found: Files, folder: str) -> Files:
    """Save what the agent made; after a failure, show what was saved before it."""
    saved: dict[str, Path] = {}
    try:
        for one in found:
            if one.id and one.is_from_agent:
                saved[one.id] = client.download(one, folder)
    except AsteroidError:
        if saved:
            show(Files(found, found.execution_id, saved))
        raise
    return Files(found, found.execution_id, saved)


def deadline_of(client: AsteroidClient, timeout: float | None) -> Deadline | None:
    """Return one deadline for files and message, if the user has given a `timeout`."""
    return None if timeout is None else Deadline(client.timeout)


def dry_run(client: AsteroidClient, run: DryRun, paths: Iterable[str]) -> tuple[str, ...]:
    """Check the files, and return the notes of a dry run."""
    try:
        limit = client.requester.settings.max_upload_mb
        checked = checked_sources(map(_expanded, paths), limit)
    except AsteroidError as error:
        raise _not_sent(error).about(run.execution_id, run.message) from None
    if not checked:
        return run.notes
    named = [f"{quoted(one.name)} ({size_words(one.size)})" for one in checked]
    return (*run.notes, f"Before the message, these files would be uploaded: {_listed(named)}.")


def attach(
    client: AsteroidClient, execution_id: str, paths: Iterable[str], deadline: Deadline | None
) -> Upload:
    """Upload the files of `--attach`; an error says that the message was not sent."""
    try:
        return client.upload(execution_id, *map(_expanded, paths), timeout=deadline)
    except AsteroidError as error:
        raise _not_sent(error) from None


def _expanded(path: str) -> str:
    return os.path.expanduser(path)  # noqa: PTH111 (a bad user name must not raise)


def _not_sent(error: AsteroidError) -> AsteroidError:
    """Return the error of an upload as one of the message, which was not sent."""
    upload = error.upload
    doubt = upload is not None and upload.outcome == "unknown"
    arrived = upload is not None and any(one.outcome == "delivered" for one in upload.files)
    why = "did not arrive" if upload else "cannot be uploaded"
    if isinstance(error, Interrupted):
        title = "You interrupted the upload, so the message was not sent"
    else:
        why = "may not have arrived" if doubt else why
        title = f"The message was not sent, because a file {why}"
        if upload is not None:
            error.detail = f"{error.title}. {error.detail}".strip()
    hint = "Then send the message again"
    if upload is None:
        hint = f"{error.hint} {hint}."
    elif doubt:
        shows = f"%asteroid_files {in_command(upload.execution_id)}"
        hint = f"See with {shows} whether it arrived. {hint}, without --attach for what is there."
    elif upload.outcome == "delivered":
        hint = "The files are there: send the message again without --attach."
    else:
        again = hint.removeprefix("Then ")
        hint = error.hint.replace(UPLOAD.again, again)
        hint = hint.replace(UPLOAD.again.capitalize(), again.capitalize())
        hint += " Leave out --attach for the files that arrived." if arrived else ""
    error.operation, error.outcome = SEND, "not_delivered"
    error.title, error.hint = title, hint
    error.args = (error.detail,)
    return error


def noted(delivery: Delivery, upload: Upload) -> tuple[str, ...]:
    """Return the notes of a delivery, with the files that were uploaded before it."""
    named = [f"{quoted(one.name)} ({size_words(one.size)})" for one in upload.files]
    return (*delivery.notes, f"Uploaded before the message: {_listed(named)}.")


def with_upload(error: AsteroidError, upload: Upload) -> AsteroidError:
    """Return the error of a message, which says that its files have arrived."""
    error.upload = upload
    if error.outcome != "delivered":
        error.hint = (
            f"{error.hint} The files have arrived: when you send again, leave out --attach.".strip()
        )
    return error


def _listed(named: list[str]) -> str:
    more = f" and {len(named) - MOST_NAMED:,} more" if named[MOST_NAMED:] else ""
    return ", ".join(named[:MOST_NAMED]) + more
