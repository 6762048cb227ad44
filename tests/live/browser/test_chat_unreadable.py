"""What the panel says of what it cannot read, of what is over, and of a server that is full."""

import re
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

from asteroid_magic.sandbox import Sandbox
from tests.live.browser.conftest import Opener
from tests.support.chats import ChatPage
from tests.support.outcomes import ID
from tests.support.records import RecordServer
from tests.support.sandboxes import finished, running

PURGED = "The activities of this execution were deleted on 2026-10-01"


@pytest.mark.parametrize("kind", ["unknown", "foreign"])
def test_what_cannot_be_read_is_said_and_the_draft_stays(
    open_cells: Opener, box: Sandbox, kind: str
) -> None:
    execution, said = {
        "unknown": (ID, "No execution has this ID"),
        "foreign": (box.foreign_execution_id, "This API key may not read this"),
    }[kind]
    with open_cells(box, f"%asteroid_chat {execution}", host="notebooks") as notebook:
        chat = ChatPage(notebook.page)
        expect(chat.banner).to_contain_text(said)
        bubble = chat.type_and_send("Are you there?")
        expect(bubble).to_contain_text("Not delivered")
        # The text comes back.
        expect(chat.message).to_have_value("Are you there?")
        chat.back()
        expect(chat.list.get_by_role("button")).to_have_count(2)
        expect(chat.banner).to_be_hidden()


def test_a_finished_execution_says_so_and_keeps_what_was_typed(
    open_cells: Opener, box: Sandbox
) -> None:
    with open_cells(box, f"%asteroid_chat {finished(box)}") as notebook:
        chat = ChatPage(notebook.page)
        expect(chat.root.locator(".ac-pill")).to_have_text(re.compile("finished|failed|cancelled"))
        expect(chat.button("More")).to_have_count(0)
        expect(chat.type_and_send("One more thing.")).to_contain_text("Not delivered")
        expect(chat.message).to_have_value("One more thing.")
    assert box.messages(finished(box)) == []


def test_purged_activities_are_said_to_be_deleted(open_cells: Opener) -> None:
    with RecordServer() as server:
        server.execution = {
            "status": "completed",
            "workflowName": "Old",
            "purgedAt": "2026-10-01T00:00:00Z",
        }
        account = SimpleNamespace(base_url=server.base_url, api_key="key-4711-secret")
        with open_cells(account, f"%asteroid_chat {ID}", host="notebooks") as notebook:
            chat = ChatPage(notebook.page)
            expect(chat.log).to_contain_text(PURGED)
            expect(chat.log).not_to_contain_text("Nothing has happened yet")


def test_a_server_that_asks_to_wait_is_said_to_and_the_message_arrives_later(
    open_cells: Opener, box: Sandbox
) -> None:
    with open_cells(box, f"%asteroid_chat {running(box)}") as notebook:
        chat = ChatPage(notebook.page)
        expect(chat.log).to_contain_text("Filed an invoice")
        # It waits as long as the server says, and sends it again: nothing was stored.
        box.fail_next(status=429, retry_after=1)
        expect(chat.type_and_send("Soon.").get_by_label("Delivered at")).to_be_visible()
        # Nobody waits for an hour.
        box.fail_next(status=429, retry_after=3_600)
        bubble = chat.type_and_send("Later.")
        expect(bubble).to_contain_text("Not delivered")
        expect(bubble).to_contain_text(re.compile("1 h|3,?600 s|60 min"))
        expect(chat.message).to_have_value("Later.")
    assert box.messages(running(box)) == ["Soon."]
