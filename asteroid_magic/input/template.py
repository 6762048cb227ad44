"""A message as a template: `{name}` filled from the variables, or from the columns of a row."""

import re
import unicodedata
from collections.abc import Mapping
from numbers import Real
from typing import Any

from ..errors import InvalidInput
from ..text import quoted

# A name in two pairs of braces is text, as is every brace that does not hold just a name.
_PLACEHOLDER = re.compile(r"\{\{[^{}]*\}\}|\{([^{}]*)\}")


def fill(text: str, namespace: Mapping[str, Any], kind: str = "variable") -> str:
    """Return `text` with each `{name}` replaced by the variable of that name, as `str` writes it.

    One pass, so that braces in a value stay as they are. Only plain names count; all other braces
    are text. Raises `InvalidInput` for a name that there is no variable of; `kind` is what it
    calls one, a column for instance.
    """
    names = {_name_in(found) for found in _PLACEHOLDER.finditer(text)}
    missing = {name for name in names if name is not None and name not in namespace}
    if missing:
        listed = ", ".join(quoted(name) for name in sorted(missing))
        raise InvalidInput(
            f"The message is to be filled, and there is no {kind} {listed}.",
            hint="Set it, or leave --fill out to send the braces as they are."
            if kind == "variable"
            else f"Add it, or write the name as the {kind} has it.",
        )

    def replace(found: re.Match[str]) -> str:
        name = _name_in(found)
        return found[0] if name is None else _written(name, namespace, kind)

    return _PLACEHOLDER.sub(replace, text)


def is_missing(value: object) -> bool:
    """Tell whether a cell of a table holds nothing: None, NaN, or pandas' NA or NaT."""
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    return isinstance(value, Real) and value != value  # noqa: PLR0124 (what tells NaN)


def _name_in(found: re.Match[str]) -> str | None:
    name = found[1] or ""
    # As Python stores a name: PEP 3131.
    return unicodedata.normalize("NFKC", name) if name.isidentifier() else None


def _written(name: str, namespace: Mapping[str, Any], kind: str) -> str:
    value = namespace[name]
    if kind == "column" and is_missing(value):
        raise InvalidInput(
            f"The column {quoted(name)} is empty here ({type(value).__name__}).",
            hint="Fill it in, or leave the row out.",
        )
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 (an object may fail in any way)
        why = type(error).__name__
    raise InvalidInput(
        f"The {kind} {quoted(name)} cannot be written as text: {why}.",
        hint=f"Put its text into another {kind}, and name that.",
    )
