"""What the rows of a batch may be, and the errors for rows that cannot be sent."""

import re
import uuid
from collections.abc import Iterator
from importlib import import_module
from itertools import islice
from typing import Any

import pytest

from asteroid_magic import Execution, InvalidInput
from asteroid_magic.batch.rows import CHECKED_AHEAD, open_rows
from tests.support.outcomes import ID

pandas: Any = import_module("pandas")
polars: Any = import_module("polars")

COLUMNS = {"execution_id": [ID, ID.upper()], "message": ["one", "two"]}
WANTED = [(ID, "one"), (ID, "two")]


@pytest.mark.parametrize(
    "rows",
    [
        [(ID, "one"), [uuid.UUID(ID), "two"]],
        [{"execution_id": ID, "message": "one"}, {"message": "two", "execution_id": ID, "x": 1}],
        pandas.DataFrame(COLUMNS | {"name": ["a", "b"]}),
        polars.DataFrame(COLUMNS),
        iter([(ID, "one"), (ID, "two")]),
        {(ID, "one"): 1, (ID, "two"): 2}.keys(),
    ],
    ids=["pairs", "mappings", "pandas", "polars", "iterator", "keys"],
)
def test_rows_of_every_kind_are_read(rows: Any) -> None:
    opened = open_rows(rows)
    assert opened.total == 2
    assert list(opened.rows) == WANTED


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (None, "The rows are of type NoneType."),
        ("text", "The rows are of type str."),
        ({ID: "one"}, "of a mapping, give the items()"),
        ([(ID,)], "row 0: The row is of type tuple of length 1."),
        ([7], "row 0: The row is of type int."),
        ([{"execution_id": ID}], "The column message is missing. The columns are: execution_id."),
        (
            pandas.DataFrame({"id": [ID]}),
            "The column execution_id is missing. The columns are: id.",
        ),
        (polars.LazyFrame(COLUMNS), "Collect it first"),
        (
            pandas.DataFrame([[ID, "a", "b"]], columns=["execution_id", "message", "message"]),
            "Several columns are named message.",
        ),
        (
            pandas.DataFrame({"execution_id": [ID], "message": [float("nan")]}),
            "row 0: The message is empty (NaN).",
        ),
        ([(ID, "fine"), ("nonsense", "x")], "row 1: The execution ID 'nonsense' is not a UUID."),
        ([(ID, "\ud800")], "row 0: Character 1 of the message (U+D800)"),
    ],
)
def test_what_cannot_be_sent_is_named(rows: Any, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        open_rows(rows)
    assert words in str(caught.value)
    assert caught.value.outcome == "not_delivered"


def test_a_typo_in_row_899_is_found_among_thousands() -> None:
    rows = [(ID, "fine")] * 899 + [(ID[:-1], "the typo")] + [(ID, "fine")] * 4_100
    with pytest.raises(InvalidInput) as caught:
        open_rows(rows)
    assert caught.value.title == "1 row of 5,000 cannot be sent"
    assert "row 899: The execution ID" in caught.value.detail
    assert caught.value.message == "the typo"


def test_of_many_bad_rows_the_first_are_listed() -> None:
    with pytest.raises(InvalidInput) as caught:
        open_rows([(ID, "")] * 100)
    assert caught.value.detail.count("\n") == 5
    assert "and 95 more rows" in caught.value.detail


def test_no_more_than_the_first_rows_of_an_endless_generator_are_read_ahead() -> None:
    read: list[int] = []

    def endless() -> Iterator[tuple[str, str]]:
        while True:
            read.append(1)
            yield ID, f"message {len(read)}"

    opened = open_rows(endless())
    assert len(read) == CHECKED_AHEAD + 1
    assert opened.total is None
    assert list(islice(opened.rows, 3)) == [(ID, f"message {at}") for at in (1, 2, 3)]


def test_rows_that_are_read_only_once_are_not_held_without_bound() -> None:
    read: list[int] = []

    def heavy() -> Iterator[tuple[str, str]]:
        for number in range(200):
            read.append(number)
            yield ID, "x" * 999_999

    opened = open_rows(heavy())
    assert len(read) < 60
    assert sum(1 for _ in opened.rows) == 200


def test_a_bad_row_behind_those_that_are_checked_comes_as_an_error_in_its_place() -> None:
    rows = [(ID, "fine")] * CHECKED_AHEAD + [(ID, "")]
    opened = open_rows(rows)
    assert opened.total == CHECKED_AHEAD + 1
    last = list(opened.rows)[-1]
    assert isinstance(last, InvalidInput)


def test_the_columns_of_a_row_fill_a_template() -> None:
    frame = pandas.DataFrame({"execution_id": [ID, ID], "name": ["Ann", "{x}"], "n": [1, 2]})
    opened = open_rows(frame, "Dear {name}, {} {1+1} {{name}} no. {n}")
    assert list(opened.rows) == [
        (ID, "Dear Ann, {} {1+1} {{name}} no. 1"),
        (ID, "Dear {x}, {} {1+1} {{name}} no. 2"),
    ]
    with pytest.raises(InvalidInput, match=r"row 0: .*there is no column 'nme'"):
        open_rows(frame, "Dear {nme}")


@pytest.mark.parametrize(
    ("column", "hint"),
    [
        ("First name", "Rename the column, and use that name in the message: {First_name}."),
        ("e-mail", "message: {e_mail}."),
        ("1", "Rename the column, and use that name in the message."),
    ],
)
def test_a_column_whose_name_cannot_be_filled_is_pointed_out(column: str, hint: str) -> None:
    rows = [{"execution_id": ID, column: "Ada"}]
    with pytest.raises(InvalidInput, match=re.escape(f"The message has {{{column}}}")) as caught:
        open_rows(rows, f"Dear {{{column}}}")
    assert hint in str(caught.value)
    assert list(open_rows(rows, f'{{{{{column}}}}} {{"a": 1}} {{Other one}}').rows)


def test_executions_and_ids_fill_a_template_too() -> None:
    execution = Execution(id=ID, workflow_name="Book a table")
    assert list(open_rows([execution], "Go on, {workflow_name}.").rows) == [
        (ID, "Go on, Book a table.")
    ]
    assert list(open_rows([ID, uuid.UUID(ID)], "Go on.").rows) == [(ID, "Go on.")] * 2
    with pytest.raises(InvalidInput, match="a mapping with execution_id, an execution"):
        open_rows([object()], "Go on.")


def test_a_fault_of_the_rows_themselves_comes_through() -> None:
    def broken() -> Iterator[tuple[str, str]]:
        yield ID, "one"
        raise ValueError("of the caller")

    with pytest.raises(ValueError, match="of the caller"):
        open_rows(broken())
