"""Files that are attached in the form, in a real browser."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from asteroid_magic.sandbox import Sandbox
from tests.live.browser.conftest import Opener
from tests.support.accessibility import violations
from tests.support.pages import FormPage
from tests.support.sandboxes import running

CONTENTS = bytes(range(256)) * 8_000


@pytest.mark.parametrize("host", ["lab", "notebooks"])
def test_files_go_before_the_message_and_arrive_whole(
    open_cells: Opener, box: Sandbox, tmp_path: Path, host: str
) -> None:
    run = running(box)
    (tmp_path / "größe <b>.bin").write_bytes(CONTENTS)
    (tmp_path / "notes.txt").write_text("Line one\n")
    with open_cells(box, f"form = %asteroid_form {run}\nform", host=host) as notebook:
        form = FormPage(notebook.page)
        attach = form.root.get_by_role("button", name=re.compile("^Attach files"))
        with notebook.page.expect_file_chooser() as chooser:
            attach.click()
        chooser.value.set_files([tmp_path / "größe <b>.bin", tmp_path / "notes.txt"])
        named = form.root.get_by_text("With the message go: größe <b>.bin (2 MB), notes.txt")
        expect(named).to_be_visible()
        assert violations(form.page, ".asteroid-form") == []
        form.message.fill("Here they are.")
        form.send.dblclick()
        expect(form.own("Here they are.")).to_contain_text("Uploaded before the message: ")
        expect(named).to_have_count(0)
        expect(form.message).to_have_value("")
        # The next message has none.
        form.deliver("And a word.")
        notebook.check("[one.message for one in form.outcomes][0] == 'And a word.'")
    assert box.files(run)["größe <b>.bin"] == CONTENTS
    assert box.files(run)["notes.txt"] == b"Line one\n"
    assert box.messages(run) == ["Here they are.", "And a word."]


def test_after_a_file_that_is_too_large_the_form_says_what_to_do(
    open_cells: Opener, box: Sandbox, tmp_path: Path
) -> None:
    run = running(box)
    (tmp_path / "large.bin").write_bytes(b"x" * 11_000_000)
    with open_cells(box, f"%asteroid_form {run}", fresh=True) as notebook:
        form = FormPage(notebook.page)
        form.message.fill("See the file.")
        attach = form.root.get_by_role("button", name=re.compile("^Attach files"))
        with (
            notebook.page.expect_event("console", lambda said: "Connection lost" in said.text),
            notebook.page.expect_file_chooser() as chooser,
        ):
            attach.click()
            chooser.value.set_files([tmp_path / "large.bin"])
        words = form.root.get_by_text("Files of more than 10 MB cannot reach the kernel")
        expect(words).to_be_hidden()
        form.press("Send")
        expect(words).to_be_visible()
        assert box.messages(run) == []
        notebook.run_all()
        expect(form.message).to_be_enabled()
        expect(form.message).to_have_value("See the file.")
        form.press("Send")
        expect(form.own("See the file.")).to_be_visible()
    assert box.messages(run) == ["See the file."]
