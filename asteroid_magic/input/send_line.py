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
from collections.abc import Mapping
from dataclasses import dataclass, field
from keyword import iskeyword

from ..text import quoted
from .options import InputError, find_option, is_seconds, seconds

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
_BLANKS = " \t\r\n"
_WORD = re.compile(r"[^ \t\r\n]+")


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
    """Read a line call (`cell` is None) or a cell call; raises `InputError`."""
    options, rest = _take_options(line)
    if "--each" in options or "--journal" in options:
        return _parse_each(options, rest, cell)
    word = _WORD.match(rest)
    if word is None:
        usage = USAGE if cell is None else _cell_usage()
        raise InputError(f"The execution is missing: its ID, or a variable that holds it.\n{usage}")
    message = rest[word.end() :].strip(_BLANKS)
    if cell is None:
        return SendCommand(word.group(), _unquote(message), rest, options)
    if message:
        raise InputError(
            "In a %%asteroid_send cell the message stands below the first line, "
            f"and after the execution there is {quoted(message)}. "
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
        problem = f"With --each the executions come from the rows, and there is {quoted(rest)}."
    elif "--wait" in options:
        problem = "--wait is for one message: with --each no answers are waited for."
    if problem or cell is None:
        raise InputError(f"{problem}\n{EACH_USAGE}")
    return SendCommand("", cell.removesuffix("\n"), cell, options)


def _take_options(line: str) -> tuple[dict[str, str], str]:
    """Return the options before the execution, and the line from the execution on.

    ``--timeout 5 --wait run_id hello`` gives ``{"--timeout": "5", "--wait": ""}`` and
    ``run_id hello``: the value of ``--wait`` is optional, and ``run_id`` is no number.
    """
    options: dict[str, str] = {}
    rest = line.lstrip(_BLANKS)
    while rest.startswith("-"):
        word, rest = _split_word(rest)
        name, equals, value = word.partition("=")
        name = SHORT.get(name, name)
        takes = find_option(name, OPTIONS, USAGE, note=" The message starts after the execution.")
        if takes is not None and not equals:
            following, behind = _split_word(rest)
            if not takes.startswith("[") or is_seconds(following):
                value, rest = following, behind
        _check_value(name, value, takes, has_equals=bool(equals))
        options[name] = value
    return options, rest


def _split_word(text: str) -> tuple[str, str]:
    """Return the first word of a text that begins with one, and what follows it."""
    word = _WORD.match(text)
    return (word.group(), text[word.end() :].lstrip(_BLANKS)) if word else ("", text)


def _check_value(name: str, value: str, takes: str | None, *, has_equals: bool) -> None:
    """Raise `InputError` for a value that an option cannot have."""
    usage = EACH_USAGE if name in {"--each", "--journal"} else USAGE
    if takes is None and has_equals:
        raise InputError(f"The option {name} takes no value.\n{usage}")
    if not value:
        if takes is not None and (has_equals or not takes.startswith("[")):
            raise InputError(
                f"The option {name} needs a value: {name} {takes.strip('[]')}.\n{usage}"
            )
        return
    problem = ""
    if name == "--out" and (not value.isidentifier() or iskeyword(value)):
        problem = "--out needs the name of a variable"
    if name == "--each" and not all(part.isidentifier() for part in value.split(".")):
        problem = "--each needs the name of a variable"
    if name == "--timeout" and not _is_number(value):
        problem = "--timeout needs a number of seconds"
    if problem:
        raise InputError(f"{problem}; {quoted(value)} is none.\n{usage}")
    if name == "--wait":
        seconds(value, usage)


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _unquote(message: str) -> str:
    """Take one pair of quotes off that stands round the whole, and round nothing less.

    ``"a" and "b"`` keeps its quotes, since they are two pairs.
    """
    quote = message[:1]
    if quote in {'"', "'"} and len(message) > 1 and message.find(quote, 1) == len(message) - 1:
        return message[1:-1]
    return message


def _cell_usage() -> str:
    return USAGE.replace("%", "%%", 1).removesuffix(" message") + "\nmessage"
