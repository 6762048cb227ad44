"""The panel while its kernel, its page or its network is gone, and what it says then."""

import re
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Route, expect

from asteroid_magic.sandbox import Sandbox
from tests.live.browser.conftest import Opener, reach
from tests.support.chats import ChatPage
from tests.support.jupyter import (
    CONNECTED,
    SHOWN,
    TOKEN,
    Jupyter,
    Notebook,
    SharedPages,
    Voila,
    busy,
    loopback_only,
    stopped,
    wait_in,
)
from tests.support.pages import FormPage
from tests.support.sandboxes import asking, running
from tests.support.waiting import until

SILENT = "The kernel is not answering; your text is kept here."
RESTART = """async () => {
  await window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart();
}"""
INTERRUPT = """async () => {
  await window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.interrupt();
}"""
RECONNECT = """async () => {
  await window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.reconnect();
}"""


def test_a_stopped_kernel_is_noticed_and_a_press_keeps_its_text(
    open_cells: Opener, box: Sandbox, tmp_path: Path
) -> None:
    own = tmp_path / "pid"
    tell = f"pathlib.Path({str(own)!r}).write_text(str(os.getpid()))"
    with open_cells(box, tell, f"%asteroid_chat {asking(box)}", host="notebooks") as notebook:
        chat = ChatPage(notebook.page)
        expect(chat.question).to_be_visible()
        with stopped(int(own.read_text())):
            # It is not noticed yet: the press waits.
            bubble = chat.type_and_send("Friday 18:30")
            expect(bubble).to_contain_text("Waiting for the kernel")
            expect(chat.banner).to_contain_text(SILENT, timeout=10_000)
            expect(bubble).to_contain_text(
                "The kernel has not answered: it may not have been sent."
            )
            expect(chat.status).to_contain_text(SILENT)
            # It is noticed: a press is not sent, and keeps its text.
            chat.message.fill("One more thing")
            expect(chat.send).to_have_attribute("aria-disabled", "true")
            chat.page.keyboard.press("Control+Enter")
            expect(chat.status).to_have_text(
                "Not sent: the kernel is not answering. Your text is kept."
            )
            expect(chat.message).to_have_value("One more thing")
        expect(chat.banner).to_be_hidden()
        expect(chat.bubble("Friday 18:30").get_by_label("Delivered at")).to_be_visible()
        expect(chat.message).to_have_value("One more thing")
    assert box.messages(asking(box)) == ["Friday 18:30"]


def test_after_a_restart_of_the_kernel_the_draft_is_kept(open_cells: Opener, box: Sandbox) -> None:
    with open_cells(box, f"%asteroid_chat {running(box)}") as notebook:
        chat = ChatPage(notebook.page)
        expect(chat.log).to_contain_text("Filed an invoice")
        chat.message.fill("A long thought")
        notebook.page.evaluate(RESTART)
        expect(chat.banner).to_contain_text(SILENT, timeout=10_000)
        expect(chat.message).to_have_value("A long thought")
        chat.page.keyboard.press("Control+Enter")
        expect(chat.message).to_have_value("A long thought")
        # The cells make a new panel, which takes the draft over.
        notebook.run_all()
        expect(chat.log).to_contain_text("Filed an invoice")
        expect(chat.message).to_have_value("A long thought")
        chat.message.focus()
        chat.page.keyboard.press("Control+Enter")
        expect(chat.bubble("A long thought").get_by_label("Delivered at")).to_be_visible()
    assert box.messages(running(box)) == ["A long thought"]


@pytest.mark.parametrize("subshells", [True, False])
def test_while_a_cell_runs_a_message_is_sent_or_waits_for_the_kernel(
    open_cells: Opener, box: Sandbox, tmp_path: Path, *, subshells: bool
) -> None:
    cell = f"%asteroid_chat {running(box)}"
    with open_cells(box, cell, subshells=subshells, often=True) as notebook:
        chat = ChatPage(notebook.page)
        expect(chat.log).to_contain_text("Filed an invoice")
        with busy(notebook, tmp_path) as end:
            # What the panel says of its own accord must not lead the next message to the cell.
            box.add_waiting()
            expect(chat.root).to_contain_text("All executions · 2 waiting")
            bubble = chat.type_and_send("Meanwhile")
            if not subshells:
                expect(bubble).to_contain_text("Waiting for the kernel")
                end()
            expect(bubble.get_by_label("Delivered at")).to_be_visible()
    assert box.messages(running(box)) == ["Meanwhile"]


def test_above_a_cell_that_runs_a_new_panel_can_be_used(
    open_cells: Opener, box: Sandbox, tmp_path: Path
) -> None:
    """As after *Run All*, with a long cell below the panel."""
    go_on = tmp_path / "go on"
    long = f"import time\nwhile not pathlib.Path({str(go_on)!r}).exists(): time.sleep(0.01)"
    with open_cells(box, f"%asteroid_chat {running(box)}", long, wait=False) as notebook:
        chat = ChatPage(notebook.page)
        try:
            expect(chat.log).to_contain_text("Filed an invoice")
            bubble = chat.type_and_send("Meanwhile")
            expect(bubble.get_by_label("Delivered at")).to_be_visible()
        finally:
            go_on.touch()
    assert box.messages(running(box)) == ["Meanwhile"]


@pytest.mark.parametrize("subshells", [True, False])
def test_an_interrupt_while_a_message_is_taken_neither_loses_nor_doubles_it(
    open_cells: Opener, box: Sandbox, *, subshells: bool
) -> None:
    texts = [f"Message {number}" for number in range(8)]
    with open_cells(box, f"%asteroid_chat {running(box)}", subshells=subshells) as notebook:
        chat = ChatPage(notebook.page)
        expect(chat.log).to_contain_text("Filed an invoice")
        for number, text in enumerate(texts):
            if number % 2:
                notebook.run_code("while True: pass", wait=False)
            bubble = chat.type_and_send(text)
            notebook.page.evaluate(INTERRUPT)
            expect(bubble.get_by_label("Delivered at")).to_be_visible()
    assert box.messages(running(box)) == texts


def test_after_a_reload_of_the_page_the_panel_goes_on(open_cells: Opener, box: Sandbox) -> None:
    with open_cells(box, f"panel = %asteroid_chat {running(box)}\npanel") as notebook:
        ChatPage(notebook.page).deliver("Before the reload.")
        notebook.save()
        notebook.reload()
        chat = ChatPage(notebook.page)
        expect(chat.bubble("Before the reload.").get_by_label("Delivered at")).to_be_visible()
        chat.deliver("After it.")
        notebook.check("[one.message for one in panel.outcomes][0] == 'After it.'")
    assert box.messages(running(box)) == ["Before the reload.", "After it."]


def test_after_the_notebook_is_closed_and_opened_the_panel_goes_on(
    open_cells: Opener, box: Sandbox
) -> None:
    """JupyterLab then speaks to the widgets from another subshell."""
    with open_cells(box, f"panel = %asteroid_chat {asking(box)}\npanel") as notebook:
        chat = ChatPage(notebook.page)
        expect(chat.question).to_be_visible()
        # The last that the panel says is an answer to the page.
        chat.back()
        chat.open("Book a table")
        notebook.save()
        notebook.reopen()
        chat = ChatPage(notebook.page)
        expect(chat.question).to_be_visible()
        chat.deliver("Friday 18:30")
    assert box.messages(asking(box)) == ["Friday 18:30"]


def test_a_notebook_without_its_kernel_shows_the_kept_copy(
    open_cells: Opener, pages: SharedPages, jupyter: Jupyter, box: Sandbox
) -> None:
    with open_cells(box, f"%asteroid_chat {running(box)}") as notebook:
        chat = ChatPage(notebook.page)
        chat.deliver("Keep this, please.")
        copy = notebook.page.locator(".asteroid-chat-kept")
        expect(copy).to_be_hidden()
        until(lambda: "Keep this, please." in notebook.save())
    document = nbformat.reads(jupyter.read(notebook.name), as_version=4)
    del document.metadata["kernelspec"], document.metadata["language_info"]
    nbformat.write(document, jupyter.notebooks / f"bare-{notebook.name}")
    with pages.opened(f"bare-{notebook.name}", kernel=False) as reopened:
        reopened.page.locator(".jp-Dialog button", has_text="No Kernel").click()
        copy = reopened.page.locator(".asteroid-chat-kept")
        expect(copy).to_be_visible()
        expect(copy).to_contain_text("Keep this, please.")
        expect(copy).to_contain_text("To get it back, run its cell again.")
        expect(ChatPage(reopened.page).message).to_have_count(0)


def test_two_panels_have_their_own_conversations_and_two_views_of_one_show_the_same(
    open_cells: Opener, box: Sandbox
) -> None:
    cells = (f"one = %asteroid_chat {running(box)}\none", "one", "%asteroid_chat")
    with open_cells(box, *cells, host="notebooks") as notebook:
        region = notebook.page.get_by_role("region", name="Asteroid chat")
        expect(region).to_have_count(3)
        first, again, other = (ChatPage(notebook.page, region.nth(at)) for at in range(3))
        expect(again.log).to_contain_text("Filed an invoice")
        other.open("Book a table")
        first.message.fill("A draft")
        again.deliver("From the second view.")
        expect(first.bubble("From the second view.").get_by_label("Delivered at")).to_be_visible()
        expect(first.message).to_have_value("A draft")
        expect(other.log).not_to_contain_text("From the second view.")
        other.deliver("Friday 18:30")
    assert box.messages(running(box)) == ["From the second view."]
    assert box.messages(asking(box)) == ["Friday 18:30"]


def test_two_tabs_show_the_same_conversation(
    open_cells: Opener, jupyter: Jupyter, box: Sandbox
) -> None:
    with open_cells(box, f"%asteroid_chat {running(box)}", host="notebooks") as notebook:
        chat = ChatPage(notebook.page)
        expect(chat.log).to_contain_text("Filed an invoice")
        notebook.save()
        tab = notebook.page.context.new_page()
        tab.goto(f"{jupyter.url}/notebooks/{notebook.name}?token={TOKEN}")
        other = ChatPage(tab)
        expect(other.log).to_contain_text("Filed an invoice")
        other.deliver("From the other tab.")
        expect(chat.bubble("From the other tab.").get_by_label("Delivered at")).to_be_visible()
        chat.deliver("And from this one.")
        expect(other.bubble("And from this one.").get_by_label("Delivered at")).to_be_visible()
    assert box.messages(running(box)) == ["From the other tab.", "And from this one."]


def test_the_network_is_lost_and_comes_back(open_cells: Opener, box: Sandbox) -> None:
    with open_cells(box, f"%asteroid_chat {running(box)}") as notebook:
        chat = ChatPage(notebook.page)
        expect(chat.log).to_contain_text("Filed an invoice")
        cut = "import requests; kept = os.environ['ASTEROID_BASE_URL']\n"
        cut += "os.environ['ASTEROID_BASE_URL'] = 'http://127.0.0.1:9/agents/v2'"
        notebook.run_code(cut)
        bubble = chat.type_and_send("Into the void.")
        expect(bubble).to_contain_text("Not delivered")
        expect(chat.banner).to_contain_text(
            re.compile("could not be reached|refused|Reading failed")
        )
        expect(chat.message).to_have_value("Into the void.")
        notebook.run_code("os.environ['ASTEROID_BASE_URL'] = kept")
        chat.button("Refresh").click()
        expect(chat.banner).to_be_hidden()
        chat.deliver("Into the void.")
    assert box.messages(running(box)) == ["Into the void."]


def test_the_connection_of_the_page_is_lost_and_comes_back(
    open_cells: Opener, box: Sandbox
) -> None:
    with open_cells(box, f"%asteroid_chat {running(box)}") as notebook:
        chat = ChatPage(notebook.page)
        expect(chat.log).to_contain_text("Filed an invoice")
        notebook.page.evaluate(RECONNECT)
        chat.deliver("Over a new connection.")
    assert box.messages(running(box)) == ["Over a new connection."]


def test_without_the_front_end_of_anywidget_the_form_appears(
    browser: Browser, jupyter: Jupyter, box: Sandbox, tmp_path: Path
) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(status=404)

    name = jupyter.add(reach(box, tmp_path), f"panel = %asteroid_chat {running(box)}\npanel")
    with loopback_only(browser) as page:
        page.route("**/anywidget/**", refuse)
        session = jupyter.start_kernel(name)
        try:
            page.goto(f"{jupyter.url}/notebooks/{name}?token={TOKEN}")
            page.wait_for_function("window.jupyterapp !== undefined")
            # Without a connected kernel, running the cells would never end.
            wait_in(page, SHOWN, name)
            wait_in(page, CONNECTED)
            Notebook(page, jupyter, name).run_all()
            form = FormPage(page)
            expect(page.get_by_text("The panel cannot be shown here")).to_be_visible()
            form.deliver("By the form, then.")
            expect(page.get_by_role("region", name="Asteroid chat")).to_have_count(0)
        finally:
            jupyter.stop_kernel(session)
    assert box.messages(running(box)) == ["By the form, then."]


def test_voila_serves_the_panel_and_it_sends(
    browser: Browser, tmp_path: Path, box: Sandbox
) -> None:
    cells = [reach(box, tmp_path), f"%asteroid_chat {asking(box)}"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in cells])
    with (
        Voila(tmp_path / "voila", notebook) as voila,
        loopback_only(browser, asks=("cdn.jsdelivr.net",)) as page,
    ):
        # Voilà's own page asks for icons.
        page.goto(voila.url)
        chat = ChatPage(page)
        expect(chat.question).to_be_visible()
        chat.deliver("Friday 18:30")
        expect(chat.log).to_contain_text("I booked what you said")
    assert box.messages(asking(box)) == ["Friday 18:30"]
