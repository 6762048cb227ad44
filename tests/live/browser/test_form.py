"""The form in a real JupyterLab and Notebook 7, in a real Chromium."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, expect

from asteroid_magic.sandbox import Sandbox
from tests.live.browser.conftest import Opener
from tests.support.jupyter import Jupyter, SharedPages, busy
from tests.support.pages import DELIVERED, FormPage
from tests.support.waiting import until

HOSTS_AND_SCHEMES = [("lab", "light"), ("lab", "dark"), ("notebooks", "light")]
UNKNOWN = "00000000-0000-4000-8000-000000000000"
MESSAGE = "It's {4} people,\n  at most $50 each: 👩‍👩‍👧‍👦; are you done?"
HOSTILE = (
    "<img src=x onerror=\"window.canary='ran'\"><script>window.canary='ran'</script>"
    "<a href=\"javascript:window.canary='ran'\">click</a> javascript:window.canary='ran'"
)
IS_LIGHT = "document.body.dataset.jpThemeLight"


@pytest.mark.parametrize(("host", "scheme"), HOSTS_AND_SCHEMES)
def test_a_person_picks_an_execution_types_sends_and_sees_the_card(
    open_cells: Opener, jupyter: Jupyter, box: Sandbox, host: str, scheme: str
) -> None:
    with open_cells(box, "%asteroid_form", host=host, color_scheme=scheme) as notebook:
        form = FormPage(notebook.page)
        assert notebook.page.evaluate(IS_LIGHT) == ("true" if scheme == "light" else "false")
        waiting, running, _ = box.executions
        first, second = form.offered()
        # The server tells the time in whole seconds.
        assert re.match(r"Book a table · waits for you · began [34] min ago · ", first)
        assert re.match(r"Sort incoming invoices · running · began 4[67] min ago · ", second)
        expect(form.send).to_be_disabled()
        form.choose("Sort incoming invoices")
        expect(form.execution).to_have_value(running.id)
        form.message.fill(MESSAGE)
        # The click arrives twice.
        form.send.dblclick()
        own = form.entries.filter(has_text=DELIVERED)
        expect(own).to_contain_text("You")
        own.locator("summary").click()
        assert own.locator(".asteroid-words").inner_text() == MESSAGE
        expect(form.message).to_have_value("")
        expect(form.cards).to_have_count(0)
        expect(form.message).to_be_enabled()
        assert box.messages(running.id) == [MESSAGE]
        assert box.messages(waiting.id) == []
        saved = saved_with(notebook.save, "asteroid-delivered")
    assert box.api_key not in saved
    assert box.api_key not in jupyter.read(notebook.name)


def saved_with(save: Callable[[], str], words: str) -> str:
    """Save until the file contains these words, and return its text."""
    texts = [""]

    def look() -> bool:
        texts.append(save())
        return words in texts[-1]

    until(look)
    return texts[-1]


def test_a_saved_notebook_without_a_kernel_shows_the_cards_and_no_dead_form(
    open_cells: Opener, jupyter: Jupyter, pages: SharedPages, box: Sandbox
) -> None:
    with open_cells(box, f"%asteroid_form {box.executions[1].id}") as notebook:
        form = FormPage(notebook.page)
        expect(notebook.page.get_by_text("works only while its kernel runs")).to_be_hidden()
        form.deliver("Keep this, please.")
        saved_with(notebook.save, "Keep this, please.")
        # After a restart, the kernel has no form.
        notebook.page.evaluate(RESTART)
        expect_only_cards(notebook.page)
    # Lab asks for a kernel if the notebook names none; otherwise one may start by itself.
    document = nbformat.reads(jupyter.read(notebook.name), as_version=4)
    del document.metadata["kernelspec"], document.metadata["language_info"]
    nbformat.write(document, jupyter.notebooks / f"bare-{notebook.name}")
    for name, kernel in ((notebook.name, True), (f"bare-{notebook.name}", False)):
        with pages.opened(name, kernel=kernel) as reopened:
            if not kernel:
                reopened.page.locator(".jp-Dialog button", has_text="No Kernel").click()
            expect_only_cards(reopened.page)


RESTART = """async () => {
  await window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart();
}"""


def expect_only_cards(page: Page) -> None:
    """Expect the card that the notebook holds, and nothing that looks like a form."""
    cards = page.locator(".asteroid-form-saved .asteroid-card")
    expect(cards).to_be_visible()
    expect(cards).to_contain_text("Keep this, please.")
    expect(page.get_by_text("%asteroid_send EXECUTION message")).to_be_visible()
    expect(page.get_by_label("Message")).to_be_hidden()
    expect(page.get_by_role("button", name="Send")).to_be_hidden()
    expect(page.get_by_text("Error displaying widget")).to_be_hidden()
    expect(page.get_by_text("Loading widget")).to_be_hidden()
    expect(page.locator(".asteroid-card:visible")).to_have_count(1)


def test_failures_show_their_cards_keep_the_text_and_run_no_script(
    open_cells: Opener, box: Sandbox
) -> None:
    run = box.executions[1].id
    soon = "%config AsteroidMagics.confirm_grace = 0.3"
    with open_cells(box, soon, f"%asteroid_form {run}", host="notebooks") as notebook:
        form = FormPage(notebook.page)
        form.message.fill("Do not lose this.")
        body = json.dumps({"code": 400, "message": HOSTILE, "detail": HOSTILE})
        for fault, button, words in (
            ({"status": 401}, "Send", "Asteroid does not accept the API key"),
            ({"drop": "before"}, "Send", "May have been delivered"),
            ({"status": 400, "body": body}, "Send again", "<script>window.canary='ran'</script>"),
        ):
            box.fail_next(**fault)
            form.press_and_see(words, button)
            expect(form.message).to_have_value("Do not lose this.")
        form.execution.fill(UNKNOWN)
        form.press_and_see("No execution has this ID")
        expect(form.message).to_have_value("Do not lose this.")
        expect(form.execution).to_have_value(UNKNOWN)
        for summary in form.root.locator("summary").all():
            summary.click()
        assert form.root.locator("a, img, script").count() == 0
        assert form.page.evaluate("window.canary") is None
        # The lost message was not resent, and the next one is found although its answer is lost.
        assert box.messages(run) == []
        form.execution.fill(run)
        box.fail_next(drop="after")
        form.press("Send")
        expect(form.own("Do not lose this.")).to_be_visible()
        expect(form.message).to_have_value("")
        assert box.messages(run) == ["Do not lose this."]


def test_a_wrong_key_shows_its_card_and_the_right_one_is_noticed(
    open_cells: Opener, box: Sandbox
) -> None:
    right = "right = os.environ['ASTEROID_API_KEY']"
    wrong = "os.environ['ASTEROID_API_KEY'] = 'another-key-4711'"
    cells = (right, wrong, f"%asteroid_form {box.executions[1].id}")
    with open_cells(box, *cells, host="notebooks") as notebook:
        form = FormPage(notebook.page)
        form.says("This execution could not be read: Asteroid does not accept the API key.")
        form.message.fill("hello")
        form.press_and_see("Asteroid does not accept the API key")
        expect(form.message).to_have_value("hello")
        notebook.run_code("os.environ['ASTEROID_API_KEY'] = right")
        expect(form.header).to_contain_text("Sort incoming invoices")
        expect(form.root.get_by_text("does not accept the API key").last).to_be_visible()
        form.deliver("hello")
    assert box.messages(box.executions[1].id) == ["hello"]


@pytest.mark.parametrize("subshells", [True, False], ids=["with", "without"])
def test_pressed_while_a_cell_runs_it_sends_once_and_all_that_was_typed(
    open_cells: Opener, box: Sandbox, tmp_path: Path, *, subshells: bool
) -> None:
    """With and without subshells, in which newer kernels serve widgets while a cell runs."""
    run = box.executions[1].id
    cell = f"%asteroid_form {run}"
    with open_cells(box, cell, subshells=subshells, often=True) as notebook:
        form = FormPage(notebook.page)
        # The first letter must reach the kernel, which then enables Send.
        form.message.press_sequentially("T")
        expect(form.send).to_be_enabled()
        with busy(notebook, tmp_path) as end:
            # What the form says of its own accord must not lead the next message to the cell.
            (added,) = box.add_waiting()
            expect(form.root).to_contain_text(str(added.id)[:8])
            form.message.press_sequentially("yped while a cell runs.")
            form.send.dblclick()
            if not subshells:
                end()
            expect(form.own("Typed while a cell runs.")).to_be_visible()
            expect(form.message).to_have_value("")
    assert box.messages(run) == ["Typed while a cell runs."]


def test_a_double_click_on_a_send_that_fails_at_once_is_one_message(
    open_cells: Opener, box: Sandbox
) -> None:
    run = box.executions[1].id
    with open_cells(box, f"%asteroid_form {run}", host="notebooks") as notebook:
        form = FormPage(notebook.page)
        # While entries come, they move the button away from the second click.
        expect(form.entries).to_have_count(10)
        form.message.fill("once")
        box.fail_next(status=400, times=2)
        form.send.dblclick(delay=120)
        expect(form.newest()).to_contain_text("Not delivered")
        expect(form.message).to_be_enabled()
        expect(form.cards).to_have_count(1)


def test_other_cells_go_on_while_it_sends(open_cells: Opener, box: Sandbox) -> None:
    run = box.executions[1].id
    with open_cells(box, f"form = %asteroid_form {run}\nform", host="notebooks") as notebook:
        form = FormPage(notebook.page)
        box.fail_next(delay=600)
        form.message.fill("Is anybody there?")
        form.send.click()
        expect(form.root.get_by_text("Sending for 1 s…")).to_be_visible()
        expect(form.message).to_be_disabled()
        # This returns while the form is still sending.
        notebook.run_code("assert not form.outcomes")
        form.root.get_by_role("button", name="Cancel").click()
        expect(form.newest()).to_contain_text("May have been delivered")
        expect(form.newest()).to_contain_text("You cancelled the send")
        expect(form.message).to_have_value("Is anybody there?")
        expect(form.root.get_by_role("button", name="Cancel")).to_be_hidden()
        expect(form.button("Send again")).to_be_enabled()


@pytest.mark.parametrize("host", ["lab", "notebooks"])
def test_it_works_without_a_mouse(open_cells: Opener, box: Sandbox, host: str) -> None:
    with open_cells(box, "%asteroid_form", host=host) as notebook:
        form = FormPage(notebook.page)
        keyboard = form.page.keyboard
        form.listing.focus()
        keyboard.press("End")
        expect(form.execution).to_have_value(box.executions[1].id)
        expect(form.entries).to_have_count(10)
        for stop in (form.execution, form.scroll_stop, form.message):
            keyboard.press("Tab")
            expect(stop).to_be_focused()
        keyboard.type("Typed, tabbed, sent.")
        expect(form.send).to_be_enabled()
        keyboard.press("Tab")
        expect(form.send).to_be_focused()
        keyboard.press("Space")
        expect(form.own("Typed, tabbed, sent.")).to_be_visible()
        expect(form.send).to_be_disabled()
        expect(form.message).to_be_focused()
        keyboard.type("And one more.")
        expect(form.send).to_be_enabled()
        keyboard.press("Tab")
        keyboard.press("Space")
        expect(form.own("And one more.")).to_be_visible()
    assert box.messages(box.executions[1].id) == ["Typed, tabbed, sent.", "And one more."]
