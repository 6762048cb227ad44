"""Words and options of the magics, in any order.

`%asteroid_send` has its own parser, in `send_line`: there, everything after the execution is text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from ..text import quoted

LONGEST_WAIT = 86_400.0
# The beginning of an execution ID is at least eight characters long, so none is taken for seconds.
_SECONDS = re.compile(r"[0-9]{1,5}(?:\.[0-9]{,6})?|\.[0-9]{1,6}")


class InputError(ValueError):
    """The line does not follow the usage: says what is wrong and how it goes."""


@dataclass(frozen=True)
class Usage:
    """What a magic takes: up to so many words, and options; None takes no value.

    Each option takes what its word says; one of `several` may be given more than once.
    """

    text: str
    options: Mapping[str, str | None] = field(default_factory=dict)
    several: frozenset[str] = frozenset()
    words: int = 1


EXECUTIONS = Usage(
    "%asteroid_executions [--phase PHASE] [--status STATUS] [--limit N]",
    {"--phase": "PHASE", "--status": "STATUS", "--limit": "N"},
    several=frozenset({"--phase", "--status"}),
    words=0,
)
ACTIVITIES = Usage(
    "%asteroid_activities EXECUTION [--last N] [--all]", {"--last": "N", "--all": None}
)
WATCH = Usage("%asteroid_watch EXECUTION [SECONDS]", words=2)
PAUSE = Usage("%asteroid_pause EXECUTION")
RESUME = Usage("%asteroid_resume EXECUTION")
CANCEL = Usage("%asteroid_cancel EXECUTION")
FORM = Usage("%asteroid_form [EXECUTION]")
USAGES = {
    usage.text.split()[0]: usage
    for usage in (EXECUTIONS, ACTIVITIES, WATCH, PAUSE, RESUME, CANCEL, FORM)
}


@dataclass(frozen=True)
class Arguments:
    """What was asked for: the words in their order, and the values of each option."""

    usage: Usage
    words: tuple[str, ...]
    options: Mapping[str, tuple[str, ...]]

    @property
    def execution(self) -> str:
        """The first word; raises `InputError` where there is none."""
        if not self.words:
            raise InputError(
                f"The execution is missing: its ID, or a variable that holds it.\n{self.usage.text}"
            )
        return self.words[0]

    def count(self, name: str, default: int) -> int:
        """Return the whole number from 1 that an option gives; raises `InputError`."""
        if name not in self.options:
            return default
        text = self.options[name][-1]
        if re.fullmatch(r"0*[1-9][0-9]{0,8}", text, re.ASCII):
            return int(text)
        raise InputError(f"{name} needs a whole number from 1; {quoted(text)} is none.")

    def seconds(self, at: int, default: float) -> float:
        """Return the number of seconds that the word at this place gives; `InputError`."""
        return seconds(self.words[at], self.usage.text) if len(self.words) > at else default


def parse(line: str, usage: Usage) -> Arguments:
    """Read what stands behind the name of a magic; raises `InputError`."""
    words: list[str] = []
    options: dict[str, tuple[str, ...]] = {}
    waiting = iter(line.split())
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
            raise InputError(f"The option {name} is given twice.\n{usage.text}")
        options[name] = (*options.get(name, ()), value)
    if len(words) > usage.words:
        raise InputError(f"{quoted(words[usage.words])} is one word too many.\n{usage.text}")
    return Arguments(usage, tuple(words), options)


def find_option(
    name: str, options: Mapping[str, str | None], usage: str, *, note: str = ""
) -> str | None:
    """Return what an option takes, None for a switch; raises `InputError` for an unknown one."""
    if name in options:
        return options[name]
    if name in {"--help", "-h", "-?"}:
        raise InputError(f"For help, type {usage.split(maxsplit=1)[0]}?\n{usage}")
    near = get_close_matches(name, options, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise InputError(f"There is no option {quoted(name)}.{hint}{note}\n{usage}")


def is_seconds(word: str) -> bool:
    """Tell whether a word can be nothing but a number of seconds."""
    return _SECONDS.fullmatch(word) is not None


def seconds(word: str, usage: str) -> float:
    """Return a number of seconds above 0, up to a day; raises `InputError`."""
    if is_seconds(word) and 0 < float(word) <= LONGEST_WAIT:
        return float(word)
    raise InputError(
        f"{quoted(word)} is not a number of seconds above 0, up to {LONGEST_WAIT:,.0f}.\n{usage}"
    )
