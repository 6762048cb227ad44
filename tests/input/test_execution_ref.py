"""Which execution a word names."""

import uuid
from types import SimpleNamespace
from typing import Any

import pytest

from asteroid_magic import InvalidInput
from asteroid_magic.input.execution_ref import resolve_execution

EXECUTION = "123e4567-e89b-12d3-a456-426614174000"


class Broken:
    """An object that raises when read, as if its database were down."""

    @property
    def id(self) -> str:
        raise OSError("down")


NAMESPACE: dict[str, Any] = {
    "run_id": EXECUTION,
    "spaced": f" {EXECUTION}\n",
    "run": SimpleNamespace(id=EXECUTION, nested=SimpleNamespace(key=uuid.UUID(EXECUTION))),
    "número": EXECUTION,
    "other": [1, 2],
    "text": "abc",
    "broken": Broken(),
}


@pytest.mark.parametrize(
    "word",
    ["run_id", "$run_id", "{run_id}", "{ run_id }", "spaced", "run", "run.id", "$run.id", "número"],
)
def test_an_execution_may_be_named_by_a_variable(word: str) -> None:
    assert resolve_execution(word, NAMESPACE) == EXECUTION


def test_an_id_is_itself() -> None:
    assert resolve_execution(EXECUTION.upper(), {}) == EXECUTION.upper()


@pytest.mark.parametrize(
    ("word", "says", "hints"),
    [
        ("missing", "'missing' is neither an execution ID nor a variable", "before any message"),
        ("$missing", "'$missing' is neither", "before any message"),
        ("Yes,", "'Yes,' is neither", "before any message"),
        ("12-34", "'12-34' is neither", "before any message"),
        ("run[0]", "'run[0]' is neither", "in a variable first"),
        ("run_id()", "'run_id()' is neither", "in a variable first"),
        (f"https://x/runs/{EXECUTION}", "is neither", f"It contains {EXECUTION}. Give only that"),
        (f"'{EXECUTION}'", "is neither", "Give only that"),
        ("run_id,", "is neither", "There is a variable run_id"),
        ("run_id\u00a0hi", "is neither", "invisible character (U+00A0)"),
        ("run.missing", "Reading 'run.missing' failed: missing raised AttributeError", "ID"),
        ("broken.id", "Reading 'broken.id' failed: id raised OSError", "ID"),
        ("broken", "'broken' holds no execution ID: Broken", "36 characters"),
        ("other", "'other' holds no execution ID: list", "2 items. Take one, as in run = other[0]"),
        ("text", "'text' holds no execution ID: 'abc'", "36 characters"),
    ],
)
def test_a_word_that_leads_to_no_id_says_so(word: str, says: str, hints: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        resolve_execution(word, NAMESPACE)
    assert says in caught.value.detail
    assert hints in caught.value.hint
    assert caught.value.__context__ is None


def test_a_list_of_one_has_one_item() -> None:
    with pytest.raises(InvalidInput) as caught:
        resolve_execution("one", {"one": [EXECUTION]})
    assert caught.value.hint.startswith("It has 1 item. Take one")


SEEN = {EXECUTION: "Book a table", EXECUTION.replace("4266", "5266"): "", "9" * 8 + "-x": "Other"}


@pytest.mark.parametrize("word", ["99999999", EXECUTION[:24] + "426", EXECUTION[:25].upper()])
def test_the_beginning_of_an_id_that_was_seen_is_enough(word: str) -> None:
    found = resolve_execution(word, NAMESPACE, SEEN)
    assert found.lower().startswith(word.lower())
    assert found in SEEN


def test_a_variable_of_that_name_goes_first() -> None:
    word = "abcdef12"
    seen = {f"{word}-e89b-12d3-a456-426614174000": ""}
    assert resolve_execution(word, {word: EXECUTION}, seen) == EXECUTION
    assert resolve_execution(word, {}, seen) in seen
    with pytest.raises(InvalidInput, match="holds no execution ID"):
        resolve_execution(word, {word: 5}, seen)


@pytest.mark.parametrize(
    ("word", "says", "hints"),
    [
        (
            "123e4567",
            "2 executions seen in this session have an ID starting with '123e4567'",
            f"{EXECUTION} (Book a table); 123",
        ),
        (
            "12345678",
            "No execution seen in this session has an ID starting with '12345678'",
            "%asteroid_executions",
        ),
        ("123e456", "'123e456' is too short", "at least the first 8"),
        ("12345", "'12345' is neither", "before any message"),
        ("$123e4567", "'$123e4567' is neither", "before any message"),
    ],
)
def test_a_beginning_that_leads_to_no_id_or_to_several_says_so(
    word: str, says: str, hints: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        resolve_execution(word, NAMESPACE, SEEN)
    assert says in caught.value.detail
    assert hints in caught.value.hint


def test_of_many_that_begin_alike_a_few_are_named() -> None:
    seen = {EXECUTION[:-2] + f"{number:02d}": "x" * 500 for number in range(20)}
    with pytest.raises(InvalidInput) as caught:
        resolve_execution("123e4567", {}, seen)
    assert "20 executions seen in this session have" in caught.value.detail
    assert "and 17 more" in caught.value.hint


@pytest.mark.parametrize("dash", ["\u2010", "\u2011", "\u2013", "\u2014", "\u2212"])
def test_the_dashes_of_a_document_are_those_of_an_id(dash: str) -> None:
    assert resolve_execution(EXECUTION.replace("-", dash), {}) == EXECUTION
    assert resolve_execution("pasted", {"pasted": EXECUTION.replace("-", dash)}) == EXECUTION


def test_a_beginning_may_lack_its_hyphens() -> None:
    assert resolve_execution(EXECUTION[:13].replace("-", ""), {}, {EXECUTION: ""}) == EXECUTION


def test_only_a_beginning_that_was_not_seen_is_looked_up() -> None:
    asked: list[str] = []

    def look_up(begun: str) -> str:
        asked.append(begun)
        return EXECUTION

    def find(word: str) -> str:
        return resolve_execution(word, {"short": "0000aaaa"}, SEEN, look_up=look_up)

    assert find(EXECUTION) == EXECUTION
    assert find(EXECUTION.replace("-", "")) == EXECUTION
    assert find("99999999") == "9" * 8 + "-x"
    for word in ("run_id", "0000aaa", "nobody", "[0]"):
        with pytest.raises(InvalidInput):
            find(word)
    assert asked == []
    assert find("0000aaaa") == find("short") == find("0000AAAA-11…") == EXECUTION
    assert asked == ["0000aaaa", "0000aaaa", "0000AAAA-11"]
