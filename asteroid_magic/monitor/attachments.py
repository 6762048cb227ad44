"""Files that a view sends before a message, and what the outcome then says of them."""

from collections.abc import Sequence
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


def not_sent(error: AsteroidError) -> AsteroidError:
    """Return the error of an upload as one of the message, which was not sent after it."""
    upload: Upload | None = error.upload
    if upload is None:
        why, hint = "cannot be uploaded", f"{error.hint} Then send again."
    elif upload.outcome == "unknown":
        shows = f"%asteroid_files {upload.execution_id}"
        why = "may not have arrived"
        hint = f"See with {shows} whether it arrived; attach it again only if it did not."
    else:
        why, hint = "did not arrive", "What did not arrive is still attached: send again."
    if upload is not None:
        error.detail = f"{error.title}. {error.detail}".strip()
        error.args = (error.detail,)
    title = f"The message was not sent, because a file {why}"
    if isinstance(error, Interrupted):
        title = "You cancelled the upload, so the message was not sent"
    error.title = title
    error.operation, error.outcome, error.hint = SEND, "not_delivered", hint
    return error


def with_files(outcome: Delivery | AsteroidError, upload: Upload) -> Delivery | AsteroidError:
    """Return the outcome of a message, which says that its files have arrived."""
    if isinstance(outcome, AsteroidError):
        outcome.upload = upload
        return outcome
    named = [f"{quoted(one.name)} ({size_words(one.size)})" for one in upload.files[:MOST_NAMED]]
    more = len(upload.files) - len(named)
    rest = f" and {more:,} more" if more else ""
    note = f"{UPLOADED}: {', '.join(named)}{rest}."
    return replace(outcome, notes=(*outcome.notes, note))


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
