"""What a notebook shows of a sandbox, and how to answer its question."""

import re
from html import unescape

import pytest
import requests
from IPython.core.formatters import DisplayFormatter
from IPython.lib.pretty import pretty

from asteroid_magic.models.executions import status_words
from asteroid_magic.sandbox import Sandbox
from asteroid_magic.sandbox.executions import PHASES, ExecutionSnapshot
from asteroid_magic.sandbox.listing import as_html, as_text
from tests.support.sandboxes import asking, eventually, send

ADDRESS = "http://127.0.0.1:7/agents/v2"
OPTIONS = ("Friday 18:30", "Friday 21:15", "Saturday 20:00")


def shown(thing: object) -> dict[str, str]:
    """Return what IPython would show, by MIME type."""
    data, _ = DisplayFormatter().format(thing)
    return dict(data)


def read(html: str) -> str:
    """Return the text of the HTML as a reader sees it, one line per element."""
    return unescape(re.sub(r"(<[^>]*>)+", "\n", html))


def test_a_question_is_seen_until_it_is_answered(box: Sandbox, http: requests.Session) -> None:
    first, *others = box.executions
    assert first.question is not None
    assert first.question.startswith("Trattoria Lucia has no table")
    assert first.question.endswith("?")
    assert first.options == OPTIONS
    assert [(other.question, other.options) for other in others] == [(None, ())] * 2
    assert send(http, box, first.id, OPTIONS[1]).status_code == 201
    answered = eventually(
        lambda: box.executions[0], lambda execution: execution.status != "paused_by_agent"
    )
    assert (answered.question, answered.options) == (None, ())
    assert first.options == OPTIONS


def test_a_notebook_shows_text_and_html_of_the_same_listing(box: Sandbox) -> None:
    data = shown(box)
    assert set(data) == {"text/plain", "text/html"}
    assert data["text/plain"] == as_text(box.base_url, box.executions)
    assert data["text/html"] == as_html(box.base_url, box.executions)


@pytest.mark.parametrize("kind", ["text/plain", "text/html"])
def test_the_listing_tells_all_there_is_to_know(box: Sandbox, kind: str) -> None:
    data = shown(box)[kind]
    lines = [line.strip() for line in (data if kind == "text/plain" else read(data)).splitlines()]
    text = "\n".join(lines)
    assert box.base_url in text
    assert box.api_key not in data
    assert box.foreign_execution_id not in data
    for execution in box.executions:
        status = status_words(execution.status)
        row = r"\s+".join(map(re.escape, (execution.workflow_name, status, execution.id)))
        assert len(re.findall(f"^{row}$", text, re.MULTILINE)) == 1
    question = box.executions[0].question
    assert question
    assert text.count(question) == text.count("asks:") == 1
    assert [line.removeprefix("- ") for line in lines if line.endswith(OPTIONS)] == [
        *OPTIONS,
        f"%asteroid_send {asking(box)} {OPTIONS[0]}",
    ]


def test_an_answered_question_is_no_longer_shown(box: Sandbox, http: requests.Session) -> None:
    send(http, box, asking(box), OPTIONS[0])
    eventually(lambda: box.executions[0].question is None)
    for data in shown(box).values():
        assert asking(box) in data
        assert "asks:" not in data
        assert "%asteroid_send" not in data


def test_every_question_is_shown_and_one_without_options_too() -> None:
    open_ended = ExecutionSnapshot("id-1", "One", "paused_by_agent", "What now?")
    choice = ExecutionSnapshot("id-2", "Two", "paused_by_agent", "Shall I?", ("Yes", "No"))
    html = read(as_html(ADDRESS, [open_ended, choice]))
    for text in (as_text(ADDRESS, [open_ended, choice]), html):
        commands = [line.strip() for line in text.splitlines() if "%asteroid_send" in line]
        assert commands == ["%asteroid_send id-1 your answer", "%asteroid_send id-2 Yes"]
        assert text.index("What now?") < text.index("id-1 your") < text.index("Shall I?")


def test_the_text_is_a_table_in_columns() -> None:
    executions = [
        ExecutionSnapshot("id-1", "A long name", "running"),
        ExecutionSnapshot("id-2", "Short", "completed"),
    ]
    assert as_text(ADDRESS, executions).splitlines() == [
        f"A small Asteroid on this machine: {ADDRESS}",
        "",
        "  Workflow     Status    Execution",
        "  A long name  running   id-1",
        "  Short        finished  id-2",
    ]


@pytest.mark.parametrize("status", PHASES)
def test_a_status_has_the_words_that_all_cards_have(status: str) -> None:
    listed = [ExecutionSnapshot("id-1", "One", status)]
    assert f"One       {status_words(status)}" in as_text(ADDRESS, listed)
    assert f"\n{status_words(status)}\n" in read(as_html(ADDRESS, listed))


def test_html_is_escaped_and_text_is_not() -> None:
    evil = "<script>&\"'{}</script>".format
    snapshot = ExecutionSnapshot(
        evil("id"), evil("name"), evil("status"), evil("why"), (evil("yes"),)
    )
    address = evil("address")
    html, text = as_html(address, [snapshot]), as_text(address, [snapshot])
    assert "script" not in "".join(re.findall("<[^>]*>", html))
    assert re.search("&(?!amp;|lt;|gt;|quot;|#x27;)", html) is None
    for part, times in {"address": 1, "id": 2, "name": 2, "status": 1, "why": 1, "yes": 2}.items():
        assert read(html).count(evil(part)) == text.count(evil(part)) == times
    command = f"%asteroid_send {evil('id')} {evil('yes')}"
    assert command in text
    assert command in read(html)


def test_a_sandbox_that_does_not_run_shows_only_its_repr() -> None:
    box = Sandbox()
    assert shown(box) == {"text/plain": "<Sandbox stopped>"}
    with box:
        assert set(shown(box)) == {"text/plain", "text/html"}
    assert shown(box) == {"text/plain": "<Sandbox stopped>"}
    assert repr(box) == "<Sandbox stopped>"


def test_a_sandbox_that_holds_itself_is_shown_in_short(box: Sandbox) -> None:
    class Holder:
        def _repr_pretty_(self, printer: object, cycle: bool) -> None:
            del cycle
            box._repr_pretty_(printer, cycle=True)

    assert pretty(Holder()) == repr(box) == f"<Sandbox {box.base_url}>"
