"""What a page is told: only what is new, as JSON, and every text from outside as text."""

import json
from typing import Any

import pytest

from asteroid_magic.monitor import MonitorState
from asteroid_magic.panel.view import View
from asteroid_magic.sandbox import Sandbox
from tests.support.messages import LINES
from tests.support.outcomes import ID
from tests.support.records import RecordServer
from tests.support.sandboxes import running
from tests.support.waiting import until

from .conftest import Page, opened

HOSTILE = '<script>alert(1)</script><img src=x onerror=alert(2)> "\x1b[2J\u202egnp.exe\u0085\x00'
SHOWN = HOSTILE.translate({ord(one): f"⟨U+{ord(one):04X}⟩" for one in "\x1b\u202e\u0085\0"})
MESSAGE = "user_message_received"


def note(text: str) -> dict[str, Any]:
    return {"activityType": "generic", "message": text}


def fresh(page: Page) -> list[dict[str, Any]]:
    """Return the conversation of each view from here on."""
    return [one["conversation"] for one in page.views if one["conversation"]]


def test_only_new_and_changed_entries_are_sent_and_the_order_of_all(server: RecordServer) -> None:
    for number in range(5):
        server.happen(ID, note(f"note {number}"), ago=60 - number)
    begun = {"activityType": "action_started", "actionId": "a", "message": "Reading"}
    server.happen(ID, begun, ago=9)
    page = opened(ID).read()
    assert [text for text in page.texts() if text.startswith("note")] == [
        f"note {number}" for number in range(5)
    ]
    page.told.clear()
    server.happen(ID, note("note 5"))
    server.happen(ID, {"activityType": "action_completed", "actionId": "a", "message": "Read it"})
    page.say("refresh")
    until(lambda: "note 5" in page.texts())
    until(lambda: "Read it" in page.texts())
    sent = [entry["text"] for found in fresh(page) for entry in found["entries"]]
    # An action that has ended is one entry with its start.
    assert sorted(sent) == ["Read it", "note 5"]
    assert len(fresh(page)[-1]["order"]) == len(set(fresh(page)[-1]["order"])) == 7
    page.told.clear()
    page.say("refresh")
    until(lambda: len(fresh(page)) >= 2)
    assert not [entry for found in fresh(page) for entry in found["entries"]]
    page.say("hello")
    assert len(fresh(page)[-1]["entries"]) == 7


def test_another_page_gets_everything(server: RecordServer) -> None:
    server.happen(ID, note("one"))
    server.happen(ID, note("two"))
    first = opened(ID).read()
    until(lambda: first.entries)
    second = Page(first.panel)
    second.say("hello")
    assert second.texts() == first.texts() == ["one", "two"]
    second.say("open", execution="")
    second.say("open", execution=ID)
    until(lambda: second.texts() == ["one", "two"])


def test_the_latest_entries_that_fit_are_shown_and_that_there_are_older_ones(
    server: RecordServer,
) -> None:
    for number in range(300):
        said = {"activityType": MESSAGE, "message": f"{number} " + "é" * 3_000}
        server.happen(ID, said, ago=1_000 - number)
    page = opened(ID).read()
    until(lambda: page.entries)
    assert page.conversation["hasOlder"]
    assert page.texts()[-1].startswith("299 ")
    assert len(json.dumps(page.shown, ensure_ascii=False).encode()) < 250_000


def test_a_long_text_says_what_is_left_out(server: RecordServer) -> None:
    server.happen(ID, {"activityType": MESSAGE, "message": "begin " + "x" * 900_000 + " end"})
    result = {"completedPayload": {"result": {"rows": ["y" * 1_000] * 900}}}
    server.happen(ID, {"activityType": "status_changed", "status": "completed", **result})
    page = opened(ID).read()
    until(lambda: len(page.entries) == 2)
    message, ended = page.entries.values()
    assert message["text"].startswith("begin ")
    assert message["text"].endswith(" end")
    for text in (message["text"], ended["data"]):
        assert "characters left out here …]" in text


def test_a_bubble_and_the_servers_own_message_become_one_entry(server: RecordServer) -> None:
    server.happen(ID, {"activityType": MESSAGE, "message": "yes"}, ago=3_000)
    page = opened(ID).read()
    # The list is a little behind.
    server.shape = lambda found: found[-1:]
    first, second = page.press("yes"), page.press("yes")
    assert page.done(first)["outcome"] == page.done(second)["outcome"] == "delivered"
    assert not page.bubble(first)["activity"]
    assert [one["kind"] for one in page.entries.values()] == ["person"]
    server.shape = list
    page.say("refresh")
    until(lambda: page.bubble(second)["activity"])
    old, *own = page.entries.values()
    assert (old["kind"], old["press"], old["label"]) == ("person", "", "User")
    assert [(one["kind"], one["press"], one["label"]) for one in own] == [
        ("own", first, "You"),
        ("own", second, "You"),
    ]
    assert [page.bubble(press)["activity"] for press in (first, second)] == [
        one["key"] for one in own
    ]


def test_hostile_words_are_visible_and_stay_words(server: RecordServer) -> None:
    asked = [
        {
            "question": HOSTILE,
            "header": HOSTILE,
            "options": [{"label": HOSTILE, "description": HOSTILE}],
        }
    ]
    asks = {
        "activityType": "status_changed",
        "status": "paused_by_agent",
        "pausedPayload": {"reason": HOSTILE, "question": {"questions": asked}},
    }
    server.execution = {"status": "paused_by_agent", "workflowName": HOSTILE}
    server.listed = [{"id": ID, "status": "paused_by_agent", "workflowName": HOSTILE}]
    server.listed.append({"id": ID[::-1], "status": HOSTILE, "workflowName": ""})
    server.happen(ID, note(HOSTILE), ago=9)
    server.happen(ID, {"activityType": "reasoning", "reasoning": HOSTILE}, ago=8)
    todos = [{"content": HOSTILE, "status": HOSTILE}]
    server.happen(ID, {"activityType": "todos_updated", "todos": todos}, ago=7)
    server.happen(ID, {"activityType": HOSTILE, "message": HOSTILE}, ago=6)
    server.happen(ID, {"activityType": MESSAGE, "message": HOSTILE}, ago=5)
    server.happen(ID, asks)
    page = opened(ID).read()
    until(lambda: page.conversation["questions"] and page.inbox["entries"])
    until(lambda: page.inbox["entries"][0]["asks"])
    press = page.press(HOSTILE.replace("\0", ""))
    page.done(press)
    words = json.loads(json.dumps(page.told))
    for view in words:
        for found in [view.get("conversation") or {}]:
            for question in found.get("questions", []):
                for option in question["options"]:
                    # What an answer says, exactly; it is never shown.
                    assert option.pop("label") == HOSTILE
        for one in view.get("presses", []):
            one.pop("typed")
    seen = json.dumps(words, ensure_ascii=False)
    for character in ("\x1b", "\u202e", "\u0085", "\0"):
        assert character not in seen
        assert json.dumps(character).strip('"') not in seen
    for text in (page.conversation["questions"][0]["question"], page.bubble(press)["text"]):
        assert text in {SHOWN, SHOWN.replace("⟨U+0000⟩", "")}
    assert "⟨U+202E⟩" in page.conversation["name"]
    assert page.inbox["entries"][1]["name"] == "(no name)"


def test_every_text_is_shown_as_the_cards_show_it(server: RecordServer) -> None:
    text = f"{LINES['family']}, a\u200cb, {LINES['right to left']}"
    server.happen(ID, {"activityType": MESSAGE, "message": text})
    page = opened(ID).read()
    until(lambda: page.entries)
    assert page.texts() == [text]
    press = page.press(text + "\0")
    assert page.bubble(press)["text"] == text + "⟨U+0000⟩"


def test_activities_without_an_id_have_a_place_each(server: RecordServer) -> None:
    shape = server.shape

    def without(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**one, "id": ""} for one in shape(found)]

    server.shape = without
    for number in range(3):
        server.happen(ID, note(f"note {number}"), ago=60 - number)
    page = opened(ID).read()
    assert len(page.conversation["order"]) == len(set(page.conversation["order"]))


@pytest.mark.parametrize(
    ("kind", "waits_for", "options"), [("choices", "asks", 3), ("confirmation", "confirm", 0)]
)
def test_what_it_waits_for_is_told(
    account: Sandbox, kind: Any, waits_for: str, options: int
) -> None:
    (added,) = account.add_waiting(1, kind=kind)
    page = opened(added.id).read()
    until(lambda: page.conversation["questions"])
    (question,) = page.conversation["questions"]
    assert page.conversation["waitsFor"] == waits_for
    assert question["several"] == (kind == "choices")
    assert len(question["options"]) == options
    assert question["question"]


def test_an_execution_that_was_purged_or_cannot_be_read_is_told(server: RecordServer) -> None:
    server.execution = {"status": "completed", "purgedAt": "2026-10-01T00:00:00Z"}
    server.refuse = lambda path: (404, {}) if "activities" in path else None
    page = opened(ID)
    until(lambda: page.conversation.get("isPurged"))
    assert page.conversation["isOver"]
    assert "were deleted on 2026-10-01" in page.conversation["nothing"]
    server.refuse = lambda _path: (403, {})
    other = opened("00000000-0000-4000-8000-000000000002")
    until(lambda: other.conversation.get("access") == "forbidden")
    assert other.conversation["error"]
    assert not other.conversation["isKnown"]
    until(lambda: other.inbox["error"])


def test_ages_count_by_the_clock_of_the_kernel(account: Sandbox) -> None:
    page = opened(running(account)).read()
    assert 0 <= page.conversation["age"] < 20
    until(lambda: page.conversation["since"] is not None)
    assert page.conversation["since"] > 2_000


def test_nothing_is_known_before_anything_was_read() -> None:
    shown = View().of(MonitorState(), [], ID, key_source="")
    assert shown["conversation"] is None
    assert shown["presses"] == shown["inbox"]["entries"] == []
    assert shown["inbox"]["age"] is None
    assert shown["stopped"]


def test_only_links_that_are_safe_are_told(server: RecordServer) -> None:
    server.execution = {
        "status": "running",
        "liveViewUrl": "https://b\u00fccher.example/x",
        "recordingUrl": "javascript:alert(1)",
        "platformUrl": "https://user@a.example",
    }
    page = opened(ID)
    until(lambda: page.conversation.get("links"))
    assert page.conversation["links"] == [
        {"name": "Live view", "url": "https://xn--bcher-kva.example/x"}
    ]
