r"""Takes a typed message out of IPython's hands before IPython can alter it.

Left to itself, IPython takes `%asteroid_send run Done?` for a request for help, cuts a message at
a U+2028 and runs the rest as Python, and strips `>>> ` from the body of a cell. Here, a cell or a
line of ours becomes the call of the magic, in plain ASCII, before any of that happens:

- `transform_cell` takes a `%%asteroid_send` cell whole, before any transformer of IPython's own.
- `mask_separators` comes next. IPython splits a cell at ten kinds of separator, of which only
  ``\n`` ends a line that a person typed. In a line of ours, private characters stand in for the
  others, and for the newline behind a backslash.
- `SendLineTransformer` takes a line of ours where IPython looks for its own syntax: only there is
  it known what is code, and what a string or a comment. Every other line is left as it is.
- `refusal` is the code for a line that could not be sent exactly as typed: it says so.
"""

import keyword
import re
import threading
import tokenize
from collections.abc import Callable
from functools import wraps
from itertools import groupby
from tokenize import TokenInfo as Token

from IPython.core.inputtransformer2 import (
    TokenTransformBase,
    TransformerManager,
    find_end_of_continued_line,
)

from ..constants import SEND_MAGIC

Tokens = list[Token]
Transform = Callable[[list[str]], list[str]]

_CELL = re.compile(rf"\s*%%{SEND_MAGIC}(?=[ \t\r\n])[ \t]*([^\r\n]*)(?:\r\n|\r|\n)")
_NAME = re.compile(r"[^\W\d]\w*[ \t]*=[ \t]*")
_SEPARATORS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_PRIVATE = range(0xF0000, 0xFFFFE, len(_SEPARATORS))
_CONTINUED = ("\\\n", "\\\r\n")
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


class _Cell(threading.local):
    """What is known of the cell that this thread transforms."""

    def __init__(self) -> None:
        self.masked: dict[int, int] = {}
        self.taken = 0


_cell = _Cell()


def _guarded(transform: Transform) -> Transform:
    @wraps(transform)
    def guarded(lines: list[str]) -> list[str]:
        try:
            return transform(lines)
        except Exception:  # noqa: BLE001 (no fault of ours may keep a cell from running)
            return lines

    return guarded


@_guarded
def transform_cell(lines: list[str]) -> list[str]:
    """Turn a whole cell of ours into one call; return any other cell as it is."""
    found = _CELL.match("".join(lines))
    if found is None:
        return lines
    body = found.string[found.end() :]
    if found[0].endswith("\r\n") and body.endswith("\r\n"):
        # The newline at the end, which the magic takes off, is of the same kind.
        body = f"{body[:-2]}\n"
    return [f"get_ipython().run_cell_magic({SEND_MAGIC!r}, {found[1].rstrip()!a}, {body!a})\n"]


@_guarded
def mask_separators(lines: list[str]) -> list[str]:
    """Mask what would cut a line of ours; return any other cell as it is."""
    _cell.masked = {}
    text = "".join(lines)
    typed = _statements(text)
    cut = [at for at, line in enumerate(typed) if SEND_MAGIC in line and len(line.splitlines()) > 1]
    if not cut:
        return lines
    mask = _mask_for(text)
    _cell.masked = {private: separator for separator, private in mask.items()}
    kept = 0
    for at in cut:
        trial = [*typed[:at], _masked(typed[at], mask), *typed[at + 1 :]]
        if _count_taken("".join(trial)) > kept:
            typed, kept = trial, kept + 1
    return "".join(typed).splitlines(keepends=True) if kept else lines


def _statements(text: str) -> list[str]:
    """Return the lines as they were typed, each line of ours with those it goes on in."""
    typed: list[str] = []
    for line in re.findall(r"[^\n]*\n|[^\n]+\Z", text):
        if typed and typed[-1].endswith(_CONTINUED) and SEND_MAGIC in typed[-1]:
            typed[-1] += line
        else:
            typed.append(line)
    return typed


def _masked(line: str, mask: dict[int, int]) -> str:
    end = next((end for end in ("\r\n", "\n") if line.endswith(end)), "")
    return line.removesuffix(end).translate(mask) + end


def _mask_for(text: str) -> dict[int, int]:
    """Return a private character for each separator, none of which stands in the text."""
    used = set(text)
    for start in _PRIVATE:
        private = range(start, start + len(_SEPARATORS))
        if not used & set(map(chr, private)):
            return {ord(one): other for one, other in zip(_SEPARATORS, private, strict=True)}
    raise ValueError("every private character is taken")


def _count_taken(text: str) -> int:
    """Return how many masked lines would be taken if the cell were this one."""
    manager = TransformerManager()  # type: ignore[no-untyped-call]
    manager.token_transformers.append(SendLineTransformer)
    _cell.taken = 0
    try:
        manager.transform_cell(text)
    except SyntaxError:
        return 0
    return _cell.taken


class SendLineTransformer(TokenTransformBase):
    """Turns a line of ours into the call of the magic, or into the error that tells why not."""

    # Before the help (5), which would take the line if it ends in a question mark.
    priority = 1

    def __init__(self, group: Tokens, first: Token, percent: Token | None) -> None:
        # IPython turns to the earliest first; a whole group is where its help would begin.
        super().__init__(group[0].start)  # type: ignore[no-untyped-call]
        self.line, self.column = first.start[0] - 1, first.start[1]
        self.percent = None if percent is None else percent.start[1]
        self.last = max(token.start[0] for token in group if token.string.strip()) - 1

    @classmethod
    def find(cls, tokens_by_line: list[Tokens]) -> "SendLineTransformer | None":
        """Return the first line of ours in the cell."""
        try:
            found = (cls._find_in(group) for group in tokens_by_line)
            return next((one for one in found if one is not None), None)
        except Exception:  # noqa: BLE001 (as above)
            return None

    @classmethod
    def _find_in(cls, group: Tokens) -> "SendLineTransformer | None":
        if not any(token.string.startswith(SEND_MAGIC) for token in group):
            return None
        tokens = [one for one in group if one.type not in {tokenize.INDENT, tokenize.DEDENT}]
        asks = len(group) > 2 and group[-2].string == "?"  # noqa: PLR2004 (as IPython asks)
        # A bracket in a line of IPython's own syntax seems to go on in the lines that follow.
        split = tokens[0].string in ESCAPES
        for row in (
            [list(row) for _, row in groupby(tokens, lambda token: token.start[0])]
            if split
            else [tokens]
        ):
            percent = row[0] if is_magic(row, 0) else _assigned(row)
            if percent is not None:
                return cls(tokens, row[0], percent)
            if is_inexact(row, asks=asks):
                return cls(row, row[0], None)
        return None

    def transform(self, lines: list[str]) -> list[str]:
        """Return the lines of the cell, with this one turned into a call.

        Raises SyntaxError, upon which IPython goes on without us, if that fails.
        """
        try:
            line = lines[self.line]
            end = find_end_of_continued_line(lines, self.line) + 1
            if self.percent is None:
                end = max(end, self.last + 1)
                new = line[: self.column] + refusal(line[self.column :])
            else:
                typed = "".join([line[self.percent :], *lines[self.line + 1 : end]])
                new = line[: self.percent] + _call(typed, show=self._is_unseen(lines, end))
            _cell.taken += any(private in map(ord, line) for private in _cell.masked)
        except Exception as error:
            raise SyntaxError from error
        return [*lines[: self.line], new + "\n", *lines[end:]]

    def _is_unseen(self, lines: list[str], end: int) -> bool:
        """Tell whether IPython would show no result here, where a delivery must be seen."""
        assigned = self.percent != self.column
        if assigned:
            # Where the assignment itself may fail, after the message has been delivered.
            return not _NAME.fullmatch(lines[self.line][self.column : self.percent])
        behind = "".join(lines[end:]).split("\n")
        is_last = not any(line.strip() and not line.lstrip().startswith("#") for line in behind)
        return self.column > 0 or not is_last


def _assigned(tokens: Tokens) -> Token | None:
    """Return the percent sign of a magic that stands behind the first assignment of a line."""
    depth = 0
    if tokens[0].string in ESCAPES:
        return None
    for at, token in enumerate(tokens):
        if token.string == "=" and not depth:
            on_line = at + 1 < len(tokens) and tokens[at + 1].start[0] == tokens[0].start[0]
            return tokens[at + 1] if on_line and is_magic(tokens, at + 1) else None
        depth += (token.string in {"(", "[", "{"}) - (token.string in {")", "]", "}"})
    return None


def _call(typed: str, *, show: bool) -> str:
    rest = typed.removesuffix("\n").translate(_cell.masked)[len(SEND_MAGIC) + 1 :]
    # IPython hands over what stands behind the one blank that ends the name.
    *continued, last = (rest[1:] if rest[:1].isspace() else rest).split("\n")
    # As IPython joins a line that a backslash continues.
    message = " ".join([*(line.rstrip()[:-1] for line in continued), last])
    message = f"--show {message}" if show else message
    return f"get_ipython().run_line_magic({SEND_MAGIC!r}, {message!a})"


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
        # Private characters stand in for separators: see `mask_separators`.
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
