"""Cells that would send half of a message, or run the lines above it, in a real shell."""

import pytest

from asteroid_magic import Delivery, InvalidInput
from asteroid_magic.input import half_message, hooks, transformer
from asteroid_magic.sandbox import Sandbox
from tests.support.shells import Notebook

# What a user types below "%asteroid_send run_id Dear agent," as more of the message.
TEXTS = [
    "Thanks",
    "Thanks,",
    "Thanks!",
    "Thanks, Anna",
    "- 2",
    "3.5\n-2",
    "Best - Anna",
    "Yes or no",
    "this is it",
    "Subject: hello",
    "www.example.com",
    "...\nThanks",
    "# Title\nThanks",
    "Please answer",
    "Dear agent: hello",
    "don't",
    "I don't know, it's late",
    "'unterminated",
    '"""unterminated',
    "(see below",
    "1) this",
    "- first item",
    "1. book the train",
    "https://example.com/a?b=c",
    "50% of $5",
    "\n\nThanks",
    "  indented",
    "- one\n  - two\n    - three",
    "    - one\n  - two",
    "Are you done?",
    "Thanks?",
    "return it",
    "x = 1\nbreak",
    "Grüße",
    "über\u2028und",
    "!true\nso it is",
    ">>> quoted",
    "--quiet",
    "Did you mean *this*?",
    "*really*?",
    "*Really*.why*?",
    "what is this *thing*??",
    "?what is this",
    "?",
    "??",
    "Really\n?",
    "%nosuch?",
    "/path",
    "/path/to/file",
    "/hello you",
    "/known",
    "/hello.you and me",
    ", please",
    ",and more",
    "; and more",
    ";-)",
    "/path; please",
    "%5 discount",
    "%5 discount\n/path\nThanks",
    "%discount of 5",
    "% of it",
    "%% done",
    "%%time",
    "%html is what I use",
    "Verbose: True",
    "Count: 3",
    "Reply: 'yes'",
    "Reply: ...",
    "Name: Value",
    "known: Value",
    "anna.smith: hello",
    "!Important",
    "!important: read this",
    "! this",
    "!",
    "!!",
    "!!!",
    "!!Important",
    "@mention",
    "raise hell",
    "raise money",
    "assert yourself",
    "del it",
    "global warming",
    "await instructions",
    "{name}",
    "{name: value}",
    "Thanks\ntime?",
    "Thanks\nknown",
]
# Code that belongs below a send line.
CODE = [
    "known",
    "known, [known]",
    "known - 2\n3",
    "known.real",
    "known?",
    "r",
    "kept",
    "_",
    "len",
    "x = 1\nx",
    "x: int = 3",
    "x: int",
    "print(1)",
    "'a text'",
    "'''a text\nAre you done?\n'''",
    "...",
    "# a comment: don't",
    "\n",
    "%who",
    "%time 1",
    "time?",
    "!true",
    "files = !true",
    "known; known",
    "import os\nos",
    "for i in (1,):\n    i",
    "def g():\n    return undefined",
    "if known:\n    pass\nelse:\n    undefined",
    "await __import__('asyncio').sleep(0)",
    "str.*find*?",
    "know*?",
    "KNOW*?",
    "*nown.*?",
    "len?",
    "?len",
    "??known",
    "known.real?",
    "?%time",
    "%%bash?",
    "%time?",
    "/len known_list",
    "/known_list.append 5",
    "/known_list.clear",
    ",print a b",
    ";print a b",
    "/made",
    "?made",
    "%pwd",
    "%pwd\nknown",
    "%made_magic here",
    "!ls",
    "!echo 'a'",
    "!cd /",
    "!./nosuch",
    "!$known",
    "!if true; then true; fi",
    "!!ls",
    "known: True",
    "x: 'int'\nx = 2",
    "x: known",
    "x: int | None",
    "raise_ = 1",
    "assert known",
    "assert known, 'a text'",
    "del known",
    "global known",
    "{1: 'a'}",
    "{'a': known}",
    "pass",
    "@staticmethod\ndef g(): pass",
    "%env NOSUCH=1\nundefined_by_env = 1",
]


@pytest.mark.parametrize("text", TEXTS)
def test_half_a_message_is_not_sent_and_the_error_shows_all_of_it(
    notebook: Notebook, box: Sandbox, run_id: str, text: str
) -> None:
    notebook.shell.user_ns["known"] = 5
    notebook.run(f"%asteroid_send run_id Dear agent,\n{text}")
    error = notebook.error
    assert isinstance(error, InvalidInput)
    assert error.outcome == "not_delivered"
    assert error.message == f"%%asteroid_send run_id\nDear agent,\n{text}"
    assert box.messages(run_id) == []
    assert "may belong to the message" in notebook.html()
    assert "SyntaxError" not in notebook.text
    notebook.run(error.message)
    assert box.messages(run_id) == [f"Dear agent,\n{text}"], "as the card says"


@pytest.mark.parametrize("code", CODE)
@pytest.mark.parametrize("line", ["r = %asteroid_send {}", "%asteroid_send {}"])
def test_code_below_a_line_runs(
    notebook: Notebook, box: Sandbox, run_id: str, line: str, code: str
) -> None:
    above = "def made(): pass"
    if "made_magic" in code:
        above = (
            "from IPython.core.magic import register_line_magic\n"
            "@register_line_magic\ndef made_magic(line): pass"
        )
    notebook.shell.user_ns.update(known=5, known_list=[], r="an earlier one")
    notebook.run(f"{above}\n{line}\n{code}".replace("{}", "--out kept run_id Dear agent,", 1))
    assert notebook.error is None
    assert box.messages(run_id) == ["Dear agent,"]


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("r = %asteroid_send --wait 3 run_id a\nThanks", "--out r --wait 3 run_id\na\nThanks"),
        ("%asteroid_send --out k run_id a\nThanks", "--out k run_id\na\nThanks"),
        ("%asteroid_send run_id\nDear agent, yes", "run_id\nDear agent, yes"),
        ("%asteroid_send --each rows\nDear {name}", "--each rows\nDear {name}"),
        ("%asteroid_send --quite run_id a\nThanks a lot", "--quite run_id a\nThanks a lot"),
        ("%asteroid_send run_id a \\\nb\nThanks", "run_id\na  b\nThanks"),
        ("%asteroid_send run_id a\u2028b\nThanks\u2028c", "run_id\na\u2028b\nThanks\u2028c"),
        ("%asteroid_send run_id are you?\nThanks", "run_id\nare you?\nThanks"),
        ("for r in [1]:\n    %asteroid_send run_id a\n    Thanks", "run_id\na\nThanks"),
        ("for r in [1]:\n    %asteroid_send run_id a\nThanks", "run_id\na\nThanks"),
        ("if 1:\n  %asteroid_send run_id a\nelse:\n  Oh no", "run_id\na\nelse:\nOh no"),
        ("import os\nx = os\n%asteroid_send run_id a\nThanks", "run_id\na\nThanks"),
        ("%asteroid_send run_id a\n%asteroid_send run_id b\nThanks", "run_id\nb\nThanks"),
        ("%asteroid_send run_id a\nThanks\n%asteroid_send run_id b", "run_id\na\nThanks"),
        ("%asteroid_send run_id a\nOh no\n%asteroid_send run_id b", "run_id\na\nOh no"),
        ("if 0: pass\nelse:\n  %asteroid_send run_id b\nThanks", "run_id\nb\nThanks"),
        (">>> %asteroid_send run_id a\n... Thanks a lot", "run_id\na\nThanks a lot"),
        ("  %asteroid_send run_id a\n  Thanks a lot", "run_id\na\nThanks a lot"),
        ("if 1:\n    %asteroid_send run_id a\n    /path", "run_id\na\n/path"),
        ("if 1:\n    %asteroid_send run_id a\n%5 discount", "run_id\na\n%5 discount"),
        ("r = %asteroid_send run_id a\nIs it *so*?", "--out r run_id\na\nIs it *so*?"),
        ("async def f(): pass\nawait f()\n%asteroid_send run_id a\nThanks", "run_id\na\nThanks"),
    ],
)  # fmt: skip
def test_nothing_is_sent_wherever_the_line_is(
    notebook: Notebook, box: Sandbox, run_id: str, cell: str, shown: str
) -> None:
    notebook.run(cell)
    assert isinstance(notebook.error, InvalidInput)
    assert notebook.error.message == f"%%asteroid_send {shown}"
    assert box.messages(run_id) == []


@pytest.mark.parametrize(
    "cell",
    [
        "Thanks = 1\n%asteroid_send run_id a\nThanks",
        "exec('Thanks = 1')\n%asteroid_send run_id a\nThanks",
        "from math import *\n%asteroid_send run_id a\npi",
        "for Thanks in [1]:\n    %asteroid_send run_id a\nThanks",
        "try:\n    %asteroid_send run_id a\nexcept Exception as error:\n    error",
        "def f(Thanks):\n    %asteroid_send run_id a\n    Thanks\nf(1)",
    ],
)
def test_a_variable_that_the_cell_makes_is_known(
    notebook: Notebook, box: Sandbox, run_id: str, cell: str
) -> None:
    notebook.run(cell)
    assert notebook.error is None
    assert box.messages(run_id) == ["a"]


@pytest.mark.parametrize(
    ("below", "why"),
    [
        ("Thanks", "there is no variable 'Thanks'."),
        ("Thanks, Anna", "there is no variable 'Anna', 'Thanks'."),
        ("%5 discount", "there is no line magic '%5'."),
        ("/path to", "there is no function '/path'."),
        ("; and more", "there is no function ';'."),
        ("!Important note", "there is no command '!Important'."),
        ("*really*?", "there is no object '?*really*'."),
        ("Did you mean *this*?", "it would read a question there as a request for help."),
        ("Verbose: True", "there is no variable 'Verbose'."),
        ("%5 off\n/path\nHm", "there is no line magic '%5', function '/path', variable 'Hm'."),
        ("3", "they are only numbers."),
    ],
)  # fmt: skip
def test_the_error_says_what_is_missing(notebook: Notebook, below: str, why: str) -> None:
    notebook.run(f"%asteroid_send run_id Dear agent,\n{below}")
    assert isinstance(notebook.error, InvalidInput)
    assert notebook.error.detail.endswith(f", but {why}")


def test_a_name_that_something_has_later_is_no_error_then(
    notebook: Notebook, box: Sandbox, run_id: str
) -> None:
    for below in ("/hello you", "%hello you", "hello?", "hello"):
        notebook.run(f"%asteroid_send run_id Dear agent,\n{below}")
        assert isinstance(notebook.error, InvalidInput), below
    notebook.run("def hello(name): pass\nyou = 1\nget_ipython().register_magic_function(hello)")
    for below in ("/hello you", "%hello you", "hello?", "hello"):
        notebook.run(f"%asteroid_send run_id Dear agent,\n{below}")
        assert notebook.error is None, below
    assert len(box.messages(run_id)) == 4


def test_an_error_above_the_line_is_shown_as_it_is(notebook: Notebook) -> None:
    for above in ("x = = 1", "x = (1,"):
        notebook.run(f"{above}\n%asteroid_send run_id a\nThanks")
        assert isinstance(notebook.error, SyntaxError)


@pytest.mark.parametrize(
    "above",
    [
        "# a note\n",
        "\n \n#!/bin/sh\n\n",
        "  # a note\r\n\r\n",
        "\u2028",
        "# a\u2028note: don't\n",
        "%%time\n",
        "%%time\n# a note\n",
        ">>> # a note\n>>> ",
    ],
)
def test_comments_and_empty_lines_may_stand_above_a_cell(
    notebook: Notebook, box: Sandbox, run_id: str, above: str
) -> None:
    notebook.run(f"{above}%%asteroid_send run_id\n# one\nIs it two?\n")
    assert notebook.error is None
    assert box.messages(run_id) == ["# one\nIs it two?"]


@pytest.mark.parametrize(
    "above",
    [
        "ran = 1\n",
        "# a\nran = 1\n\n",
        "%time ran = 1\n",
        "%asteroid_send run_id a\n",
    ],
)
@pytest.mark.parametrize(
    "body", ["hi", "I don't (\n    - a\n  - b\u2028c\n%asteroid_send x y\u2028z"]
)
def test_with_code_above_a_cell_nothing_runs_and_the_error_says_why(
    notebook: Notebook, box: Sandbox, run_id: str, above: str, body: str
) -> None:
    notebook.run(f"{above}%%asteroid_send run_id\n{body}\n")
    assert isinstance(notebook.error, InvalidInput)
    assert "must be the first line of its cell" in notebook.html()
    assert notebook.error.message == f"%%asteroid_send run_id\n{body}\n"
    assert "ran" not in notebook.shell.user_ns
    assert box.messages(run_id) == []


@pytest.mark.filterwarnings("ignore:`make_tokens_by_line`")
def test_a_comment_that_names_the_cell_magic_is_a_comment(
    notebook: Notebook, box: Sandbox, run_id: str
) -> None:
    notebook.run("# then\u2028%%asteroid_send run_id\nx = 1")
    assert notebook.error is None
    assert box.messages(run_id) == []


@pytest.mark.parametrize("broken", ["_check", "_parsed", "_joined", "_Shown", "_made"])
def test_a_check_that_fails_does_not_stop_the_cell(
    notebook: Notebook, box: Sandbox, run_id: str, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    monkeypatch.setattr(half_message, broken, None)
    sent = notebook.run("sent = %asteroid_send run_id a\nsent")
    assert isinstance(sent, Delivery)
    assert box.messages(run_id) == ["a"]


def test_a_cell_that_the_user_still_types_is_not_checked(notebook: Notebook) -> None:
    check = notebook.shell.input_transformer_manager.check_complete
    assert check("%asteroid_send run_id a\nprint(")[0] == "incomplete"


def test_nothing_of_the_text_is_kept(notebook: Notebook) -> None:
    notebook.run("%asteroid_send run_id secret\nmore secret text")
    assert "secret" not in repr((vars(transformer._cell), vars(hooks._cell)))


@pytest.mark.parametrize(
    ("cell", "title"),
    [
        ("%asteroid_send run_id a\nThanks", "may belong to the message"),
        ("%asteroid_send run_id a\n/path", "may belong to the message"),
        ("%asteroid_send run_id a\nIs it *this*?", "may belong to the message"),
        ("%asteroid_send run_id a\nThanks a lot", "may belong to the message"),
        ("ran = 1\n%%asteroid_send run_id\na\n", "must be the first line"),
    ],
)
def test_below_time_the_same_is_refused(
    notebook: Notebook, box: Sandbox, run_id: str, cell: str, title: str
) -> None:
    # The error does not stop the cell before IPython 8: %%time only shows it.
    notebook.run(f"%%time\n{cell}")
    assert title in notebook.html()
    assert "ran" not in notebook.shell.user_ns
    assert box.messages(run_id) == []
