"""The sandbox gets exactly what the user typed, through a real shell's `run_cell`."""

import re
import time
import warnings
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell

from asteroid_magic.input import hooks, transformer
from asteroid_magic.input.send_line import OPTIONS, SHORT
from asteroid_magic.sandbox import Sandbox
from tests.support.cells import FOREIGN
from tests.support.messages import CELLS, LINES
from tests.support.shells import Notebook

# Separators, quotes, prompts and IPython's own syntax, far more often than in random text.
SEPARATORS = ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\r", "\t", "  "]
MARKS = ["?", "??", "!", ";", "\\", "%", "%%", "#", "'", '"', '"""', "'''", *"()[]{}="]
WORDS = [
    *(">>> ", "... ", "In [1]: ", "...: ", "%asteroid_send ", "%%asteroid_send ", "%time "),
    *("$x", "{run_id}", "--quiet", "-f", "x", "print(1)", "é", "👩‍👩‍👧", "\u202e", "\x1b[0m"),
]
SPICE = st.sampled_from([*SEPARATORS, *MARKS, *WORDS])
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
PIECES = st.one_of(SPICE, CHARACTERS, st.text(CHARACTERS, max_size=8))
ONE_LINE = st.lists(PIECES, min_size=1, max_size=8).map("".join).map(lambda s: s.replace("\n", " "))
LINES_OF = st.lists(st.one_of(PIECES, st.just("\n")), min_size=1, max_size=12).map("".join)
THOROUGH = settings(
    max_examples=1_000,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def arrived(notebook: Notebook, box: Sandbox, run_id: str) -> Iterator[list[str]]:
    """The messages that the sandbox got; fails if part of a message ran as code."""
    notebook.shell.user_ns["ran"] = []
    yield ArrivedMessages(box, run_id)
    assert notebook.shell.user_ns["ran"] == []


class ArrivedMessages(list[str]):
    """The messages since the last call of `new`."""

    def __init__(self, box: Sandbox, run_id: str) -> None:
        super().__init__()
        self._box, self._run_id, self._read = box, run_id, 0

    def new(self) -> list[str]:
        messages = self._box.messages(self._run_id)[self._read :]
        self._read += len(messages)
        return messages


def in_a_line(text: str) -> str:
    """Return the message of a line as the guide defines it: trimmed, without its quotes."""
    text = text.strip(" \t\r")
    quoted = len(text) > 1 and text[0] in "'\"" and text.find(text[0], 1) == len(text) - 1
    return text[1:-1] if quoted else text


@THOROUGH
@given(text=LINES_OF)
@example(text="x\r")
@example(text="\ufeff>>> a\u2028>>> b")
def test_any_text_below_a_cell_magic_arrives_as_it_is(
    notebook: Notebook, arrived: ArrivedMessages, text: str
) -> None:
    notebook.shell.run_cell(f"%%asteroid_send --quiet run_id\n{text}\n", silent=False)
    assert arrived.new() == ([text] if text.strip() else [])


@THOROUGH
@given(text=ONE_LINE)
@example(text="' '")
@example(text="\\")
@example(text="a\r\x80b")
def test_any_text_in_a_line_arrives_as_it_is(
    notebook: Notebook, arrived: ArrivedMessages, text: str
) -> None:
    notebook.shell.run_cell(f"%asteroid_send --quiet run_id {text}")
    sent = in_a_line(text)
    # The first word must not be an option.
    word = re.split("[ \t\r=]", text.strip(" \t\r"))[0]
    is_sent = sent.strip() and word not in {*OPTIONS, *SHORT}
    assert arrived.new() == ([sent] if is_sent else [])


@pytest.mark.parametrize(
    "form",
    [
        "%asteroid_send run_id {}",
        "  %asteroid_send run_id {}",
        "x = 1\n\n%asteroid_send run_id {}\ny = 2",
        "for _ in range(1):\n    %asteroid_send run_id {}",
        "kept = %asteroid_send run_id {}",
        "if True:\n    kept = %asteroid_send --quiet run_id {}\n\nelse: pass",
        "%pwd 'never (closed\n%asteroid_send run_id {}",
        "%asteroid_send\trun_id\t{}",
    ],
    ids=["plain", "indented", "amid", "in a loop", "assigned", "in a branch", "behind", "tabs"],
)
def test_a_natural_message_arrives_from_every_kind_of_line(
    notebook: Notebook, arrived: ArrivedMessages, form: str
) -> None:
    for name, text in LINES.items():
        # A backslash at the end of a line continues it, unless it is the last line.
        if not (text.endswith("\\") and not form.endswith("{}")):
            notebook.run(form.replace("{}", text))
            assert notebook.error is None, name
            assert arrived.new() == [text], name


@pytest.mark.parametrize(
    "form", ["%%asteroid_send run_id\n{}\n", "\n \n%%asteroid_send --quiet run_id  \r\n{}\n"]
)
def test_a_natural_message_arrives_from_a_cell(
    notebook: Notebook, arrived: ArrivedMessages, form: str
) -> None:
    for name, text in {**LINES, **CELLS}.items():
        notebook.run(form.replace("{}", text))
        assert notebook.error is None, name
        assert arrived.new() == [text], name


def test_a_backslash_continues_a_line(notebook: Notebook, arrived: ArrivedMessages) -> None:
    notebook.run("%asteroid_send run_id one, \\\ntwo \\\nthree?\nx = 1")
    assert arrived.new() == ["one,  two  three?"]
    notebook.run("%asteroid_send run_id one\u2028two \\\nthree\u2028four?")
    assert arrived.new() == ["one\u2028two  three\u2028four?"]
    assert notebook.error is None


def test_several_lines_of_one_cell_all_arrive(notebook: Notebook, arrived: ArrivedMessages) -> None:
    notebook.run(
        '%asteroid_send run_id one """ (?\n%time x = 1\nr = %asteroid_send run_id two\u2028(?\n'
        "print('between')\n%asteroid_send run_id three?"
    )
    assert arrived.new() == ['one """ (?', "two\u2028(?", "three?"]
    assert "between" in notebook.text


@pytest.mark.parametrize("cell", ["%%time\n", "%%capture kept\n", "%%time\n%%capture kept\n"])
@pytest.mark.parametrize("form", ["%asteroid_send run_id {}", "%%asteroid_send run_id\n{}\n"])
@pytest.mark.parametrize("text", ["is it $5?", "yes;", "yes; # no", "a\u2028b; c"])
def test_a_message_below_another_cell_magic_arrives_and_its_card_is_shown_once(
    notebook: Notebook, arrived: ArrivedMessages, cell: str, form: str, text: str
) -> None:
    notebook.run(cell + form.format(text))
    assert notebook.error is None
    assert arrived.new() == [text]
    assert cards(notebook) == ("%%capture" not in cell)


@pytest.mark.parametrize("text", ["see (1", '"""', "don't (;"])
def test_below_time_the_card_is_there_although_ipython_fails_to_read_the_message(
    notebook: Notebook, arrived: ArrivedMessages, text: str
) -> None:
    notebook.run(f"%%time\n%asteroid_send run_id {text}")
    assert arrived.new() == [text]
    assert cards(notebook) == 1


def cards(notebook: Notebook) -> int:
    """Return how many cards of a delivery a cell showed: as its result, or at once."""
    return notebook.text.count("✓ Delivered") + notebook.html().count("<strong>Delivered</strong>")


@pytest.mark.parametrize("text", ["yes;", "yes ; # no", ";", "x = 1;;"])
@pytest.mark.parametrize(
    "form",
    [
        "%asteroid_send run_id {}",
        "%%asteroid_send run_id\n{}",
        "if 1:\n    %asteroid_send run_id {}",
    ],
)
def test_a_semicolon_at_the_end_is_text_and_does_not_hide_the_card(
    notebook: Notebook, arrived: ArrivedMessages, form: str, text: str
) -> None:
    notebook.run(form.format(text))
    assert arrived.new() == [text]
    assert cards(notebook) == 1


def test_with_autoreload_messages_are_exact(notebook: Notebook, arrived: ArrivedMessages) -> None:
    notebook.run("%load_ext autoreload\n%autoreload 2")
    for _ in range(2):
        notebook.run("%asteroid_send run_id is it $5?")
        notebook.run("%%asteroid_send run_id\nis it $6?")
        assert arrived.new() == ["is it $5?", "is it $6?"]


def test_a_cell_without_a_message_sends_nothing_and_says_so(
    notebook: Notebook, arrived: ArrivedMessages
) -> None:
    for end in ("", "\n", "\r\n", "\r", "\n\n", "\r\n\r\n", "\n \n"):
        notebook.run(f"%%asteroid_send run_id{end}")
        assert arrived.new() == []
        assert "empty" in notebook.text or "only spaces" in notebook.text, repr(end)


@pytest.mark.parametrize(
    "cell",
    [
        "get_ipython().run_line_magic('asteroid_send', 'run_id {}')",
        "get_ipython().run_cell_magic('asteroid_send', 'run_id', '{}\\n')",
        "def f(to):\n    return get_ipython().run_line_magic('asteroid_send', 'to {}')\nf(run)",
    ],
)
@pytest.mark.parametrize("text", ["is it $5?", "Dear agent,\nThanks", "a;", "a\u2028b"])
def test_a_message_from_a_call_of_the_magic_arrives(
    notebook: Notebook, arrived: ArrivedMessages, cell: str, text: str
) -> None:
    notebook.run(cell.replace("{}", text.encode("unicode_escape").decode()))
    assert notebook.error is None
    assert arrived.new() == [text]
    assert cards(notebook) == 1


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("def f(to):\n    %asteroid_send to {}\nf(run)\nf(run)", 2),
        ("def f(to):\n    r = %asteroid_send to {}\n    return r\nf(run); f(run)", 1),
        ("for each in (run, run):\n    %asteroid_send each {}", 2),
        ("for each in (run, run):\n    kept = %asteroid_send each {}\n    kept.outcome", 0),
        ("n = 2\nwhile n:\n    n -= 1\n    %asteroid_send run {}\nelse:\n    n", 2),
        ("async def f(to):\n    %asteroid_send to {}\nawait f(run)\nawait f(run)", 2),
        (
            """import asyncio
async def f(to):
    await asyncio.sleep(0)
    %asteroid_send to {}
async with asyncio.TaskGroup() as group:
    for each in (run, run):
        _ = group.create_task(f(each))""",
            2,
        ),
        ("await nap()\n%asteroid_send run {}\nawait nap()\n%asteroid_send run {}", 2),
    ],
)
def test_messages_in_functions_loops_and_async_cells_arrive(
    notebook: Notebook, arrived: ArrivedMessages, cell: str, shown: int
) -> None:
    notebook.run("async def nap(): pass")
    for text in ("is it $5?", "don't; (", "a\u2028b"):
        notebook.run(cell.replace("{}", text))
        assert notebook.error is None
        assert arrived.new() == [text, text]
        assert cards(notebook) == shown


@pytest.mark.parametrize(
    "line",
    [
        "asteroid_send run_id hello",
        "asteroid_send run_id are you done?",
        "asteroid_send --quiet run_id a\u2028print(1)",
        "%time %asteroid_send run_id are you done?",
        "%time %asteroid_send run_id it costs $5",
        "%timeit -n 1 %asteroid_send run_id a\u2028print(1)",
        "x = 1\nasteroid_send run_id are you done?",
        "if True: %asteroid_send run_id are you done?",
        "x=1; %asteroid_send run_id are you done?",
        "x=1; r = %asteroid_send run_id are you done?",
        "a = b = %asteroid_send run_id are you done?",
        "x += %asteroid_send run_id are you done?",
        "r = \\\n %asteroid_send run_id are you done?",
        "r = asteroid_send run_id done?",
        "print(1\n%asteroid_send run_id are you done?",
        "\u200b%asteroid_send run_id are you done?",
        "%time x = %asteroid_send run_id are you done?",
    ],
)
def test_where_it_cannot_be_exact_nothing_is_sent_and_the_person_is_told(
    notebook: Notebook, arrived: ArrivedMessages, line: str
) -> None:
    notebook.run(line)
    assert arrived.new() == []
    if "print(1\n" in line and "SyntaxError" in notebook.text:
        return  # since Python 3.12, whose tokens end at the bracket
    assert notebook.text.startswith("UsageError: ")
    assert "Nothing was sent" in notebook.text
    assert "%%asteroid_send" in notebook.text


def test_a_blank_that_does_not_break_is_a_blank(
    notebook: Notebook, arrived: ArrivedMessages
) -> None:
    notebook.run("%asteroid_send\u00a0run_id are you done?")
    assert arrived.new() == ["are you done?"]


def test_help_is_still_help(notebook: Notebook, arrived: ArrivedMessages) -> None:
    for line in ("%asteroid_send?", "%%asteroid_send?", "%asteroid_send??", "?%asteroid_send"):
        assert "pinfo" in notebook.shell.transform_cell(line), line
    assert arrived.new() == []


MENTIONING = [
    "text = '''\n%asteroid_send run_id are you done?\n'''",
    "text = '''\n%asteroid_send run_id a\u2028b (\x0cc\n%%asteroid_send x\n'''",
    "# %asteroid_send run_id are you done?\u2028!ls\nx = 1",
    "print('%asteroid_send run_id hello')",
    "f(x,\n  '%asteroid_send run_id a\u2028b')",
    "%%bash\n%asteroid_send run_id hello?\u2028there\n",
    "%%writefile x\n%%asteroid_send run_id\nhello\n",
    "!echo %asteroid_send run_id hello",
    "%history -g %asteroid_send run",
    "%history -g %asteroid_send 'a\u2028b\\",
    ">>> %%bash\n... %asteroid_send 'a\u2028b\\",
    "%alias_magic send asteroid_send",
    "asteroid_send = 5",
    "asteroid_send.attribute",
    "asteroid_send in (1, 2)",
    "asteroid_send if x else y",
    "asteroid_send (1)",
    "asteroid_send --x",
    "def asteroid_send ():\n    return 1",
    "%asteroid_sender run_id are you",
    "%asteroid_send.x run",
    "x % asteroid_send",
    "get_ipython().run_line_magic('asteroid_send', 'run_id hello')",
    "x = '''\n%asteroid_send run_id a\u2028b'''\nprint(x)",
    "def g():\n    '''Use\n    %asteroid_send RUN text\x0c'''\n    return 1",
    "text = '''\n%asteroid_send run_id a\u2028b",
    "!true A=asteroid_send x\x0c'); ran.append(9); ('",
    "%env X=5 asteroid_send it's\u2028b",
    "%cd C:\\new asteroid_send a\u2028\\temp",
    "x = !make T=asteroid_send it's\u2028b",
    ',f a=asteroid_send "\x0cb',
    "!echo a = %asteroid_send b",
    "!true %asteroid_send run_id are you done?",
    "%env FOO= %asteroid_send run_id hi",
    "%history -g r = %asteroid_send run_id hello",
    "%sx echo a = %asteroid_send b",
    "?x = %asteroid_send b",
    "/f a = %asteroid_send b",
    "%time print('type %asteroid_send run hi')",
    "%timeit -n1 f('a %asteroid_send b')",
    "%pip install asteroid-magic  # for %asteroid_send run",
    "%load_ext asteroid_magic # then %asteroid_send run",
    "%env NOTE=use %asteroid_send now",
    "%config A.b = ' %asteroid_send x'",
    "%alias send echo %asteroid_send %s",
    "%pinfo %asteroid_send ",
    "asteroid_send = 5\x0c\n",
    "asteroid_send = 5 # note\u2028more",
    "asteroid_send = 'a\x85b'",
    "asteroid_send in x\x0c",
    "asteroid_send = 5\rprint(1)\r",
    "asteroid_send - (\n 1)",
    "asteroid_send -= [\n1]",
    "asteroid_send != (\n1)",
    "asteroid_send \\\n = 5",
    "asteroid_send -x \\\n + 1",
    "asteroid_send -(await x)",
    "asteroid_send?",
    "x + asteroid_send?",
    "x = [\n    asteroid_send,\n    ",
]
"""Cells that mention the magic but do not call it."""


def transformed(shell: InteractiveShell, cell: str) -> tuple[object, object]:
    """Return the transformed cell, and whether IPython considers it complete."""
    manager = shell.input_transformer_manager
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return manager.transform_cell(cell), manager.check_complete(cell)
        except SyntaxError as error:
            return str(error), None


def test_a_cell_that_is_not_ours_is_transformed_as_without_us(shell: InteractiveShell) -> None:
    cells = [*FOREIGN, *MENTIONING]
    without = [transformed(shell, cell) for cell in cells]
    shell.run_line_magic("load_ext", "asteroid_magic")
    for cell, expected in zip(cells, without, strict=True):
        assert transformed(shell, cell) == expected


def test_there_are_three_hundred_of_them() -> None:
    assert len({*FOREIGN, *MENTIONING}) >= 300


def test_a_cell_of_ours_is_complete_when_a_blank_line_follows(notebook: Notebook) -> None:
    check = notebook.shell.input_transformer_manager.check_complete
    assert check("%%asteroid_send run_id\n")[0] == "incomplete"
    assert check("%%asteroid_send run_id\nhello")[0] == "incomplete"
    assert check("%%asteroid_send run_id\nhello\n\n")[0] == "complete"
    assert check("%asteroid_send run_id are you done?")[0] == "complete"


@pytest.mark.parametrize("broken", ["_CELL", "_statements", "is_magic", "_call"])
def test_a_transformer_that_fails_leaves_the_cell_to_ipython(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    cells = ["%%asteroid_send run_id\nhello", "%asteroid_send run_id hello", "x = %time 1"]
    expected = [notebook.shell.transform_cell(cell) for cell in cells]
    monkeypatch.setattr(transformer, broken, None)
    assert [notebook.shell.transform_cell(cell) for cell in cells] == expected


@pytest.mark.parametrize(
    ("cell", "sent"),
    [
        ("d['k'] = %asteroid_send run_id a\u2028ran.append(1)", "a\u2028ran.append(1)"),
        ("d[7 % 4] = %asteroid_send run_id a\x0bran.append(1)", "a\x0bran.append(1)"),
        ("r: 'str' = %asteroid_send run_id a\rran.append(1)", "a\rran.append(1)"),
        (">>> %asteroid_send run_id a\u2028ran.append(1)", "a\u2028ran.append(1)"),
        ("In [3]: %asteroid_send run_id a\u2028ran.append(1)?", "a\u2028ran.append(1)?"),
        ("%asteroid_send run_id one \\\r\nran.append(1)", "one  ran.append(1)"),
        ("%asteroid_send run_id see \\\n>>> code", "see  >>> code"),
        ("%asteroid_send\\\n run_id are you done?", "are you done?"),
        ("x = '''\n%asteroid_send x a\u2028b'''\n%asteroid_send run_id c\u2028d?", "c\u2028d?"),
        ("if True:\n    pass\n%asteroid_send run_id \U000f0000\u2028?", "\U000f0000\u2028?"),
    ],
)
def test_an_odd_line_of_ours_arrives_whole(
    notebook: Notebook, arrived: ArrivedMessages, cell: str, sent: str
) -> None:
    notebook.shell.user_ns["d"] = {}
    notebook.run(cell)
    assert notebook.error is None
    assert arrived.new() == [sent]


@pytest.mark.parametrize(
    ("cell", "arrived"),
    [
        (
            "%asteroid_send run_id hi\u2028ran = 1\nif 1:\n    %asteroid_send run_id a\u2028 b\n",
            ["hi\u2028ran = 1", "a\u2028 b"],
        ),
        (
            (
                'r = %asteroid_send run_id hi?\u2028"""\n%asteroid_send run_id hi (\x0b"""\n'
                'if 1:\n    %asteroid_send run_id hi?\x0b """\n'
            ),
            ['hi?\u2028"""', 'hi (\x0b"""', 'hi?\x0b """'],
        ),
        (
            'text = """%asteroid_send x\x0by"""\n%asteroid_send run_id text\u2028 z\n',
            ["text\u2028 z"],
        ),
    ],
)
def test_separators_of_one_line_do_not_cut_another(
    notebook: Notebook, box: Sandbox, run_id: str, cell: str, arrived: list[str]
) -> None:
    notebook.run(cell)
    assert notebook.error is None
    assert box.messages(run_id) == arrived
    assert "ran" not in notebook.shell.user_ns
    assert notebook.shell.user_ns.get("text", "%asteroid_send x\x0by") == "%asteroid_send x\x0by"


def test_the_last_newline_of_a_cell_may_be_crlf(
    notebook: Notebook, arrived: ArrivedMessages
) -> None:
    notebook.run("%%asteroid_send run_id\r\nhello\r\nworld\r\n")
    assert arrived.new() == ["hello\r\nworld"]


def test_a_delivery_is_seen_where_its_assignment_fails(
    notebook: Notebook, arrived: ArrivedMessages
) -> None:
    for cell in ("nowhere['a'] = %asteroid_send run_id hi", "a, b = %asteroid_send run_id hi"):
        notebook.run(cell)
        assert notebook.error is not None
        assert "Delivered" in notebook.html()
        assert arrived.new() == ["hi"]
    notebook.run("kept = %asteroid_send run_id hi")
    assert notebook.shown == []


def test_nothing_of_a_message_is_kept(notebook: Notebook) -> None:
    notebook.run("%asteroid_send run_id secret\u2028text")
    assert "secret" not in repr(vars(transformer._cell))


def test_a_long_cell_takes_no_longer_than_its_length() -> None:
    for cell in (
        " " * 50_000 + "%asteroid_send run_id hello\n",
        "\n" * 50_000 + "x = asteroid_send\n",
        "x = 1\n" * 20_000 + "asteroid_send\n",
    ):
        lines = cell.splitlines(keepends=True)
        began = time.process_time()
        hooks.mask_separators(hooks.transform_cell(lines))
        assert time.process_time() - began < 1
