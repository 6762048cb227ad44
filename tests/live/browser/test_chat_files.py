"""Files that are attached in the panel: chosen, removed, pasted, sent, refused, and kept."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, expect

from asteroid_magic.sandbox import Sandbox
from tests.live.browser.conftest import Opener
from tests.support.accessibility import violations
from tests.support.chats import ChatPage
from tests.support.lone_panels import A, B, LonePage, lone_page
from tests.support.sandboxes import running

PICKER = "input[type=file]"
PLAN = FilePayload(name="plan.txt", mimeType="text/plain", buffer=b"Line one\n" * 300)
LARGE = FilePayload(name="large.bin", mimeType="application/zip", buffer=bytes(range(256)) * 9_000)


@pytest.fixture
def lone(browser: Browser) -> Iterator[LonePage]:
    with lone_page(browser) as page:
        yield page


@pytest.mark.parametrize("host", ["lab", "notebooks"])
def test_files_go_before_the_message_and_arrive_whole(
    open_cells: Opener, box: Sandbox, tmp_path: Path, host: str
) -> None:
    run = running(box)
    with open_cells(box, f"%asteroid_chat {run}", host=host) as notebook:
        chat = ChatPage(notebook.page)
        expect(chat.log).to_contain_text("Filed an invoice")
        with notebook.page.expect_file_chooser() as chooser:
            chat.button("Attach files").click()
        own = tmp_path / "größe ü.txt"
        own.write_text("from the disk", "utf-8")
        chooser.value.set_files([own])
        chat.root.locator(PICKER).set_input_files([PLAN, LARGE])
        chips = chat.root.get_by_role("list", name="Attached files").get_by_role("listitem")
        expect(chips).to_have_text(
            [re.compile("größe ü.txt"), re.compile("plan.txt"), re.compile("large.bin")]
        )
        assert violations(chat.page, ".ac-chat") == []
        chat.button("Remove plan.txt").click()
        expect(chips).to_have_count(2)
        expect(chat.message).to_be_focused()
        bubble = chat.type_and_send("Here they are.")
        expect(bubble.get_by_label("Delivered at")).to_be_visible()
        expect(bubble).to_contain_text("large.bin (2.3 MB)")
        expect(chips).to_have_count(0)
        # The next message has none.
        chat.deliver("And a word.")
    assert box.files(run)["large.bin"] == LARGE["buffer"]
    assert box.files(run)["größe ü.txt"] == b"from the disk"
    assert "plan.txt" not in box.files(run)
    assert box.messages(run) == ["Here they are.", "And a word."]


def test_what_did_not_arrive_is_attached_again_with_the_text(
    open_cells: Opener, box: Sandbox
) -> None:
    run = running(box)
    with open_cells(box, f"%asteroid_chat {run}", host="notebooks") as notebook:
        chat = ChatPage(notebook.page)
        expect(chat.log).to_contain_text("Filed an invoice")
        chat.root.locator(PICKER).set_input_files([PLAN, LARGE])
        box.fail_next(delay=0.01, of="upload")
        box.fail_next(status=400, of="upload")
        bubble = chat.type_and_send("See both.")
        expect(bubble).to_contain_text("Not delivered: The message was not sent, because a file")
        expect(bubble).to_contain_text("plan.txt (2.7 kB): delivered")
        expect(bubble).to_contain_text("large.bin (2.3 MB): not delivered")
        expect(chat.message).to_have_value("See both.")
        chips = chat.root.get_by_role("list", name="Attached files").get_by_role("listitem")
        expect(chips).to_have_text([re.compile("large.bin")])
        assert box.messages(run) == []
        chat.message.focus()
        chat.page.keyboard.press("Control+Enter")
        expect(chat.bubbles.get_by_label("Delivered at")).to_be_visible()
    assert box.messages(run) == ["See both."]
    assert box.files(run)["large.bin"] == LARGE["buffer"]


def test_files_belong_to_the_draft_of_their_conversation(lone: LonePage) -> None:
    chat = lone.add()
    chat.show(A)
    chat.root.locator(PICKER).set_input_files([PLAN])
    chips = chat.root.get_by_role("list", name="Attached files").get_by_role("listitem")
    expect(chips).to_have_count(1)
    chat.show(B)
    expect(chips).to_have_count(0)
    chat.show("")
    chat.show(A)
    expect(chips).to_have_count(1)
    # A new run of the cell takes them over, as it does the draft.
    chat.close()
    chat = lone.add()
    chat.show(A)
    expect(chips).to_have_text([re.compile("plan.txt")])
    # The same file is attached once, and can be attached again.
    chat.button("Remove plan.txt").click()
    chat.root.locator(PICKER).set_input_files([PLAN])
    expect(chips).to_have_count(1)
    # Files alone are no message.
    chat.message.focus()
    chat.page.keyboard.press("Control+Enter")
    expect(chat.status).to_have_text("Write a message first.")
    expect(chips).to_have_count(1)


def test_a_pasted_file_is_attached_and_a_pasted_text_is_text(lone: LonePage) -> None:
    chat = lone.add()
    chat.show(A)
    paste = """([name, text]) => {
      const data = new DataTransfer();
      data.items.add(new File(["pixels"], name, { type: "image/png" }));
      if (text) data.items.add(text, "text/plain");
      document.activeElement.dispatchEvent(
        new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
    }"""
    chat.message.focus()
    chat.page.evaluate(paste, ["shot.png", ""])
    chips = chat.root.get_by_role("list", name="Attached files").get_by_role("listitem")
    expect(chips).to_have_text([re.compile("shot.png")])
    # A cell of a spreadsheet comes with its picture.
    chat.page.evaluate(paste, ["cell.png", "42"])
    expect(chips).to_have_count(1)


def test_too_much_is_refused_when_it_is_chosen(lone: LonePage, tmp_path: Path) -> None:
    chat = lone.add()
    chat.show(A)
    chat.message.fill("My text.")
    huge = tmp_path / "huge.bin"
    with huge.open("wb") as file:
        file.truncate(50_000_001)
    chat.root.locator(PICKER).set_input_files([huge])
    expect(chat.banner).to_have_text(
        "Not attached: all files together may have 50 MB. For more, use %asteroid_send --attach."
    )
    expect(chat.root.get_by_role("list", name="Attached files")).to_have_count(0)
    chat.root.locator(PICKER).set_input_files([PLAN])
    expect(chat.banner).to_be_hidden()
    expect(chat.message).to_have_value("My text.")


def test_a_file_that_is_gone_by_then_keeps_everything(lone: LonePage, tmp_path: Path) -> None:
    chat = lone.add()
    chat.show(A)
    gone = tmp_path / "gone.txt"
    gone.write_text("soon gone")
    chat.root.locator(PICKER).set_input_files([gone])
    gone.unlink()
    chat.message.fill("See the file.")
    chat.page.keyboard.press("Control+Enter")
    expect(chat.banner).to_contain_text("Not sent: a file can no longer be read.")
    expect(chat.message).to_have_value("See the file.")
    assert chat.presses() == []
    chat.button("Remove gone.txt").click()
    chat.message.focus()
    chat.page.keyboard.press("Control+Enter")
    expect(chat.bubble("See the file.")).to_be_visible()
    assert [one["text"] for one in chat.presses()] == ["See the file."]
