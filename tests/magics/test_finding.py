"""Finding an execution by what a user knows of it, from the magics."""

from typing import Any

import pytest

from asteroid_magic import AsteroidError, Interrupted, InvalidInput, SendInterrupted, Unauthorized
from asteroid_magic.client.client import AsteroidClient
from asteroid_magic.config.api_key import ApiKey
from asteroid_magic.config.session import session
from asteroid_magic.magics import execution_commands
from asteroid_magic.sandbox import Sandbox
from tests.client.reading.test_search import UNCERTAIN, execution, listing, page
from tests.support.sandboxes import eventually, twin
from tests.support.servers import FaultServer
from tests.support.shells import Notebook


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("--since 30m", [0]),
        ("--since=1h --status running", [1]),
        ('--workflow "book a table"', [0]),
        ("--workflow Book", []),
        ("--meta customer=4711", [0, 2]),
        ("--meta customer=4711 --meta team=office", [0]),
        ("--meta customer=4711 --meta customer=4712", []),
        ("--outcome SUCCESS", [2]),
    ],
)
def test_the_list_is_searched(
    notebook: Notebook, box: Sandbox, options: str, found: list[int]
) -> None:
    result = notebook.run(f"%asteroid_executions {options}")
    assert [one.id for one in result] == [box.executions[at].id for at in found]
    assert ("No executions were found." in str(result)) == (not found)
    assert "searched" not in str(result), "all of them were"


def test_the_list_is_searched_by_the_id_of_a_workflow(notebook: Notebook) -> None:
    everything = notebook.run("%asteroid_executions")
    result = notebook.run(f"%asteroid_executions --workflow {everything[1].workflow_id}")
    assert tuple(result) == (everything[1],)


def test_a_search_by_name_says_how_far_it_went(
    notebook: Notebook, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution_commands, "MOST_SEARCHED", 2)
    box.add_waiting(2)
    result = notebook.run('%asteroid_executions --workflow "Book a table"')
    assert result == ()
    note = "Only the newest 2 executions were searched for the workflow &#39;Book a table&#39;."
    assert note in result._repr_html_()
    assert "Only the newest 2 executions were searched" in str(result)
    result = notebook.run('%asteroid_executions --workflow "Renew a contract 2" --limit 1')
    assert len(result) == 1
    assert "Only the newest 2 executions were searched" in str(result)
    monkeypatch.setattr(execution_commands, "MOST_SEARCHED", 5)
    result = notebook.run('%asteroid_executions --workflow "Book a table"')
    assert len(result) == 1
    assert "searched" not in str(result), "all five were"


@pytest.mark.parametrize("pair", ["customer", "=4711", "="])
def test_metadata_is_a_pair(notebook: Notebook, pair: str) -> None:
    notebook.run(f"%asteroid_executions --meta {pair}")
    assert notebook.text.startswith("UsageError: --meta needs KEY=VALUE")


@pytest.mark.parametrize("pair", [f"k={'v' * 3000}", "k=\u200b"])
def test_metadata_that_cannot_be_sent_is_refused(notebook: Notebook, pair: str) -> None:
    notebook.run(f"%asteroid_executions --meta {pair}")
    assert isinstance(notebook.error, InvalidInput)
    assert "The list cannot be filtered by this" in notebook.html()


def test_a_duration_that_cannot_be_says_how_one_looks(notebook: Notebook) -> None:
    notebook.run("%asteroid_executions --since yesterday")
    assert isinstance(notebook.error, InvalidInput)
    assert "Give one like 30m, 24h, 7d or 1d12h" in notebook.html()


# Once it is cancelled, watching it ends at once.
MAGICS = ("activities", "pause", "resume", "cancel", "watch", "form")


def test_the_start_of_an_id_that_was_never_seen_is_looked_up(
    notebook: Notebook, box: Sandbox
) -> None:
    run = box.executions[1].id
    for magic in MAGICS:
        session.seen.clear()
        notebook.run(f"_r = %asteroid_{magic} {run[:8]}")
        assert notebook.error is None, magic
    [other] = box.add_waiting()
    delivery = notebook.run(f"%asteroid_send {other.id[:8].upper()} Yearly")
    assert delivery.execution_id == other.id
    assert box.messages(other.id) == ["Yearly"]
    assert session.seen[other.id] == "Renew a contract 1"


def test_an_ambiguous_start_changes_nothing_and_lists_the_candidates(
    notebook: Notebook, box: Sandbox
) -> None:
    run = box.executions[1].id
    other = twin(box, run)
    for line in (f"send {run[:8]} hello", *(f"{magic} {run[:8]}" for magic in MAGICS)):
        session.seen.clear()
        notebook.run(f"%asteroid_{line}")
        assert isinstance(notebook.error, InvalidInput), line
        assert notebook.error.outcome in {"not_delivered", "not_done"}
        for candidate in (run, other, "Sort incoming invoices", "A twin"):
            assert candidate in str(notebook.error), line
    assert box.messages(run) == box.messages(other) == []
    assert [one.status for one in box.executions if one.id in (run, other)] == ["running"] * 2


def count(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    asked: list[str] = []
    find = AsteroidClient.find_execution

    def counted(self: AsteroidClient, beginning: str, **options: Any) -> Any:
        asked.append(beginning)
        return find(self, beginning, **options)

    monkeypatch.setattr(AsteroidClient, "find_execution", counted)
    return asked


def test_what_is_known_is_not_looked_up(
    notebook: Notebook, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = count(monkeypatch)
    run = box.executions[1].id
    for line in (f"{run} one", "run two", f"{run.replace('-', '')} three", f"{run[:8]} four"):
        notebook.run(f"%asteroid_send {line}")
        assert notebook.error is None
    notebook.run(f"%asteroid_send nobody {run[:8]}")
    assert asked == []
    assert box.messages(run) == ["one", "two", "three", "four"]


def test_a_failed_look_up_before_a_send_says_that_nothing_was_sent(
    notebook: Notebook, box: Sandbox
) -> None:
    session.key = ApiKey("wrong", "the test")
    run = box.executions[1].id
    for line in (f"{run[:8]} my long text", "--waiting my long text"):
        notebook.run(f"%asteroid_send {line}")
        error = notebook.error
        assert isinstance(error, Unauthorized)
        assert (error.outcome, error.message is not None) == ("not_delivered", True)
        assert "Nothing was sent" in notebook.html()
        assert "my long text" in notebook.html()
    assert box.messages(run) == []


def test_an_interrupted_look_up_sends_nothing(
    notebook: Notebook, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise Interrupted

    monkeypatch.setattr(AsteroidClient, "find_execution", interrupt)
    notebook.run(f"%asteroid_send {box.executions[1].id[:8]} hello")
    assert isinstance(notebook.error, SendInterrupted)
    assert notebook.error.outcome == "not_delivered"
    assert box.messages(box.executions[1].id) == []


def test_the_look_up_goes_where_the_message_goes(notebook: Notebook) -> None:
    with Sandbox(pace=0.02) as other:
        session.key = ApiKey(other.api_key, "the test")
        run = other.executions[1].id
        notebook.run(f"%asteroid_send --base-url {other.base_url} {run[:8]} hello")
        notebook.run(f"%asteroid_send --base-url {other.base_url} --waiting Friday 18:30")
        assert other.messages(run) == ["hello"]
        assert other.messages(other.executions[0].id) == ["Friday 18:30"]


def test_a_message_goes_to_the_one_that_waits(notebook: Notebook, box: Sandbox) -> None:
    asking = box.executions[0].id
    planned = notebook.run("%asteroid_send --dry-run --waiting Friday 18:30, please.")
    assert planned.execution_id == asking
    assert box.messages(asking) == []
    box.add_waiting(1, "confirmation")
    delivery = notebook.run("%asteroid_send --waiting Friday 18:30, please.")
    assert delivery.execution_id == asking
    assert box.messages(asking) == ["Friday 18:30, please."]
    eventually(lambda: box.executions[0].status == "completed")
    [other] = box.add_waiting()
    notebook.run("%%asteroid_send --waiting\nrun_id --wait\n  and more\n")
    assert box.messages(other.id) == ["run_id --wait\n  and more"]


def sent(box: Sandbox) -> list[str]:
    return [text for one in box.executions for text in box.messages(one.id)]


def test_with_several_that_wait_nothing_is_sent(notebook: Notebook, box: Sandbox) -> None:
    added = box.add_waiting(2)
    for cell in ("%asteroid_send --waiting hello", "%%asteroid_send --waiting\nhello"):
        notebook.run(cell)
        assert isinstance(notebook.error, InvalidInput)
        assert "Nothing was sent: 3 executions wait for an answer" in notebook.html()
        assert "hello" in notebook.html()
        for one in (box.executions[0], *added):
            assert f"{one.id} ({one.workflow_name})" in notebook.html()
    assert sent(box) == []


def test_with_none_that_waits_nothing_is_sent(notebook: Notebook, box: Sandbox) -> None:
    notebook.run(f"%asteroid_cancel {box.executions[0].id}")
    notebook.run("%asteroid_send --waiting hello")
    assert "Nothing was sent: no execution waits for an answer" in notebook.html()
    [confirming] = box.add_waiting(1, "confirmation")
    notebook.run("%asteroid_send --waiting hello")
    assert isinstance(notebook.error, InvalidInput)
    assert f"{confirming.id} (Buy a ticket 1)" in notebook.html()
    assert sent(box) == []


def test_one_that_has_an_answer_already_does_not_wait_for_another(
    notebook: Notebook,
) -> None:
    with Sandbox(pace=100) as slow:
        session.key = ApiKey(slow.api_key, "the test")
        notebook.run(f"%config AsteroidMagics.base_url = '{slow.base_url}'")
        assert slow._service is not None
        # As an agent that has not noticed the message yet.
        asking = slow.executions[0].id
        slow._service.world.receive(asking, "the answer")
        notebook.run("%asteroid_send --waiting another")
        assert "no execution waits for an answer" in notebook.html()
        assert "a message may have reached it already" in notebook.html()
        assert slow.messages(asking) == ["the answer"]
        [other] = slow.add_waiting()
        notebook.run("%asteroid_send --waiting another")
        assert slow.messages(other.id) == ["another"]


@pytest.mark.parametrize(
    ("text", "is_sent"),
    [
        ("run it again", False),
        ("'run it again'", True),
        ("RUN_ID it again", False),
        ("go and run it", True),
        ("runs it", True),
    ],
)
def test_an_execution_before_the_message_is_pointed_out(
    notebook: Notebook, box: Sandbox, text: str, is_sent: bool
) -> None:
    text = text.replace("RUN_ID", box.executions[1].id)
    notebook.run(f"%asteroid_send --waiting {text}")
    assert sent(box) == ([text.strip("'")] if is_sent else [])
    if not is_sent:
        assert "names an execution. With --waiting, it would be part of the" in notebook.html()
        assert "omit --waiting" in notebook.html()


@pytest.mark.parametrize("reply", UNCERTAIN.values(), ids=UNCERTAIN)
def test_nothing_is_sent_if_the_list_cannot_be_read_wholly(
    notebook: Notebook, reply: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asteroid_magic.client.reading.search.MOST_CANDIDATES", 300)
    with FaultServer(listing(reply)) as server:
        notebook.run(f"%config AsteroidMagics.base_url = '{server.base_url}'")
        for line in ("--waiting hello", "00000007 hello"):
            notebook.run(f"%asteroid_send {line}")
            assert isinstance(notebook.error, AsteroidError)
            assert notebook.error.outcome == "not_delivered"
            assert "Nothing was sent" in notebook.html()
        assert not any(request.startswith(b"POST") for request in server.requests)


def test_all_pages_are_read_before_it_decides(notebook: Notebook) -> None:
    paused = {"activityType": "status_changed", "status": "paused_by_agent"}
    asks = {"id": "1", "payload": paused | {"pausedPayload": {"reason": "There are two"}}}

    def reply(query: list[tuple[str, str]]) -> Any:
        number = int(dict(query).get("page", 0))
        if not number:
            return [asks]
        return page(execution(number), total=2, pageSize=1) if number < 3 else page(total=2)

    with FaultServer(listing(reply)) as server:
        notebook.run(f"%config AsteroidMagics.base_url = '{server.base_url}'")
        notebook.run("%asteroid_send --waiting hello")
        assert "2 executions wait for an answer" in notebook.html()
        assert not any(request.startswith(b"POST") for request in server.requests)


def test_a_line_with_lines_below_it_becomes_a_cell_for_the_one_that_waits(
    notebook: Notebook, box: Sandbox
) -> None:
    notebook.run("%asteroid_send --waiting Dear agent,\nplease book the earlier one.")
    assert sent(box) == []
    assert "%%asteroid_send --waiting" in notebook.html()
