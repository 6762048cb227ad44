"""Files that a view sends before a message, and what the outcome then says of them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..errors import SEND, AsteroidError, Interrupted
from ..models.delivery import Delivery
from ..models.files import Upload
from ..text import quoted, size_words

# A note names at most this many files.
MOST_NAMED = 3
UPLOADED = "Uploaded before the message"
# What is left to send again: a name, and its contents.
Attachment = tuple[str, bytes]


def not_sent(error: AsteroidError, hint: str, ended: str = "cancelled") -> AsteroidError:
    """Return the error of an upload as one of the message, which was not sent after it.

    `ended` says what the user did if there is no other reason.
    """
    upload: Upload | None = error.upload
    why = "did not arrive" if upload else "cannot be uploaded"
    if upload is not None and upload.outcome == "unknown":
        why = "may not have arrived"
    if isinstance(error, Interrupted):
        error.title = f"You {ended} the upload, so the message was not sent"
    else:
        if upload is not None:
            error.detail = f"{error.title}. {error.detail}".strip()
        error.title = f"The message was not sent, because a file {why}"
    error.operation, error.outcome, error.hint = SEND, "not_delivered", hint
    error.args = (error.detail,)
    return error


def hint_in_view(error: AsteroidError) -> str:
    """Return what the user of a view can do about an upload that failed."""
    upload: Upload | None = error.upload
    if upload is None:
        return f"{error.hint} Then send again."
    if upload.outcome == "unknown":
        shows = f"%asteroid_files {upload.execution_id}"
        return f"See with {shows} whether it arrived; attach it again only if it did not."
    if upload.outcome == "delivered":
        return "The files are there: send the message again, without them."
    return "What did not arrive is still attached: send again."


def with_files(delivery: Delivery, upload: Upload) -> Delivery:
    """Return the delivery of a message with a note that names the files before it."""
    note = f"{UPLOADED}: {named((one.name, one.size) for one in upload.files)}."
    return replace(delivery, notes=(*delivery.notes, note))


def add_files(error: AsteroidError, upload: Upload, again: str = "leave them out") -> AsteroidError:
    """Let the error of a message say that its files have arrived, and how to send it `again`."""
    error.upload = upload
    if error.outcome != "delivered":
        arrived = f"The files have arrived: when you send again, {again}."
        error.hint = f"{error.hint} {arrived}".strip()
    return error


def named(files: Iterable[tuple[str, int]]) -> str:
    """Return the first files, each with its size in bytes, and how many more there are."""
    first = [f"{quoted(name)} ({size_words(size)})" for name, size in files]
    more = f" and {len(first) - MOST_NAMED:,} more" if first[MOST_NAMED:] else ""
    return ", ".join(first[:MOST_NAMED]) + more


def left_over(files: Sequence[Attachment], outcome: Delivery | AsteroidError) -> list[Attachment]:
    """Return those of the files that did not arrive, which the user may want to send again."""
    if isinstance(outcome, Delivery):
        return []
    upload: Upload | None = outcome.upload
    if upload is None:
        return list(files)
    return [
        file
        for file, one in zip(files, upload.files, strict=False)
        if one.outcome == "not_delivered"
    ]


def note_of(outcome: Delivery | AsteroidError) -> str:
    """Return the note of a delivery that names its files; empty if it had none."""
    notes = outcome.notes if isinstance(outcome, Delivery) else ()
    return next((one for one in notes if one.startswith(UPLOADED)), "")
