"""What a user sees of executions in a notebook, in a real shell and over real HTTP."""

import _thread
import io
import pickle
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from prompt_toolkit.utils import get_cwidth

from asteroid_magic import (
    Activities,
    AsteroidClient,
    BadRequest,
    Delivery,
    InvalidInput,
    NotFound,
    StatusChange,
)
from asteroid_magic.config.session import session
from asteroid_magic.magics import execution_commands
from asteroid_magic.magics.execution_magics import AsteroidExecutionMagics
from asteroid_magic.models.executions import PHASES
from asteroid_magic.models.watch import Listing, Transcript, WatchProgress, WatchResult
from asteroid_magic.render.progress.status_line import StatusLine
from asteroid_magic.sandbox import Sandbox
from asteroid_magic.sandbox import executions as sandbox_executions
from tests.support.outcomes import ID, Seen
from tests.support.records import RecordServer
from tests.support.servers import FaultServer, answers
from tests.support.shells import Notebook
from tests.support.waiting import until

ASKING = "Which time shall I book?"


@pytest.fixture
def asking(notebook: Notebook, box: Sandbox) -> str:
    """The execution that waits with a question; the session has seen it."""
    session.remember(box.executions[0].id, "Book a table")
    notebook.shell.user_ns["asking"] = box.executions[0].id
    return box.executions[0].id


def words(text: str) -> str:
    return " ".join(text.split())


def test_help_lists_every_status_and_the_sandbox_has_the_same_ones() -> None:
    listed = words(AsteroidExecutionMagics.asteroid_executions.__doc__ or "")
    assert not [status for status in PHASES if not re.search(rf"\b{status}\b", listed)]
    assert sandbox_executions.PHASES == PHASES


def test_those_that_wait_come_first_with_what_they_ask(notebook: Notebook, box: Sandbox) -> None:
    box.add_waiting(1, "choices")
    box.add_waiting(1, "confirmation")
    found = notebook.run("%asteroid_executions")
    assert isinstance(found, Listing)
    assert [one.is_waiting for one in found] == [True] * 3 + [False] * 2
    for shown in (notebook.text, Seen(found._repr_html_()).words):
        flat = words(shown)
        assert f"asks: Trattoria Lucia has no table for four on Friday at 20:00. {ASKING}" in flat
        assert "Friday 18:30 | Friday 21:15 | Saturday 20:00" in flat
        assert "Recycled paper | Blue pens | Larger envelopes; choose one or more" in flat
        assert "to confirm: About to pay 29.90 euros" in flat
    assert set(session.seen.values()) >= {"Book a table", "Sort incoming invoices"}
    assert len(found.to_frame()) == 5


def test_the_list_can_be_filtered(notebook: Notebook) -> None:
    assert len(notebook.run("%asteroid_executions --phase active")) == 2
    assert len(notebook.run("%asteroid_executions --status completed --status running")) == 2
    assert "There are older ones" not in notebook.text
    found = notebook.run("%asteroid_executions --limit 1")
    assert len(found) == 1
    told = "Listed: the newest 1 execution. There are older ones, and some of them may be waiting: "
    assert told in notebook.text
    assert told in Seen(found._repr_html_()).words
    assert pickle.loads(pickle.dumps(found)).has_more
    assert len(notebook.run("%asteroid_executions --status Completed,RUNNING")) == 2
    notebook.run("%asteroid_executions --status sleeping")
    assert isinstance(notebook.error, BadRequest)


def test_few_are_asked_and_a_question_that_cannot_be_read_spoils_nothing(
    notebook: Notebook, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.add_waiting(12)
    assert len(notebook.run("%asteroid_executions").questions) == execution_commands.MOST_ASKED
    assert "8 more wait. To see for what: %asteroid_activities EXECUTION" in notebook.text
    monkeypatch.setattr(execution_commands, "ASKING", 0.0)
    found = notebook.run("%asteroid_executions")
    assert (len(found), found.questions) == (15, {})
    assert "Renew a contract 12" in notebook.text
    assert "13 more wait. " in notebook.text


@pytest.mark.parametrize(
    "line",
    [
        "%asteroid_executions now",
        "%asteroid_executions --limit 0",
        "%asteroid_executions --limit",
        "%asteroid_executions --limt 5",
        "%asteroid_activities",
        "%asteroid_activities run --all=5",
        "%asteroid_activities run --last 5 --last 6",
        "%asteroid_activities run --last ten",
        "%asteroid_watch run soon",
        "%asteroid_watch run 0",
        "%asteroid_watch run 99999",
        "%asteroid_pause run run",
    ],
)
def test_a_line_that_does_not_fit_says_how_it_goes(notebook: Notebook, line: str) -> None:
    notebook.run(line)
    assert notebook.text.startswith("UsageError: ")
    assert "Traceback" not in notebook.text


def test_the_beginning_of_an_id_is_enough_for_every_magic(notebook: Notebook, box: Sandbox) -> None:
    run = box.executions[1].id
    for line in (
        "%asteroid_send 0000aaaa hello",
        "%asteroid_activities 0000aaaa",
    ):
        notebook.run(line)
        assert isinstance(notebook.error, InvalidInput), line
        assert "No execution that this key can see has an ID starting with" in notebook.html()
    notebook.run("%asteroid_form 0000aaaa")
    assert "No execution that this key can see has an ID starting with" in notebook.text
    assert box.messages(run) == []
    notebook.run("%asteroid_executions")
    notebook.run(f"%asteroid_send {run[:8].upper()} hello {run[:8]}")
    assert box.messages(run) == [f"hello {run[:8]}"]
    for line in ("activities", "pause", "resume", "cancel", "watch", "form"):
        notebook.run(f"_r = %asteroid_{line} {run[:13]}")
        assert notebook.error is None, line


def test_a_beginning_in_a_variable_is_enough_and_a_list_says_what_to_take(
    notebook: Notebook, box: Sandbox, run_id: str
) -> None:
    notebook.run("L = %asteroid_executions\nshort = run_id[:8]")
    notebook.run("%asteroid_send short hello")
    assert box.messages(run_id) == ["hello"]
    notebook.run("%asteroid_send L hello")
    assert "run = L[0], or send to each with %%asteroid_send --each L" in str(notebook.error)
    notebook.run("%asteroid_pause nobody")
    assert "It is not clear which execution you mean" in str(notebook.error)
    assert "Give the execution first, before any message" in str(notebook.error)
    notebook.run("%asteroid_send --wait 1m run_id hello")
    assert "For --wait, give a number of seconds, such as --wait 60." in str(notebook.error)
    notebook.run("%asteroid_send --wait nobody hello")
    notebook.run("%asteroid_send nobody hello")
    assert "--wait" not in str(notebook.error)


def test_one_id_in_two_spellings_is_one(notebook: Notebook, box: Sandbox, run_id: str) -> None:
    session.remember(run_id.upper(), "Sort")
    session.remember(run_id)
    assert session.seen == {**session.seen, run_id: "Sort"}
    notebook.run(f"%asteroid_send {run_id[:8]} hello")
    assert box.messages(run_id) == ["hello"]


def test_watching_one_that_is_paused_says_how_it_goes_on(notebook: Notebook, run_id: str) -> None:
    notebook.run("%asteroid_pause run_id")
    heard = notebook.run("%asteroid_watch run_id 1")
    for shown in (notebook.text, Seen(heard._repr_html_()).words):
        assert f"The execution is paused. Resume it with %asteroid_resume {run_id[:8]}" in words(
            shown
        )
    notebook.run("%asteroid_resume run_id")
    assert not notebook.run("%asteroid_watch run_id 0.5").is_paused


def test_a_transcript_shows_the_newest_and_says_so(notebook: Notebook, asking: str) -> None:
    transcript = notebook.run(f"%asteroid_activities {asking[:8]}")
    assert isinstance(transcript, Transcript)
    assert transcript.execution.workflow_name == "Book a table"
    assert not transcript.has_older
    assert ASKING in words(notebook.text)
    assert f"Answer with %asteroid_send {asking[:8]} your answer" in words(notebook.text)
    few = notebook.run("%asteroid_activities asking --last 2")
    assert few.activities == transcript.activities[-2:]
    assert "Shown: the newest 2 activities. For older ones, --last N or --all." in notebook.text
    whole = notebook.run("%asteroid_activities --all {asking}")
    assert whole.activities == transcript.activities


def test_what_cannot_be_read_shows_its_card_and_stops(notebook: Notebook) -> None:
    for line in ("activities", "watch", "pause"):
        notebook.run(f"%asteroid_{line} 123e4567-e89b-12d3-a456-426614174000\nreached = True")
        assert isinstance(notebook.error, NotFound)
        assert "Not done" in notebook.html()
        assert "reached" not in notebook.shell.user_ns
    notebook.run("%asteroid_watch nobody")
    assert "Not done" in notebook.html()
    assert "elivered" not in Seen(notebook.html()).words


def test_an_execution_is_paused_resumed_and_cancelled(notebook: Notebook, box: Sandbox) -> None:
    for asked, status, says in (
        ("pause", "paused", "✓ Paused"),
        ("resume", "running", "✓ Resumed"),
        ("cancel", "cancelled", "✓ Cancelled"),
    ):
        changed = notebook.run(f"%asteroid_{asked} run_id")
        assert isinstance(changed, StatusChange)
        assert (changed.status, box.executions[1].status) == (status, status)
        assert says in notebook.text
        assert says[2:] in Seen(changed._repr_html_()).words
    assert box.executions[1].id in session.seen


def test_a_status_that_was_not_asked_for_is_told() -> None:
    odd = StatusChange(execution_id="x", asked="pause", status="completed")
    assert "to pause; the execution is now: finished" in odd.as_text()
    assert "Paused" not in odd.as_text()


def test_the_answer_is_waited_for_and_shown(notebook: Notebook, box: Sandbox, asking: str) -> None:
    delivery = notebook.run(f"%asteroid_send --wait 30 {asking[:8]} Friday 18:30, please")
    assert isinstance(delivery, Delivery)
    assert box.messages(asking) == ["Friday 18:30, please"]
    assert delivery.heard is not None
    assert delivery.heard.ending in {"spoke", "over"}
    assert all(one.kind != "user_message_received" for one in delivery.reply)
    assert [one.text for one in delivery.reply if one.speaks_to_user] == [
        "Done, I booked what you said: “Friday 18:30, please”"
    ]
    assert notebook.text.count("Waited ") == 1
    assert "✓ Delivered to Book a table at " in notebook.text
    assert "Agent: Done, I booked what you said" in notebook.text
    assert notebook.shell.user_ns["_"] is delivery


@pytest.mark.usefixtures("asking")
def test_it_is_waited_for_with_options_in_any_order(notebook: Notebook) -> None:
    kept = notebook.run("%asteroid_send --out kept --wait --quiet asking Friday")
    assert kept is None
    assert notebook.text == ""
    assert notebook.shell.user_ns["kept"].reply
    notebook.run("%asteroid_send --dry-run --wait=5 asking Friday")
    assert "Not sent (dry run)" in notebook.text
    notebook.run("%%asteroid_send --wait 0.2 run_id\nAnd the invoices?\n\nx = 1")
    assert "reply" in dir(notebook.shell.user_ns["_"])


def test_without_waiting_there_is_no_reply(notebook: Notebook) -> None:
    delivery = notebook.run("%asteroid_send run_id hello")
    assert (delivery.reply, delivery.heard) == ((), None)


def test_time_that_runs_out_is_no_failure_of_the_message(notebook: Notebook, box: Sandbox) -> None:
    box.add_waiting()
    notebook.run("%asteroid_pause run_id")
    delivery = notebook.run("%asteroid_send --wait 0.3 run_id hello")
    assert notebook.error is None
    assert (delivery.outcome, delivery.heard.ending, delivery.reply) == ("delivered", "time", ())
    assert "No answer within 0.3 s; it may still come" in notebook.text
    assert "Nothing has happened since." in notebook.text
    assert "The execution is paused. Resume it with %asteroid_resume" in notebook.text


def test_what_cannot_be_read_after_the_message_is_told_and_the_message_is_delivered(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = b"HTTP/1.1 403 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with FaultServer(answers(refusing)) as server:
        monkeypatch.setattr(
            execution_commands,
            "session_client",
            lambda **_: AsteroidClient("key", server.base_url, 5),
        )
        delivery = notebook.run("%asteroid_send --wait 5 run_id hello")
    assert notebook.error is None
    assert delivery.heard.ending == "unreadable"
    assert "The execution could not be read" in notebook.text
    monkeypatch.setattr(execution_commands, "session_client", None)
    delivery = notebook.run("%asteroid_send --wait 5 run_id hello")
    assert "Waiting failed with an unexpected error: TypeError" in notebook.text
    assert "Waited 0." in notebook.text, "the line ends in any case"


@pytest.fixture
def interrupting(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Interrupt while a cell waits for the agent, as the button of a notebook does."""
    waiting = threading.Event()

    class Line(StatusLine):
        def show(self, state: Any) -> None:
            super().show(state)
            if state.doing:
                # It has read the activities and now sleeps.
                waiting.set()

    def interrupt() -> None:
        waiting.wait(20)
        _thread.interrupt_main()

    monkeypatch.setattr(execution_commands, "StatusLine", Line)
    notebook.run("%asteroid_pause run_id")
    thread = threading.Thread(target=interrupt)
    thread.start()
    yield
    thread.join()


@pytest.mark.usefixtures("interrupting")
def test_an_interrupt_stops_the_waiting_and_the_cells_but_loses_no_delivery(
    notebook: Notebook, box: Sandbox, run_id: str
) -> None:
    notebook.run("%asteroid_send --wait --out kept run_id hello\nreached = True")
    assert type(notebook.error).__name__ == "SendInterrupted"
    assert isinstance(notebook.error, KeyboardInterrupt)
    assert "reached" not in notebook.shell.user_ns
    assert "You stopped waiting" in notebook.html()
    assert "this did not stop the agent" in notebook.html()
    assert "<strong>Delivered</strong>" in notebook.html()
    assert notebook.text.strip().splitlines()[-1].startswith("SendInterrupted: Delivered.")
    delivery = notebook.shell.user_ns["_"]
    assert notebook.shell.user_ns["kept"] is delivery
    assert (delivery.outcome, delivery.was_interrupted) == ("delivered", True)
    assert box.messages(run_id) == ["hello"]
    assert box.executions[1].status == "paused"


def test_an_interrupt_before_the_waiting_begins_loses_no_delivery_either(
    notebook: Notebook, box: Sandbox, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(execution_commands, "StatusLine", interrupted)
    notebook.run("%asteroid_send --wait run_id hello\nreached = True")
    assert type(notebook.error).__name__ == "SendInterrupted"
    assert "reached" not in notebook.shell.user_ns
    assert "<strong>Delivered</strong>" in notebook.html()
    assert notebook.shell.user_ns["_"].outcome == "delivered"
    assert box.messages(run_id) == ["hello"]


@pytest.mark.usefixtures("interrupting")
def test_an_interrupt_stops_the_watching(notebook: Notebook, box: Sandbox) -> None:
    notebook.run("%asteroid_watch run_id\nreached = True")
    assert type(notebook.error).__name__ == "Interrupted"
    assert "You stopped watching" in notebook.html()
    assert "reached" not in notebook.shell.user_ns
    assert isinstance(notebook.shell.user_ns["_"], WatchResult)
    assert box.executions[1].status == "paused"


@pytest.mark.usefixtures("asking")
def test_watching_ends_where_the_agent_waits_or_is_done(notebook: Notebook) -> None:
    heard = notebook.run("%asteroid_watch asking")
    assert (heard.ending, heard.elapsed < 5) == ("asks", True)
    assert "? The agent asks" in notebook.text
    assert ASKING in words(notebook.text)
    notebook.run("%asteroid_send asking Friday")
    heard = notebook.run("%asteroid_watch asking 30")
    assert heard.ending == "over"
    assert "Result (finished, success)" in notebook.text
    assert notebook.run("%asteroid_watch run_id 0.2").ending == "time"
    assert notebook.error is None


class Screen(io.StringIO):
    """A file that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_rewrites_one_line(
    notebook: Notebook, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen()
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setenv("COLUMNS", "60")
    live = StatusLine(notebook.shell)
    box.add_waiting()
    for since in range(3):
        live.show(watching_state(since, "Reading\x1b[2J " * 20))
    live.end(WatchResult(execution_id="x", ending="spoke", activities=Activities(), elapsed=2.0))
    written = screen.getvalue()
    assert written.count("\n") == 1
    assert written.endswith("\r\x1b[KWaited 2.0 s.\n")
    lines = written.split("\r\x1b[K")[1:-1]
    assert len(lines) == 3
    assert all(len(line) < 60 and line.startswith("Waiting for the agent, ") for line in lines)
    assert "\x1b" not in "".join(lines)


def test_wide_characters_have_room_in_the_line_too(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen()
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setenv("COLUMNS", "60")
    StatusLine(notebook.shell).show(watching_state(1, "\u8aad\u3080" * 50))
    (line,) = screen.getvalue().split("\r\x1b[K")[1:]
    assert 58 <= get_cwidth(line) < 60


def watching_state(since: float, doing: str, trouble: str = "") -> WatchProgress:
    return WatchProgress(since, 60, doing, since, trouble)


def test_a_notebook_updates_one_output(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[str, dict[str, str], dict[str, Any]]] = []

    class Handle:
        display_id = "d-1"

    def display(data: dict[str, str], **options: Any) -> Handle:
        shown.append(("display", data, options))
        return Handle()

    monkeypatch.setattr("asteroid_magic.render.progress.status_line.display", display)
    monkeypatch.setattr(
        "asteroid_magic.render.progress.status_line.update_display",
        lambda data, **options: shown.append(("u", data, options)),
    )
    monkeypatch.setattr(notebook.shell, "kernel", object(), raising=False)
    live = StatusLine(notebook.shell)
    for state in (
        watching_state(0, ""),
        watching_state(0.2, ""),
        watching_state(3, "<b>Reading</b>"),
        watching_state(4, "Reading", "Asteroid could not be reached"),
    ):
        live.show(state)
    live.end(WatchResult(execution_id="x", ending="time", activities=Activities(), elapsed=65.0))
    assert [how for how, _, _ in shown] == ["display", "u", "u", "u", "u"]
    assert {options["display_id"] for _, _, options in shown[1:]} == {"d-1"}
    assert [data["text/plain"] for _, data, _ in shown] == [
        "This cell waits for the agent, 60 s at most. Interrupt it to stop waiting.",
        "Waiting for the agent, 0 s of 60",
        "Waiting for the agent, 3 s of 60 · <b>Reading</b>, for 3 s",
        "Waiting for the agent, 4 s of 60 · could not be read: Asteroid could not be reached",
        "Waited 1 min 5 s.",
    ]
    assert "&#60;b&#62;Reading" in shown[2][1]["text/html"]


def test_what_is_watched_goes_on_meanwhile(notebook: Notebook, box: Sandbox) -> None:
    """The notebook polls while the agent works; the card shows the activities in order."""
    (added,) = box.add_waiting()
    notebook.shell.user_ns["run"] = added.id
    notebook.run("%asteroid_send --wait 30 run Monthly")
    until(lambda: box.executions[3].status == "completed")
    times = re.findall(r"^  (\d\d:\d\d:\d\d)  ", notebook.text, re.MULTILINE)
    assert times == sorted(times)
    assert "Agent: Thank you. You said: “Monthly”" in notebook.text


def test_activities_that_were_deleted_are_said_to_be_by_every_magic(
    notebook: Notebook, box: Sandbox
) -> None:
    purged = box.add_ended("purged").id
    for magic in ("activities", "watch"):
        shown = notebook.run(f"%asteroid_{magic} {purged}")
        assert shown.activities == ()
        for drawn in (words(notebook.text), Seen(shown._repr_html_()).words):
            assert "The activities of this execution were deleted on 20" in drawn
            assert "Nothing has happened" not in drawn


def test_a_server_that_has_no_activities_of_a_purged_execution_is_understood(
    notebook: Notebook,
) -> None:
    with RecordServer() as server:
        server.execution = {"status": "failed", "purgedAt": "2026-10-01T00:00:00Z"}
        server.refuse = lambda path: (404, {}) if "activities" in path else None
        notebook.run(f"%config AsteroidMagics.base_url = {server.base_url!r}")
        for magic in ("activities", "watch"):
            notebook.run(f"%asteroid_{magic} {ID}")
            assert "were deleted on 2026-10-01 00:00:00 UTC" in words(notebook.text)
        server.execution = {"status": "failed"}
        for magic in ("activities", "watch"):
            notebook.run(f"%asteroid_{magic} {ID}")
            assert isinstance(notebook.error, NotFound)


def test_a_transcript_has_a_timeline_up_to_now_and_links(notebook: Notebook, asking: str) -> None:
    shown = notebook.run("%asteroid_activities asking")
    assert shown.read_at is not None
    assert re.search(r"waited for a person 3 min \d", words(notebook.text))
    assert f"/view/live/{asking}" in notebook.text
    assert ">Live view (127.0.0.1:" in shown._repr_html_()
    assert "<svg" in shown._repr_html_()
    assert len(shown.activities.to_frame()) == len(shown.activities)
    assert pickle.loads(pickle.dumps(shown)) == shown
    heard = notebook.run("%asteroid_watch asking")
    assert ">Live view (127.0.0.1:" in heard._repr_html_()
    assert "It has waited for you since" in words(notebook.text)
    assert pickle.loads(pickle.dumps(heard)) == heard


def test_a_watch_to_the_end_shows_the_recording(notebook: Notebook, box: Sandbox) -> None:
    run = box.executions[1].id
    threading.Timer(0.5, AsteroidClient(box.api_key, box.base_url).cancel, [run]).start()
    heard = notebook.run(f"%asteroid_watch {run} 30")
    assert heard.ending == "over"
    assert "Result (cancelled): A user cancelled it." in notebook.text
    html = heard._repr_html_()
    assert "Recording (127.0.0.1:" in html
    assert "Live view" not in html
