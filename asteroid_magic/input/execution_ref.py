"""Finds the execution that a word names: an ID, the start of one, or a variable that holds it."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import SEND, InvalidInput, Operation
from ..models.message import hyphenated, is_execution_id, named_id
from ..text import counted, exact, kind_of, quoted, shorten

LookUp = Callable[[str], str]

SHORTEST_BEGINNING, LONGEST_ID = 8, 36
MOST_NAMED, LONGEST_NAME = 3, 60
_BEGINNING = re.compile(r"[0-9a-fA-F][0-9a-fA-F-]{,34}")
_ID_INSIDE = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def resolve_execution(
    word: str,
    namespace: Mapping[str, Any],
    seen: Mapping[str, str] | None = None,
    operation: Operation = SEND,
    look_up: LookUp | None = None,
) -> str:
    """Return the ID of the execution that `word` names.

    `word` is an ID, a variable or the start of an ID. A variable is written `run_id`, `$run_id` or
    `{run_id}`, with attributes as in `run.id`. It holds text, a `uuid.UUID`, or an object with such
    an `id` or `execution_id`. This reads the attributes and evaluates nothing else. If no variable
    has the name, 8 or more characters can be the start of one ID in `seen`, which maps IDs to
    workflow names. If none there starts so, `look_up` returns the ID for this start.

    Raises `InvalidInput`, with the words of `operation`, if `word` names no execution or several.
    """
    try:
        return _resolve(word, namespace, seen or {}, look_up)
    except InvalidInput as error:
        title = "It is not clear which execution you mean"
        unclear = InvalidInput(error.detail, title=title, hint=error.hint, operation=operation)
    raise unclear


def _resolve(
    word: str, namespace: Mapping[str, Any], seen: Mapping[str, str], look_up: LookUp | None
) -> str:
    # Lists cut an ID with an ellipsis.
    word = hyphenated(word.removesuffix("…").removesuffix("..."))
    name = word.removeprefix("$")
    if word.startswith("{") and word.endswith("}"):
        name = word[1:-1].strip()
    if is_execution_id(word):
        return word
    first, *attributes = name.split(".")
    is_name = all(part.isidentifier() for part in (first, *attributes))
    if not is_name or first not in namespace:
        if _BEGINNING.fullmatch(word):
            return _begun(word, seen, namespace, look_up)
        raise _no_execution(word, namespace)
    value = namespace[first]
    for attribute in attributes:
        value = _read(value, attribute, name)
    held = exact(value)
    if held is not None and SHORTEST_BEGINNING <= len(held) < LONGEST_ID:
        begun = hyphenated(held.strip())
        if len(begun) < LONGEST_ID and _BEGINNING.fullmatch(begun):
            return _begun(begun, seen, namespace, look_up)
    return id_in(value, name)


def id_inside(text: str) -> str | None:
    """Return the first execution ID in the text, such as a URL; None if there is none."""
    found = _ID_INSIDE.search(text)
    return found.group() if found else None


def _begun(
    word: str, seen: Mapping[str, str], namespace: Mapping[str, Any], look_up: LookUp | None
) -> str:
    """Return the only ID that starts with `word`: in `seen`, or else as `look_up` finds it."""
    digits = word.replace("-", "").lower()
    found = [one for one in seen if one.replace("-", "").lower().startswith(digits)]
    if len(word) < SHORTEST_BEGINNING:
        if not found:
            raise _no_execution(word, namespace)
        raise InvalidInput(
            f"{quoted(word)} is too short for the start of an execution ID.",
            hint=f"Give at least the first {SHORTEST_BEGINNING} characters.",
        )
    if not found and look_up is not None:
        return look_up(word)
    if not found:
        raise InvalidInput(
            f"No execution seen in this session has an ID starting with {quoted(word)}.",
            hint="Give the whole ID, or list the executions first: %asteroid_executions.",
        )
    if len(found) > 1:
        named = "; ".join(_named(one, seen[one]) for one in found[:MOST_NAMED])
        more = f" and {len(found) - MOST_NAMED:,} more" if found[MOST_NAMED:] else ""
        raise InvalidInput(
            f"{len(found):,} executions seen in this session have an ID starting with "
            f"{quoted(word)}.",
            hint=f"Give more characters of the one you mean: {named}{more}.",
        )
    return found[0]


def _named(execution_id: str, workflow_name: str) -> str:
    name = shorten(" ".join(workflow_name.split()), LONGEST_NAME)
    return f"{execution_id} ({name})" if name else execution_id


def _no_execution(word: str, namespace: Mapping[str, Any]) -> InvalidInput:
    """Return the error for a word that is neither an ID nor a variable, with the likely fix."""
    inside = id_inside(word)
    odd = [c for c in word if c.isspace() or unicodedata.category(c) == "Cf"]
    name = re.sub(r"^\W+|\W+$", "", word)
    if odd:
        hint = f"It contains an invisible character (U+{ord(odd[0]):04X}). Type a space instead."
    elif inside:
        hint = f"It contains {inside}. Give only that."
    elif any(bracket in word for bracket in "[("):
        hint = "Store it in a variable first: run = …, then %asteroid_send run …"
    elif name in namespace:
        hint = f"There is a variable {name}. Give only its name."
    else:
        hint = (
            "Give the execution first, before any message: the ID that Asteroid shows for the "
            "run, the start of an ID listed before, or the name of a variable that holds it."
        )
    return InvalidInput(f"{quoted(word)} is neither an execution ID nor a variable.", hint=hint)


def _read(value: object, attribute: str, name: str) -> object:
    try:
        return getattr(value, attribute)
    except Exception as error:  # noqa: BLE001 (a property may fail in any way)
        kind = kind_of(error)
    raise InvalidInput(
        f"Reading {quoted(name)} failed: {attribute} raised {kind}.",
        hint="Give the execution's ID, or the name of a variable that holds it.",
    )


def id_in(value: object, name: str) -> str:
    """Return the execution ID that `value` is or has; `InvalidInput` calls the value `name`."""
    text = hyphenated((named_id(value) or "").strip())
    if is_execution_id(text):
        return text
    given = exact(value)
    held = kind_of(value) if given is None else quoted(given)
    hint = (
        "Copy the ID of the run from Asteroid, or name a variable that holds it. "
        "An ID has 36 characters, like 123e4567-e89b-12d3-a456-426614174000."
    )
    size = _size(value)
    if size:
        hint = (
            f"It has {counted(size, 'item')}. Take one, as in run = {name}[0], "
            f"or send to each with %%asteroid_send --each {name}."
        )
    raise InvalidInput(f"The variable {quoted(name)} holds no execution ID: {held}.", hint=hint)


def _size(value: Any) -> int:
    """Return the number of items of a list or a tuple, without code of a subclass; else 0."""
    sequence = next((kind for kind in (list, tuple) if issubclass(type(value), kind)), None)
    return sequence.__len__(value) if sequence else 0
