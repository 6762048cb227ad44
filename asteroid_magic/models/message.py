"""An outgoing message: its execution ID and its text, checked before anything is sent."""

import json
import re
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from ..errors import SEND, InvalidInput, Operation
from ..text import exact, kind_of, quoted

LARGEST_MESSAGE = 1_000_000

# ASCII only: `uuid.UUID` also takes braces, full-width digits and more, and turns some of them
# into the ID of another execution.
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# The same digits without hyphens, as some tools write them.
_BARE_UUID = re.compile(r"([0-9a-fA-F]{8})" + r"([0-9a-fA-F]{4})" * 3 + r"([0-9a-fA-F]{12})")
# What documents make of "-": hyphens, dashes and minus signs.
_DASHES = dict.fromkeys((*range(0x2010, 0x2016), 0x2212, 0xFE58, 0xFE63, 0xFF0D), "-")
# ASCII JSON would need twelve bytes for an emoji instead of four. Made once: `json.dumps` makes one
# for each message.
_JSON = json.JSONEncoder(ensure_ascii=False)


class Identified(Protocol):
    """An object with the ID of an execution, such as an `Execution`."""

    @property
    def id(self) -> str | UUID:
        """The ID."""


class OfExecution(Protocol):
    """An object that belongs to an execution, such as a `Delivery`."""

    @property
    def execution_id(self) -> str:
        """The ID of the execution."""


# What names an execution to a client. If an object has both, its `execution_id` counts.
ExecutionRef = str | UUID | Identified | OfExecution


@dataclass(frozen=True)
class Outgoing:
    """A message that can be sent: `execution_id` in lower case, `body` as UTF-8 JSON."""

    execution_id: str
    message: str
    body: bytes


def is_execution_id(text: str) -> bool:
    """Return True if `text` is a UUID in its usual form, 8-4-4-4-12 hexadecimal digits."""
    return _UUID.fullmatch(text) is not None


def hyphenated(text: str) -> str:
    """Return a UUID without hyphens, or with the dashes of a document, in its usual form.

    Any other text comes back as it is.
    """
    plain = text.translate(_DASHES)
    bare = _BARE_UUID.fullmatch(plain)
    if bare is not None:
        return "-".join(bare.groups())
    return plain if is_execution_id(plain) else text


def prepare(execution: ExecutionRef, message: str) -> Outgoing:
    """Return the message ready to send; raises `InvalidInput`, which says what is wrong."""
    given, given_id = exact(message), named_id(execution)
    problem: InvalidInput | None
    try:
        execution_id = checked_id(execution, SEND)
        text = checked_text(message)
        problem = _problem_of(text)
    except InvalidInput as error:
        problem = error
    if problem is not None:
        if is_execution_id(named_id(message) or "") and not is_execution_id(given_id or ""):
            problem.hint = "The execution comes first, then the message."
        raise problem.about(given_id, given)
    body = f'{{"message": {_JSON.encode(text)}}}'.encode()
    return Outgoing(execution_id, text, body)


def checked_id(execution: ExecutionRef, operation: Operation) -> str:
    """Return the ID in lower case; raises `InvalidInput` if it is not a UUID."""
    execution_id = named_id(execution)
    if execution_id is not None and is_execution_id(execution_id):
        return execution_id.lower()
    given = f"({kind_of(execution)})" if execution_id is None else quoted(execution_id)
    raise InvalidInput(
        f"The execution ID {given} is not a UUID.",
        hint="Copy the execution's ID from Asteroid: 36 characters, like "
        "123e4567-e89b-12d3-a456-426614174000.",
        operation=operation,
    ).about(execution_id, None)


def named_id(value: object) -> str | None:
    """Return the text of the execution ID that a value is or has; None if it has none."""
    text = text_of_id(value)
    for attribute in ("execution_id", "id"):
        if text is None:
            text = text_of_id(_attribute(value, attribute))
    return None if text is None else hyphenated(text)


def text_of_id(value: object) -> str | None:
    """Return a text or a `uuid.UUID` as an exact `str`; None for any other object.

    As with `exact`, no code of a subclass runs.
    """
    if not issubclass(type(value), UUID):
        return exact(value)
    try:
        number = UUID.__dict__["int"].__get__(value)
        return str(UUID(int=int.__index__(number)))
    except Exception:  # noqa: BLE001 (a subclass may have set anything, or nothing)
        return None


def _attribute(value: object, name: str) -> object:
    try:
        return getattr(value, name, None)
    except Exception:  # noqa: BLE001 (a property may fail in any way)
        return None


def checked_text(message: object) -> str:
    """Return the message if it is text; raises `InvalidInput` for any other object."""
    text = exact(message)
    if text is None:
        raise InvalidInput(
            f"The message is of type {kind_of(message)}, not text.",
            hint="Send text: str(…) turns it into text.",
        )
    return text


def _problem_of(message: str) -> InvalidInput | None:
    if not message.strip():
        what = "empty" if not message else "only spaces or line breaks"
        return InvalidInput(f"The message is {what}.", hint="Write what the agent should read.")
    size = len(message)
    if size <= LARGEST_MESSAGE:
        try:
            size = len(message.encode())
        except UnicodeEncodeError as error:
            return _unsendable(message, error.start, "only half of a character")
    if size > LARGEST_MESSAGE:
        return InvalidInput(
            f"The message is over {LARGEST_MESSAGE:,} bytes of UTF-8.",
            hint="Send a shorter message, or several.",
        )
    if "\0" in message:
        return _unsendable(message, message.index("\0"), "NUL, which gets lost on the way")
    return None


def _unsendable(message: str, at: int, what: str) -> InvalidInput:
    return InvalidInput(
        f"Character {at + 1:,} of the message (U+{ord(message[at]):04X}) is {what}.",
        hint="Remove it, then send again. Text decoded with errors often has such characters.",
    )
