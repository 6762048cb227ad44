"""The parser of `%asteroid_send`."""

import pytest

from asteroid_magic import InvalidInput
from asteroid_magic.input.options import InputError
from asteroid_magic.input.send_line import (
    EACH_OPTIONS,
    EACH_USAGE,
    OPTIONS,
    SHORT,
    USAGE,
    WAITING,
    WAITING_USAGE,
    as_cell,
    parse,
)
from asteroid_magic.input.template import fill

EXECUTION = "123e4567-e89b-12d3-a456-426614174000"


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("yes", "yes"),
        ("  two  spaces  inside  ", "two  spaces  inside"),
        ("costs $5 and {1+1}", "costs $5 and {1+1}"),
        ("use --quiet --timeout 5", "use --quiet --timeout 5"),
        ("--verbose --quiet", "--verbose --quiet"),
        ("--quieter", "--quieter"),
        ("-- -f", "-- -f"),
        ("'--quiet'", "--quiet"),
        ("don't", "don't"),
        ('say "hi"', 'say "hi"'),
        ('"quoted whole"', "quoted whole"),
        ("'quoted whole'", "quoted whole"),
        ('"it\'s"', "it's"),
        ("'say \"hi\"'", 'say "hi"'),
        ('"a" and "b"', '"a" and "b"'),
        ('"', '"'),
        ('""', ""),
        ("\"half'", "\"half'"),
        ("“curly”", "“curly”"),
        ("C:\\temp\\new", "C:\\temp\\new"),
        ("# no comment", "# no comment"),
        ("tab\tinside", "tab\tinside"),
        ("\u00a0kept\u2003", "\u00a0kept\u2003"),
    ],
)
def test_the_message_of_a_line_is_what_was_typed(typed: str, sent: str) -> None:
    command = parse(f" {EXECUTION} {typed}")
    assert command.execution == EXECUTION
    assert command.message == sent
    assert not command.options


@pytest.mark.parametrize(
    ("line", "as_option", "as_text"),
    [
        ("run --dry-run hi", "--dry-run run hi", "run\n--dry-run hi"),
        ("run -f hi", "-f run hi", "run\n-f hi"),
        ("run --quiet", "--quiet run", "run\n--quiet"),
        ("--quiet run --quiet a", "--quiet run a", "--quiet run\n--quiet a"),
        ("--show run --quiet a", "--quiet run a", "run\n--quiet a"),
        ("--fill run --timeout=5 hi", "--fill --timeout=5 run hi", "--fill run\n--timeout=5 hi"),
        ("run --timeout 5 a  b", "--timeout 5 run a  b", "run\n--timeout 5 a  b"),
        ("run --wait 5 hi", "--wait 5 run hi", "run\n--wait 5 hi"),
        ("run --wait please", "--wait run please", "run\n--wait please"),
    ],
)
def test_an_option_after_the_execution_is_refused_and_both_ways_are_shown(
    line: str, as_option: str, as_text: str
) -> None:
    with pytest.raises(InputError) as caught:
        parse(line)
    assert f"\n%asteroid_send {as_option}\n" in str(caught.value)
    assert str(caught.value).endswith(f"\n%%asteroid_send {as_text}")
    first, body = as_text.split("\n")
    parse(as_option)
    assert parse(first, body).message == body


@pytest.mark.parametrize("option", [*OPTIONS, *SHORT])
def test_every_option_after_the_execution_is_refused(option: str) -> None:
    for word in (option, f"{option}=5"):
        with pytest.raises(InputError, match="Nothing was sent"):
            parse(f"run {word} hi")
        assert parse("run", f"{word} hi").message == f"{word} hi"
        assert parse(f"run say {word} hi").message == f"say {word} hi"


def test_a_tab_may_stand_between_execution_and_message() -> None:
    assert parse(f"{EXECUTION}\thello").message == "hello"


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        ("one\n", "one"),
        ("one", "one"),
        ("one\n\n", "one\n"),
        ("\n  indented\n\ttab\n", "\n  indented\n\ttab"),
        ('"quoted"\n', '"quoted"'),
        ("--quiet\n", "--quiet"),
        ("", ""),
    ],
)
def test_the_message_of_a_cell_is_its_body_less_one_final_newline(body: str, sent: str) -> None:
    assert parse(f" --quiet {EXECUTION} ", body).message == sent


def test_options_stand_before_the_execution() -> None:
    line = f"--timeout 2.5 --base-url=http://localhost:1 --dry-run --quiet --out r {EXECUTION} hi"
    command = parse(line)
    assert command.options == {
        "--timeout": "2.5",
        "--base-url": "http://localhost:1",
        "--dry-run": "",
        "--quiet": "",
        "--out": "r",
    }
    assert command.timeout == 2.5
    assert command.message == "hi"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "execution is missing"),
        ("--quiet", "execution is missing"),
        ("--quite run hi", "Did you mean --quiet?"),
        ("--zzz run hi", "Unknown option '--zzz'"),
        ("-x run hi", "Unknown option '-x'"),
        ("--timeout", "needs a value: --timeout SECONDS"),
        ("--timeout= run hi", "needs a value"),
        ("--timeout soon run hi", "needs a number of seconds, not 'soon'"),
        ("--out 5x run hi", "needs the name of a variable, not '5x'"),
        ("--quiet=yes run hi", "takes no value"),
    ],
)
def test_a_line_that_does_not_follow_the_usage_says_what_is_wrong(line: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(line)
    assert says in str(caught.value)
    assert USAGE in str(caught.value)


def test_words_behind_the_execution_of_a_cell_are_not_swallowed() -> None:
    with pytest.raises(InputError, match="Unexpected text after the execution: 'hello'"):
        parse(f"{EXECUTION} hello", "world\n")


def test_each_sends_a_cell_to_the_rows_of_a_variable() -> None:
    command = parse("--each rows --journal a.db --quiet", "Dear {name},\n")
    assert command.options == {"--each": "rows", "--journal": "a.db", "--quiet": ""}
    assert (command.execution, command.message) == ("", "Dear {name},")


@pytest.mark.parametrize(
    ("line", "cell", "says"),
    [
        ("--each rows hello", None, "--each works only in a cell"),
        (
            "--each rows run_id",
            "hello",
            "come from the rows. Unexpected text 'run_id'",
        ),
        ("--each rows --wait 5", "hello", "--wait works only for one message"),
        ("--journal a.db run_id", "hello", "--journal works only with --each"),
        ("--keep-going run_id", "hello", "--keep-going works only with --each"),
        ("--each", "hello", "--each needs a value"),
        ("--each rows[0]", "hello", "--each needs the name of a variable, not 'rows[0]'"),
    ],
)
def test_each_that_does_not_follow_the_usage_says_what_is_wrong(
    line: str, cell: str | None, says: str
) -> None:
    with pytest.raises(InputError) as caught:
        parse(line, cell)
    assert says in str(caught.value)
    assert "--each ROWS" in str(caught.value)


def test_the_usage_line_names_every_option() -> None:
    for name, takes in OPTIONS.items():
        usage = EACH_USAGE if name in EACH_OPTIONS else USAGE
        if name == WAITING:
            assert f"{name} [options] message" in WAITING_USAGE
            continue
        assert f"{name} {takes}" in usage if takes else f"[{name}]" in usage


@pytest.mark.parametrize("option", ["-f", "--fill"])
def test_fill_is_an_option_of_two_names(option: str) -> None:
    assert "--fill" in parse(f"{option} {EXECUTION} hi {{name}}").options


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Dear {name},", "Dear Anna,"),
        ("{name}{name} {count}", "AnnaAnna 3"),
        ("{braces}", "{name}"),
        ('{"a": {count}}', '{"a": 3}'),
        ('{"a": 1}', '{"a": 1}'),
        ("{} {1+1} {{name}} {name.upper()} {name!r} {name:>9} { name }", None),
        ("$name {größe}", "$name 12"),
        ("{ﬁ} {नाम} {gro\u0308ße}", "fine 5 12"),
        ("{²} {x²} {½}", None),
        ("{name", None),
        ("no braces", None),
    ],
)
def test_only_a_plain_name_in_one_pair_of_braces_is_filled(text: str, filled: str | None) -> None:
    namespace = {
        "name": "Anna",
        "count": 3,
        "braces": "{name}",
        "größe": 12,
        "fi": "fine",
        "नाम": 5,
    }
    assert fill(text, namespace) == (text if filled is None else filled)


def test_an_unknown_name_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"no variable 'a', 'b'\.") as caught:
        fill("{b} {a} {name} {{c}}", {"name": "Anna"})
    assert "--fill" in caught.value.hint


def test_a_value_that_cannot_be_written_is_named() -> None:
    class Broken:
        def __str__(self) -> str:
            raise OSError("no")

    with pytest.raises(InvalidInput, match="'broken' cannot be converted to text: OSError"):
        fill("{broken}", {"broken": Broken()})


@pytest.mark.parametrize(
    ("typed", "wait", "execution", "message"),
    [
        ("--wait run hi", 120.0, "run", "hi"),
        ("--wait 60 run hi", 60.0, "run", "hi"),
        ("--wait=60 run 60", 60.0, "run", "60"),
        ("--wait 0.5 run hi", 0.5, "run", "hi"),
        ("--wait --timeout 5 run hi", 120.0, "run", "hi"),
        ("--wait 12345678 hi", 120.0, "12345678", "hi"),
        (f"--wait {EXECUTION} 60 more", 120.0, EXECUTION, "60 more"),
        ("run say --wait 60", None, "run", "say --wait 60"),
    ],
)
def test_how_long_to_wait_may_be_left_out(
    typed: str, wait: float | None, execution: str, message: str
) -> None:
    command = parse(typed)
    assert (command.wait, command.execution, command.message) == (wait, execution, message)


@pytest.mark.parametrize(
    "typed", ["--wait= run hi", "--wait 0 run hi", "--wait 99999 run hi", "--wait=soon run hi"]
)
def test_a_wait_that_is_no_number_of_seconds_is_told(typed: str) -> None:
    with pytest.raises(InputError, match="--wait"):
        parse(typed)


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("Friday 18:30, please.", "Friday 18:30, please."),
        ("  two  spaces  inside  ", "two  spaces  inside"),
        ('"run it again"', "run it again"),
        ("use --quiet --timeout 5", "use --quiet --timeout 5"),
        ("'--quiet'", "--quiet"),
        ("costs $5 and {1+1}", "costs $5 and {1+1}"),
    ],
)
def test_for_the_one_that_waits_the_whole_rest_is_the_message(typed: str, sent: str) -> None:
    command = parse(f"--waiting --timeout 5 {typed}")
    assert (command.execution, command.message) == ("", sent)
    assert command.timeout == 5
    in_cell = parse("--waiting ", f"{typed}\nand more\n")
    assert (in_cell.execution, in_cell.message) == ("", f"{typed}\nand more")


@pytest.mark.parametrize(
    ("line", "cell", "says"),
    [
        ("--waiting", None, "The message is missing.\n%asteroid_send --waiting [options] message"),
        ("--waiting", " \n", "The message is missing."),
        ("--waiting=yes hello", None, "--waiting takes no value"),
        (f"--waiting {EXECUTION}", "hello", "there is no execution"),
        ("--waiting --each rows", "hello", "--waiting works only for one message"),
        ("--waitin hello", None, "Did you mean --waiting?"),
        (f"{EXECUTION} --waiting hello", None, "\n%asteroid_send --waiting hello\n"),
    ],
)
def test_what_does_not_go_with_waiting_says_so(line: str, cell: str | None, says: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(line, cell)
    assert says in str(caught.value)


def test_a_line_for_the_one_that_waits_becomes_a_cell() -> None:
    assert as_cell("--waiting Dear all,", "more") == "%%asteroid_send --waiting\nDear all,\nmore"
