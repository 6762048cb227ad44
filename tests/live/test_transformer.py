"""The table of natural messages through a real kernel, and through a real terminal."""

from pathlib import Path

import pytest

from asteroid_magic.sandbox import Sandbox
from tests.live.test_terminal import Terminal, terminal  # noqa: F401 (a fixture)
from tests.support import notebooks
from tests.support.messages import CELLS, LINES

# A terminal edits its input: these keys never reach IPython as text, or mean something else.
UNTYPABLE = set("\t\r\x1b\x0b\x0c\x1c\x1d\u0085\u2028\u2029\ufeff\u200b\u00ad\u202e\u202c")


@pytest.mark.parametrize("form", ["%asteroid_send --quiet run_id {}", "%%asteroid_send run_id\n{}"])
def test_every_natural_message_arrives_through_a_kernel(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setenv("ASTEROID_API_KEY", box.api_key)
    monkeypatch.setenv("ASTEROID_BASE_URL", box.base_url)
    # As a user would type it: a text that ends in a newline needs another one.
    texts = [*LINES.values(), *(CELLS.values() if "%%" in form else ())]
    cells = [form.replace("{}", text + "\n" * text.endswith("\n")) for text in texts]
    setting = f"%load_ext asteroid_magic\nrun_id = {box.executions[1].id!r}"
    notebooks.execute(notebooks.of_cells(setting, *cells))
    assert box.messages(box.executions[1].id) == texts


def test_every_message_that_can_be_typed_arrives_through_a_terminal(
    terminal: Terminal,  # noqa: F811 (pytest hands it over under this name)
    box: Sandbox,
    tmp_path: Path,
) -> None:
    (tmp_path / "key").write_text(box.api_key)
    terminal.run(f"os.environ['ASTEROID_API_KEY'] = open({str(tmp_path / 'key')!r}).read()")
    typable = [
        text
        for text in LINES.values()
        # A backslash at the end waits for another line; a terminal limits the length of a line.
        if not UNTYPABLE & set(text) and not text.endswith("\\") and len(text) < 1_000
    ]
    assert len(typable) > 30
    for text in typable:
        terminal.run(f"%asteroid_send --quiet run_id {text}")
    assert box.messages(box.executions[1].id) == typable
    terminal.process.sendline("%%asteroid_send --quiet run_id")
    # The simple prompt ends a cell at the second empty line, and removes only that line.
    for line in ("Dear agent,", "  is it $5?", ">>> {x}", "", ""):
        terminal.process.expect(r"\.\.\.: ")
        terminal.process.sendline(line)
    terminal.wait()
    assert box.messages(box.executions[1].id)[-1] == "Dear agent,\n  is it $5?\n>>> {x}\n"
