"""Fills `{name}` in a message from the variables, or from the columns of a row."""

import re
import unicodedata
from collections.abc import Mapping
from numbers import Real
from typing import Any

from ..errors import InvalidInput
from ..text import kind_of, quoted

# `{{name}}` is text, as is any pair of braces that contains something other than a name.
_PLACEHOLDER = re.compile(r"\{\{[^{}]*\}\}|\{([^{}]*)\}")


def fill(text: str, namespace: Mapping[str, Any], kind: str = "variable") -> str:
    """Return `text` with each `{name}` replaced by the variable of that name, as `str` writes it.

    It fills the text in one pass, so braces in a value stay as they are. Only plain names count;
    all other braces are text. Raises `InvalidInput` for an unknown name, and for a column whose
    name is not plain; `kind` says what its message calls the name: a variable or a column.
    """
    if kind == "column":
        _check_names(text, namespace)
    names = {_name_in(found) for found in _PLACEHOLDER.finditer(text)}
    missing = {name for name in names if name is not None and name not in namespace}
    if missing:
        listed = ", ".join(quoted(name) for name in sorted(missing))
        raise InvalidInput(
            f"The message cannot be filled: there is no {kind} {listed}.",
            hint="Set it, or omit --fill to send the braces as they are."
            if kind == "variable"
            else f"Add the {kind}, or correct its name in the message.",
        )

    def replace(found: re.Match[str]) -> str:
        name = _name_in(found)
        return found[0] if name is None else _written(name, namespace, kind)

    return _PLACEHOLDER.sub(replace, text)


def fillable(text: str, namespace: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names that `fill` would replace with a variable, each once, in order."""
    names = (_name_in(found) for found in _PLACEHOLDER.finditer(text))
    return tuple(dict.fromkeys(name for name in names if name and name in namespace))


def _check_names(text: str, columns: Mapping[str, Any]) -> None:
    """Raise `InvalidInput` for the name of a column that cannot be filled, such as with a space."""
    for found in _PLACEHOLDER.finditer(text):
        name = found[1] or ""
        if name in columns and not name.isidentifier():
            plain = re.sub(r"\W+", "_", name).strip("_")
            raise InvalidInput(
                f"The message has {{{name}}}, a column whose name is not plain: it has spaces or "
                "other marks, or begins with a digit.",
                hint="Rename the column, and use that name in the message"
                + (f": {{{plain}}}." if plain.isidentifier() else "."),
            )


def is_missing(value: object) -> bool:
    """Return True if a table cell is empty: None, NaN, or pandas' NA or NaT."""
    if value is None or kind_of(value) in {"NAType", "NaTType"}:
        return True
    try:
        return isinstance(value, Real) and bool(value != value)  # noqa: PLR0124 (only NaN differs from itself)
    except Exception:  # noqa: BLE001 (an object may fail in any way)
        return False


def _name_in(found: re.Match[str]) -> str | None:
    name = found[1] or ""
    # Python normalizes names in this way (PEP 3131).
    return unicodedata.normalize("NFKC", name) if name.isidentifier() else None


def _written(name: str, namespace: Mapping[str, Any], kind: str) -> str:
    value = namespace[name]
    if kind == "column" and is_missing(value):
        raise InvalidInput(
            f"The column {quoted(name)} is empty here ({kind_of(value)}).",
            hint="Fill it in, or remove the row.",
        )
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 (an object may fail in any way)
        why = kind_of(error)
    raise InvalidInput(
        f"The {kind} {quoted(name)} cannot be converted to text: {why}.",
        hint=f"Store its text in another {kind}, and use that name.",
    )
