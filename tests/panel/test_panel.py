"""The panel as a front end meets it: what it says, how much it asks for, and its end."""

import gc
import json
import signal
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from asteroid_magic import AsteroidClient, InvalidInput, SendForm
from asteroid_magic.client.requester import Requester
from asteroid_magic.client.session_client import _SharingClient
from asteroid_magic.config.api_key import ApiKey
from asteroid_magic.config.session import session
from asteroid_magic.form import open_views
from asteroid_magic.panel import ChatPanel
from asteroid_magic.panel import panel as panel_module
from asteroid_magic.panel.outbox import MOST_KEPT
from asteroid_magic.sandbox import Sandbox
from tests.monitor.test_conversation import RUNNING, WORK
from tests.monitor.test_monitor import Account
from tests.support.messages import LINES
from tests.support.monitors import Log, SteppedMonitor
from tests.support.outcomes import ID
from tests.support.records import RecordServer
from tests.support.sandboxes import asking, deliver, running
from tests.support.servers import FaultServer, silent
from tests.support.waiting import until

from .conftest import KEY, Page, opened, threads, use

OTHER = "00000000-0000-4000-8000-000000000002"
HOUR = 3_600


# The list, and the choice of an execution


def test_it_opens_with_the_list_those_that_wait_first(account: Sandbox) -> None:
    page = opened()
    until(lambda: [one["asks"] for one in page.inbox["entries"] if one["waits"]] not in ([], [""]))
    first, second = page.inbox["entries"]
    assert (first["id"], first["name"]) == (asking(account), "Book a table")
    assert (first["waits"], second["waits"]) == (True, False)
    assert first["status"] == "waits for you"
    assert first["asks"]
    assert 170 < first["age"] < 250
    assert page.inbox["waiting"] == 1
    assert page.inbox["hasMore"] is False
    assert page.inbox["age"] < 20
    assert (page.shown["chosen"], page.shown["conversation"]) == ("", None)
    assert page.shown["key"] == "the test"
    assert page.panel.execution == ""


def test_a_click_opens_a_conversation_and_leads_back(account: Sandbox) -> None:
    page = opened()
    page.say("open", execution=asking(account).upper())
    assert page.shown["chosen"] == page.panel.execution == asking(account)
    page.read()
    until(lambda: page.conversation["questions"])
    assert page.conversation["name"] == "Book a table"
    assert page.conversation["waitsFor"] == "asks"
    (question,) = page.conversation["questions"]
    assert len(question["options"]) == 3
    assert not question["several"]
    # It stands below the conversation, and not in it as well.
    assert "asks" not in [one["kind"] for one in page.entries.values()]
    page.say("open", execution=running(account))
    page.read()
    until(lambda: page.conversation["name"] == "Sort incoming invoices")
    page.say("open", execution="")
    assert page.shown["conversation"] is None
    assert page.panel.execution == ""
    until(lambda: page.inbox["entries"])


def test_an_execution_is_an_id_or_an_object_with_one(account: Sandbox) -> None:
    run = account.executions[1]
    for given in (run.id, run.id.upper(), uuid.UUID(run.id), run):
        panel = ChatPanel(given)
        assert panel.execution == run.id
        panel.close()
    for wrong in ("8b07", 17, object()):
        with pytest.raises(InvalidInput):
            ChatPanel(wrong)
    assert not open_views._open


def test_python_can_do_what_a_user_does(account: Sandbox) -> None:
    page = opened()
    with pytest.raises(InvalidInput, match="No conversation is open"):
        page.panel.submit("hello")
    page.panel.choose(account.executions[1])
    for text in LINES.values():
        page.panel.submit(text)
    until(lambda: len(page.panel.outcomes) == len(LINES))
    assert account.messages(running(account)) == list(LINES.values())
    with pytest.raises(InvalidInput):
        page.panel.submit(17)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput):
        page.panel.choose("8b07")
    page.panel.choose()
    assert page.panel.execution == ""
    assert repr(page.panel) == "<ChatPanel, open>"
    page.panel.close()
    assert repr(page.panel) == "<ChatPanel, closed>"
    for act in (lambda: page.panel.choose(ID), lambda: page.panel.submit("hello")):
        with pytest.raises(InvalidInput, match="closed"):
            act()


def test_the_questions_are_shown_the_newest_first(server: RecordServer) -> None:
    asked = {"activityType": "status_changed", "status": "paused_by_agent"}
    server.listed = [
        {
            "id": f"00000000-0000-4000-8000-{number:012}",
            "status": "paused_by_agent",
            "createdAt": f"2026-01-01T{number:02}:00:00Z",
        }
        for number in range(12, 0, -1)
    ]
    # The execution that began first asks the newest question.
    for number, one in enumerate(server.listed):
        server.happen(one["id"], asked, ago=600 - number)
    page = opened()
    newest = [one["id"] for one in reversed(server.listed)]
    until(lambda: [one["id"] for one in page.inbox["entries"]] == newest)


# What a page says


def test_a_page_is_welcomed_and_its_pings_are_answered(account: Sandbox) -> None:
    page = opened(running(account))
    assert page.told[0] == {"type": "welcome", "view": "page"}
    page.ping()
    page.ping(seen=False)
    pongs = [one for one in page.told if one["type"] == "pong"]
    assert pongs == [{"type": "pong", "view": "page", "number": n} for n in ("1", "2")]


VALUES: tuple[Any, ...] = (None, 17, 1.5, True, [], {}, "x" * 1_000_000, "\ud800", "\0", "")
HOSTILE: list[Any] = [
    *({}, {"type": None}, {"type": 17}, {"type": ["send"]}, {"type": {}}, {"type": "nothing"}),
    *({"type": kind} for kind in ("hello", "ping", "open", "send", "cancel", "look", "stop")),
    *({"type": kind} for kind in ("control", "refresh", "touch", "close", "_receive", "view")),
    *(
        {"type": kind, name: value}
        for kind in ("hello", "ping", "open", "send", "cancel", "look", "control")
        for name in ("view", "number", "execution", "press", "action", "text", "seen")
        for value in VALUES
    ),
    {"type": "send", "press": "p" * 201, "execution": ID, "text": "too long a press"},
    {"type": "send", "press": "p", "execution": "8b07", "text": "no execution"},
    {"type": "send", "press": "p", "execution": f"{ID}\n", "text": "no execution"},
    {"type": "send", "press": "", "execution": ID, "text": "no press"},
    {"type": "send", "press": 17, "execution": ID, "text": "no press"},
    {"type": "control", "action": "close", "execution": ID},
    {"type": "control", "action": "send", "execution": ID},
    {"type": "control", "action": "__class__", "execution": ID},
    {17: 18, None: None, "type": "hello"},
    *(None, 17, "hello", [], [{"type": "hello"}], True),
]


def test_whatever_a_front_end_says_raises_nothing_and_sends_nothing(
    server: RecordServer, caplog: pytest.LogCaptureFixture
) -> None:
    page = opened(ID)
    for content in HOSTILE:
        page.panel._receive(content)
        page.panel._handle_custom_msg(content, [])
    assert not server.accepted
    assert page.panel.execution in {ID, ""}
    assert not page.panel._outbox.presses
    assert not caplog.records
    page.say("open", execution=ID)
    assert page.done(page.press("It still works."))["outcome"] == "delivered"


def test_half_a_character_of_a_server_stops_nothing(server: RecordServer) -> None:
    option = {"label": "yes \ud800", "description": "\udc00"}
    asked = [{"question": "\ud800?", "header": "\udfff", "options": [option]}]
    payload = {
        "activityType": "status_changed",
        "status": "paused_by_agent",
        "pausedPayload": {"reason": "\ud800", "question": {"questions": asked}},
    }
    server.execution = {"status": "paused_by_agent", "workflowName": "\ud800"}
    server.happen(ID, payload)
    page = opened(ID).read()
    until(lambda: page.conversation["questions"])
    assert page.conversation["questions"][0]["options"][0]["label"] == "yes \ufffd"
    assert page.conversation["name"] == "⟨U+D800⟩"


@pytest.mark.parametrize(
    ("action", "status"), [("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")]
)
def test_an_execution_can_be_paused_resumed_and_cancelled(
    account: Sandbox, action: str, status: str
) -> None:
    run = account.executions[1].id
    page = opened(run).read()
    if action == "resume":
        page.say("control", action="pause", execution=run)
        until(lambda: page.conversation["isPaused"])
    page.say("control", action=action, execution=run.upper())
    until(lambda: page.shown["note"].startswith("The execution is now: "))
    until(lambda: account.executions[1].status == status)
    until(lambda: page.conversation["isPaused"] == (action == "pause"))
    until(lambda: page.conversation["isOver"] == (action == "cancel"))
    page.say("open", execution="")
    assert page.shown["note"] == ""


@pytest.mark.usefixtures("account")
def test_a_command_that_fails_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    page = opened(ID)
    page.say("control", action="pause", execution=ID)
    until(lambda: page.shown["note"])
    assert "No execution has this ID" in page.shown["note"]
    page.say("open", execution=OTHER)

    def fail(*_: object) -> None:
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr(AsteroidClient, "pause", fail)
    page.say("control", action="pause", execution=OTHER)
    until(lambda: page.shown["note"])
    assert page.shown["note"] == "The execution may have been changed: RuntimeError."
    # Of another execution than the one that is shown, it says which one.
    page.say("control", action="pause", execution=ID)
    until(lambda: page.shown["note"].startswith(f"{ID}: The execution may have been changed"))


def test_the_list_says_what_became_of_a_command_to_an_execution(account: Sandbox) -> None:
    page = opened(running(account)).read()
    name = page.conversation["name"]
    page.say("open", execution="")
    page.say("control", action="pause", execution=running(account))
    until(lambda: page.shown["note"] == f"{name}: The execution is now: paused.")


# Settings


def test_without_a_key_nothing_is_asked_for_and_one_that_is_set_starts_it(
    server: RecordServer, shell: InteractiveShell
) -> None:
    session.key = None
    page = opened()
    for kind in ("refresh", "touch", "ping", "stop"):
        page.say(kind, seen="1")
    assert page.shown["problem"] == "There is no API key. Run %asteroid_login in a cell."
    assert page.shown["key"] == ""
    assert "monitor" not in threads() or not server.asked
    server.listed = [{"id": ID, "status": "running", "workflowName": "Work"}]
    shell.user_ns["set_key"] = lambda: use(server.base_url)
    shell.run_cell("set_key()")
    assert page.shown["problem"] == ""
    until(lambda: page.inbox["entries"])
    assert len(server.asked) == 1


@pytest.mark.parametrize("change", ["key", "base URL"])
def test_other_settings_cause_one_request_for_the_list(
    server: RecordServer, shell: InteractiveShell, change: str
) -> None:
    with RecordServer() as other:
        page = opened()
        until(lambda: page.inbox["age"] is not None)
        before = len(server.asked)
        where = other if change == "base URL" else server
        where.listed = [{"id": OTHER, "status": "running", "workflowName": "New"}]
        shell.user_ns["change"] = lambda: use(where.base_url, "another-key-4711")
        shell.run_cell("change()")
        until(lambda: [one["name"] for one in page.inbox["entries"]] == ["New"])
        assert len(server.asked) - before + len(other.asked) == 1
        page.panel.close()


def test_a_key_that_is_forgotten_leaves_nothing_to_see(
    server: RecordServer, shell: InteractiveShell
) -> None:
    server.happen(ID, RUNNING)
    page = opened(ID).read()
    shell.user_ns["forget"] = session.clear
    shell.run_cell("forget()")
    assert page.shown["problem"]
    assert page.shown["conversation"] is None
    assert page.inbox["entries"] == []
    # A draft for it is still at its place.
    assert page.shown["chosen"] == ID


def test_it_uses_the_client_it_is_given(box: Sandbox) -> None:
    with AsteroidClient(box.api_key, box.base_url) as client:
        page = opened(running(box), client).read()
        assert page.shown["key"] == "the argument api_key"
        assert page.done(page.press("hello"))["outcome"] == "delivered"
        page.panel.close()


def test_the_key_is_nowhere(account: Sandbox, copies: list[dict[str, Any]]) -> None:
    echo = json.dumps({"code": 400, "message": f"bad key {account.api_key}"})
    page = opened(running(account)).read()
    page.panel._ipython_display_()
    account.fail_next(400, body=echo)
    shown = page.done(page.press("hello"))
    assert "bad key [API key]" in shown["why"]
    page.done(page.press("hello"))
    page.panel.close()
    seen = [page.told, copies, page.panel.get_state(), vars(page.panel), page.panel]
    for one in (*seen, page.panel._outbox.presses, page.panel.outcomes, page.panel._view.__dict__):
        assert account.api_key not in repr(one)
    assert "hello" in repr(copies)


# How much it asks for


class Stepped(SteppedMonitor):
    """The monitor of a panel, with a made-up clock and no thread."""

    def __init__(self, on_change: Any, client: AsteroidClient | None, **options: Any) -> None:
        super().__init__(client, **options)
        self._on_change = on_change


@pytest.fixture
def stepped(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(panel_module, "Monitor", Stepped)
    yield
    open_views.close_all()


def monitor_of(page: Page) -> Stepped:
    assert isinstance(page.panel._monitor, Stepped)
    return page.panel._monitor


def watch(page: Page, seconds: float, every: float = 2.5) -> None:
    """Keep the panel in view for so long: its page says so every few seconds."""
    monitor = monitor_of(page)
    end = monitor.time + seconds
    while monitor.time < end:
        page.ping()
        monitor.run(every)


@pytest.mark.usefixtures("stepped")
@pytest.mark.parametrize(("execution", "most"), [(ID, 4), (None, 2)])
def test_while_nothing_happens_little_is_asked_for(
    server: RecordServer, execution: str | None, most: int
) -> None:
    server.happen(ID, RUNNING)
    server.listed = [{"id": ID, "status": "running"}]
    page = opened(execution)
    log = Log(server, monitor_of(page))
    watch(page, 20 * 60)
    assert log.most_in_a_minute(since=60) == most
    assert log.times[-1] > 20 * 60 - 40
    # Nor is anything else told than the new ages.
    views = len(page.views)
    assert views < 20 * most * 3
    watch(page, 30)
    assert not [
        one for view in page.views[20:] for one in (view["conversation"] or {}).get("entries", [])
    ]


@pytest.mark.usefixtures("stepped")
def test_a_minute_after_it_was_last_in_view_it_stops_and_goes_on_when_it_is_again(
    server: RecordServer,
) -> None:
    page = opened(ID)
    log = Log(server, monitor_of(page))
    watch(page, 200)
    left = monitor_of(page).time
    for _ in range(400):
        page.ping(seen=False)
        monitor_of(page).run(2.5)
    assert 0 < log.times[-1] <= left + 60
    assert page.shown["stopped"]
    log.requests.clear()
    watch(page, 10)
    assert not page.shown["stopped"]
    assert log.requests
    page.panel.close()
    log.requests.clear()
    page.ping()
    page.say("refresh")
    page.panel._monitor.refresh()
    monitor_of(page).run(HOUR)
    assert not log.requests


@pytest.mark.usefixtures("stepped")
def test_an_execution_that_is_over_is_not_read_any_longer(server: RecordServer) -> None:
    server.execution = {"status": "completed"}
    server.happen(ID, {"activityType": "status_changed", "status": "completed"})
    page = opened(ID)
    log = Log(server, monitor_of(page))
    watch(page, 120)
    assert page.conversation["isOver"]
    log.requests.clear()
    watch(page, 300)
    assert not [path for _, path in log.requests if ID in path]


@pytest.mark.parametrize("execution", [ID, ""])
def test_one_request_is_made_at_a_time(execution: str) -> None:
    busy, most, lock = [0], [0], threading.Lock()
    with RecordServer() as server:
        server.listed = [
            {"id": f"00000000-0000-4000-8000-{number:012}", "status": "paused_by_agent"}
            for number in range(8)
        ]
        answer = server.described

        def described(path: str) -> Any:
            with lock:
                busy[0] += 1
                most[0] = max(most[0], busy[0])
            threading.Event().wait(0.01)
            try:
                return answer(path)
            finally:
                with lock:
                    busy[0] -= 1

        server.described = described  # type: ignore[method-assign]
        use(server.base_url)
        # Another choice would cancel a request, which the server may answer beside the next one.
        page = opened(execution)
        while len(server.asked) < 12:
            for kind in ("hello", "refresh", "touch"):
                page.say(kind)
            page.ping()
            threading.Event().wait(0.001)
        page.panel.close()
    assert most[0] == 1


@pytest.mark.usefixtures("stepped")
def test_a_day_of_watching_does_not_grow(server: RecordServer) -> None:
    with AsteroidClient(KEY, server.base_url) as settings_of:
        answering: Any = Account()
        client = _SharingClient(Requester(settings_of.requester.settings, answering))
        page = opened(ID, client)
        answering.monitor = monitor_of(page)
        for number in range(MOST_KEPT + 10):
            page.press("", f"press {number}", OTHER)
        sizes, most_entries = [], 0
        for _ in range(6):
            watch(page, 4 * HOUR, every=30)
            most_entries = max(most_entries, len(page.entries))
            page.told.clear()
            gc.collect()
            sizes.append(len(gc.get_objects()))
        assert answering.monitor.state.conversation.activities[-1].data["n"] > 8_000
        assert most_entries <= 200
        assert len(page.panel._view._sent) <= 200
        assert len(page.panel._outbox.presses) == MOST_KEPT
        assert max(sizes[1:]) - min(sizes[1:]) < 500
        page.panel.close()


# The form in its place


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panel_module, "LONGEST_SILENCE_S", 0.1)
    monkeypatch.setattr(panel_module, "SILENCE_STEP_S", 0.02)


def displayed(execution: object = None) -> Page:
    """Display a panel when no cell runs, on a page that does not speak yet."""
    page = Page(ChatPanel(execution))
    open_views._tell()
    page.panel._ipython_display_()
    return page


def form_of(page: Page) -> SendForm:
    until(lambda: page.panel._instead)
    stand_in = page.panel._instead
    assert stand_in is not None
    return stand_in._form


@pytest.mark.usefixtures("impatient")
def test_without_a_front_end_the_form_appears_and_goes_when_there_is_one(
    account: Sandbox, copies: list[dict[str, Any]]
) -> None:
    page = displayed(running(account))
    form = form_of(page)
    assert form.execution == running(account)
    widget = "application/vnd.jupyter.widget-view+json"
    until(lambda: widget in copies[-1]["data"])
    stand_in = page.panel._instead
    assert stand_in is not None
    assert copies[-1]["data"][widget]["model_id"] == stand_in.model_id
    assert copies[-1]["update"]
    why, shown = stand_in._box.children
    assert "The panel cannot be shown here" in why.value
    assert shown is form
    page.say("hello")
    # A closed widget has no channel to the browser.
    assert why.comm is None
    assert stand_in._box.comm is None
    assert "closed" in repr(form)
    assert page.panel._instead is None
    assert widget not in copies[-1]["data"]


@pytest.mark.usefixtures("impatient")
def test_the_copy_keeps_what_the_form_sends(account: Sandbox, copies: list[dict[str, Any]]) -> None:
    page = displayed(running(account))
    form = form_of(page)
    account.fail_next(status=401)
    for text in ("Sort them by name.", "Sort them by date."):
        until(lambda: not form._sending)
        form.message = text
        form.submit()
        until(lambda: form.outcomes and form.outcomes[0].message == text)  # noqa: B023
    until(lambda: not form.message)
    shown = copies[-1]["data"]["text/html"]
    assert "Asteroid does not accept the API key" in shown
    assert "Sort them by date." in shown
    assert "form-saved" not in "".join(str(one["data"]) for one in copies)
    assert page.panel.outcomes == form.outcomes
    page.say("hello")
    assert "closed" in repr(form)
    assert [one.outcome for one in page.panel.outcomes] == ["delivered", "not_delivered"]
    assert "Sort them by date." in copies[-1]["data"]["text/html"]
    page.panel.close()
    assert "Asteroid does not accept the API key" in copies[-1]["data"]["text/html"]


@pytest.mark.usefixtures("impatient")
def test_close_closes_the_form_too(account: Sandbox, copies: list[dict[str, Any]]) -> None:
    page = displayed(running(account))
    form = form_of(page)
    page.panel.close()
    assert "closed" in repr(form)
    assert list(copies[-1]["data"]) == ["text/html"]


@pytest.mark.usefixtures("impatient", "account")
def test_what_is_typed_in_the_form_is_not_lost_when_a_front_end_comes(account: Sandbox) -> None:
    page = displayed(running(account))
    form = form_of(page)
    form.message = "half a sent"
    page.say("hello")
    assert "open" in repr(form)
    form.message = "half a sentence"
    form.submit()
    page.ping()
    until(lambda: form.outcomes)
    until(lambda: not form.message)
    page.ping()
    assert "closed" in repr(form)
    assert account.messages(running(account)) == ["half a sentence"]


@pytest.mark.usefixtures("impatient", "account")
def test_with_a_front_end_no_form_appears(account: Sandbox) -> None:
    page = displayed(running(account))
    page.say("hello")
    until(lambda: "front end" not in threads())
    assert page.panel._instead is None
    late = displayed()
    late.panel.close()
    until(lambda: "front end" not in threads())
    assert late.panel._instead is None


@pytest.mark.usefixtures("impatient")
def test_while_a_cell_runs_no_form_appears(account: Sandbox) -> None:
    page = Page(ChatPanel(running(account)))
    assert open_views.is_cell_running()
    page.panel._ipython_display_()
    page.panel._ipython_display_()
    # Many times as long as the silence.
    threading.Event().wait(0.6)
    assert page.panel._instead is None
    open_views._tell()
    assert "open" in repr(form_of(page))


# Its end, and other runs of its cell


class Cells:
    """Runs cells as a notebook does, which tells the kernel their IDs."""

    def __init__(self, shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> None:
        self._runs = 0
        self._parent: dict[str, Any] = {}
        monkeypatch.setattr(shell, "get_parent", lambda: self._parent, raising=False)

    def run(self, cell: str, execution: object = None) -> Page:
        """Run the cell with this ID, which makes a panel."""
        self._runs += 1
        self._parent = {"metadata": {"cellId": cell}, "header": {"msg_id": f"run-{self._runs}"}}
        return opened(execution)


@pytest.fixture
def cells(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> Cells:
    return Cells(shell, monkeypatch)


def is_open(page: Page) -> bool:
    return "open" in repr(page.panel)


@pytest.mark.usefixtures("account")
def test_twenty_runs_of_a_cell_leave_one_panel(cells: Cells, copies: list[dict[str, Any]]) -> None:
    other = cells.run("other")
    pages = [cells.run("one") for _ in range(20)]
    assert [is_open(page) for page in pages] == [False] * 19 + [True]
    assert is_open(other)
    pages[0].panel._ipython_display_()
    assert "A newer run of its cell has replaced this panel." in copies[-1]["data"]["text/html"]
    until(
        lambda: (
            len([one for one in threading.enumerate() if "asteroid-magic monitor" in one.name]) <= 2
        )
    )


def test_the_next_run_shows_what_failed_before_and_sends_nothing(
    cells: Cells, account: Sandbox
) -> None:
    run = running(account)
    account.fail_next(status=400)
    first = cells.run("one", run)
    first.press("refused", "one")
    first.press("delivered", "two")
    assert first.done("one")["outcome"] == "not_delivered"
    assert first.done("two")["outcome"] == "delivered"
    # Another is refused only after two newer runs.
    account.fail_next(delay=0.3)
    account.fail_next(status=400)
    first.press("on its way", "three")
    first.press("refused late", "four")
    cells.run("one", run)
    last = cells.run("one", run)
    assert last.done("four")["typed"] == "refused late"
    assert [one["press"] for one in last.shown["presses"]] == ["one", "four"]
    assert last.done("one")["typed"] == "refused"
    # A late second arrival of the press counts as little as in the panel before.
    last.press("refused", "one")
    assert last.bubble("one")["stage"] == "done"
    assert account.messages(run) == ["delivered", "on its way"]


def test_what_it_is_sending_is_sent_to_its_end(cells: Cells, account: Sandbox) -> None:
    run = running(account)
    account.fail_next(delay=0.3)
    page = cells.run("one", run)
    page.press("on its way", "one")
    page.press("and the next", "two")
    again = cells.run("one", run)
    assert is_open(page)
    until(lambda: not is_open(page))
    assert [one.outcome for one in page.panel.outcomes] == ["delivered", "delivered"]
    assert account.messages(run) == ["on its way", "and the next"]
    assert is_open(again)


@pytest.mark.usefixtures("impatient")
def test_what_is_typed_in_the_form_outlives_a_new_run_of_the_cell(
    cells: Cells, account: Sandbox
) -> None:
    def run_it(execution: object = None) -> Page:
        page = cells.run("one", execution)
        page.panel._has_front_end = False
        open_views._tell()
        page.panel._ipython_display_()
        return page

    page = run_it(running(account))
    form = form_of(page)
    assert form.made_in == page.panel.made_in
    form.message = "Not sent yet."
    again = form_of(run_it(running(account)))
    assert "closed" in repr(form)
    assert (again.execution, again.message) == (running(account), "Not sent yet.")
    without = form_of(run_it())
    assert (without.execution, without.message) == (running(account), "Not sent yet.")
    elsewhere = form_of(run_it(asking(account)))
    assert (elsewhere.execution, elsewhere.message) == (asking(account), "")


def test_unloading_the_extension_closes_it(shell: InteractiveShell, account: Sandbox) -> None:
    shell.run_line_magic("load_ext", "asteroid_magic")
    use(account.base_url, account.api_key)
    page = opened(running(account)).read()
    shell.run_line_magic("unload_ext", "asteroid_magic")
    assert not is_open(page)
    until(lambda: not threads())


def test_close_returns_while_a_request_is_under_way_and_nothing_is_told_after_it() -> None:
    with FaultServer(silent) as slow:
        use(slow.base_url)
        page = opened(ID)
        until(lambda: slow.requests)
        page.panel.close()
        page.panel.close()
        told = len(page.told)
        page.say("hello")
        page.ping()
        page.panel.check_settings()
        until(lambda: not threads())
        assert len(page.told) == told
        assert len(slow.requests) == 1


def test_an_interrupt_while_it_closes_leaves_nothing_open(
    account: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = opened(running(account))
    forget = open_views.forget

    def interrupted(view: open_views.OpenView) -> None:
        signal.raise_signal(signal.SIGINT)
        forget(view)

    monkeypatch.setattr(open_views, "forget", interrupted)
    with pytest.raises(KeyboardInterrupt):
        page.panel.close()
    monkeypatch.undo()
    assert not is_open(page)
    assert page.panel.comm is None
    until(lambda: not threads())


def test_a_panel_that_cannot_be_finished_leaves_nothing(
    account: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no outbox")

    monkeypatch.setattr(panel_module, "Outbox", fail)
    with pytest.raises(RuntimeError, match="no outbox"):
        ChatPanel(running(account))
    assert not open_views._open
    gc.collect()
    assert not threads()


def test_two_panels_of_one_execution_show_the_same(account: Sandbox) -> None:
    one, other = opened(running(account)).read(), opened(running(account)).read()
    press = one.press("from the first")
    one.done(press)
    other.say("refresh")
    until(lambda: "from the first" in other.texts())
    kinds = [entry["kind"] for entry in other.entries.values() if entry["text"] == "from the first"]
    assert kinds == ["person"]
    assert other.shown["presses"] == []
    deliver(account, running(account), "from elsewhere")
    for page in (one, other):
        page.say("refresh")
    until(lambda: all("from elsewhere" in page.texts() for page in (one, other)))


@pytest.mark.usefixtures("stepped")
def test_news_come_soon(server: RecordServer) -> None:
    page = opened(ID)
    watch(page, 90)
    server.happen(ID, WORK)
    watch(page, 35)
    assert len(page.entries) == 1
    page.say("touch")
    server.happen(ID, WORK)
    watch(page, 5)
    assert len(page.entries) == 2


def test_a_session_key_of_another_kind_changes_nothing(account: Sandbox) -> None:
    page = opened(running(account)).read()
    views = len(page.views)
    page.panel.check_settings()
    session.key = ApiKey(account.api_key, "the test")
    page.panel.check_settings()
    assert page.shown["problem"] == ""
    assert len(page.views) >= views
