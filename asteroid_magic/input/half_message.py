"""Stops a cell that would send half of a message, or the lines above `%%asteroid_send`.

A user who types a message on several lines, but `%asteroid_send` with one percent sign, would send
its first line; IPython reads the others as Python::

    %asteroid_send run Dear agent,
    Thanks

`check_cell` looks at the whole cell before IPython runs any of it. If the lines below a send line
are not valid Python, the cell becomes a call of `refuse`. If they are only bare names and numbers,
or IPython's own syntax such as ``%5 discount`` or ``/path``, the names decide: of variables, of
magics, of functions, of commands. Earlier lines of the cell may make them, so `check_names` looks
at them right before the message would be sent.
"""

import ast
import dis
import re
import tokenize
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.core.inputtransformer2 import EscapedCommand, make_tokens_by_line

from ..constants import SEND_MAGIC
from ..errors import InvalidInput
from ..text import quoted
from .known_name import AUTOCALLS, KINDS, is_known
from .refusal import call, displayed
from .send_line import as_cell
from .transformer import ESCAPES, SendLine, is_magic, recorded, transform_cell, unmasked

MOST_NAMED = 3
# What a text may consist of that only shows a value: such a text is a message more often than code.
_PLAIN = (
    *(ast.Name, ast.Constant, ast.Attribute, ast.Subscript, ast.Slice, ast.Tuple, ast.List),
    *(ast.Set, ast.Dict, ast.Starred, ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp),
    ast.Await,
    *(ast.expr_context, ast.unaryop, ast.operator, ast.boolop, ast.cmpop),
)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_HELP = {"pinfo", "pinfo2", "psearch"}
_OUT = re.compile(r"(?:^|\s)--out(?:=|\s+)(\w+)")


def lines_below(lines: list[str], typed: list[str]) -> list[str]:
    """Return the lines below the first one as typed, or without their prompts."""
    return _source(lines, typed, len(lines) - 1) if len(lines) > 1 else []


def check_cell(lines: list[str], typed: list[str]) -> list[str]:
    """Return the lines of a cell, or code that raises an error in place of sending half a message.

    `lines` is the cell after IPython's cleanup, `typed` the same before that.
    """
    try:
        return _check(lines, typed)
    except Exception:  # noqa: BLE001 (an error here must not stop the cell from running)
        return lines


def _check(lines: list[str], typed: list[str]) -> list[str]:
    begins = [at for at, line in enumerate(lines) if SEND_MAGIC in line]
    if any(f"%%{SEND_MAGIC}" in lines[at] for at in begins):
        at = _cell_magic_line(lines)
        if at is not None:
            return _below_others(lines, typed, at)
    if not begins or all(_is_no_code(line) for line in lines[begins[0] + 1 :]):
        return lines
    autocalls: dict[int, str] = {}
    sends, code, problem = _transformed(lines, autocalls)
    if not sends:
        return lines
    tree, failed = _parsed(code) if problem is None else (None, problem)
    if failed is not None or tree is None:
        line, error = failed or (0, "")
        why = f"they are not valid Python ({error})"
    elif found := _question(lines, sends, tree):
        line, why = found, "it would read a question there as a request for help"
    else:
        return _checking_names(lines, typed, code, sends, tree, autocalls)
    send = next((send for send in reversed(sends) if send.row + 1 < line), None)
    if send is None or all(_is_no_code(line) for line in lines[len(lines) - send.below :]):
        return lines
    return [call(__name__, "refuse", _joined(lines, typed, send, sends), why) + "\n"]


def _below_others(lines: list[str], typed: list[str], at: int) -> list[str]:
    """Return the code for a `%%asteroid_send` that is not in the first line of its cell."""
    if all(_is_no_code(line) for line in lines[:at]):
        return transform_cell(lines)
    source = "".join(_source(lines, typed, len(lines) - at))
    return [call(__name__, "refuse_cell", unmasked(source)) + "\n"]


def _is_no_code(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _cell_magic_line(lines: list[str]) -> int | None:
    """Return the first line that begins with `%%asteroid_send`, as code, or None."""
    try:
        groups = make_tokens_by_line(lines)
    except SyntaxError as error:
        # The tokenizer stops at an indentation that fits no line above, as in a list in a text.
        groups = make_tokens_by_line(lines[: (error.lineno or 1) - 1])
    for group in groups:
        row = [one for one in group if one.type not in {tokenize.INDENT, tokenize.DEDENT}]
        if row and row[0].string == "%" and is_magic(row, 1) and row[0].end == row[1].start:
            return int(row[0].start[0]) - 1
    return None


def _transformed(
    lines: list[str], autocalls: dict[int, str]
) -> tuple[list[SendLine], list[str], tuple[int, str] | None]:
    """Return the send lines, the code that IPython would run, and why it cannot transform it.

    `autocalls` gets the beginning of each line such as ``/f x``, by its number in the code, from 1.
    """

    class Recorder(EscapedCommand):
        # Before IPython's own, which does the same.
        priority = EscapedCommand.priority - 1

        def transform(self, lines: list[str]) -> list[str]:
            text = lines[self.start_line][self.start_col :]
            new: list[str] = super().transform(lines)  # type: ignore[no-untyped-call]
            if text[0] in AUTOCALLS:
                autocalls[self.start_line + 1] = text.split()[0]
            return new

    manager = _shell().input_transformer_manager
    manager.token_transformers.append(Recorder)
    try:
        with recorded() as sends:
            return sends, manager.do_token_transforms(lines), None
    except SyntaxError as error:
        known = lines[: (error.lineno or 1) - 1]
        problem = (len(lines) + 1, error.msg)
    finally:
        manager.token_transformers.remove(Recorder)
    with recorded() as sends:
        manager.do_token_transforms(known)
    rest = len(lines) - len(known)
    return [replace(send, below=send.below + rest) for send in sends], lines, problem


def _parsed(code: list[str]) -> tuple[ast.Module | None, tuple[int, str] | None]:
    """Return the tree of the code, or the line of its first error, from 1, and what it is."""
    try:
        with warnings.catch_warnings():
            # IPython will show the warnings of this code.
            warnings.simplefilter("ignore")
            tree = ast.parse("".join(code))
            # IPython also compiles the statements of a cell one by one.
            for node in tree.body:
                _compiled(node)
    except SyntaxError as error:
        return None, (error.lineno or len(code), error.msg)
    except ValueError as error:
        return None, (len(code), str(error))
    return tree, None


def _compiled(node: ast.stmt) -> Any:
    module = ast.Module([node], [])
    return compile(module, "", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


def _question(lines: list[str], sends: list[SendLine], tree: ast.Module) -> int | None:
    """Return the line of a question that IPython would take for a request for help, or None.

    ``Are you done?`` shows the help of ``done``. The code before the question mark of a real one
    is Python, or one word such as ``%time``.
    """
    below = lines[len(lines) - sends[0].below :]
    asked = [text for line in below if (text := line.strip()).endswith("?")]
    asked = [text.rstrip("?").rstrip() for text in asked if text[0] not in ESCAPES]
    questions = [text for text in asked if len(text.split()) > 1 and not _is_python(text)]
    for node in ast.walk(tree) if questions else ():
        target = _help_target(node) if isinstance(node, ast.stmt) else None
        if target and any(text.endswith(target) for text in questions):
            return int(node.lineno)  # type: ignore[attr-defined]
    return None


def _is_python(text: str) -> bool:
    return _parsed([text])[0] is not None


def _help_target(node: ast.stmt) -> str | None:
    """Return what a statement asks IPython's help for; None if it is another statement."""
    special = _special(node) or ""
    return special[1:] if special.startswith("?") else None


def _special(node: ast.stmt) -> str | None:
    """Return the name in IPython's own syntax: ``%magic``, ``!command``, ``?object``, or None."""
    match node:
        case ast.Expr(ast.Call(ast.Attribute(attr=called), arguments)):
            texts = [one.value for one in arguments if isinstance(one, ast.Constant)]
        case _:
            return None
    match called, texts:
        case "run_line_magic", [str(magic), str(text)]:
            return f"?{text}" if magic in _HELP else f"%{magic}"
        case (("system" | "getoutput"), [str(command)]):
            return f"!{(command.split() or [''])[0]}"
        case "show_usage", []:
            return "?"
    return None


def _checking_names(
    lines: list[str],
    typed: list[str],
    code: list[str],
    sends: list[SendLine],
    tree: ast.Module,
    autocalls: Mapping[int, str],
) -> list[str]:
    """Return the cell with a check before each send line below which only bare names are."""
    begun = {send.row + 1: send for send in sends}
    shown = _Shown(_made(tree, sends))
    text, has_text_below = "", False
    is_checked = False
    # A function may run later, and has its own variables: its names are not known yet.
    for node in sorted(_statements(tree.body), key=lambda node: -node.lineno):
        send = begun.get(node.lineno)
        if send is None:
            has_text_below = True
            if not shown.add(node, autocalls.get(node.lineno) or _special(node)):
                break
            continue
        if has_text_below:
            text, has_text_below = _joined(lines, typed, send, sends), False
        unknown = shown.unknown() if text else None
        if unknown is not None:
            line = code[send.row]
            check = call(__name__, "check_names", unknown, text)
            code[send.row] = f"{line[: node.col_offset]}{check}; {line[node.col_offset :]}"
            is_checked = True
    return code if is_checked else lines


def _made(tree: ast.Module, sends: Iterable[SendLine]) -> set[str]:
    """Return the variables that the cell makes."""
    made = {name for send in sends for name in _OUT.findall(send.typed)}
    for node in tree.body:
        steps = dis.get_instructions(_compiled(node))
        made.update(str(step.argval) for step in steps if step.opname == "STORE_NAME")
    return made


def _statements(body: Iterable[ast.AST]) -> Iterator[ast.stmt]:
    """Yield the statements of a module, without those inside functions and classes."""
    for node in body:
        if isinstance(node, ast.stmt):
            yield node
        if not isinstance(node, (*_SCOPES, ast.expr)):
            yield from _statements(ast.iter_child_nodes(node))


class _Shown:
    """The names and numbers that statements only show. `made` are the variables of the cell."""

    def __init__(self, made: Collection[str]) -> None:
        self._made = made
        self._names: set[str] = set()
        self._has_number = self._has_other = False

    def add(self, statement: ast.stmt, special: str | None) -> bool:
        """Note what a statement shows; return False if it does anything else.

        `special` is its name if it is in IPython's own syntax.
        """
        if special is not None:
            self._names.add(special)
            # A magic, a command or a function that exists is code. It may even make variables.
            return special[0] == "?" or not is_known(special, self._made)
        match statement:
            case ast.AnnAssign(ast.Name(name), annotation, None):
                nodes = list(ast.walk(annotation))
                if not any(isinstance(node, ast.Name) for node in nodes):
                    # "Urgent: True" is no type.
                    self._names.add(name)
            case ast.Global(names):
                self._names.update(names)
                return True
            case ast.AnnAssign(value=None) | ast.Expr() | ast.Raise() | ast.Assert() | ast.Delete():
                nodes = [
                    each for part in ast.iter_child_nodes(statement) for each in ast.walk(part)
                ]
            case _:
                return False
        for node in nodes:
            if isinstance(node, ast.Name):
                self._names.add(node.id)
            elif isinstance(node, ast.Constant):
                is_number = type(node.value) in {int, float, complex}
                self._has_number |= is_number
                self._has_other |= not is_number
        return all(isinstance(node, _PLAIN) for node in nodes)

    def unknown(self) -> tuple[str, ...] | None:
        """Return the names that nothing has so far, () if there are only numbers, or None."""
        found = sorted(name for name in self._names if not is_known(name, self._made))
        is_number = self._has_number and not self._has_other and not self._names
        return tuple(found) if found or is_number else None


def _shell() -> Any:
    # A cell runs, so there is one.
    return get_ipython()


def _joined(lines: list[str], typed: list[str], send: SendLine, sends: Iterable[SendLine]) -> str:
    """Return the text of a `%%asteroid_send` cell: a send line and the lines below it."""
    first, *source = _source(lines, typed, send.below + send.height)
    until = max((each.below + each.height for each in sends if each.below < send.below), default=0)
    below = source[send.height - 1 : len(source) - until]
    indentation = first[: len(first) - len(first.lstrip(" \t"))]
    text = "".join(line.removeprefix(indentation) for line in below)
    return as_cell(send.typed, unmasked(text), send.assigned)


def _source(lines: list[str], typed: list[str], count: int) -> list[str]:
    """Return the last lines of a cell as typed, or without the prompts if they begin with one."""
    has_prompt = len(typed) < count or typed[-count].strip() != lines[-count].strip()
    return (lines if has_prompt else typed)[-count:]


def check_names(names: tuple[str, ...], text: str) -> None:
    """Raise `InvalidInput`, with its card, if one of the names is unknown, or there are none."""
    unknown = [name for name in names if not is_known(name)][:MOST_NAMED]
    if unknown:
        kinds = [KINDS.get(name[:1], "variable") for name in unknown]
        listed = [
            quoted(name) if kind == before else f"{kind} {quoted(name)}"
            for name, kind, before in zip(unknown, kinds, ["", *kinds], strict=False)
        ]
        refuse(text, f"there is no {', '.join(listed)}")
    if not names:
        refuse(text, "they are only numbers")


def refuse(text: str, why: str) -> None:
    """Raise `InvalidInput`, with its card, for the lines below a send line.

    `text` is the cell that sends all of them.
    """
    raise displayed(
        InvalidInput(
            "Nothing in this cell ran, and nothing was sent. %asteroid_send sends only its own "
            f"line, and IPython reads the lines below it as code, but {why}.",
            title="The lines below %asteroid_send may belong to the message",
            hint="To send all of these lines as one message, run the text above as a new cell. If "
            "the lines below are code, correct them, or move them to another cell.",
        ).about(None, text)
    )


def refuse_cell(text: str) -> None:
    """Raise `InvalidInput`, with its card, for a `%%asteroid_send` below code."""
    raise displayed(
        InvalidInput(
            "Nothing was sent, and the code above it did not run.",
            title="%%asteroid_send must be the first line of its cell",
            hint="Move the code above it to another cell. Comments may stay.",
        ).about(None, text)
    )
