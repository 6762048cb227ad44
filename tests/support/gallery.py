"""Every card, and every state of the panel: the same each time, drawn by the real renderer.

`page` makes one page of them, which the browser tests compare with the pictures that they keep;
`documentation` makes the page of the documentation.
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from typing import Any, Literal

from asteroid_magic import errors
from asteroid_magic.batch.journal import Journal
from asteroid_magic.client.transport.error_mapping import error_of
from asteroid_magic.client.transport.response import Answer
from asteroid_magic.config.api_key import ApiKey
from asteroid_magic.config.session import session
from asteroid_magic.models.activities import Activities, Activity, Option, Question, read_activity
from asteroid_magic.models.delivery import Delivery, DryRun, StatusChange
from asteroid_magic.models.executions import Execution, Executions
from asteroid_magic.models.files import File, Files, Upload, UploadedFile
from asteroid_magic.models.report import Report, RowResult
from asteroid_magic.models.watch import Ending, Listing, Transcript, WatchResult
from asteroid_magic.monitor import ConversationState, InboxEntry, InboxState, MonitorState
from asteroid_magic.monitor.reply import ReplyState
from asteroid_magic.panel.outbox import Press, Stage
from asteroid_magic.panel.panel import STATIC
from asteroid_magic.panel.view import View
from asteroid_magic.render import as_html
from tests.support.outcomes import ID, delivery

Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
TABLE = ID
INVOICES = "8b078c8b-fae8-4374-8107-3e6ef7e2508e"
FARES = "c46e1d90-2f6b-4b5f-8d3e-6a5b1c0f9e27"
OTHER = "d02b7f11-90cc-4e1f-a3b5-5a7c2e884d10"
ENDED_RUNS = tuple(f"{digit * 8}-2f6b-4b5f-8d3e-6a5b1c0f9e27" for digit in "123")
NAMES = {
    **dict.fromkeys(ENDED_RUNS, "Compare train fares"),
    TABLE: "Book a table",
    INVOICES: "Sort incoming invoices",
    FARES: "Compare train fares",
    OTHER: "A workflow with a name so long that no table of executions has the room to show it",
}
ANSWER = "Friday 18:30, please. It's 4 people, at most $50 each."
LONG = (
    "Dear agent,\n\ntwo things about the invoices:\n  - the one from {Lucia & Sons} is urgent\n"
    "  - anything over $1,000 goes to Anna\n\nThanks!"
)
NOW = datetime(2026, 10, 1, 18, 2, 11, tzinfo=UTC)


@dataclass(frozen=True)
class Card:
    """A card under its name: what is drawn, as the magics would show it.

    With `unfolded`, its details are shown.
    """

    name: str
    shown: Any
    unfolded: bool = False


@dataclass(frozen=True)
class PanelState:
    """A state of the panel under its name: the message that its front end gets."""

    name: str
    view: dict[str, Any]


@dataclass(frozen=True)
class Section:
    """Exhibits that belong together."""

    title: str
    exhibits: tuple[Card | PanelState, ...]


def sections() -> Iterator[Section]:
    """Yield the whole gallery."""
    for execution_id, name in NAMES.items():
        session.remember(execution_id, name)
    yield Section("Delivered", tuple(_delivered()))
    yield Section("May have been delivered", tuple(_unknown()))
    yield Section("Not delivered", tuple(_failed()))
    yield Section("Other calls that fail", tuple(_other_failures()))
    yield Section("Waiting for the agent", tuple(_watched()))
    yield Section("Executions, activities, files", tuple(_read()))
    yield Section("Control", tuple(_controlled()))
    yield Section("Many messages", tuple(_reports()))
    yield Section("The panel: the list", tuple(_lists()))
    yield Section("The panel: a conversation", tuple(_conversations()))
    yield Section("The panel: what became of a message", tuple(_presses()))


def _delivery(message: str = ANSWER, **changed: Any) -> Delivery:
    return delivery(message, **changed)


def _delivered() -> Iterator[Card]:
    yield Card("delivered", _delivery())
    yield Card("delivered-long", _delivery(LONG, execution_id=INVOICES), unfolded=True)
    yield Card(
        "delivered-found", _delivery(confirmed_by="activities", status_code=None), unfolded=True
    )
    yield Card("delivered-third-attempt", _delivery(attempts=3, elapsed=4.2), unfolded=True)
    yield Card("delivered-already", _delivery(attempts=0, status_code=None, elapsed=0.0))
    elsewhere = _delivery(base_url="http://127.0.0.1:8642/agents/v2")
    yield Card("delivered-elsewhere", elsewhere, unfolded=True)
    note = "There is a variable 'name'. To fill it in, write --fill."
    yield Card("delivered-note", _delivery("Dear {name}, yes.", notes=(note,)))
    yield Card("upload", _upload("delivered", "delivered"), unfolded=True)
    url = f"https://odyssey.asteroid.ai/agents/v2/executions/{TABLE}/user-messages"
    headers = {"Content-Type": "application/json", "X-Asteroid-Agents-Api-Key": "********"}
    body = json.dumps({"message": ANSWER})
    curl = f"curl --fail-with-body -X POST '{url}' \\\n  --data-binary '{body}'"
    yield Card(
        "dry-run",
        DryRun(
            execution_id=TABLE,
            message=ANSWER,
            method="POST",
            url=url,
            headers=headers,
            body=body,
            curl=curl,
        ),
    )


def _upload(*outcomes: Any) -> Upload:
    names = (("guest list.csv", 1_234), ("menu.pdf", 2_345_678), ("notes.txt", 12))
    files = tuple(
        UploadedFile(name=name, size=size, outcome=outcome, was_sent=outcome != "not_delivered")
        for (name, size), outcome in zip(names, outcomes, strict=False)
    )
    return Upload(
        execution_id=TABLE,
        base_url="https://odyssey.asteroid.ai/agents/v2",
        files=files,
        elapsed=0.8,
    )


def _about(error: errors.AsteroidError, message: str = ANSWER, attempts: int = 1) -> Any:
    return error.about(TABLE, message, attempts, NOW if attempts else None)


def _answered(status: int, detail: str, operation: errors.Operation = errors.SEND) -> Any:
    """Return the error that the client makes of an answer."""
    headers = {"Retry-After": "60"} if status == 429 else {}
    answer = Answer(status=status, text=json.dumps({"detail": detail}), headers=headers)
    return error_of(answer, ApiKey("no-key-is-shown-here", "the gallery"), operation)


def _unknown() -> Iterator[Card]:
    yield Card("unknown-503", _about(_answered(503, "upstream connect error"), LONG))
    broke = "The connection to odyssey.asteroid.ai broke before a readable answer came."
    yield Card("unknown-no-answer", _about(errors.DeliveryUnknown(broke)))
    yield Card("unknown-redirect", _about(_answered(302, "")))
    yield Card("unknown-interrupted", _about(errors.SendInterrupted()))
    error = _about(errors.DeliveryUnknown("Time ran out before odyssey.asteroid.ai answered."))
    error.upload = _upload("delivered", "unknown", "not_delivered")
    yield Card("unknown-upload", error)


def _failed() -> Iterator[Card]:
    yield Card("failed-400", _about(_answered(400, "The execution has already ended.")))
    yield Card("failed-401", _about(_answered(401, "Invalid API key.")))
    yield Card("failed-403", _about(_answered(403, "The execution belongs to another account.")))
    yield Card("failed-404", _about(_answered(404, "Execution not found.")))
    yield Card("failed-409", _about(_answered(409, "The execution is locked.")))
    yield Card("failed-429", _about(_answered(429, "Too many requests."), attempts=3))
    unreached = errors.ConnectionFailed("No host has the name odyssey.asteroid.example.")
    yield Card("failed-connection", _about(unreached, attempts=3))
    no_key = errors.ConfigurationError(
        "No API key is set.", hint="Run %asteroid_login, or set ASTEROID_API_KEY."
    )
    yield Card("failed-setting", _about(no_key, LONG, 0))
    yield Card(
        "failed-input",
        errors.InvalidInput(
            "No execution seen in this session has an ID starting with '12345678'.",
            title="It is not clear which execution is meant",
            hint="Give the whole ID, or list the executions first: %asteroid_executions.",
        ).about("12345678", ANSWER),
    )


_READ = errors.READ


def _other_failures() -> Iterator[Card]:
    yield Card(
        "read-failed",
        errors.NoAnswer("No answer came within 30 seconds.", operation=_READ).about(TABLE, None, 3),
    )
    yield Card("read-interrupted", errors.Interrupted(operation=_READ).about(TABLE, None, 1))
    cancelled = _answered(502, "Bad gateway.", errors.CANCEL).about(TABLE, None, 1)
    yield Card("cancel-unknown", cancelled)
    yield Card("journal", errors.JournalError("Another process uses 'answers.db'."))
    error = errors.BatchFailed("2 of 60 rows were not delivered.")
    yield Card("batch", error)


def _activity(second: int, kind: str, **payload: Any) -> Activity:
    return read_activity(
        {
            "id": f"a{second}",
            "executionId": TABLE,
            "timestamp": (NOW + timedelta(seconds=second - 11)).isoformat(),
            "payload": {"activityType": kind, **payload},
        }
    )


OPTIONS = (
    Option("Friday 18:30", "The small room"),
    Option("Friday 21:15"),
    Option("Saturday 20:00"),
)
ASKED = Question(
    "Trattoria Lucia has no table for four on Friday at 20:00. Which time shall I book?",
    header="Time",
    options=OPTIONS,
)
ORDER = Question(
    "What shall I add to the order?",
    multi_select=True,
    options=(Option("Paper"), Option("Blue pens"), Option("Larger envelopes")),
)
REASON = Question("The ticket costs $84. Shall I buy it?")
STARTED = (
    _activity(0, "status_changed", status="running"),
    _activity(1, "reasoning", reasoning="The restaurant must have a table for four. " * 12),
    _activity(2, "action_completed", message="Opened trattoria-lucia.example", actionId="1"),
    _activity(3, "action_failed", message="Chose 20:00", actionId="2"),
    _activity(4, "file_added", fileName="menu.pdf", fileSize=123_456),
)
HEARD = (
    _activity(12, "user_message_received", message=ANSWER, userUUID="u"),
    _activity(13, "action_completed", message="Filled in the answer", actionId="3"),
    _activity(
        14,
        "action_completed",
        actionName="send_user_message",
        message="Done, I booked Friday 18:30 for four.",
        actionId="4",
    ),
)
ENDED = _activity(
    15,
    "status_changed",
    status="completed",
    completedPayload={"outcome": "success", "result": {"seats": 4, "price": "$50"}},
    reason="Booked",
)


def _paused(second: int) -> Activity:
    options = [{"label": one.label, "description": one.description} for one in OPTIONS]
    asked = {"question": ASKED.question, "header": ASKED.header, "multiSelect": False}
    paused = {"question": {"questions": [{**asked, "options": options}]}}
    return _activity(second, "status_changed", status="paused_by_agent", pausedPayload=paused)


def _execution(execution_id: str, status: str, minutes: float = 4, **more: Any) -> Execution:
    return Execution(
        id=execution_id,
        workflow_name=NAMES[execution_id],
        status=status,
        created_at=NOW - timedelta(minutes=minutes),
        **more,
    )


def _watched() -> Iterator[Card]:
    kinds: dict[Ending, Sequence[Activity]] = {
        "spoke": HEARD,
        "asks": (*HEARD[:2], _paused(15)),
        "confirm": HEARD[:2],
        "over": (*HEARD, ENDED),
        "time": HEARD[:2],
        "interrupted": HEARD[:1],
        "unreadable": (),
    }
    for ending, activities in kinds.items():
        trouble = "Asteroid had an internal error." if ending == "unreadable" else ""
        yield Card(
            f"watch-{ending}",
            WatchResult(
                execution_id=TABLE,
                ending=ending,
                activities=Activities(activities),
                elapsed=2.6,
                trouble=trouble,
            ),
        )
    heard = WatchResult(
        execution_id=TABLE, ending="spoke", activities=Activities(HEARD), elapsed=2.6
    )
    yield Card("delivered-heard", replace(_delivery(), heard=heard))


def _read() -> Iterator[Card]:
    executions = [
        _execution(TABLE, "paused_by_agent"),
        _execution(FARES, "awaiting_confirmation", 0.4),
        _execution(INVOICES, "running", 190),
        _execution(OTHER, "paused", 1_800),
        _execution(ENDED_RUNS[0], "completed", 1_500),
        _execution(ENDED_RUNS[1], "failed", 9_000),
        _execution(ENDED_RUNS[2], "cancelled", 90_000),
    ]
    asked = {TABLE: (ASKED,), FARES: (REASON,)}
    yield Card("executions", Listing(executions, asked, has_more=True, read_at=NOW))
    yield Card("executions-none", Executions())
    links = {
        "recording_url": f"https://recordings.asteroid.ai/{TABLE}",
        "platform_url": f"https://platform.asteroid.ai/executions/{TABLE}",
    }
    table = _execution(TABLE, "completed", 11 / 60, **links)
    answered = _activity(12, "status_changed", status="running")
    yield Card(
        "activities",
        Transcript(
            execution=table,
            activities=Activities((*STARTED, _paused(6), HEARD[0], answered, *HEARD[1:], ENDED)),
            read_at=NOW,
        ),
    )
    older = Transcript(execution=table, activities=Activities(HEARD), has_older=True)
    yield Card("activities-older", older)
    yield Card("activities-none", Transcript(execution=table, activities=Activities()))
    files = [
        File(
            id="f1",
            name="menu.pdf",
            size=123_456,
            mime_type="application/pdf",
            created_at=NOW,
            execution_id=TABLE,
            directory="downloads",
        ),
        File(id="f2", name="guest list.csv", size=1_234, mime_type="text/csv", created_at=NOW),
    ]
    yield Card("files", Files(files, TABLE))
    yield Card("files-none", Files([], TABLE))


def _controlled() -> Iterator[Card]:
    for asked, status in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        yield Card(asked, StatusChange(execution_id=TABLE, asked=asked, status=status))


def _reports() -> Iterator[Card]:
    yield Card("report-delivered", _report(["delivered"] * 60))
    states = ["delivered", "delivered", "failed", "delivered", "unknown", "waiting"] * 2
    yield Card("report", _report(states, interrupted=True))


def _report(states: Sequence[Any], **more: Any) -> Report:
    kinds = {"failed": "NotFound", "unknown": "ServerError"}
    why = {"failed": "Execution not found.", "unknown": "upstream connect error"}
    results = [
        RowResult(at, state, 1, NOW.timestamp(), 0.2, kinds.get(state), why.get(state))
        for at, state in enumerate(states)
    ]
    journal = Journal(None)
    journal.write([(one.position, (TABLE, ANSWER)) for one in results], results)
    reader = journal.close()
    return Report(counts=reader.counts(), elapsed=4.0, reader=reader, **more)


# The panel. Its ages count from now on, so they are those of a fresh state.


def _panel(
    name: str,
    state: MonitorState,
    *presses: Press,
    note: str = "",
    problem: str = "",
) -> PanelState:
    chosen = state.conversation.execution_id if state.conversation else ""
    source = "" if problem else "ASTEROID_API_KEY"
    view = View().of(state, presses, chosen, key_source=source)
    return PanelState(name, {"chosen": chosen, "problem": problem, "note": note, **view})


def _inbox(**more: Any) -> InboxState:
    now = datetime.now(UTC)
    waiting: tuple[tuple[str, str, timedelta, tuple[Question, ...]], ...] = (
        (TABLE, "paused_by_agent", timedelta(minutes=4.5), (ASKED,)),
        (FARES, "awaiting_confirmation", timedelta(seconds=90), (REASON,)),
        (INVOICES, "running", timedelta(hours=3.5), ()),
        (OTHER, "paused", timedelta(days=2.5), ()),
    )
    entries = tuple(
        InboxEntry(execution=_execution(one, status), since=now - since, question=asked)
        for one, status, since, asked in waiting
    )
    fields: dict[str, Any] = {"entries": entries, "updated_at": now}
    return InboxState(**fields | more)


def _lists() -> Iterator[PanelState]:
    yield _panel("panel-list", MonitorState(inbox=_inbox(has_more=True), is_stopped=False))
    none = InboxState(updated_at=datetime.now(UTC))
    yield _panel("panel-list-empty", MonitorState(inbox=none, is_stopped=False))
    error = errors.ServerError("", status_code=502, operation=_READ)
    failing = MonitorState(inbox=_inbox(error=error), is_stopped=False)
    yield _panel("panel-list-unreadable", failing)
    yield _panel("panel-list-stopped", MonitorState(inbox=_inbox(), is_stopped=True))
    no_key = "No API key is set. Run %asteroid_login in a cell."
    yield _panel("panel-no-key", MonitorState(), problem=no_key)


def _conversation(status: str, **more: Any) -> ConversationState:
    now = datetime.now(UTC)
    link = f"https://platform.asteroid.ai/executions/{TABLE}"
    fields: dict[str, Any] = {
        "execution_id": TABLE,
        "access": "readable",
        "execution": _execution(TABLE, status, platform_url=link),
        "since": now - timedelta(minutes=4),
        "started": now - timedelta(minutes=9),
        "activities": Activities(STARTED),
        "updated_at": now,
    }
    return ConversationState(**fields | more)


def _with(conversation: ConversationState, *replies: ReplyState) -> MonitorState:
    return MonitorState(
        conversation=conversation, inbox=_inbox(), replies=replies, is_stopped=False
    )


def _conversations() -> Iterator[PanelState]:
    asks = _conversation("paused_by_agent", question=(ASKED,))
    yield _panel("panel-question", _with(asks))
    yield _panel("panel-choices", _with(_conversation("paused_by_agent", question=(ORDER,))))
    confirm = _conversation("awaiting_confirmation", question=(REASON,))
    yield _panel("panel-confirmation", _with(confirm))
    working = _conversation("running", doing="Reading the menu")
    yield _panel("panel-running", _with(working))
    yield _panel("panel-note", _with(working), note="Book a table is paused.")
    over = _conversation("completed", activities=Activities((*STARTED, *HEARD, ENDED)))
    yield _panel("panel-over", _with(over))
    purged = _execution(TABLE, "completed", data={"purgedAt": NOW.isoformat()})
    gone = _conversation("completed", execution=purged, activities=Activities())
    yield _panel("panel-purged", _with(gone))
    unread = ConversationState(execution_id=TABLE)
    yield _panel("panel-unread", _with(unread))
    missing = ConversationState(
        execution_id=TABLE, access="not_found", error=errors.NotFound("", status_code=404)
    )
    yield _panel("panel-not-found", _with(missing))
    lost = _conversation("running", error=errors.ServerError("", status_code=502, operation=_READ))
    yield _panel("panel-unreadable", _with(lost))


def _press(stage: Stage = "done", outcome: Any = None, **more: Any) -> Press:
    fields: dict[str, Any] = {"id": "1", "execution_id": TABLE, "text": ANSWER, "at": NOW}
    return Press(stage=stage, outcome=outcome, **fields | more)


def _presses() -> Iterator[PanelState]:
    state = _with(_conversation("running", activities=Activities(STARTED[:1])))
    for stage in ("queued", "sending", "looking"):
        yield _panel(f"panel-{stage}", state, _press(stage))
    delivered = _delivery()
    awaited = ReplyState(delivery=delivered, activities=Activities())
    heard = _conversation(
        "running", activities=Activities((STARTED[0], HEARD[0])), doing="Filling in the answer"
    )
    yield _panel(
        "panel-delivered",
        _with(heard, awaited),
        _press(outcome=delivered, listed_before=frozenset()),
    )
    files = (("guest list.csv", 1_234), ("menu.pdf", 2_345_678))
    yield _panel("panel-files", state, _press("sending", names=files))
    refused = _about(errors.BadRequest("The execution has already ended.", status_code=400))
    yield _panel("panel-failed", state, _press(outcome=refused))
    lost = _about(errors.DeliveryUnknown("The connection broke before an answer arrived."))
    yield _panel("panel-unknown", state, _press(outcome=lost))
    looked = "It is not among the activities of the execution; it may still arrive."
    yield _panel("panel-looked", state, _press(outcome=lost, note=looked))


# The pages

SCRIPT = """
const source = document.getElementById("panel-source").textContent;
const file = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
const { default: panel } = await import(file);
for (const el of document.querySelectorAll(".gallery-panel")) {
  const view = { type: "view", ...JSON.parse(el.dataset.view) };
  const calls = new Set(), tell = told => calls.forEach(call => call(told));
  panel.render({ el, model: {
    on: (_, call) => calls.add(call), off: (_, call) => calls.delete(call),
    // A kernel that answers, and does nothing.
    send: said => queueMicrotask(() => {
      if (said.type === "hello") { tell({ type: "welcome", view: said.view }); tell(view); }
      if (said.type === "ping") tell({ type: "pong", view: said.view, number: said.number });
    }),
  } });
}
document.documentElement.dataset.ready = "";
"""
STYLE = """
.gallery-pair { display: grid; gap: 12px; margin: 8px 0 28px; }
.gallery-item { min-width: 0; padding: 12px; border-radius: 6px; font: 14px/1.45 sans-serif; }
.gallery-item[data-jp-theme-light="true"] { color-scheme: light; color: #111; background: #fff; }
.gallery-item[data-jp-theme-light="false"] { color-scheme: dark; color: #eee; background: #111; }
"""


def item(exhibit: Card | PanelState, theme: Theme) -> str:
    """Return one exhibit as HTML, in this theme."""
    if isinstance(exhibit, Card):
        inner = as_html(exhibit.shown)
        if exhibit.unfolded:
            inner = inner.replace("<details>", "<details open>")
    else:
        view = escape(json.dumps(exhibit.view), quote=True)
        inner = f'<div class="gallery-panel" data-view="{view}"></div>'
    name = f"{exhibit.name}-{theme}"
    is_light = str(theme == "light").lower()
    return (
        f'<div class="gallery-item" id="{name}" data-jp-theme-light="{is_light}">\n{inner}\n</div>'
    )


def machinery() -> str:
    """Return what the exhibits need on their page: styles, and the panel's own front end."""
    source, style = ((STATIC / f"panel.{kind}").read_text() for kind in ("js", "css"))
    assert "</script" not in source
    return (
        f"<style>{style}{STYLE}</style>\n"
        f'<script type="text/plain" id="panel-source">{source}</script>\n'
        f'<script type="module">{SCRIPT}</script>\n'
    )


def page(theme: Theme, shown: Sequence[Section]) -> str:
    """Return a page of its own with these sections, in this theme."""
    items = [item(one, theme) for section in shown for one in section.exhibits]
    body = "\n".join(items)
    return f'<!doctype html><meta charset="utf-8"><body>{machinery()}{body}</body>'


# The states of the form, of which the browser tests take pictures.
FORMS = {
    "list": "Nothing chosen",
    "question": "A question",
    "choices": "A question with several answers",
    "confirmation": "A confirmation",
    "not-delivered": "A message that was not delivered",
    "unknown": "A message that may have been delivered",
}
PICTURES = Path(__file__).parents[1] / "live/browser/pictures"


INTRODUCTION = """\
Every card, every state of the panel, and pictures of the form, in light and dark. The package
itself draws the cards and the panels of this page, from made-up data. The browser tests compare
each of them with a picture, so that a change of its look is seen."""


def documentation() -> str:
    """Return the page of the documentation, as Markdown: each exhibit in light and dark."""
    parts = ["# Gallery", INTRODUCTION, _raw(machinery())]
    for section in sections():
        parts.append(f"## {section.title}")
        for one in section.exhibits:
            both = "\n".join(item(one, theme) for theme in THEMES)
            parts += [f"`{one.name}`", _raw(f'<div class="gallery-pair">{both}</div>')]
    parts.append("## The form")
    for state, words in FORMS.items():
        parts.append(words)
        parts += [f"![{words}, {theme}](pictures/form-{state}-{theme}.png)" for theme in THEMES]
    return "\n\n".join(parts) + "\n"


def _raw(text: str) -> str:
    return f"`````{{raw}} html\n{text}\n`````"


def write(folder: Path) -> None:
    """Write the page of the documentation, and beside it the pictures that it shows."""
    (folder / "gallery.md").write_text(documentation(), encoding="utf-8")
    pictures = folder / "pictures"
    pictures.mkdir(exist_ok=True)
    for picture in PICTURES.glob("form-*.png"):
        shutil.copy(picture, pictures)
