"""Reads the rows of a batch one at a time, and checks them before they are sent.

A row is a pair ``(execution_id, message)`` or a mapping with these two keys; a pandas or polars
data frame gives one mapping per row. With a template, the columns of a row fill its ``{column}``
fields, and a row may also be an execution, or an execution ID.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from ..errors import InvalidInput
from ..input.template import fill, is_missing
from ..models.message import prepare, text_of_id
from ..models.report import Row
from ..text import counted, kind_of, shorten

# Check up to this many rows before the first is sent.
CHECKED_AHEAD = 10_000
# Keep rows that can be read only once until then, but no more characters than these.
LARGEST_HELD = 50_000_000
LONGEST_LIST, LONGEST_NAMES = 5, 200
COLUMNS = ("execution_id", "message")


@dataclass(frozen=True)
class CheckedRows:
    """Rows whose first part is checked: `rows` yields all of them, an error for a bad one.

    `total` is their number, None if it is unknown before their end. `ended` says that all are
    checked. Then they can be read again, as is necessary when an interrupt has ended the reading.
    """

    rows: Iterable[Row | InvalidInput]
    total: int | None
    ended: bool


@dataclass(frozen=True)
class _Anew:
    """Rows that cost no memory, because each reading starts from their beginning."""

    source: Any
    template: str | None

    def __iter__(self) -> Iterator[Row | InvalidInput]:
        return _read(self.source, self.template)


def open_rows(
    rows: Any, template: str | None = None, also: Callable[[int, Row], object] | None = None
) -> CheckedRows:
    """Check up to 10,000 rows, and return all of them.

    Calls `also` with the position, from 0, and the content of each checked row. Raises
    `InvalidInput`, which names the bad rows and says what is wrong with them. Later rows are
    checked when they are read.
    """
    reading = _read(rows, template)
    held: list[Row | InvalidInput] = []
    problems: dict[int, InvalidInput] = {}
    count = size = 0
    ended = True
    # Reading a list twice costs no memory. Anything else might be empty by then.
    again = _is_a(rows, Sequence) or _is_frame(rows)
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
    # If the hints differ, each row shows its own.
    is_one = len({problem.hint for problem in problems.values()}) == 1
    listed = [
        f"row {position:,}: {problem.detail}{'' if is_one else f' {problem.hint}'}"
        for position, problem in list(problems.items())[:LONGEST_LIST]
    ]
    more = len(problems) - len(listed)
    listed += [f"and {counted(more, 'more row')}"] if more else []
    of = "" if count is None else f" of {count:,}"
    refused = InvalidInput(
        "\n".join(listed),
        title=f"{counted(len(problems), 'row')}{of} cannot be sent",
        hint=f"Nothing was sent. {first.hint if is_one else 'Correct these rows, or remove them.'}",
    )
    return refused.about(first.execution_id, first.message)


def _length(rows: Any) -> int | None:
    try:
        return len(rows)
    except Exception:  # noqa: BLE001 (an object may fail in any way)
        return None


def _read(rows: Any, template: str | None) -> Iterator[Row | InvalidInput]:
    """Yield each row ready to send, or its error; raises `InvalidInput` for unreadable `rows`."""
    records = _frame_records(rows, template) if _is_frame(rows) else _records(rows)
    return (_checked(record, template) for record in records)


def _checked(record: Any, template: str | None) -> Row | InvalidInput:
    try:
        execution_id, message = _read_parts(record, template)
        _check_present(message)
        outgoing = prepare(execution_id, message)
    except InvalidInput as error:
        return error.with_traceback(None)
    return outgoing.execution_id, outgoing.message


def _check_present(message: object) -> None:
    """Raise `InvalidInput` for an empty cell of a data frame."""
    if is_missing(message):
        shown = "NaN" if str(message) == "nan" else message
        raise InvalidInput(
            f"The message is empty ({shown}).", hint="Fill it in, or remove the row."
        )


def _read_parts(record: Any, template: str | None) -> tuple[Any, Any]:
    try:
        return _parts(record, template)
    except InvalidInput:
        raise
    except Exception as error:  # noqa: BLE001 (a row may be an object that fails in any way)
        why = kind_of(error)
    raise InvalidInput(
        f"The row is of type {kind_of(record)}; reading it failed: {why}.",
        hint="Give each row as a tuple or a dict of plain values.",
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
        f"The row is of type {kind_of(record)} {given}".rstrip() + ".",
        hint="Give each row as (execution_id, message), or as a mapping with these two keys.",
    )


def _columns(record: Any) -> Mapping[str, Any]:
    """Return what fills a template: the columns of a row, or the attributes of an execution."""
    if isinstance(record, Mapping):
        return record
    if text_of_id(record) is not None:
        return {COLUMNS[0]: record}
    found = getattr(record, "id", None)
    if text_of_id(found) is None:
        raise InvalidInput(
            f"The row is of type {kind_of(record)}.",
            hint="Give a mapping with execution_id, an execution, or an execution ID.",
        )
    fields = getattr(type(record), "__dataclass_fields__", ())
    return {COLUMNS[0]: found} | {name: getattr(record, name) for name in fields}


def _no_column(name: str, columns: Mapping[Any, Any]) -> InvalidInput:
    names = shorten(", ".join(map(str, columns)) or "none", LONGEST_NAMES)
    return InvalidInput(
        f"The column {name} is missing. The columns are: {names}.",
        hint="Rename the columns to execution_id and message, or build the rows from them.",
    )


def _records(rows: Any) -> Iterator[Any]:
    if any(_is_a(rows, kind) for kind in (str, bytes, Mapping)):
        raise _no_rows(rows, "Put it into a list; of a mapping, give the items().")
    try:
        return iter(rows)
    except Exception as error:  # noqa: BLE001 (an object may fail in any way)
        why = "" if isinstance(error, TypeError) else f" Reading them raised {kind_of(error)}."
        unreadable = _no_rows(rows, "Give a list, a generator or a data frame.", why)
    raise unreadable


def _no_rows(rows: Any, hint: str, why: str = "") -> InvalidInput:
    return InvalidInput(f"The rows are of type {kind_of(rows)}.{why}", hint=hint)


def _is_a(value: object, kind: type) -> bool:
    try:
        return isinstance(value, kind)
    except Exception:  # noqa: BLE001 (`__class__` may be a property, which may fail)
        return False


def _is_frame(rows: Any) -> bool:
    """Return True if it is a data frame; imports neither pandas nor polars."""
    kinds = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(rows).__mro__}
    return bool(kinds & {"pandas.DataFrame", "polars.DataFrame", "polars.LazyFrame"})


def _frame_records(frame: Any, template: str | None) -> Iterator[Mapping[str, Any]]:
    if hasattr(frame, "collect"):
        raise _no_rows(frame, "Collect it first: rows.collect().")
    names = [str(name) for name in frame.columns]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InvalidInput(
            f"Several columns are named {twice[0]}.", hint="Rename all but one of them."
        )
    for name in COLUMNS[: 1 if template is not None else None]:
        if name not in names:
            raise _no_column(name, dict.fromkeys(names))
    if hasattr(frame, "itertuples"):
        values = frame.itertuples(index=False, name=None)
    else:
        values = frame.iter_rows()
    return (dict(zip(names, each, strict=True)) for each in values)
