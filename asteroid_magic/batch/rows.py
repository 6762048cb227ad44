"""What the rows of a batch are, read one at a time and checked before they are sent.

A row is a pair ``(execution_id, message)`` or a mapping with these two; a pandas or polars data
frame gives a mapping a row. With a template, the columns of a row fill its ``{column}``, and a
row may also be an execution, or the ID of one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any
from uuid import UUID

from ..errors import InvalidInput
from ..input.template import fill, is_missing
from ..models.message import prepare
from ..models.report import Row
from ..text import counted, shorten

# All of so many rows are checked before the first is sent.
CHECKED_AHEAD = 10_000
# Rows that can be read only once are held meanwhile, but no more characters than these.
LARGEST_HELD = 50_000_000
LONGEST_LIST, LONGEST_NAMES = 5, 200
COLUMNS = ("execution_id", "message")


@dataclass(frozen=True)
class CheckedRows:
    """Rows of which the first are checked: `rows` yields all of them, an error for a bad one.

    `total` is their number, None where it shows only at their end; `ended` says that every one
    is checked. Then they can be read anew: reading that an interrupt strikes is over.
    """

    rows: Iterable[Row | InvalidInput]
    total: int | None
    ended: bool


@dataclass(frozen=True)
class _Anew:
    """Rows that cost no memory, as they can be read from their beginning each time."""

    source: Any
    template: str | None

    def __iter__(self) -> Iterator[Row | InvalidInput]:
        return _read(self.source, self.template)


def open_rows(
    rows: Any, template: str | None = None, also: Callable[[int, Row], object] | None = None
) -> CheckedRows:
    """Check up to 10,000 rows, and return all of them.

    `also` is called with the position, from 0, and the content of each row that is checked.
    Raises `InvalidInput`, which names the rows and says what is wrong with them. Those that
    follow are checked when they are read.
    """
    reading = _read(rows, template)
    held: list[Row | InvalidInput] = []
    problems: dict[int, InvalidInput] = {}
    count = size = 0
    ended = True
    # Such as a list: reading it twice costs no memory. Anything else might be empty by then.
    again = isinstance(rows, Sequence) or _is_frame(rows)
    for one in reading:
        if not again:
            held.append(one)
        if count == CHECKED_AHEAD or size > LARGEST_HELD:
            ended = False
            break
        if isinstance(one, InvalidInput):
            problems[count] = one
        else:
            size += 0 if again else len(one[1])
            if also is not None:
                also(count, one)
        count += 1
    if problems:
        raise _refusal(problems, count if ended else None)
    following: Iterable[Row | InvalidInput] = chain(held, reading)
    if again:
        following = _Anew(rows, template)
    elif ended:
        following = held
    return CheckedRows(following, count if ended else _length(rows), ended)


def _refusal(problems: Mapping[int, InvalidInput], count: int | None) -> InvalidInput:
    first = next(iter(problems.values()))
    # What to do stands with each where it is not the same for all.
    is_one = len({problem.hint for problem in problems.values()}) == 1
    listed = [
        f"row {position + 1:,}: {problem.detail}{'' if is_one else f' {problem.hint}'}"
        for position, problem in list(problems.items())[:LONGEST_LIST]
    ]
    more = len(problems) - len(listed)
    listed += [f"and {counted(more, 'more row')}"] if more else []
    of = "" if count is None else f" of {count:,}"
    refused = InvalidInput(
        "\n".join(listed),
        title=f"{counted(len(problems), 'row')}{of} cannot be sent",
        hint=f"Nothing was sent. {first.hint if is_one else 'Mend these rows, or leave them out.'}",
    )
    return refused.about(first.execution_id, first.message)


def _length(rows: Any) -> int | None:
    try:
        return len(rows)
    except TypeError:
        return None


def _read(rows: Any, template: str | None) -> Iterator[Row | InvalidInput]:
    """Yield each row as it can be sent, or what is wrong with it; raises for no rows at all."""
    records = _frame_records(rows, template) if _is_frame(rows) else _records(rows)
    return (_checked(record, template) for record in records)


def _checked(record: Any, template: str | None) -> Row | InvalidInput:
    try:
        execution_id, message = _parts(record, template)
        _check_present(message)
        outgoing = prepare(execution_id, message)
    except InvalidInput as error:
        return error.with_traceback(None)
    return outgoing.execution_id, outgoing.message


def _check_present(message: object) -> None:
    """Raise `InvalidInput` for a cell that is empty, as it stands in a data frame."""
    if is_missing(message):
        kind = type(message).__name__
        raise InvalidInput(
            f"There is no message, but an empty {kind}.", hint="Fill it in, or leave the row out."
        )


def _parts(record: Any, template: str | None) -> tuple[Any, Any]:
    if template is not None:
        columns = _columns(record)
        if COLUMNS[0] not in columns:
            raise _no_column(COLUMNS[0], columns)
        return columns[COLUMNS[0]], fill(template, columns, "column")
    if isinstance(record, Mapping):
        for name in COLUMNS:
            if name not in record:
                raise _no_column(name, record)
        return record[COLUMNS[0]], record[COLUMNS[1]]
    if isinstance(record, tuple | list) and len(record) == len(COLUMNS):
        return record[0], record[1]
    given = f"of length {len(record)}" if isinstance(record, tuple | list) else ""
    raise InvalidInput(
        f"It is of type {type(record).__name__} {given}".rstrip() + ".",
        hint="A row is (execution_id, message), or a mapping with these two.",
    )


def _columns(record: Any) -> Mapping[str, Any]:
    """Return what fills a template: the columns of a row, or the attributes of an execution."""
    if isinstance(record, Mapping):
        return record
    if isinstance(record, str | UUID):
        return {COLUMNS[0]: record}
    found = getattr(record, "id", None)
    if not isinstance(found, str | UUID):
        raise InvalidInput(
            f"It is of type {type(record).__name__}.",
            hint="A row is a mapping with execution_id, an execution, or the ID of one.",
        )
    fields = getattr(type(record), "__dataclass_fields__", ())
    return {COLUMNS[0]: found} | {name: getattr(record, name) for name in fields}


def _no_column(name: str, columns: Mapping[Any, Any]) -> InvalidInput:
    names = shorten(", ".join(map(str, columns)) or "none", LONGEST_NAMES)
    return InvalidInput(
        f"There is no column {name}; there are: {names}.",
        hint="Rename the columns to execution_id and message, or build the rows from them.",
    )


def _records(rows: Any) -> Iterator[Any]:
    if isinstance(rows, str | bytes | Mapping):
        raise _no_rows(rows, "Put it into a list, or give the items() of a mapping.")
    try:
        return iter(rows)
    except TypeError:
        unreadable = _no_rows(rows, "Give a list, a generator or a data frame.")
    raise unreadable


def _no_rows(rows: Any, hint: str) -> InvalidInput:
    return InvalidInput(f"The rows are of type {type(rows).__name__}.", hint=hint)


def _is_frame(rows: Any) -> bool:
    """Tell whether it is a data frame, without importing what it may be one of."""
    kinds = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(rows).__mro__}
    return bool(kinds & {"pandas.DataFrame", "polars.DataFrame", "polars.LazyFrame"})


def _frame_records(frame: Any, template: str | None) -> Iterator[Mapping[str, Any]]:
    if hasattr(frame, "collect"):
        raise _no_rows(frame, "Collect it first: rows.collect().")
    names = [str(name) for name in frame.columns]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InvalidInput(
            f"There are several columns {twice[0]}.", hint="Rename all but one of them."
        )
    for name in COLUMNS[: 1 if template is not None else None]:
        if name not in names:
            raise _no_column(name, dict.fromkeys(names))
    if hasattr(frame, "itertuples"):
        values = frame.itertuples(index=False, name=None)
    else:
        values = frame.iter_rows()
    return (dict(zip(names, each, strict=True)) for each in values)
