"""Parses `%asteroid_send`: options, the execution, and the message exactly as typed.

::

    %asteroid_send [options] EXECUTION message…
    %%asteroid_send [options] EXECUTION
    message, on one or more lines
    %asteroid_send --waiting [options] message…
    %%asteroid_send --each ROWS [options]
    message for each row, with {column}

Options come before the execution. Everything after it is the message: quotes, ``$``, ``{}`` and
``--word`` have no special meaning there. But a message in a line must not begin with one of the
options: it may have been meant as one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from keyword import iskeyword

from ..text import quoted
from .options import InputError, find_option, is_seconds, seconds, take_path

USAGE = (
    "%asteroid_send [--wait [SECONDS]] [--timeout SECONDS] [--base-url URL] [--dry-run] [--quiet] "
    "[--out NAME] [--fill] [--once] [--attach FILE] [--show] EXECUTION message"
)
WAITING = "--waiting"
WAITING_USAGE = f"%asteroid_send {WAITING} [options] message"
EACH_USAGE = (
    "%%asteroid_send --each ROWS [--journal FILE [--resend-unknown]] [--keep-going] [options]\n"
    "message with {column}"
)
# The name of each option's value, as in the usage line: in brackets if optional, None for a switch.
OPTIONS: Mapping[str, str | None] = {
    "--timeout": "SECONDS",
    "--base-url": "URL",
    "--dry-run": None,
    "--quiet": None,
    "--out": "NAME",
    "--fill": None,
    "--once": None,
    WAITING: None,
    "--attach": "FILE",
    "--show": None,
    "--each": "ROWS",
    "--journal": "FILE",
    "--resend-unknown": None,
    "--keep-going": None,
    "--wait": "[SECONDS]",
}

# The options that only a cell with many messages takes.
EACH_OPTIONS = frozenset({"--each", "--journal", "--resend-unknown", "--keep-going"})
# Separates the values of an option that was repeated: no path has it.
SEPARATOR = "\0"
SHORT = {"-f": "--fill"}
# Seconds that `--wait` waits without a value.
DEFAULT_WAIT = 120.0

# A word ends at one of these. Any other white space belongs to the message.
_BLANKS = " \t\r\n"
_ATTACH = re.compile(r"--attach(?:=|[ \t\r\n])")
_WORD = re.compile(r"[^ \t\r\n]+")


@dataclass(frozen=True)
class SendCommand:
    """A parsed call: the options by name, the word for the execution, and the message.

    `typed` is everything after the options, for a card if the user forgot the execution.
    """

    execution: str
    message: str
    typed: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    is_cell: bool = False

    @property
    def timeout(self) -> float | None:
        """The value of `--timeout` in seconds; None if not given."""
        given = self.options.get("--timeout")
        return None if given is None else float(given)

    @property
    def attachments(self) -> tuple[str, ...]:
        """The values of `--attach`, in their order."""
        given = self.options.get("--attach")
        return () if given is None else tuple(given.split(SEPARATOR))

    @property
    def wait(self) -> float | None:
        """How many seconds to wait for the agent's answer; None for no wait."""
        given = self.options.get("--wait")
        return None if given is None else float(given or DEFAULT_WAIT)


def parse(line: str, cell: str | None = None) -> SendCommand:
    """Parse a line call (`cell` is None) or a cell call; raises `InputError`."""
    options, rest = _take_options(line)
    if "--once" in options and "--attach" in options:
        raise InputError(
            "--once and --attach do not work together: the files would be uploaded again in each "
            f"run. Upload them once, with AsteroidClient().upload(…).\n{USAGE}"
        )
    if not EACH_OPTIONS.isdisjoint(options):
        return _parse_each(options, rest, cell)
    if WAITING in options:
        return _parse_waiting(options, rest, cell)
    word = _WORD.match(rest)
    if word is None:
        usage = USAGE if cell is None else _cell_usage()
        raise InputError(
            f"The execution is missing. Give its ID, or a variable that holds it.\n{usage}"
        )
    message = rest[word.end() :].strip(_BLANKS)
    if cell is None:
        _check_first_word(line, rest, options, message)
        return SendCommand(word.group(), _unquote(message), rest, options)
    if message:
        raise InputError(
            "In a %%asteroid_send cell, the message starts below the first line. "
            f"Unexpected text after the execution: {quoted(message)}. {_advice(message)}\n"
            f"{_cell_usage()}"
        )
    return SendCommand(word.group(), cell.removesuffix("\n"), cell, options, is_cell=True)


def _advice(text: str) -> str:
    if _split_word(text)[0].partition("=")[0] in {*OPTIONS, *SHORT}:
        return "Nothing was sent. Type options before the execution."
    return "Nothing was sent. Move it below the first line, or use %asteroid_send."


def _check_first_word(line: str, rest: str, given: Mapping[str, str], message: str) -> None:
    """Raise `InputError` if the message begins with an option, which may have been meant as one."""
    word, behind = _split_word(message)
    name, equals, _ = word.partition("=")
    name = SHORT.get(name, name)
    if name not in OPTIONS:
        return
    # The transformer puts this option before a line that IPython may not show.
    before, line = (one.removeprefix("--show ") for one in (line[: len(line) - len(rest)], line))
    option, takes = word, OPTIONS[name]
    if takes is not None and not equals:
        value, after = _split_word(behind)
        if value and (not takes.startswith("[") or is_seconds(value)):
            option, behind = f"{word} {value}", after
    option = "" if name in given and name != "--attach" else f"{option} "
    # It takes the place of the execution.
    execution = "" if name == WAITING else f"{_split_word(rest)[0]} "
    usual = f"%asteroid_send {before.lstrip(_BLANKS)}{option}{execution}{behind}".rstrip(_BLANKS)
    raise InputError(
        f"Nothing was sent: {quoted(word)} after the execution would be part of the message.\n"
        "If it is an option, type it before the execution:\n"
        f"{EACH_USAGE if name in EACH_OPTIONS else usual}\n"
        f"If it is part of the message, type the message in a cell:\n{as_cell(line, '')}"
    )


def _parse_waiting(options: Mapping[str, str], rest: str, cell: str | None) -> SendCommand:
    """Parse a call without an execution: all that follows the options is the message."""
    message = rest.strip(_BLANKS)
    if not message and not (cell or "").strip():
        raise InputError(f"The message is missing.\n{WAITING_USAGE}")
    if cell is None:
        return SendCommand("", _unquote(message), rest, options)
    if message:
        raise InputError(
            f"With {WAITING}, there is no execution, and the message starts below the first line. "
            f"Unexpected text {quoted(message)}. {_advice(message)}\n"
            f"%{WAITING_USAGE.removesuffix(' message')}\nmessage"
        )
    return SendCommand("", cell.removesuffix("\n"), cell, options, is_cell=True)


def as_cell(line: str, below: str, out: str = "") -> str:
    """Return the `%%asteroid_send` cell whose message is that of a line, and the text below it.

    `out` is the variable that gets the result, "" if there is none.
    """
    options: Mapping[str, str] = {}
    try:
        options, rest = _take_options(line)
    except InputError:
        rest = ""
    message = rest if WAITING in options else _split_word(rest)[1]
    head = line.strip(_BLANKS)
    head = head.removesuffix(message.rstrip(_BLANKS)).rstrip(_BLANKS)
    if out and "--out" not in head:
        head = f"--out {out} {head}"
    body = [part for part in (message.rstrip(_BLANKS), below.removesuffix("\n")) if part]
    return "\n".join([f"%%asteroid_send {head}".rstrip(), *body])


def _parse_each(options: Mapping[str, str], rest: str, cell: str | None) -> SendCommand:
    problem = ""
    if "--each" not in options:
        first = next(name for name in options if name in EACH_OPTIONS)
        problem = f"{first} works only with --each."
    elif cell is None:
        problem = "--each works only in a cell: it sends the text below the first line."
    elif rest:
        problem = f"With --each, the executions come from the rows. Unexpected text {quoted(rest)}."
    elif WAITING in options:
        problem = f"{WAITING} works only for one message, not with --each."
    elif "--wait" in options:
        problem = "--wait works only for one message, not with --each."
    elif "--attach" in options:
        problem = "--attach works only for one message, not with --each."
    elif "--once" in options:
        problem = (
            "--once works only for one message. With --journal FILE, running the same cell again "
            "sends no row twice."
        )
    if problem or cell is None:
        raise InputError(f"{problem}\n{EACH_USAGE}")
    return SendCommand("", cell.removesuffix("\n"), cell, options)


def _take_options(line: str) -> tuple[dict[str, str], str]:
    """Return the options before the execution, and the line from the execution on.

    ``--timeout 5 --wait run_id hello`` gives ``{"--timeout": "5", "--wait": ""}`` and
    ``run_id hello``: the value of ``--wait`` is optional, and ``run_id`` is not a number.
    """
    options: dict[str, str] = {}
    rest = line.lstrip(_BLANKS)
    while rest.startswith("-"):
        if _ATTACH.match(rest):
            has_equals = rest[len("--attach")] == "="
            typed = rest[len("--attach=") :]
            path, rest = take_path(typed if has_equals else typed.lstrip(_BLANKS))
            _check_value("--attach", path, "FILE", has_equals=True)
            earlier = (options["--attach"],) if "--attach" in options else ()
            options["--attach"] = SEPARATOR.join((*earlier, path))
            continue
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
    """Return the first word of a text without leading spaces, and the rest."""
    word = _WORD.match(text)
    return (word.group(), text[word.end() :].lstrip(_BLANKS)) if word else ("", text)


def _check_value(name: str, value: str, takes: str | None, *, has_equals: bool) -> None:
    """Raise `InputError` if an option cannot have this value."""
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
        raise InputError(f"{problem}, not {quoted(value)}.\n{usage}")
    if name == "--wait":
        seconds(value, usage)


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _unquote(message: str) -> str:
    """Remove one pair of quotes around the whole message.

    ``"a" and "b"`` keeps its quotes, because they are two pairs.
    """
    quote = message[:1]
    if quote in {'"', "'"} and len(message) > 1 and message.find(quote, 1) == len(message) - 1:
        return message[1:-1]
    return message


def _cell_usage() -> str:
    return USAGE.replace("%", "%%", 1).removesuffix(" message") + "\nmessage"
