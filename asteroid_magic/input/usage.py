"""What the languages of the magics have in common: the problem of a line, and its seconds."""

import re

from ..text import shorten

LONGEST_QUOTE = 60
LONGEST_WAIT = 86_400.0
# The beginning of an execution ID is at least eight characters long, so none is taken for seconds.
_SECONDS = re.compile(r"[0-9]{1,5}(?:\.[0-9]{,6})?|\.[0-9]{1,6}")


class UsageProblem(ValueError):
    """The line does not follow the usage: says what is wrong and how it goes."""


def is_seconds(word: str) -> bool:
    """Tell whether a word can be nothing but a number of seconds."""
    return _SECONDS.fullmatch(word) is not None


def seconds(word: str, usage: str) -> float:
    """Return a number of seconds above 0, up to a day; raises `UsageProblem`."""
    if is_seconds(word) and 0 < float(word) <= LONGEST_WAIT:
        return float(word)
    raise UsageProblem(
        f"{brief(word)} is not a number of seconds above 0, up to {LONGEST_WAIT:,.0f}.\n{usage}"
    )


def brief(text: str) -> str:
    """Return what was typed, in quotation marks, for a sentence about it."""
    return repr(shorten(text, LONGEST_QUOTE))
