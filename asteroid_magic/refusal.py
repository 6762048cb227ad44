"""Lines in which the magic could not send exactly what was typed, and what the person is told."""

import re
from tokenize import TokenInfo

NAME = "asteroid_send"
# A line that begins with the bare name and goes on as no Python does.
_BARE = re.compile(rf"{NAME}[ \t]+(?![=.,:;()\[\]|&^<>@/*+%]|(?:and|else|for|if|in|is|not|or)\b)")
_BEHIND = re.compile(rf"%(\w+)[ \t].*?(?<=[ \t])%{NAME}(?=[ \t])", re.DOTALL)
# Magics that look at what stands behind them and do not run it.
_LOOKING = {"alias_magic", "edit", "hist", "history", "macro", "psearch", "recall", "rerun", "save"}


def is_inexact(first: TokenInfo) -> bool:
    """Tell whether a line would send what may not be what was typed: see `refusal`."""
    text = first.line[first.start[1] :]
    if first.string == "%":
        return _BEHIND.match(text) is not None and not only_mentions(text)
    return first.string == NAME and _BARE.match(text) is not None and not _is_python(text)


def only_mentions(text: str) -> bool:
    """Tell whether a line is one of another magic that only looks at what stands behind it."""
    behind = _BEHIND.match(text)
    return behind is not None and behind[1] in _LOOKING


def _is_python(text: str) -> bool:
    try:
        compile(text.strip(), "", "exec")
    except (SyntaxError, ValueError):
        return False
    return True


def refusal(text: str) -> str:
    """Return the code that tells the person what to type instead of `text`."""
    if text.startswith("%"):
        why = f"Behind another magic, %{NAME} cannot send exactly what you typed."
    else:
        why = f"Without its percent sign, {NAME} cannot send exactly what you typed."
    words = (
        f"{why} Nothing was sent. Begin the line with %{NAME}, "
        f"or the cell with %%{NAME} and the message below it."
    )
    return f"raise __import__('IPython.core.error').core.error.UsageError({words!r})"
