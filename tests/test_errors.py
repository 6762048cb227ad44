"""The tree of errors: drawn, complete, and able to travel."""

import pickle
import re

import pytest

import asteroid_magic
from asteroid_magic import ApiError, AsteroidError, InvalidInput, RateLimited, SendInterrupted
from asteroid_magic import errors as errors_module

KINDS = [
    value
    for value in vars(errors_module).values()
    if isinstance(value, type) and issubclass(value, AsteroidError)
]


def test_the_docstring_draws_exactly_the_tree_there_is() -> None:
    drawn = {}
    path: list[str] = []
    for line in (errors_module.__doc__ or "").splitlines():
        found = re.match(r"    ([│├└─ ]*)([A-Z]\w+)", line)
        if found:
            depth = len(found[1]) // 4
            path[depth:] = [found[2]]
            drawn[found[2]] = path[depth - 1] if depth else None
    parents = {kind.__name__: kind.__bases__[0].__name__ for kind in KINDS}
    assert drawn == parents | {"AsteroidError": None}


def test_every_error_is_public() -> None:
    assert {kind.__name__ for kind in KINDS} <= set(asteroid_magic.__all__)


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_says_what_and_what_to_do_next_and_survives_pickling(
    kind: type[AsteroidError],
) -> None:
    error = kind("why").about("an-execution", "the text", 2)
    assert error.outcome in {"not_delivered", "unknown"}
    assert error.title
    assert str(error).startswith(f"{error.title}. why")
    if kind not in {AsteroidError, InvalidInput, asteroid_magic.ConfigurationError}:
        assert error.hint, "the other three are given theirs where they are raised"
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert vars(again) == vars(error)
    assert str(again) == str(error)


def test_http_members_survive_pickling() -> None:
    error = RateLimited("slow", status_code=429, members={"code": 429, "errors": [{"a": "b"}]})
    error.retry_after = 5.0
    again = pickle.loads(pickle.dumps(error))
    assert (again.status_code, again.code, again.retry_after) == (429, 429, 5.0)
    assert again.errors == ({"a": "b"},)


def test_an_interrupt_is_both() -> None:
    assert issubclass(SendInterrupted, KeyboardInterrupt)
    assert issubclass(SendInterrupted, AsteroidError)


def test_what_an_error_is_about_is_not_overwritten() -> None:
    error = ApiError("why").about("first", "text", 1).about("second", "other", 9)
    assert (error.execution_id, error.message, error.attempts) == ("first", "text", 1)


def test_in_place_of_a_traceback_stands_one_line() -> None:
    lines = ApiError("a\nb").about("x", "text")._render_traceback_()
    assert isinstance(lines, list)
    assert len(lines) == 1
    assert "\n" not in lines[0]
    assert "Not delivered" in lines[0]


def test_an_error_that_cannot_be_drawn_still_has_its_line() -> None:
    error = ApiError("why").about("x", "text")
    error.hint = None  # type: ignore[assignment]
    assert error._render_traceback_() == ["ApiError: not_delivered"]
