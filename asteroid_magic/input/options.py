"""Parses the lines of the magics: words and options in any order.

`%asteroid_send` has its own parser in `send_line`, since everything after its execution is text.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from ..models.executions import PHASES
from ..text import quoted

LONGEST_WAIT = 86_400.0
# The start of an execution ID has at least eight characters, so it never looks like seconds.
_SECONDS = re.compile(r"[0-9]{1,5}(?:\.[0-9]{,6})?|\.[0-9]{1,6}")


_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_WORD = re.compile(rf"(?:{_QUOTED.pattern}|\S)+")


class InputError(ValueError):
    """The line does not follow the usage; the text says what is wrong and shows the usage."""


@dataclass(frozen=True)
class Usage:
    """The usage of a magic: its usage line, its options and the most words that it takes.

    `options` maps each option to the name of its value, None for a switch. The user can repeat the
    options in `several`. `values` are the words that an option takes. `paths` are the options that
    take a path, which may stand in quotes.
    """

    text: str
    options: Mapping[str, str | None] = field(default_factory=dict)
    several: frozenset[str] = frozenset()
    words: int = 1
    values: Mapping[str, Iterable[str]] = field(default_factory=dict)
    paths: frozenset[str] = frozenset()


EXECUTIONS = Usage(
    "%asteroid_executions [--phase PHASE] [--status STATUS] [--since 24h] "
    "[--workflow NAME_OR_ID] [--meta KEY=VALUE] [--outcome WORD] [--limit N]",
    {
        "--phase": "PHASE",
        "--status": "STATUS",
        "--since": "24h",
        "--workflow": "NAME_OR_ID",
        "--meta": "KEY=VALUE",
        "--outcome": "WORD",
        "--limit": "N",
    },
    several=frozenset({"--phase", "--status", "--meta"}),
    words=0,
    values={
        "--phase": dict.fromkeys(PHASES.values()),
        "--status": PHASES,
        "--since": ("30m", "24h", "7d", "30d"),
        "--outcome": ("success", "failure"),
    },
)
ACTIVITIES = Usage(
    "%asteroid_activities EXECUTION [--last N] [--all]", {"--last": "N", "--all": None}
)
WATCH = Usage("%asteroid_watch EXECUTION [SECONDS]", words=2)
PAUSE = Usage("%asteroid_pause EXECUTION")
RESUME = Usage("%asteroid_resume EXECUTION")
CANCEL = Usage("%asteroid_cancel EXECUTION")
FILES = Usage(
    "%asteroid_files EXECUTION [--save FOLDER]",
    {"--save": "FOLDER"},
    paths=frozenset({"--save"}),
)
FORM = Usage("%asteroid_form [EXECUTION]")
CHAT = Usage("%asteroid_chat [EXECUTION]")
USAGES = {
    usage.text.split()[0]: usage
    for usage in (EXECUTIONS, ACTIVITIES, WATCH, PAUSE, RESUME, CANCEL, FILES, FORM, CHAT)
}


@dataclass(frozen=True)
class Arguments:
    """A parsed line: its words in order, and the values of each option."""

    usage: Usage
    words: tuple[str, ...]
    options: Mapping[str, tuple[str, ...]]

    @property
    def execution(self) -> str:
        """The first word; raises `InputError` if there is none."""
        if not self.words:
            raise InputError(
                "The execution is missing. Give its ID, or a variable that holds it.\n"
                f"{self.usage.text}"
            )
        return self.words[0]

    def count(self, name: str, default: int) -> int:
        """Return the value of an option; raises `InputError` if it is not a whole number from 1."""
        if name not in self.options:
            return default
        text = self.options[name][-1]
        if re.fullmatch(r"0*[1-9][0-9]{0,8}", text, re.ASCII):
            return int(text)
        raise InputError(f"{name} needs a whole number above 0, not {quoted(text)}.")

    def seconds(self, at: int, default: float) -> float:
        """Return the seconds in the word at this position; raises `InputError`."""
        if len(self.words) <= at:
            return default
        if not is_seconds(self.words[at]) and is_seconds(self.words[0]):
            raise InputError(f"The execution comes first, then the seconds.\n{self.usage.text}")
        return seconds(self.words[at], self.usage.text)


def parse(line: str, usage: Usage) -> Arguments:
    """Parse the text after the name of a magic; raises `InputError`."""
    words: list[str] = []
    options: dict[str, tuple[str, ...]] = {}
    waiting = iter(_words(line, usage.paths))
    for word in waiting:
        if not word.startswith("-"):
            words.append(word)
            continue
        name, equals, value = word.partition("=")
        takes = find_option(name, usage.options, usage.text)
        if takes is None and equals:
            raise InputError(f"The option {name} takes no value.\n{usage.text}")
        if takes is not None:
            value = value or ("" if equals else next(waiting, ""))
            if not value:
                raise InputError(f"The option {name} needs a value: {name} {takes}.")
        if name in options and name not in usage.several:
            raise InputError(f"You gave the option {name} twice.\n{usage.text}")
        options[name] = (*options.get(name, ()), value)
    if len(words) > usage.words:
        hint = " Put a value with spaces in quotes." if options and not usage.words else ""
        raise InputError(f"Unexpected argument {quoted(words[usage.words])}.{hint}\n{usage.text}")
    return Arguments(usage, tuple(words), options)


def _words(line: str, paths: frozenset[str]) -> list[str]:
    """Return the words of a line; quotes keep spaces in a word, and are no part of it.

    A quote without its partner is a character like any other, but for a path: raises `InputError`.
    """
    words: list[str] = []
    rest = line.strip()
    while found := _WORD.match(rest):
        word = found.group()
        name, equals, _ = word.partition("=")
        if name in paths and equals:
            value, rest = take_path(rest[len(name) + 1 :])
            words.append(f"{name}={value}")
        elif words and words[-1] in paths:
            value, rest = take_path(rest)
            words.append(value)
        else:
            rest = rest[len(word) :].lstrip()
            words.append(_QUOTED.sub(lambda part: part[0][1:-1], word))
    return words


def take_path(text: str) -> tuple[str, str]:
    """Return the path at the start of a text, and what follows it; raises `InputError`.

    In quotes, a path may have spaces. A backslash has no special meaning.
    """
    quote = text[:1]
    if quote in {'"', "'"}:
        path, closing, rest = text[1:].partition(quote)
        if not closing:
            raise InputError(f"The quotation mark before {quoted(path)} is not closed.")
        return path, rest.lstrip()
    if not text or text[0].isspace():
        return "", text.lstrip()
    path, *following = text.split(maxsplit=1)
    return path, "".join(following)


def find_option(
    name: str, options: Mapping[str, str | None], usage: str, *, note: str = ""
) -> str | None:
    """Return the name of an option's value, None for a switch; raises `InputError` if unknown."""
    if name in options:
        return options[name]
    if name in {"--help", "-h", "-?"}:
        raise InputError(f"For help, type {usage.split(maxsplit=1)[0]}?\n{usage}")
    near = get_close_matches(name, options, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise InputError(f"Unknown option {quoted(name)}.{hint}{note}\n{usage}")


def is_seconds(word: str) -> bool:
    """Return True if a word looks like a number of seconds."""
    return _SECONDS.fullmatch(word) is not None


def seconds(word: str, usage: str) -> float:
    """Return the seconds in a word: above 0, up to a day; raises `InputError`."""
    if is_seconds(word) and 0 < float(word) <= LONGEST_WAIT:
        return float(word)
    raise InputError(
        f"{quoted(word)} is not a number of seconds above 0, up to {LONGEST_WAIT:,.0f}.\n{usage}"
    )
