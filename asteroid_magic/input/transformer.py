r"""Protects a typed message from IPython's own input transformers.

Without this, IPython reads `%asteroid_send run Done?` as a request for help, cuts a message at
U+2028 and runs the rest as Python, and strips `>>> ` from the body of a cell. This module first
turns an `%asteroid_send` line or cell into a call of the magic, in plain ASCII:

- `transform_cell` transforms a whole `%%asteroid_send` cell, before IPython's own transformers.
- `mask_separators` comes next. IPython splits a cell at ten kinds of separator, but only ``\n``
  ends a line for the user. In an `%asteroid_send` line, private characters replace the others, and
  the newline after a backslash.
- `SendLineTransformer` transforms an `%asteroid_send` line when IPython looks for its own syntax:
  only then do the tokens tell code from strings and comments. All other lines stay unchanged.
- `refusal` returns code that raises an error, for a line that would not be sent exactly as typed.

In the comments below, a "send line" is a line that calls `%asteroid_send`.
"""

import keyword
import re
import threading
import tokenize
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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

# Comments may stand above it.
_CELL = re.compile(
    rf"(?:\s*#[^\r\n]*[\r\n])*\s*%%{SEND_MAGIC}(?=[ \t\r\n])[ \t]*([^\r\n]*)(?:\r\n|\r|\n)"
)
_NAME = re.compile(r"([^\W\d]\w*)[ \t]*=[ \t]*")
_SEPARATORS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_PRIVATE = range(0xF0000, 0xFFFFE, len(_SEPARATORS))
_CONTINUED = ("\\\n", "\\\r\n")
# A line of IPython's own syntax starts with one of these.
ESCAPES = {"!", "?", "%", "/", ",", ";"}
# A line that starts with the name without its percent sign and does not continue as Python.
_BARE = re.compile(rf"{SEND_MAGIC}[ \t]+(?:--[a-z]|[\w$\"']|\{{\w+\}})(?!\w*[ \t]*=)")
# Magics that run the rest of their line, with their options and an assignment.
_RUNNING = re.compile(
    r"%(?:time|timeit|prun|memit|mprun|lprun|debug)\b(?:[ \t]+-\w+(?:[ \t]+\d+)?)*"
    rf"[ \t]+(?:[^%'\"#=]*=[ \t]*)?%{SEND_MAGIC}[ \t]"
)
_OPERATORS = set("=.,:;()[]|&^<>@/*+-%!?\\\n\r")


@dataclass(frozen=True)
class SendLine:
    """A send line that was transformed: its row in the code, from 0, and the typed lines below it.

    `height` is the number of lines that it took, `typed` what follows the name of the magic, and
    `assigned` the variable that gets the result, "" if there is none.
    """

    row: int
    below: int
    height: int
    typed: str
    assigned: str


class _Cell(threading.local):
    """The state of the cell that this thread transforms."""

    def __init__(self) -> None:
        self.masked: dict[int, int] = {}
        self.taken = 0
        self.record: list[SendLine] | None = None


_cell = _Cell()


@contextmanager
def recorded() -> Iterator[list[SendLine]]:
    """Collect the send lines that this thread transforms in the meantime."""
    found: list[SendLine] = []
    _cell.record = found
    try:
        yield found
    finally:
        _cell.record = None


def unmasked(text: str) -> str:
    """Return the text with the separators that `mask_separators` replaced."""
    return text.translate(_cell.masked)


def _guarded(transform: Transform) -> Transform:
    @wraps(transform)
    def guarded(lines: list[str]) -> list[str]:
        try:
            return transform(lines)
        except Exception:  # noqa: BLE001 (an error here must not stop the cell from running)
            return lines

    return guarded


@_guarded
def transform_cell(lines: list[str]) -> list[str]:
    """Turn a whole `%%asteroid_send` cell into one call; return any other cell unchanged."""
    found = _CELL.match("".join(lines))
    if found is None:
        return lines
    body = found.string[found.end() :]
    if found[0].endswith("\r\n") and body.endswith("\r\n"):
        # The final newline is a CRLF, too, but the magic removes only an LF.
        body = f"{body[:-2]}\n"
    # Without a body, IPython's own error would not say that nothing was sent.
    body = body or "\n"
    return [f"get_ipython().run_cell_magic({SEND_MAGIC!r}, {found[1].rstrip()!a}, {body!a})\n"]


@_guarded
def mask_separators(lines: list[str]) -> list[str]:
    """Mask the separators within send lines, so that IPython does not split them there.

    The name may also occur in a string or a comment, which must stay as it is. Only IPython knows
    which it is, so the mask of each candidate is taken off on trial::

      %asteroid_send run a<U+2028>b       unmasked: IPython finds one send line less, keep the mask
      text = "%asteroid_send<U+2028>"     unmasked: IPython finds no fewer, leave it off
    """
    _cell.masked = {}
    text = "".join(lines)
    typed = _statements(text)
    cut = [at for at, line in enumerate(typed) if SEND_MAGIC in line and len(line.splitlines()) > 1]
    if not cut:
        return lines
    mask = _mask_for(text)
    _cell.masked = {private: separator for separator, private in mask.items()}
    # What follows a separator may change how IPython reads all other lines. So start with all of
    # the candidates masked, and take the mask off those that are not needed.
    masked = {at: _masked(typed[at], mask) for at in cut}
    best = [masked.get(at, line) for at, line in enumerate(typed)]
    send_lines = _count_send_lines("".join(best))
    for at in cut if 0 < send_lines < len(cut) else ():
        trial = [*best[:at], typed[at], *best[at + 1 :]]
        if _count_send_lines("".join(trial)) == send_lines:
            best = trial
    return "".join(best).splitlines(keepends=True) if send_lines else lines


def _statements(text: str) -> list[str]:
    """Return the lines as typed, each send line together with its continuation lines."""
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
    """Map each separator to a private character that does not occur in the text."""
    used = set(text)
    for start in _PRIVATE:
        private = range(start, start + len(_SEPARATORS))
        if not used & set(map(chr, private)):
            return {ord(one): other for one, other in zip(_SEPARATORS, private, strict=True)}
    raise ValueError("the text uses every private character")


def _count_send_lines(text: str) -> int:
    """Return how many masked lines `SendLineTransformer` would transform in this cell."""
    manager = TransformerManager()  # type: ignore[no-untyped-call]
    manager.token_transformers.append(SendLineTransformer)
    _cell.taken = 0
    try:
        with warnings.catch_warnings():
            # IPython warns of lines that end in another separator, as they do on trial.
            warnings.simplefilter("ignore")
            manager.transform_cell(text)
    except SyntaxError:
        return 0
    return _cell.taken


class SendLineTransformer(TokenTransformBase):
    """Turns a send line into a call of the magic, or into an error that says why not."""

    # Before IPython's help (5), which reads a line that ends in a question mark.
    priority = 1

    def __init__(self, group: Tokens, first: Token, percent: Token | None) -> None:
        # IPython applies the earliest transformer first; its help starts where the group starts.
        super().__init__(group[0].start)  # type: ignore[no-untyped-call]
        self.line, self.column = first.start[0] - 1, first.start[1]
        self.percent = None if percent is None else percent.start[1]
        self.last = max(token.start[0] for token in group if token.string.strip()) - 1

    @classmethod
    def find(cls, tokens_by_line: list[Tokens]) -> "SendLineTransformer | None":
        """Return the transformer of the first send line in the cell, or None."""
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
        asks = len(group) > 2 and group[-2].string == "?"  # noqa: PLR2004 (as IPython checks it)
        # An open bracket in a line of IPython's own syntax joins the next lines to its group.
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

        Raises SyntaxError if that fails; IPython then ignores this transformer.
        """
        try:
            line = lines[self.line]
            end = find_end_of_continued_line(lines, self.line) + 1
            if self.percent is None:
                end = max(end, self.last + 1)
                new = line[: self.column] + refusal(line[self.column :])
            else:
                typed = "".join([line[self.percent :], *lines[self.line + 1 : end]])
                message = _argument(typed)
                self._note(lines, end, message)
                show = self._is_unseen(lines, end)
                new = line[: self.percent] + _call(message, show=show)
            _cell.taken += any(private in map(ord, line) for private in _cell.masked)
        except Exception as error:
            raise SyntaxError from error
        return [*lines[: self.line], new + "\n", *lines[end:]]

    def _note(self, lines: list[str], end: int, typed: str) -> None:
        if _cell.record is not None:
            name = _NAME.fullmatch(lines[self.line][self.column : self.percent])
            assigned = name[1] if name else ""
            send = SendLine(self.line, len(lines) - end, end - self.line, typed, assigned)
            _cell.record.append(send)

    def _is_unseen(self, lines: list[str], end: int) -> bool:
        """Return True if IPython would not show the result here, so that the magic must show it."""
        assigned = self.percent != self.column
        if assigned:
            # Such an assignment may fail after the message has been delivered.
            return not _NAME.fullmatch(lines[self.line][self.column : self.percent])
        behind = "".join(lines[end:]).split("\n")
        is_last = not any(line.strip() and not line.lstrip().startswith("#") for line in behind)
        return self.column > 0 or not is_last


def _assigned(tokens: Tokens) -> Token | None:
    """Return the percent sign of the magic after the first assignment of a line, or None."""
    depth = 0
    if tokens[0].string in ESCAPES:
        return None
    for at, token in enumerate(tokens):
        if token.string == "=" and not depth:
            on_line = at + 1 < len(tokens) and tokens[at + 1].start[0] == tokens[0].start[0]
            return tokens[at + 1] if on_line and is_magic(tokens, at + 1) else None
        depth += (token.string in {"(", "[", "{"}) - (token.string in {")", "]", "}"})
    return None


def _argument(typed: str) -> str:
    """Return what follows the name of the magic, in one line."""
    rest = unmasked(typed.removesuffix("\n"))[len(SEND_MAGIC) + 1 :]
    # As IPython does, drop the one space after the name.
    *continued, last = (rest[1:] if rest[:1].isspace() else rest).split("\n")
    # As IPython does, join continued lines with a space.
    return " ".join([*(line.rstrip()[:-1] for line in continued), last])


def _call(message: str, *, show: bool) -> str:
    # Without a message, the magic shows a form.
    message = f"--show {message}" if show and message.strip() else message
    return f"get_ipython().run_line_magic({SEND_MAGIC!r}, {message!a})"


def is_magic(tokens: list[Token], at: int) -> bool:
    """Return True if the percent sign and the exact name stand at this token."""
    percent, name = (*tokens[at : at + 2], None, None)[:2]
    if percent is None or name is None or percent.string != "%":
        return False
    # Since Python 3.12, the token of the name includes a no-break space after it.
    if not name.string.startswith(SEND_MAGIC):
        return False
    behind = name.line[name.start[1] + len(SEND_MAGIC) :][:1]
    # A backslash continues the line.
    return percent.end == name.start and (not behind or behind.isspace() or behind == "\\")


def is_inexact(tokens: list[Token], *, asks: bool) -> bool:
    """Return True if this line would send something else, or lose the message.

    `asks` is True if it ends in a question mark: IPython would show help and run nothing.
    """
    first = tokens[0]
    text = first.line[first.start[1] :]
    if first.string == "%":
        return _RUNNING.match(text) is not None
    if first.string in ESCAPES:
        return False
    if first.string == SEND_MAGIC and _BARE.match(text) and not _is_python(text):
        return True
    return asks and any(_is_sent(tokens, at) for at in range(len(tokens) - 1))


def _is_sent(tokens: list[Token], at: int) -> bool:
    """Return True if the name stands at this token, followed by an execution."""
    name, behind = tokens[at : at + 2]
    is_word = not keyword.iskeyword(behind.string) and not _OPERATORS & set(behind.string[:1])
    return name.string == SEND_MAGIC and bool(behind.string) and behind.start > name.end and is_word


def _is_python(text: str) -> bool:
    try:
        # `mask_separators` replaced separators with private characters.
        compile(re.sub("[\U000f0000-\U000fffff]", " ", text).strip(), "", "exec")
    except (SyntaxError, ValueError):
        return False
    return True


def refusal(text: str) -> str:
    """Return code that raises an error, which says what to type instead of `text`."""
    if text.startswith("%") and not text.startswith("%%"):
        why = f"After another magic, %{SEND_MAGIC} cannot send exactly what you typed."
    elif text.startswith(SEND_MAGIC):
        why = f"Without its percent sign, {SEND_MAGIC} cannot send exactly what you typed."
    else:
        why = "IPython would read this as a request for help."
    words = (
        f"Nothing was sent. {why} Start the line with %{SEND_MAGIC}, "
        f"or start the cell with %%{SEND_MAGIC} and type the message below it."
    )
    return f"raise __import__('IPython.core.error').core.error.UsageError({words!r})"
