r"""Takes a typed message out of IPython's hands before IPython can alter it.

Left to itself, IPython takes `%asteroid_send run Done?` for a request for help, cuts a message at
a U+2028 and runs the rest as Python, and strips `>>> ` from the body of a cell. Here, a cell or a
line of ours becomes the call of the magic, in plain ASCII, before any of that happens:

- `take_cell` stands first among the clean-up transformers and takes a `%%asteroid_send` cell whole.
- `keep_pieces` comes next. IPython splits a cell at ten kinds of separator, of which only ``\n``
  ends a line that a person typed, and looks for prompts in the pieces. What such a line of ours
  sends is put aside, a word standing in for it.
- `SendLine` takes a line of ours where IPython looks for its own syntax: only there is it known
  what is code, and what a string or a comment.
- `PutBack` comes last: what was put aside and turned out to be no line of ours returns.

What does not begin with the magic is left as it is, and so is every cell if one of these fails.
"""

import re
import secrets
import sys
import tokenize
from collections.abc import Callable
from functools import wraps
from itertools import groupby
from tokenize import TokenInfo as Token
from typing import TYPE_CHECKING, ClassVar

from IPython.core.inputtransformer2 import (
    TokenTransformBase,
    find_end_of_continued_line,
)

from .refusal import NAME, is_inexact, only_mentions, refusal

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

Tokens = list[Token]
Transform = Callable[[list[str]], list[str]]

# Stands in for what was put aside; no cell holds it by chance.
_STAND_IN = f"put_Cell.aside_{secrets.token_hex(8)}_"


class _Cell:
    """What is known of the cell that is being transformed."""

    names_us = False
    aside: ClassVar[dict[str, str]] = {}


# What a line of IPython's own syntax begins with.
ESCAPES = {"!", "?", "%", "/", ",", ";"}
_CELL = re.compile(rf"\s*%%{NAME}(?=[ \t\r\n])[ \t]*([^\r\n]*)(?:\r\n|\r|\n)")
_LINE = re.compile(rf"[ \t]*(?:[^%#'\"]*?=[ \t]*|%[^#'\"]*?[ \t])??%?{NAME}[ \t]")
_OTHER_CELL = re.compile(r"\s*(?:>>> ?|In \[\d+\]: ?)?\s*%%")


def _guarded(transform: Transform) -> Transform:
    @wraps(transform)
    def guarded(lines: list[str]) -> list[str]:
        try:
            return transform(lines)
        except Exception:  # noqa: BLE001 (no fault of ours may keep a cell from running)
            return lines

    return guarded


@_guarded
def take_cell(lines: list[str]) -> list[str]:
    """Turn a whole cell of ours into one call; return any other cell as it is."""
    first = next((line for line in lines if not line.isspace()), "")
    found = _CELL.match("".join(lines)) if f"%%{NAME}" in first else None
    if found is None:
        return lines
    body = found.string[found.end() :]
    return [f"get_ipython().run_cell_magic({NAME!r}, {found[1].rstrip()!a}, {body!a})\n"]


# Whether a cell of ours is complete is for IPython to say, which asks for the blank line behind it.
take_cell.has_side_effects = True  # type: ignore[attr-defined]


@_guarded
def keep_pieces(lines: list[str]) -> list[str]:
    """Put aside what stands behind the name in each line of ours that has been cut."""
    _Cell.aside.clear()
    _Cell.names_us = any(NAME in line for line in lines)
    # The body of another cell magic is that magic's own.
    if not _Cell.names_us or _OTHER_CELL.match("".join(lines)):
        return lines
    typed = [f"{line}\n" for line in "".join(lines).removesuffix("\n").split("\n")]
    kept: list[str] = []
    while typed:
        line = typed.pop(0)
        found = None if only_mentions(line.lstrip()) else _LINE.match(line)
        while found and typed and line.endswith("\\\n"):
            line += typed.pop(0)
        if found and len(line.splitlines()) > line.count("\n"):
            word = f"{_STAND_IN}{len(_Cell.aside)}x"
            _Cell.aside[word] = line[found.end() : -1]
            kept.append(f"{found[0]}{word}\n")
        else:
            kept += line.splitlines(keepends=True)
    return kept


class SendLine(TokenTransformBase):
    """Turns a line of ours into the call of the magic, or into the error that tells why not."""

    # Before the help (5), which would take the line if it ends in a question mark.
    priority = 1

    def __init__(self, group: Tokens, first: Token, percent: Token | None) -> None:
        # IPython turns to the earliest first; a whole group is where its help would begin.
        super().__init__(group[0].start)  # type: ignore[no-untyped-call]
        self.line, self.column = first.start[0] - 1, first.start[1]
        self.percent = None if percent is None else percent.start[1]

    @classmethod
    def find(cls, tokens_by_line: list[Tokens]) -> "SendLine | None":
        """Return the first line of ours in the cell."""
        if not _Cell.names_us:
            return None
        try:
            found = (cls._find_in(group) for group in tokens_by_line if group)
            return next((one for one in found if one is not None), None)
        except Exception:  # noqa: BLE001 (as above)
            return None

    @classmethod
    def _find_in(cls, group: Tokens) -> "SendLine | None":
        tokens = [one for one in group if one.type not in {tokenize.INDENT, tokenize.DEDENT}]
        # A bracket in a line of IPython's own syntax seems to go on in the lines that follow.
        split = tokens and tokens[0].string in ESCAPES
        rows = [list(row) for _, row in groupby(tokens, _row)] if split else [tokens]
        for row in rows:
            if row and NAME in row[0].line:
                percent = row[0] if _is_magic(row, 0) else _assigned(row)
                if percent is not None or is_inexact(row[0]):
                    return cls(tokens, row[0], percent)
        return None

    def transform(self, lines: list[str]) -> list[str]:
        """Return the lines of the cell, with this one turned into a call.

        Raises SyntaxError, upon which IPython goes on without us, if that fails.
        """
        try:
            end = find_end_of_continued_line(lines, self.line) + 1
            line = lines[self.line]
            if self.percent is None:
                new = line[: self.column] + refusal(line[self.column :])
            else:
                typed = "".join([line[self.percent :], *lines[self.line + 1 : end]])
                new = line[: self.percent] + _call(typed, show=self._is_unseen(lines, end))
        except Exception as error:
            raise SyntaxError from error
        return [*lines[: self.line], new + "\n", *lines[end:]]

    def _is_unseen(self, lines: list[str], end: int) -> bool:
        """Tell whether IPython would show no result here, where a delivery must be seen."""
        assigned = self.percent != self.column
        behind = "".join(lines[end:]).split("\n")
        is_last = not any(line.strip() and not line.lstrip().startswith("#") for line in behind)
        return not assigned and (self.column > 0 or not is_last)


class PutBack(TokenTransformBase):
    """Puts back what was put aside from a line that is none of ours: one in a string, say."""

    @classmethod
    def find(cls, tokens_by_line: list[Tokens]) -> "PutBack | None":
        """Return the transformer, behind all others, if there is something to put back."""
        if not _Cell.aside:
            return None
        texts = {token.line for group in tokens_by_line for token in group}
        if not any(_STAND_IN in text for text in texts):
            return None
        return cls((sys.maxsize, 0))

    def transform(self, lines: list[str]) -> list[str]:
        """Return the lines of the cell as they were typed."""
        for word, text in _Cell.aside.items():
            lines = [line.replace(word, text) for line in lines]
        return lines


def _row(token: Token) -> int:
    return token.start[0]


def _is_magic(tokens: Tokens, at: int) -> bool:
    """Tell whether `%asteroid_send` and white space, or nothing, stand at a token."""
    percent, name = (*tokens[at : at + 2], None, None)[:2]
    if percent is None or name is None or percent.string != "%" or name.string != NAME:
        return False
    behind = name.line[name.end[1] :][:1]
    return percent.end == name.start and (not behind or behind in " \t\r\n")


def _assigned(tokens: Tokens) -> Token | None:
    """Return the percent sign of a magic that stands behind the first assignment of a line."""
    depth = 0
    for at, token in enumerate(tokens):
        if token.string == "=" and not depth:
            return tokens[at + 1] if _is_magic(tokens, at + 1) else None
        depth += (token.string in {"(", "[", "{"}) - (token.string in {")", "]", "}"})
    return None


def _call(typed: str, *, show: bool) -> str:
    # IPython hands over what stands behind the blank that ends the name.
    message = typed.removesuffix("\n")[len(NAME) + 2 :]
    *continued, last = _Cell.aside.get(message.strip(), message).split("\n")
    # As IPython joins a line that a backslash continues.
    message = " ".join([*(line.rstrip()[:-1] for line in continued), last])
    message = f"--show {message}" if show else message
    return f"get_ipython().run_line_magic({NAME!r}, {message!a})"


def install(shell: "InteractiveShell") -> None:
    """Put the transformers in place, before those of IPython."""
    shell.input_transformers_cleanup[:0] = [take_cell, keep_pieces]
    shell.input_transformer_manager.token_transformers.extend([SendLine, PutBack])


def uninstall(shell: "InteractiveShell") -> None:
    """Take the transformers away again."""
    for transformers, ours in (
        (shell.input_transformers_cleanup, take_cell),
        (shell.input_transformers_cleanup, keep_pieces),
        (shell.input_transformer_manager.token_transformers, SendLine),
        (shell.input_transformer_manager.token_transformers, PutBack),
    ):
        if ours in transformers:
            transformers.remove(ours)
