"""What is typed is what arrives: through a real shell's `run_cell`, at the sandbox."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from asteroid_magic.sandbox import Sandbox
from tests.shells import Notebook

# Separators, quotes, prompts and IPython's own syntax far more often than chance would have them.
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
    """The messages that the sandbox got, with one that must not be run."""
    notebook.shell.user_ns["ran"] = []
    yield ArrivedMessages(box, run_id)
    assert notebook.shell.user_ns["ran"] == []


class ArrivedMessages(list[str]):
    """What has arrived since it was last asked."""

    def __init__(self, box: Sandbox, run_id: str) -> None:
        super().__init__()
        self._box, self._run_id, self._read = box, run_id, 0

    def new(self) -> list[str]:
        messages = self._box.messages(self._run_id)[self._read :]
        self._read += len(messages)
        return messages


def in_a_line(text: str) -> str:
    """Return what a line message is, by the README: trimmed, one pair of quotes off."""
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
def test_any_text_in_a_line_arrives_as_it_is(
    notebook: Notebook, arrived: ArrivedMessages, text: str
) -> None:
    notebook.shell.run_cell(f"%asteroid_send --quiet run_id {text}")
    sent = in_a_line(text)
    assert arrived.new() == ([sent] if sent.strip() else [])
