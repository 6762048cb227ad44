"""Objects of a user's that raise whatever is done with them."""

import uuid
from typing import Any, NoReturn
from unittest.mock import MagicMock


def _raises(*_: object, **__: object) -> NoReturn:
    raise ValueError("hostile")


# All that Python, IPython or this package could call of a value, except to make it.
_METHODS = (
    *("__str__", "__repr__", "__format__", "__len__", "__iter__", "__bool__", "__contains__"),
    *("__eq__", "__ne__", "__hash__", "__getitem__", "__add__", "__int__", "__index__"),
    *("strip", "lower", "encode", "translate", "isprintable", "removesuffix", "keys"),
)
_MEMBERS: dict[str, Any] = {
    **dict.fromkeys(_METHODS, _raises),
    **dict.fromkeys(("__class__", "execution_id", "id", "int", "hex"), property(_raises)),
}


def subclass(*bases: type) -> Any:
    """Return a subclass in which everything raises."""
    slots = {"__slots__": ()} if uuid.UUID in bases else {}
    return type("Hostile", bases, _MEMBERS | slots)


class LateId:
    """Has an execution ID whose text raises."""

    def __init__(self, text: str) -> None:
        self.execution_id = subclass(str)(text)


def id_like(text: str) -> list[Any]:
    """Return objects that hold an execution ID, and raise when asked for it."""
    made = uuid.UUID(text)
    hidden = subclass(uuid.UUID).__new__(subclass(uuid.UUID))
    uuid.UUID.__dict__["int"].__set__(hidden, made.int)
    return [subclass(str)(text), hidden, LateId(text)]


def no_ids() -> list[Any]:
    """Return objects that hold no execution ID, and raise when asked for it."""
    empty = subclass(uuid.UUID)
    return [
        subclass(str)("nothing"),
        subclass(list)([1, 2]),
        subclass(tuple)((1, 2)),
        subclass(dict)({"id": 1}),
        subclass()(),
        empty.__new__(empty),
        MagicMock(spec=str),
    ]
