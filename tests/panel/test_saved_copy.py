"""What the notebook keeps of a panel: plain HTML, hidden while the panel lives."""

import math
import re
from typing import Any

import pytest

from asteroid_magic import AsteroidClient
from asteroid_magic.panel import panel as panel_module
from asteroid_magic.panel import saved_copy
from asteroid_magic.sandbox import Sandbox
from tests.support.outcomes import ID, Seen
from tests.support.records import RecordServer
from tests.support.sandboxes import asking, deliver, running
from tests.support.servers import FaultServer, silent
from tests.support.waiting import until

from .conftest import Page, opened, threads
from .test_view import HOSTILE, MESSAGE, note

Copies = list[dict[str, Any]]
WIDGET = "application/vnd.jupyter.widget-view+json"


def shown(copies: Copies) -> Seen:
    """Return the latest copy as a browser takes it."""
    return Seen(copies[-1]["data"]["text/html"])


def displayed(execution: object) -> Page:
    page = opened(execution)
    page.panel._ipython_display_()
    return page.read()


def test_the_panel_is_displayed_with_its_copy_below(account: Sandbox, copies: Copies) -> None:
    page = opened(running(account)).read()
    # What was never displayed keeps nothing.
    assert not copies
    page.panel._ipython_display_()
    panel, copy = copies
    assert panel["data"][WIDGET]["model_id"] == page.panel.model_id
    assert panel["data"]["text/html"] == ""
    assert panel["data"]["text/plain"] == saved_copy.INSTEAD
    assert list(copy["data"]) == ["text/html"]
    assert not copy["update"]
    identity = copy["transient"]["display_id"]
    page.done(page.press("keep me"))
    until(lambda: "keep me" in shown(copies).words)
    assert copies[-1]["update"]
    assert copies[-1]["transient"]["display_id"] == identity


def test_it_is_the_conversation_and_says_how_to_get_the_panel_back(
    account: Sandbox, copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel_module, "LEAST_BETWEEN_S", 0.0)
    page = displayed(asking(account))
    until(lambda: "Found three free times" in shown(copies).words)
    page.done(page.press("Friday 18:30"))
    until(lambda: page.bubble(page.shown["presses"][0]["press"])["activity"])
    until(lambda: "You Friday 18:30" in " ".join(shown(copies).words.split()))
    words = " ".join(shown(copies).words.split())
    assert "Book a table" in words
    assert "Page of the run (127.0.0.1:" in words
    # The bubble and the server's own message are one entry.
    assert words.count("You Friday 18:30") == words.count("✓ Delivered") == 1
    assert "To get it back, run its cell again." in words
    assert re.search(r"This copy is from \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", words)


def test_it_follows_a_busy_agent_only_now_and_then_but_every_outcome(
    account: Sandbox, copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = displayed(running(account))
    monkeypatch.setattr(panel_module, "LEAST_BETWEEN_S", math.inf)
    deliver(account, running(account), "From elsewhere.")
    page.panel._monitor.touch()
    until(lambda: any("From elsewhere." in one["text"] for one in page.entries.values()))
    page.ping()
    assert "From elsewhere." not in shown(copies).words
    account.fail_next(status=400)
    page.done(page.press("It's 4 people."))
    until(lambda: "It's 4 people." in shown(copies).words)
    monkeypatch.setattr(panel_module, "LEAST_BETWEEN_S", 0.0)
    deliver(account, running(account), "Once more.")
    page.panel._monitor.touch()
    until(lambda: any("Once more." in one["text"] for one in page.entries.values()))
    page.ping()
    assert "Once more." in shown(copies).words


def test_what_failed_is_kept_with_its_reason(account: Sandbox, copies: Copies) -> None:
    page = displayed(running(account))
    account.fail_next(status=400)
    page.done(page.press("It's 4 people, at most $50 each."))
    until(lambda: "Not delivered" in shown(copies).words)
    assert "It's 4 people, at most $50 each." in shown(copies).words


def test_it_is_hidden_while_the_panel_lives(account: Sandbox, copies: Copies) -> None:
    page = displayed(running(account))
    (lives,) = [one for one in page.panel._dom_classes if one.startswith("asteroid-chat-")]
    html = copies[-1]["data"]["text/html"]
    kept = lives.replace("asteroid-chat-", "asteroid-chat-kept-")
    assert f"body:has(.{lives}) .{kept} {{ display: none; }}" in html
    assert f" {kept} " in html
    # No part of the copy has the class that hides it.
    assert not re.search(rf'class="[^"]*\b{lives}\b', html)


def test_hostile_words_stay_words(server: RecordServer, copies: Copies) -> None:
    server.execution = {"status": "running", "workflowName": HOSTILE}
    server.happen(ID, note(HOSTILE), ago=5)
    server.happen(ID, {"activityType": MESSAGE, "message": HOSTILE})
    page = displayed(ID)
    page.done(page.press(HOSTILE))
    until(lambda: "NUL" in shown(copies).words)
    seen = shown(copies)
    assert not {"script", "img", "a"} & seen.tags
    assert not {name for name in seen.attributes if name.startswith("on")}
    assert "<script>alert(1)</script>" in seen.words
    for character in ("\x1b", "\u202e", "\0"):
        assert character not in copies[-1]["data"]["text/html"]


def test_it_is_renewed_only_if_something_has_happened(
    server: RecordServer, copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel_module, "LEAST_BETWEEN_S", 0.0)
    server.happen(ID, note("one"))
    page = displayed(ID)
    until(lambda: "one" in shown(copies).words)
    before = len(copies)
    for times in range(1, 4):
        asked = len(server.asked)
        age = len(page.views)
        page.say("refresh")
        until(lambda asked=asked: len(server.asked) >= asked + 3)  # type: ignore[misc]
        until(lambda age=age: len(page.views) >= age + 2)  # type: ignore[misc]
        assert len(copies) == before, times
    server.happen(ID, note("two"))
    page.say("refresh")
    until(lambda: "two" in shown(copies).words)
    assert len(copies) == before + 1


@pytest.mark.parametrize("is_replaced", [True, False])
def test_once_it_is_closed_it_says_so(account: Sandbox, copies: Copies, is_replaced: bool) -> None:
    page = displayed(running(account))
    page.done(page.press("keep me"))
    if is_replaced:
        page.panel.replace()
    else:
        page.panel.close()
    words = shown(copies).words
    assert (saved_copy.REPLACED in words) == is_replaced
    assert (saved_copy.CLOSED in words) != is_replaced
    assert "run its cell again" not in words
    assert "keep me" in words
    page.panel._ipython_display_()
    assert WIDGET not in copies[-1]["data"]
    assert not copies[-1]["update"]
    assert "keep me" in shown(copies).words


def test_what_became_of_a_message_after_the_end_is_kept(copies: Copies) -> None:
    with FaultServer(silent) as server, AsteroidClient("key-4711", server.base_url) as client:
        page = opened(ID, client)
        page.panel._ipython_display_()
        page.press("under way")
        page.press("still waiting")
        until(lambda: any(one.startswith(b"POST") for one in server.requests))
        page.panel.close()
        until(lambda: not threads())
    words = shown(copies).words
    assert "May have been delivered" in words
    assert "under way" in words
    assert "still waiting" in words
    assert "The panel was closed before it sent this" in words
