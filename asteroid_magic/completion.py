"""What Tab offers behind `%asteroid_send`: options, then executions; no server is asked."""

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from inspect import getattr_static
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any

from .line import OPTIONS
from .outgoing import is_execution_id
from .session import session

# As a line of ours begins: plain, or behind an assignment.
_BEGUN = re.compile(r"^\s*(?:[^%#'\"]*=\s*)?(%%?asteroid_send\s)")

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def matches(shell: "InteractiveShell", context: Any) -> dict[str, Any]:
    """Return the offers before the cursor, in their order, in place of all that others offer.

    `context` is IPython's `CompletionContext`, the answer its `SimpleMatcherResult`.
    """
    from IPython.core.completer import SimpleCompletion  # noqa: PLC0415 (new in IPython 8.6)

    typed = context.text_until_cursor
    begun = _BEGUN.search(typed)
    found = offers(typed[begun.start(1) :], shell.user_ns, session.seen) if begun else ()
    fitting = [SimpleCompletion(one) for one in found if one.startswith(context.token)]
    return {"completions": fitting, "suppress": bool(fitting), "ordered": True}


def offers(typed: str, namespace: Mapping[str, Any], seen: Iterable[str]) -> Iterator[str]:
    """Yield options, then variables that hold an execution, then executions of this session.

    `typed` is the line up to the cursor. Nothing is offered where the value of an option, or the
    message, is typed.
    """
    words = typed.split()[1:]
    if typed[-1:].strip():
        # The last word is still being typed.
        words = words[:-1]
    takes_value = False
    for word in words:
        if not takes_value and not word.startswith("-"):
            return
        takes_value = not takes_value and OPTIONS.get(word) is not None
    if not takes_value:
        yield from OPTIONS
        yield from sorted(name for name, value in namespace.items() if _is_offered(name, value))
        yield from seen


def _is_offered(name: str, value: object) -> bool:
    if name.startswith("_"):
        return False
    try:
        return _is_id(value) or _is_id(_static_id(value))
    except Exception:  # noqa: BLE001 (no object of a notebook may spoil what Tab offers)
        return False


def _is_id(value: object) -> bool:
    # By its type, and not by isinstance, which runs the code of an object with a __class__.
    kind = type(value)
    if issubclass(kind, str):
        return is_execution_id(str.__str__(value))
    return issubclass(kind, uuid.UUID)


def _static_id(value: object) -> object:
    """Return the `id` of an object without running any code of it, a property's say."""
    found = getattr_static(value, "id", None)
    return found.__get__(value) if type(found) is MemberDescriptorType else found
