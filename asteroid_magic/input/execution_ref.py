"""Which execution a word means: an ID, a variable that holds one, or the beginning of an ID."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from ..errors import SEND, InvalidInput, Operation
from ..models.message import is_execution_id
from ..text import quoted, shorten

SHORTEST_BEGINNING, LONGEST_ID = 8, 36
MOST_NAMED, LONGEST_NAME = 3, 60
_BEGINNING = re.compile(r"[0-9a-fA-F][0-9a-fA-F-]{,34}")
_ID_INSIDE = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def resolve_execution(
    word: str,
    namespace: Mapping[str, Any],
    seen: Mapping[str, str] | None = None,
    operation: Operation = SEND,
) -> str:
    """Return the execution ID that `word` is, that a variable of this name holds, or it begins.

    A variable is written `run_id`, `$run_id` or `{run_id}`, and may go through attributes, as
    in `run.id`. It may hold text, a `uuid.UUID`, or an object with such an `id`. Nothing is
    evaluated but the attributes. Where there is no variable of the name, 8 or more characters may
    be the beginning of one ID in `seen`, which maps IDs to the names of their workflows.

    Raises `InvalidInput`, in the words of `operation`, for a word that leads to no ID, or to
    several.
    """
    try:
        return _resolve(word, namespace, seen or {})
    except InvalidInput as error:
        title = "It is not clear which execution is meant"
        unclear = InvalidInput(error.detail, title=title, hint=error.hint, operation=operation)
    raise unclear


def _resolve(word: str, namespace: Mapping[str, Any], seen: Mapping[str, str]) -> str:
    name = word.removeprefix("$")
    if word.startswith("{") and word.endswith("}"):
        name = word[1:-1].strip()
    if is_execution_id(word):
        return word
    first, *attributes = name.split(".")
    is_name = all(part.isidentifier() for part in (first, *attributes))
    if not is_name or first not in namespace:
        if _BEGINNING.fullmatch(word):
            return _begun(word, seen, namespace)
        raise _no_execution(word, namespace)
    value = namespace[first]
    for attribute in attributes:
        value = _read(value, attribute, name)
    if isinstance(value, str) and SHORTEST_BEGINNING <= len(value) < LONGEST_ID:
        begun = value.strip()
        if _BEGINNING.fullmatch(begun):
            return _begun(begun, seen, namespace)
    return id_in(value, name)


def id_inside(text: str) -> str | None:
    """Return the first execution ID that stands somewhere in the text, as in that of a page."""
    found = _ID_INSIDE.search(text)
    return found.group() if found else None


def _begun(word: str, seen: Mapping[str, str], namespace: Mapping[str, Any]) -> str:
    """Return the one ID in `seen` that begins with a word."""
    found = [one for one in seen if one.lower().startswith(word.lower())]
    if len(word) < SHORTEST_BEGINNING:
        if not found:
            raise _no_execution(word, namespace)
        raise InvalidInput(
            f"{quoted(word)} is too short for the beginning of an execution ID.",
            hint=f"Give at least {SHORTEST_BEGINNING} of its characters.",
        )
    if not found:
        raise InvalidInput(
            f"{quoted(word)} begins no execution ID that has been seen in this session.",
            hint="Give the whole ID, or list the executions first: %asteroid_executions.",
        )
    if len(found) > 1:
        named = "; ".join(_named(one, seen[one]) for one in found[:MOST_NAMED])
        more = f" and {len(found) - MOST_NAMED:,} more" if found[MOST_NAMED:] else ""
        raise InvalidInput(
            f"{quoted(word)} begins {len(found):,} of the execution IDs seen in this session.",
            hint=f"Give more characters of the one you mean: {named}{more}.",
        )
    return found[0]


def _named(execution_id: str, workflow_name: str) -> str:
    name = shorten(" ".join(workflow_name.split()), LONGEST_NAME)
    return f"{execution_id} ({name})" if name else execution_id


def _no_execution(word: str, namespace: Mapping[str, Any]) -> InvalidInput:
    """Return the error for a word that is neither an ID nor a name, with the likely way out."""
    inside = id_inside(word)
    odd = [c for c in word if c.isspace() or unicodedata.category(c) == "Cf"]
    name = re.sub(r"^\W+|\W+$", "", word)
    if odd:
        hint = f"It holds an invisible character (U+{ord(odd[0]):04X}): type a plain blank instead."
    elif inside:
        hint = f"It holds {inside}: give that alone."
    elif any(bracket in word for bracket in "[("):
        hint = "Put it into a variable first, and name that: run = …, then %asteroid_send run …"
    elif name in namespace:
        hint = f"There is a variable {name}: give its name alone."
    else:
        hint = (
            "The execution comes first, before any message: the ID that Asteroid shows for the "
            "run, the beginning of one that was listed, or the name of a variable that holds it."
        )
    return InvalidInput(f"{quoted(word)} is neither an execution ID nor a variable.", hint=hint)


def _read(value: object, attribute: str, name: str) -> object:
    try:
        return getattr(value, attribute)
    except Exception as error:  # noqa: BLE001 (a property may fail in any way)
        kind = type(error).__name__
    raise InvalidInput(
        f"{quoted(name)} cannot be read: {attribute} failed with {kind}.",
        hint="Give the execution's ID, or the name of a variable that holds it.",
    )


def _read_id(value: object) -> object:
    try:
        return getattr(value, "id", None)
    except Exception:  # noqa: BLE001 (as above)
        return None


def id_in(value: object, name: str) -> str:
    """Return the execution ID that a value is or has; InvalidInput calls it by this `name`."""
    for candidate in (value, None if isinstance(value, str) else _read_id(value)):
        text = str(candidate).strip() if isinstance(candidate, (str, UUID)) else ""
        if is_execution_id(text):
            return text
    held = quoted(value) if isinstance(value, str) else type(value).__name__
    hint = (
        "Copy the ID of the run from Asteroid, or name a variable that holds it: "
        "36 characters, like 123e4567-e89b-12d3-a456-426614174000."
    )
    if isinstance(value, tuple | list) and value:
        hint = (
            f"It holds {len(value):,}: take one, as in run = {name}[0], "
            f"or send to each, with %%asteroid_send --each {name}."
        )
    raise InvalidInput(f"The variable {quoted(name)} holds no execution ID: {held}.", hint=hint)
