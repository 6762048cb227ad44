"""Implements `%asteroid_files` and `%asteroid_send --attach`; loaded on first use."""

import os
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from ..client.client import AsteroidClient
from ..client.files.saved_file import checked_folder
from ..client.files.sources import checked_sources
from ..client.session_client import session_client
from ..config.session import session
from ..deadline import Deadline
from ..errors import READ, UPLOAD, AsteroidError, InvalidInput
from ..input import options
from ..input.refusal import show
from ..input.send_line import SendCommand
from ..models.delivery import Delivery, DryRun
from ..models.files import Files, Upload
from ..monitor.attachments import add_files, named, not_sent, with_files
from ..render.transcript import in_command
from .feedback import Names, display_errors, execution_named, usage_errors

if TYPE_CHECKING:
    from pathlib import Path

    from IPython.core.interactiveshell import InteractiveShell


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
            folder = _expanded(given.options["--save"][-1])
            if os.path.lexists(folder):
                # Also if there is nothing to save, it must be a folder.
                checked_folder(folder)
            return _saved(client, found, folder)

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


def send(
    client: AsteroidClient,
    command: SendCommand,
    execution_id: str,
    message: str,
    deadline: Deadline | None,
) -> Delivery | DryRun:
    """Upload the files of `--attach`, then send the message, or check both for `--dry-run`.

    `deadline` is that of a look-up before it.
    """
    # This checks the message, too, before a file leaves.
    try:
        run = client.dry_run(execution_id, message)
    except InvalidInput as error:
        if not message.strip():
            error.hint += " For files without a message: AsteroidClient().upload(execution, FILE)."
        raise
    if "--dry-run" in command.options:
        return replace(run, notes=_notes(client, run, command.attachments))
    # One for everything, if the user has given a time; else a large file may take longer.
    deadline = None if command.timeout is None else deadline or Deadline(client.timeout)
    paths = map(_expanded, command.attachments)
    try:
        upload = client.upload(execution_id, *paths, timeout=deadline)
    except AsteroidError as error:
        raise _not_sent(error) from None
    try:
        delivery = client.send(execution_id, message, timeout=deadline)
    except AsteroidError as error:
        raise add_files(error, upload, "leave out --attach") from None
    return with_files(delivery, upload)


def _notes(client: AsteroidClient, run: DryRun, paths: Iterable[str]) -> tuple[str, ...]:
    """Check the files, and return the notes of a dry run."""
    try:
        limit = client.requester.settings.max_upload_mb
        checked = checked_sources(map(_expanded, paths), limit)
    except AsteroidError as error:
        raise _not_sent(error).about(run.execution_id, run.message) from None
    if not checked:
        return run.notes
    files = named((one.name, one.size) for one in checked)
    return (*run.notes, f"Before the message, these files would be uploaded: {files}.")


def _expanded(path: str) -> str:
    return os.path.expanduser(path)  # noqa: PTH111 (a bad user name must not raise)


def _not_sent(error: AsteroidError) -> AsteroidError:
    return not_sent(error, _hint(error), "interrupted")


def _hint(error: AsteroidError) -> str:
    upload: Upload | None = error.upload
    again = "send the message again"
    if upload is None:
        return f"{error.hint} Then {again}."
    if upload.outcome == "unknown":
        shows = f"%asteroid_files {in_command(upload.execution_id)}"
        then = f"Then {again}, without --attach for what is there."
        return f"See with {shows} whether it arrived. {then}"
    if upload.outcome == "delivered":
        return f"The files are there: {again} without --attach."
    # It speaks of the upload.
    hint = error.hint.replace(UPLOAD.again, again)
    hint = hint.replace(UPLOAD.again.capitalize(), again.capitalize())
    arrived = any(one.outcome == "delivered" for one in upload.files)
    return f"{hint} Leave out --attach for the files that arrived." if arrived else hint
