"""Lines in which the magic could not send exactly what was typed, and what the person is told."""

import keyword
import re
from tokenize import TokenInfo as Token

from ..constants import SEND_MAGIC

# What a line of IPython's own syntax begins with.
ESCAPES = {"!", "?", "%", "/", ",", ";"}
# A line that begins with the bare name and goes on as no Python does.
_BARE = re.compile(rf"{SEND_MAGIC}[ \t]+(?:--[a-z]|[\w$\"']|\{{\w+\}})(?!\w*[ \t]*=)")
# Magics that run what stands behind them, with their options and an assignment.
_RUNNING = re.compile(
    r"%(?:time|timeit|prun|memit|mprun|lprun|debug)\b(?:[ \t]+-\w+(?:[ \t]+\d+)?)*"
    rf"[ \t]+(?:[^%'\"#=]*=[ \t]*)?%{SEND_MAGIC}[ \t]"
)
_OPERATORS = set("=.,:;()[]|&^<>@/*+-%!?\\\n\r")


def is_magic(tokens: list[Token], at: int) -> bool:
    """Tell whether the percent sign and the name stand at a token, and nothing clings to them."""
    percent, name = (*tokens[at : at + 2], None, None)[:2]
    if percent is None or name is None or percent.string != "%":
        return False
    # Since Python 3.12, a no-break space belongs to the token of the name.
    if not name.string.startswith(SEND_MAGIC):
        return False
    behind = name.line[name.start[1] + len(SEND_MAGIC) :][:1]
    # A backslash: the line goes on in the next.
    return percent.end == name.start and (not behind or behind.isspace() or behind == "\\")


def is_inexact(tokens: list[Token], *, asks: bool) -> bool:
    """Tell whether a line that is not taken would send something else, or swallow the message.

    `asks` says that it ends in a question mark, for which IPython shows help and runs nothing.
    """
    first = tokens[0]
    text = first.line[first.start[1] :]
    if first.string == "%":
        return _RUNNING.match(text) is not None or (asks and text.startswith(f"%%{SEND_MAGIC} "))
    if first.string in ESCAPES:
        return False
    if first.string == SEND_MAGIC and _BARE.match(text) and not _is_python(text):
        return True
    return asks and any(_is_sent(tokens, at) for at in range(len(tokens) - 1))


def _is_sent(tokens: list[Token], at: int) -> bool:
    """Tell whether the name stands at a token with an execution behind it."""
    name, behind = tokens[at : at + 2]
    is_word = not keyword.iskeyword(behind.string) and not _OPERATORS & set(behind.string[:1])
    return name.string == SEND_MAGIC and bool(behind.string) and behind.start > name.end and is_word


def _is_python(text: str) -> bool:
    try:
        # Private characters stand in for separators: see `verbatim`.
        compile(re.sub("[\U000f0000-\U000fffff]", " ", text).strip(), "", "exec")
    except (SyntaxError, ValueError):
        return False
    return True


def refusal(text: str) -> str:
    """Return the code that tells the person what to type instead of `text`."""
    if text.startswith("%") and not text.startswith("%%"):
        why = f"Behind another magic, %{SEND_MAGIC} cannot send exactly what you typed."
    elif text.startswith(SEND_MAGIC):
        why = f"Without its percent sign, {SEND_MAGIC} cannot send exactly what you typed."
    else:
        why = "IPython would take this for a request for help."
    words = (
        f"{why} Nothing was sent. Begin the line with %{SEND_MAGIC}, "
        f"or the cell with %%{SEND_MAGIC} and the message below it."
    )
    return f"raise __import__('IPython.core.error').core.error.UsageError({words!r})"
