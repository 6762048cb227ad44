"""The little language of `%asteroid_send`: options, execution, and the text exactly as typed.

::

    %asteroid_send [options] EXECUTION message…
    %%asteroid_send [options] EXECUTION
    message, on as many lines as it takes
    %%asteroid_send --each ROWS [options]
    message for every row, in which {column} is filled

Options stand before the execution. From there on everything is the message: no quote, no ``$``,
no ``{}`` and no ``--word`` in it means anything.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from keyword import iskeyword
from numbers import Real
from typing import Any

from ..errors import InvalidInput
from .usage import UsageProblem, brief, is_seconds, seconds

USAGE = (
    "%asteroid_send [--wait [SECONDS]] [--timeout SECONDS] [--base-url URL] [--dry-run] [--quiet] "
    "[--out NAME] [--fill] [--show] EXECUTION message"
)
EACH_USAGE = "%%asteroid_send --each ROWS [--journal FILE] [options]\nmessage with {column}"
# What each option takes, in the words of the usage line; in brackets, what it may take; None:
# nothing, it is a switch.
OPTIONS: Mapping[str, str | None] = {
    "--timeout": "SECONDS",
    "--base-url": "URL",
    "--dry-run": None,
    "--quiet": None,
    "--out": "NAME",
    "--fill": None,
    "--show": None,
    "--each": "ROWS",
    "--journal": "FILE",
    "--wait": "[SECONDS]",
}

SHORT = {"-f": "--fill"}
# For how many seconds an answer is waited for where none are given.
DEFAULT_WAIT = 120.0

# A word ends at a space or a tab. Every other kind of white space is the message's own.
_WORD = re.compile(r"[^ \t\r\n]+")
# A name in two pairs of braces is text, as is every brace that does not hold just a name.
_PLACEHOLDER = re.compile(r"\{\{[^{}]*\}\}|\{([^{}]*)\}")


@dataclass(frozen=True)
class SendCommand:
    """What a person asked for: options by name, the word for the execution, the message.

    `typed` is all that stands behind the options, in case the execution was forgotten.
    """

    execution: str
    message: str
    typed: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def timeout(self) -> float | None:
        """The deadline that was asked for, in seconds."""
        given = self.options.get("--timeout")
        return None if given is None else float(given)

    @property
    def wait(self) -> float | None:
        """For how many seconds the agent's answer is to be waited for; None: not at all."""
        given = self.options.get("--wait")
        return None if given is None else float(given or DEFAULT_WAIT)


def parse(line: str, cell: str | None = None) -> SendCommand:
    """Read a line call (`cell` is None) or a cell call; raises `UsageProblem`."""
    options, rest = _take_options(line)
    if "--each" in options or "--journal" in options:
        return _parse_each(options, rest, cell)
    word = _WORD.match(rest)
    if word is None:
        usage = USAGE if cell is None else _cell_usage()
        raise UsageProblem(
            f"The execution is missing: its ID, or a variable that holds it.\n{usage}"
        )
    message = rest[word.end() :].strip(" \t\r\n")
    if cell is None:
        return SendCommand(word.group(), _unquote(message), rest, options)
    if message:
        raise UsageProblem(
            "In a %%asteroid_send cell the message stands below the first line, "
            f"and after the execution there is {brief(message)}. "
            f"Move it into the cell, or use %asteroid_send.\n{_cell_usage()}"
        )
    return SendCommand(word.group(), cell.removesuffix("\n"), cell, options)


def _parse_each(options: Mapping[str, str], rest: str, cell: str | None) -> SendCommand:
    problem = ""
    if "--each" not in options:
        problem = "--journal is for many messages: it goes with --each."
    elif cell is None:
        problem = "--each is for cells: it sends what stands below the first line."
    elif rest:
        problem = f"With --each the executions come from the rows, and there is {brief(rest)}."
    elif "--wait" in options:
        problem = "--wait is for one message: with --each no answers are waited for."
    if problem or cell is None:
        raise UsageProblem(f"{problem}\n{EACH_USAGE}")
    return SendCommand("", cell.removesuffix("\n"), cell, options)


def _take_options(line: str) -> tuple[dict[str, str], str]:
    """Return the options before the execution, and the line from the execution on."""
    options: dict[str, str] = {}
    rest = line.lstrip(" \t\r\n")
    while rest.startswith("-"):
        word = _WORD.match(rest)
        name, equals, value = (word.group() if word else "").partition("=")
        rest = rest[word.end() if word else 0 :].lstrip(" \t\r\n")
        name = SHORT.get(name, name)
        takes = _look_up(name)
        if takes is None and equals:
            raise UsageProblem(f"The option {name} takes no value.\n{USAGE}")
        may_lack = takes is not None and takes.startswith("[") and not equals
        following = None if takes is None or equals else _WORD.match(rest)
        if following is not None and (not may_lack or is_seconds(following.group())):
            value = following.group()
            rest = rest[following.end() :].lstrip(" \t\r\n")
        if takes is not None and not value and not may_lack:
            words = takes.strip("[]")
            usage = EACH_USAGE if name in {"--each", "--journal"} else USAGE
            raise UsageProblem(f"The option {name} needs a value: {name} {words}.\n{usage}")
        if value:
            _check_value(name, value)
        options[name] = value
    return options, rest


def _look_up(name: str) -> str | None:
    if name in OPTIONS:
        return OPTIONS[name]
    if name in {"--help", "-h", "-?"}:
        raise UsageProblem(f"For help, type %asteroid_send?\n{USAGE}")
    near = get_close_matches(name, OPTIONS, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise UsageProblem(
        f"There is no option {brief(name)}.{hint} "
        f"What belongs to the message stands after the execution.\n{USAGE}"
    )


def _check_value(name: str, value: str) -> None:
    if name == "--out" and (not value.isidentifier() or iskeyword(value)):
        raise UsageProblem(f"--out needs the name of a variable; {brief(value)} is none.\n{USAGE}")
    if name == "--each" and not all(part.isidentifier() for part in value.split(".")):
        raise UsageProblem(
            f"--each needs the name of a variable; {brief(value)} is none.\n{EACH_USAGE}"
        )
    if name == "--wait":
        seconds(value, USAGE)
    if name == "--timeout":
        try:
            float(value)
        except ValueError:
            problem = f"--timeout needs a number of seconds; {brief(value)} is none.\n{USAGE}"
        else:
            return
        raise UsageProblem(problem)


def _unquote(message: str) -> str:
    """Take one pair of quotes off that stands round the whole, and round nothing less.

    ``"a" and "b"`` keeps its quotes, since they are two pairs.
    """
    quote = message[:1]
    if quote in {'"', "'"} and len(message) > 1 and message.find(quote, 1) == len(message) - 1:
        return message[1:-1]
    return message


def fill(text: str, namespace: Mapping[str, Any], kind: str = "variable") -> str:
    """Return `text` with each `{name}` replaced by the variable of that name, as `str` writes it.

    One pass, so that braces in a value stay as they are. Only plain names count; all other braces
    are text. Raises `InvalidInput` for a name that there is no variable of; `kind` is what it
    calls one, a column for instance.
    """
    names = {_name_in(found) for found in _PLACEHOLDER.finditer(text)}
    missing = {name for name in names if name is not None and name not in namespace}
    if missing:
        listed = ", ".join(brief(name) for name in sorted(missing))
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
            f"The column {brief(name)} is empty here ({type(value).__name__}).",
            hint="Fill it in, or leave the row out.",
        )
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 (an object may fail in any way)
        why = type(error).__name__
    raise InvalidInput(
        f"The {kind} {brief(name)} cannot be written as text: {why}.",
        hint=f"Put its text into another {kind}, and name that.",
    )


def _cell_usage() -> str:
    return USAGE.replace("%", "%%", 1).removesuffix(" message") + "\nmessage"
