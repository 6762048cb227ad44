"""Sends below `%%time`, `%%capture` and the like: exact, shown, and never more than once."""

from pathlib import Path

import pytest
from IPython.core.error import UsageError

from asteroid_magic import InvalidInput, NotFound
from asteroid_magic.input import cell_magic
from asteroid_magic.sandbox import Sandbox
from tests.support.shells import Notebook

# Python cannot tokenize most of these, or they end as IPython's own syntax does.
TEXTS = [
    "don't",
    "see (1",
    ":( it's",
    '"""',
    "f'{x",
    "yes;",
    "yes; # no",
    "is it $5?",
    "a\u2028>>> b; c",
    ">>> quoted",
    f"{'long ' * 4000}isn't it",
]
FORMS = [
    "%asteroid_send run_id {}",
    "%%asteroid_send run_id\n{}\n",
    "if 1:\n    %asteroid_send run_id {}\n    x = 1",
    "%asteroid_send run_id {}\nx = 1",
    "!true don't\n%asteroid_send run_id {}",
]


def cards(outputs: list[object], text: str) -> int:
    html = "".join(output.data.get("text/html", "") for output in outputs)  # type: ignore[attr-defined]
    return text.count("✓ Delivered") + html.count("<strong>Delivered</strong>")


@pytest.mark.parametrize("above", ["%%time\n", "%%prun -q\n", ">>> %%time\n", "\n%%time\n"])
@pytest.mark.parametrize("form", FORMS)
def test_any_text_arrives_exactly_and_its_card_is_shown_once(
    notebook: Notebook, box: Sandbox, run_id: str, above: str, form: str
) -> None:
    sent = []
    for text in TEXTS:
        notebook.run(above + form.format(text))
        sent.append(text)
        assert notebook.error is None, text
        assert box.messages(run_id) == sent, text
        assert cards(notebook.shown, notebook.text) == 1, text


@pytest.mark.parametrize(
    "above", ["%%capture out\n", "%%time\n%%capture out\n", "%%capture out\n%%time\n"]
)
@pytest.mark.parametrize("form", FORMS)
def test_capture_keeps_the_card_of_any_text(
    notebook: Notebook, box: Sandbox, run_id: str, above: str, form: str
) -> None:
    sent = []
    for text in TEXTS:
        notebook.shell.user_ns.pop("out", None)
        notebook.run(above + form.format(text))
        sent.append(text)
        assert notebook.error is None, text
        assert box.messages(run_id) == sent, text
        assert cards(notebook.shown, notebook.text) == 0, text
        out = notebook.shell.user_ns["out"]
        assert cards(out.outputs, out.stdout) == 1, text


@pytest.mark.parametrize("above", ["%%capture\n", "%%capture out\n", "%%capture\n%%capture\n"])
@pytest.mark.parametrize("form", ["%asteroid_send run_id {}", "%%asteroid_send run_id\n{}\n"])
def test_below_capture_a_failure_is_shown_and_stops_the_cell(
    notebook: Notebook, box: Sandbox, above: str, form: str
) -> None:
    box.fail_next(status=404)
    notebook.run(above + form.format("don't"))
    assert isinstance(notebook.error, NotFound)
    assert notebook.error.message is not None
    assert notebook.error.message.strip() == "don't"
    assert "Not delivered" in notebook.html()


def test_below_capture_a_refused_line_says_what_is_wrong(
    notebook: Notebook, box: Sandbox, run_id: str
) -> None:
    notebook.run("%%capture\n%asteroid_send --quite run_id hello")
    assert isinstance(notebook.error, UsageError)
    notebook.run("%%capture\n%asteroid_send run_id Dear agent,\nThanks a lot")
    assert isinstance(notebook.error, InvalidInput)
    assert "may belong to the message" in notebook.html()
    assert box.messages(run_id) == []


def test_capture_still_drops_an_error_that_is_not_ours(
    notebook: Notebook, box: Sandbox, run_id: str
) -> None:
    notebook.run("%%capture\n%asteroid_send run_id hello\nint('x')")
    assert notebook.error is None
    assert box.messages(run_id) == ["hello"]


def test_spaces_and_prompts_below_another_magic_are_text(
    notebook: Notebook, box: Sandbox, run_id: str
) -> None:
    for above in ("%%time\n", "%%capture\n", "%%capture\n%%time\n"):
        notebook.run(f"{above}%%asteroid_send run_id\n>>> one\n  \n    two  ")
        assert box.messages(run_id)[-1] == ">>> one\n  \n    two  "
    assert len(box.messages(run_id)) == 3


@pytest.mark.parametrize("above", ["%%timeit\n", "%%timeit -n1 -r1\n", "%%time\n%%timeit\n"])
@pytest.mark.parametrize("form", FORMS)
def test_timeit_would_send_many_times_so_nothing_is_sent(
    notebook: Notebook, box: Sandbox, run_id: str, above: str, form: str
) -> None:
    cell = form.format("don't")
    notebook.run(above + cell)
    assert "would send this message many times" in notebook.html()
    if above.startswith("%%timeit"):
        # %%time of IPython 7 only shows an error.
        assert isinstance(notebook.error, InvalidInput)
        assert (notebook.error.message or "").removesuffix("\n") == cell.removesuffix("\n")
    assert box.messages(run_id) == []


def test_timeit_still_measures_code_that_names_the_magic(notebook: Notebook) -> None:
    notebook.run("%%timeit -n1 -r1\nx = '%asteroid_send run_id hi'  # asteroid_send")
    assert notebook.error is None
    assert "per loop" in notebook.text


def test_an_alias_counts_as_the_magic_that_it_calls(
    notebook: Notebook, box: Sandbox, run_id: str
) -> None:
    notebook.run("%alias_magic -c repeated timeit\n%alias_magic -c kept capture")
    notebook.run("%%repeated\n%asteroid_send run_id hi")
    assert "would send this message many times" in notebook.html()
    notebook.run("%%kept out\n%asteroid_send run_id don't")
    assert box.messages(run_id) == ["don't"]


@pytest.mark.skipif(not cell_magic._PYTHON, reason="new in IPython 8.5")
def test_a_magic_that_says_that_its_cell_is_python_gets_python(
    notebook: Notebook, box: Sandbox, run_id: str
) -> None:
    notebook.run(
        "from IPython.core.magic import output_can_be_silenced, register_cell_magic\n"
        "@register_cell_magic\n@output_can_be_silenced\n"
        "def mine(line, cell):\n    return get_ipython().run_cell(cell).result"
    )
    notebook.run("%%mine\n%asteroid_send run_id don't;")
    assert notebook.error is None
    assert box.messages(run_id) == ["don't;"]


@pytest.mark.parametrize("name", ["writefile", "nosuch"])
def test_other_magics_get_their_cell_as_it_is(
    notebook: Notebook, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "kept.txt"
    body = "%asteroid_send run_id don't;\nis it?\n"
    notebook.run(f"%%{name} {file}\n{body}")
    assert (notebook.error is None) == (name == "writefile")
    if notebook.error is None:
        assert file.read_text() == body


def test_a_transformer_that_fails_does_not_stop_the_cell(
    notebook: Notebook, box: Sandbox, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cell_magic, "_name", None)
    notebook.run("%%time\n%asteroid_send run_id hi")
    assert box.messages(run_id) == ["hi"]


def test_a_cell_below_a_magic_that_the_user_still_types_is_not_transformed(
    notebook: Notebook,
) -> None:
    check = notebook.shell.input_transformer_manager.check_complete
    assert check("%%time\n%asteroid_send run_id a")[0] == "incomplete"
    assert check("%%time\n%asteroid_send run_id a\n\n")[0] == "complete"
