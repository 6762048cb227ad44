"""Tab completion, through IPython's completer for a terminal and for a kernel."""

import uuid
from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter

from asteroid_magic.config.session import session
from asteroid_magic.input.completer import offers
from asteroid_magic.input.options import EXECUTIONS
from asteroid_magic.input.send_line import OPTIONS
from asteroid_magic.models.executions import PHASES
from tests.support.shells import Notebook, needs_matchers

EXECUTION = "123e4567-e89b-12d3-a456-426614174000"
SEEN = "3f2a8c1e-5b7d-4e21-9c64-1f0a2b3c4d5e"


@dataclass
class Run:
    """An execution as a record."""

    id: str


class Slotted:
    """An execution with its attributes in slots."""

    __slots__ = ("id",)

    def __init__(self, id: str) -> None:  # noqa: A002 (the name is the point)
        self.id = id


class Asking:
    """An object that would ask a server for its ID."""

    asked = False

    @property
    def id(self) -> str:
        Asking.asked = True
        return EXECUTION

    def __getattr__(self, name: str) -> Any:
        raise OSError(name)


class Proxy:
    """An object that fails if anything reads its `__class__`."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise OSError("woken up")


Pair = namedtuple("Pair", ["id"])  # noqa: PYI024 (users still have them)
NAMESPACE: dict[str, Any] = {
    "run_id": EXECUTION,
    "as_uuid": uuid.UUID(EXECUTION),
    "run": Run(EXECUTION),
    "slotted": Slotted(EXECUTION),
    "empty_slots": Slotted.__new__(Slotted),
    "asking": Asking(),
    "text": "hello",
    "number": 5,
    "_private": EXECUTION,
    "other": Run("no id"),
    "Slotted": Slotted,
    "proxy": Proxy(),
    "Run": Run,
}
VARIABLES = ["as_uuid", "run", "run_id", "slotted"]


@pytest.mark.parametrize(
    "typed", ["%asteroid_send ", "%%asteroid_send ", "%asteroid_send --quiet "]
)
def test_options_then_variables_then_executions_of_this_session(typed: str) -> None:
    assert list(offers(typed, NAMESPACE, [SEEN])) == [*OPTIONS, *VARIABLES, SEEN]
    assert not Asking.asked


@pytest.mark.parametrize(
    "typed", ["run ", "run he", "--timeout ", "--out x", "--timeout 5 run hel", "--quiet run a "]
)
def test_nothing_is_offered_for_values_and_in_the_message(typed: str) -> None:
    assert list(offers(f"%asteroid_send {typed}", NAMESPACE, [SEEN])) == []


@pytest.mark.parametrize("typed", ["%asteroid_send r", "%asteroid_send --timeout 5 r"])
def test_the_word_under_the_cursor_does_not_count(typed: str) -> None:
    assert "run_id" in list(offers(typed, NAMESPACE, []))


@pytest.mark.parametrize(
    ("typed", "options", "executions"),
    [
        ("%asteroid_send --wait ", list(OPTIONS), True),
        ("%asteroid_send --wait 60 ", list(OPTIONS), True),
        ("%asteroid_send --wait run ", [], False),
        ("%asteroid_send --wait 60 run ", [], False),
        ("%asteroid_watch ", [], True),
        ("%asteroid_watch run ", [], False),
        ("%asteroid_pause 3f", [], True),
        ("%asteroid_activities ", ["--last", "--all"], True),
        ("%asteroid_activities --all ", ["--last", "--all"], True),
        ("%asteroid_activities run ", ["--last", "--all"], False),
        ("%asteroid_activities --last ", [], False),
        ("%asteroid_executions --phase active ", list(EXECUTIONS.options), False),
        ("%asteroid_executions --phase ", ["pending", "active", "terminal"], False),
        ("%asteroid_executions --status run", list(PHASES), False),
        ("%asteroid_executions --limit ", [], False),
        ("%asteroid_executions --since ", ["30m", "24h", "7d", "30d"], False),
        ("%asteroid_executions --outcome ", ["success", "failure"], False),
        ("%asteroid_send --waiting ", list(OPTIONS), False),
        ("%asteroid_send --wait 60 --waiting ", list(OPTIONS), False),
        ("%asteroid_send --waiting run ", [], False),
        ("%asteroid_form ", [], True),
        ("%asteroid_sandbox ", [], False),
    ],
)
def test_each_magic_has_its_own_offers(typed: str, options: list[str], executions: bool) -> None:
    expected = [*options, *VARIABLES, SEEN, EXECUTION] if executions else options
    assert list(offers(typed, NAMESPACE, [EXECUTION, SEEN])) == expected


@needs_matchers
# IPython's own terminal still completes in this way.
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_the_shell_offers_them_in_this_order(notebook: Notebook) -> None:
    notebook.shell.user_ns.clear()
    notebook.shell.user_ns.update(run_id=EXECUTION, run=Run(EXECUTION))
    session.remember(SEEN)
    _, matches = notebook.shell.complete("", "%asteroid_send ", 15)
    assert matches == [*OPTIONS, "run", "run_id", SEEN]
    _, matches = notebook.shell.complete("--t", "%asteroid_send --t", 18)
    assert matches == ["--timeout"]
    line = "%asteroid_executions --status ru"
    assert notebook.shell.complete("ru", line, len(line))[1] == ["running"]
    line = "%asteroid_executions --phase=act"
    assert notebook.shell.complete(None, line, len(line))[1][0].endswith("active")
    _, matches = notebook.shell.complete("3f2a", "%%asteroid_send 3f2a", 20)
    assert matches == [SEEN]
    _, matches = notebook.shell.complete("run_", "kept = %asteroid_send --quiet run_", 34)
    assert matches == ["run_id"]
    _, matches = notebook.shell.complete("3f", "%asteroid_watch 3f", 18)
    assert matches == [SEEN]
    _, matches = notebook.shell.complete("--q", "print('%asteroid_send --q", 25)
    assert "--quiet" not in matches


@needs_matchers
def test_the_kernel_offers_them_on_any_line(notebook: Notebook) -> None:
    notebook.shell.user_ns["run_id"] = EXECUTION
    code = "x = 1\n%asteroid_send ru"
    with provisionalcompleter():
        found = [one.text for one in notebook.shell.Completer.completions(code, len(code))]
    assert "run_id" in found


def test_a_delivery_is_remembered(notebook: Notebook, run_id: str) -> None:
    notebook.run("%asteroid_send run_id hello")
    assert list(session.seen) == [run_id]
    assert run_id in list(offers("%asteroid_send ", {}, session.seen))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("data.csv", "my notes.txt", ".hidden", "odd\n.csv"):
        (tmp_path / name).write_text("1")
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "may-1.pdf").write_text("1")
    (tmp_path / "my folder").mkdir()
    (tmp_path / "my folder" / "a.txt").write_text("1")
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("--attach ", ["data.csv", '"my folder/', '"my notes.txt"', "reports/"]),
        ("--attach=", ["data.csv", '"my folder/', '"my notes.txt"', "reports/"]),
        ("--attach d", ["data.csv"]),
        ("--dry-run --attach d", ["data.csv"]),
        ('--attach "my n', ['"my notes.txt"']),
        ("--attach 'my f", ["'my folder/"]),
        ('--attach "my folder/', ['"my folder/a.txt"']),
        ("--attach reports/may-", ["reports/may-1.pdf"]),
        ("--attach .", [".hidden"]),
        ("--attach none", []),
        ('--attach "my notes.txt" --attach d', ["data.csv"]),
    ],
)
@pytest.mark.parametrize("magic", ["%asteroid_send", "%%asteroid_send", "r = %asteroid_send"])
@needs_matchers
def test_paths_are_offered_for_attach(
    notebook: Notebook, folder: Path, magic: str, typed: str, offered: list[str]
) -> None:
    assert folder.is_dir()
    assert completed(notebook, f"{magic} {typed}") == offered


def completed(notebook: Notebook, line: str) -> list[str]:
    """Return what the last word of a line becomes, for each completion."""
    with provisionalcompleter():
        found = list(notebook.shell.Completer.completions(line, len(line)))
    start = max(line.rfind("--attach"), line.rfind("--save"))
    begin = start + len("--attach" if line.startswith("--attach", start) else "--save") + 1
    return [line[begin : one.start] + one.text for one in found]


@needs_matchers
def test_folders_are_offered_for_save(notebook: Notebook, folder: Path) -> None:
    assert folder.is_dir()
    assert completed(notebook, "%asteroid_files run_id --save ") == ['"my folder/', "reports/"]
    assert completed(notebook, "%asteroid_files run_id --save=r") == ["reports/"]


@needs_matchers
def test_a_home_folder_is_looked_into(
    notebook: Notebook, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(folder))
    assert completed(notebook, "%asteroid_send --attach ~/d") == ["~/data.csv"]


@needs_matchers
def test_after_a_path_in_quotes_come_the_executions(notebook: Notebook, folder: Path) -> None:
    assert folder.is_dir()
    line = '%asteroid_send --attach "my notes.txt" run_'
    with provisionalcompleter():
        found = notebook.shell.Completer.completions(line, len(line))
        assert "run_id" in [one.text for one in found]
