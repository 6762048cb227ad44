"""Tab completion for the magics: options, executions and paths. Sends no request."""

import os
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from inspect import getattr_static
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any

from ..config.session import session
from ..models.message import is_execution_id
from .options import USAGES, is_seconds
from .send_line import OPTIONS, WAITING

# A line begins with the magic, or with an assignment and the magic.
_BEGUN = re.compile(r"^\s*(?:[^%#'\"]*=\s*)?(%%?asteroid_\w+\s)")
_EXECUTIONS = "%asteroid_executions"
# The last option of a line if it takes a path, and as much of the path as is typed.
_PATH = re.compile(r"\s--(attach|save)(?:=|\s+)(\"[^\"]*|'[^']*|[^\s\"']\S*|)\Z")
# A whole path in quotes.
_QUOTED = re.compile(r"(--(?:attach|save)(?:=|\s+))(?:\"[^\"]*\"|'[^']*')(?=\s)")
# The magic that has each of these options.
_TAKES_PATH = {"attach": "asteroid_send", "save": "asteroid_files"}
MOST_PATHS = 500

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def matches(shell: "InteractiveShell", context: Any) -> dict[str, Any]:
    """Return the completions at the cursor, in order; they suppress those of other matchers.

    `context` is IPython's `CompletionContext`, the result its `SimpleMatcherResult`.
    """
    from IPython.core.completer import SimpleCompletion  # noqa: PLC0415 (new in IPython 8.6)

    typed = context.text_until_cursor
    begun = _BEGUN.search(typed)
    path = _path_at_end(typed, begun) if begun else None
    if path:
        listed = [SimpleCompletion(one) for one in paths(path[2], is_folder=path[1] == "save")]
        return {
            "completions": listed,
            "suppress": bool(listed),
            "matched_fragment": path[2],
            "ordered": True,
        }
    found = offers(typed[begun.start(1) :], shell.user_ns, session.seen) if begun else ()
    fitting = [SimpleCompletion(one) for one in found if one.startswith(context.token)]
    return {"completions": fitting, "suppress": bool(fitting), "ordered": True}


def offers(typed: str, namespace: Mapping[str, Any], seen: Iterable[str]) -> Iterator[str]:
    """Yield options, then variables that hold an execution, then executions of this session.

    `typed` is the line up to the cursor. Yields only the words that an option takes where the user
    types its value, and nothing in the message.
    """
    magic, *words = _QUOTED.sub(r"\1path", typed).split()
    if typed[-1:].strip():
        # The user is still typing the last word.
        words = words[:-1]
    magic = f"%{magic.lstrip('%')}"
    if magic == "%asteroid_send":
        options, takes_execution = OPTIONS, _awaits_execution(words, OPTIONS)
        if not takes_execution:
            return
        takes_execution = WAITING not in words
    elif magic in USAGES:
        usage = USAGES[magic]
        options = usage.options
        if words and options.get(words[-1]) is not None:
            yield from usage.values.get(words[-1], ())
            return
        option, equals, _ = typed.rsplit(" ", maxsplit=1)[-1].partition("=")
        if equals:
            # IPython may take the option for a part of the word, or not.
            values = tuple(usage.values.get(option, ()))
            yield from (*values, *(f"{option}={value}" for value in values))
            return
        takes_execution = magic != _EXECUTIONS and all(word.startswith("-") for word in words)
    else:
        return
    yield from options
    if takes_execution:
        yield from sorted(name for name, value in namespace.items() if _is_offered(name, value))
        yield from reversed(tuple(seen))


def _path_at_end(typed: str, begun: re.Match[str]) -> re.Match[str] | None:
    """Return the path that the user is typing, if an option takes one there."""
    path = _PATH.search(typed, begun.end(1) - 1)
    if path is None or begun[1].strip().lstrip("%") != _TAKES_PATH[path[1]]:
        return None
    before = _QUOTED.sub(r"\1path", typed[begun.end(1) : path.start() + 1]).split()
    # In a message, it is text.
    return path if path[1] != "attach" or _awaits_execution(before, OPTIONS) else None


def paths(typed: str, *, is_folder: bool = False) -> list[str]:
    """Return the paths that begin as typed, with quotes where a space needs them.

    Folders end in a separator, so that the next Tab looks into them. With `is_folder`, only those.
    """
    quote = typed[:1] if typed[:1] in {'"', "'"} else ""
    start = typed[len(quote) :]
    folder, name = os.path.split(start)
    try:
        with os.scandir(os.path.expanduser(folder) or ".") as entries:  # noqa: PTH111 (as typed)
            fitting = [
                (one.name, one.is_dir())
                for one in entries
                if one.name.startswith(name)
                and one.name.isprintable()
                # As in a shell, a hidden file is offered if its dot is typed.
                and (name or not one.name.startswith("."))
            ]
    except (OSError, ValueError):
        return []
    found = []
    before = start.removesuffix(name)
    for each, is_inside in sorted(fitting)[:MOST_PATHS]:
        if is_folder and not is_inside:
            continue
        path = f"{before}{each}{os.sep if is_inside else ''}"
        marks = quote or ('"' if " " in path else "")
        # A folder stays open: its files may follow.
        found.append(f"{marks}{path}{'' if is_inside else marks}")
    return found


def _awaits_execution(words: Iterable[str], options: Mapping[str, str | None]) -> bool:
    """Return True if the next word can be an option or the execution, not a value or message."""
    takes: str | None = None
    for word in words:
        if takes is not None and (not takes.startswith("[") or is_seconds(word)):
            takes = None
        elif not word.startswith("-"):
            return False
        else:
            takes = options.get(word)
    return takes is None or takes.startswith("[")


def _is_offered(name: str, value: object) -> bool:
    if name.startswith("_"):
        return False
    try:
        return _is_id(value) or _is_id(_static_id(value))
    except Exception:  # noqa: BLE001 (no object of the user may break the completion)
        return False


def _is_id(value: object) -> bool:
    # isinstance would run the code of an object that defines __class__.
    kind = type(value)
    if issubclass(kind, str):
        return is_execution_id(str.__str__(value))
    return issubclass(kind, uuid.UUID)


def _static_id(value: object) -> object:
    """Return the `id` of an object without running its code, such as a property."""
    found = getattr_static(value, "id", None)
    return found.__get__(value) if type(found) is MemberDescriptorType else found
