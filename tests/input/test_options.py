"""The words and options of every magic but `%asteroid_send`."""

import pytest

from asteroid_magic.input.options import (
    ACTIVITIES,
    EXECUTIONS,
    PAUSE,
    WATCH,
    InputError,
    Usage,
    parse,
)


def problem(line: str, usage: Usage) -> str:
    with pytest.raises(InputError) as caught:
        parse(line, usage)
    return str(caught.value)


@pytest.mark.parametrize(
    ("line", "usage", "why"),
    [
        ("--help", ACTIVITIES, "For help, type %asteroid_activities?"),
        ("run -h", WATCH, "For help, type %asteroid_watch?"),
        ("--fase active", EXECUTIONS, "Did you mean --phase?"),
        ("--wat", PAUSE, "Unknown option '--wat'."),
        ("run --all=yes", ACTIVITIES, "--all"),
        ("--phase", EXECUTIONS, "--phase PHASE"),
        ("--phase=", EXECUTIONS, "--phase PHASE"),
        ("run --last 5 --last 6", ACTIVITIES, "--last"),
        ("run other", PAUSE, "Unexpected argument 'other'"),
    ],
)
def test_a_line_that_does_not_fit_says_why_and_how_it_goes(
    line: str, usage: Usage, why: str
) -> None:
    assert why in problem(line, usage)


def test_options_may_stand_anywhere_and_some_be_repeated() -> None:
    given = parse("--all run --last=7", ACTIVITIES)
    assert (given.execution, given.count("--last", 50), "--all" in given.options) == (
        "run",
        7,
        True,
    )
    phases = parse("--phase active --phase pending", EXECUTIONS)
    assert phases.options["--phase"] == ("active", "pending")


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "many", "٣", "1" * 11])
def test_a_count_is_a_whole_number_above_0(number: str) -> None:
    given = parse(f"run --last={number}", ACTIVITIES)
    with pytest.raises(InputError, match="--last needs a whole number"):
        given.count("--last", 50)


def test_seconds_before_the_execution_are_pointed_out() -> None:
    with pytest.raises(InputError, match="The execution comes first, then the seconds"):
        parse("3 run", WATCH).seconds(1, 60.0)


@pytest.mark.parametrize("seconds", ["0", "soon", "1e3", "86401"])
def test_seconds_are_a_number_above_0_up_to_a_day(seconds: str) -> None:
    with pytest.raises(InputError, match="seconds"):
        parse(f"run {seconds}", WATCH).seconds(1, 60.0)


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ('--workflow "Book a table"', ("Book a table",)),
        ("--workflow='Book a table'", ("Book a table",)),
        ('--workflow "Joe\'s"', ("Joe's",)),
        ("--workflow Joe's", ("Joe's",)),
        ('--workflow "half', ('"half',)),
        ("--meta a=b --meta=c=d=e --meta 'x=y z'", ("a=b", "c=d=e", "x=y z")),
    ],
)
def test_quotes_keep_the_spaces_of_a_value(line: str, values: tuple[str, ...]) -> None:
    [given] = parse(line, EXECUTIONS).options.values()
    assert given == values


def test_a_value_with_spaces_needs_quotes() -> None:
    with pytest.raises(InputError, match=r"Unexpected argument 'a'\. Put a value with spaces"):
        parse("--workflow Book a table", EXECUTIONS)
