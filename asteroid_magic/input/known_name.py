"""Tells whether a name in a cell means anything to IPython: decides between code and a text.

The first character of a name in IPython's own syntax says what it names: ``%magic``, ``!command``,
``?object``, and ``/function`` (or with a comma or a semicolon). A variable has no such character.
"""

import builtins
import re
import shutil
from collections.abc import Collection
from fnmatch import fnmatchcase
from typing import Any

from IPython.core.getipython import get_ipython

# At the start of a line, these call the function whose name follows.
AUTOCALLS = {"/", ",", ";"}
KINDS = {"%": "line magic", "!": "command", "?": "object"} | dict.fromkeys(AUTOCALLS, "function")
# What IPython's help understands, and calls: the first name decides.
_DOTTED = re.compile(r"([^\W\d]\w*)(?:\.[^\W\d]\w*|\[-?\d+\])*")
# A shell, of Unix or of Windows, has these without a program of that name.
_BUILT_IN = re.compile(
    "alias|bg|break|case|cd|command|continue|declare|dirs|echo|eval|exec|exit|export|fc|fg|for|"
    "function|getopts|hash|help|history|if|jobs|let|local|logout|popd|printf|pushd|pwd|read|readonly|"
    "return|select|set|shift|shopt|source|test|time|trap|type|typeset|ulimit|umask|unalias|unset|"
    "until|wait|while|"
    "assoc|call|chdir|cls|copy|date|del|dir|erase|md|mkdir|mklink|move|path|rd|ren|rename|rmdir|start|"
    "title|ver|vol"
)


def is_known(name: str, made: Collection[str] = ()) -> bool:
    """Return True if something has this name. `made` are the variables that the cell makes."""
    kind, text = KINDS.get(name[:1]), name[1:]
    if kind is None:
        return name in made or name in _variables()
    if kind == "line magic":
        return _is_magic(text, "line")
    if kind == "command":
        return _is_command(text)
    if kind == "object" and (_is_magic(text.lstrip("%"), "line", "cell") or "*" in text):
        return "*" not in text or _is_found(text, {*made, *_variables()})
    return _is_object(text, made, is_called=kind == "function")


def _shell() -> Any:
    # A cell runs, so there is one.
    return get_ipython()


def _variables() -> dict[str, object]:
    shell = _shell()
    return {**vars(builtins), **shell.user_global_ns, **shell.user_ns}


def _is_magic(name: str, *kinds: str) -> bool:
    manager = _shell().magics_manager
    if any(name in manager.magics[kind] for kind in kinds):
        return True
    # Declared in a configuration alone: the kind is not known before IPython loads it.
    return name in manager.lazy_magics and not any(name in each for each in manager.magics.values())


def _is_command(word: str) -> bool:
    """Return False only for a plain word (or a mark) without a program of that name."""
    word = word.rstrip(",.:;!?")
    is_plain = word.isalpha() or not word
    return not is_plain or bool(_BUILT_IN.fullmatch(word)) or shutil.which(word) is not None


def _is_found(pattern: str, names: Collection[str]) -> bool:
    """Return True if the first part of a pattern such as ``str.*find*`` fits any of the names."""
    first = pattern.partition(".")[0].lower()
    return any(fnmatchcase(name.lower(), first) for name in names)


def _is_object(text: str, made: Collection[str], *, is_called: bool) -> bool:
    found = _DOTTED.fullmatch(text)
    if found is None or found[1] in made:
        return found is not None
    variables = _variables()
    # What an attribute is, only its property may tell, which may take long.
    is_whole = text == found[1]
    return found[1] in variables and (not (is_called and is_whole) or callable(variables[found[1]]))
