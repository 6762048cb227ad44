"""The form and the panel in a kernel with the lowest versions that the package accepts.

`LOW_PYTHON` names the Python of an environment that has them, such as ipywidgets 7.7 and IPython 7.
Their front ends are those of jupyterlab_widgets 1 and anywidget 0.9.0: `LOW_LABEXTENSIONS` names
the folder share/jupyter/labextensions of such an installation. Without that of anywidget, the panel
has the front end of the newest.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ElementHandle, FilePayload, expect

from asteroid_magic.sandbox import Sandbox
from tests.live.browser.conftest import reach, started
from tests.support.chats import ChatPage
from tests.support.jupyter import Jupyter, SharedPages
from tests.support.pages import FormPage
from tests.support.sandboxes import asking, running

LOW = os.environ.get("LOW_PYTHON", "")
EXTENSIONS = os.environ.get("LOW_LABEXTENSIONS", "")


pytestmark = pytest.mark.skipif(
    not (LOW and EXTENSIONS), reason="LOW_PYTHON and LOW_LABEXTENSIONS name no lowest versions"
)
VERSION = "import ipywidgets\nassert ipywidgets.version_info[0] == 7"


@pytest.fixture(scope="module")
def low_pages(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedPages]:
    server = Jupyter(tmp_path_factory.mktemp("jupyter"), python=LOW, labextensions=EXTENSIONS)
    yield from started(browser, server)


def name_no_execution(form: FormPage) -> ElementHandle:
    """Type what is no ID; return what says so."""
    form.execution.fill("no ID")
    form.tells("This is not an execution ID.")
    return form.spoken.element_handle()


def attach_plan(form: FormPage) -> None:
    """Choose a file in the form."""
    with form.page.expect_file_chooser() as chooser:
        form.root.get_by_role("button", name=re.compile("^Attach files")).click()
    chooser.value.set_files([FilePayload(name="plan.txt", mimeType="", buffer=b"A plan")])
    expect(form.root.get_by_text("plan.txt (6 bytes)")).to_be_visible()


@pytest.mark.parametrize("host", ["lab", "notebooks"])
def test_the_form_works_with_the_lowest_versions_in_the_kernel(
    low_pages: SharedPages, tmp_path: Path, box: Sandbox, host: str
) -> None:
    cells = (VERSION, reach(box, tmp_path), "form = %asteroid_form\nform")
    with low_pages.opened(low_pages.jupyter.add(*cells), host=host) as notebook:
        notebook.run_all()
        form = FormPage(notebook.page)
        spoken = name_no_execution(form)
        form.choose("Book a table")
        form.root.get_by_label("Friday 21:15").check()
        expect(form.message).to_have_value("Friday 21:15")
        form.press("Send")
        expect(form.own("Friday 21:15")).to_be_visible()
        expect(form.message).to_be_focused()
        expect(form.entries.last).to_contain_text("booked")
        assert spoken.evaluate("one => one.isConnected")
        form.choose("Sort incoming invoices")
        attach_plan(form)
        form.message.fill("Sort them by name.")
        box.fail_next(status=401)
        form.press_and_see("Asteroid does not accept the API key")
        form.press("Send")
        expect(form.own("Sort them by name.")).to_be_visible()
        expect(form.message).to_be_focused()
        notebook.check("form.outcomes[0].outcome == 'delivered'")
        # Its views go when it is closed, and the cards stay.
        notebook.run_code("form.close()")
        expect(notebook.page.locator(".asteroid-form")).to_have_count(0)
        expect(notebook.page.get_by_text("This form is closed.")).to_be_visible()
    assert box.messages(asking(box)) == ["Friday 21:15"]
    assert box.messages(running(box)) == ["Sort them by name."]
    assert box.files(running(box))["plan.txt"] == b"A plan"


@pytest.mark.parametrize("host", ["lab", "notebooks"])
def test_the_panel_works_with_the_lowest_versions_in_the_kernel(
    low_pages: SharedPages, tmp_path: Path, box: Sandbox, host: str
) -> None:
    cells = (VERSION, reach(box, tmp_path), "panel = %asteroid_chat\npanel")
    with low_pages.opened(low_pages.jupyter.add(*cells), host=host) as notebook:
        notebook.run_all()
        chat = ChatPage(notebook.page)
        chat.open("Book a table")
        chat.question.get_by_role("button").nth(1).click()
        expect(chat.message).to_have_value("Friday 21:15")
        notebook.page.keyboard.press("Control+Enter")
        expect(chat.bubble("Friday 21:15").get_by_label("Delivered at")).to_be_visible()
        expect(chat.message).to_be_focused()
        expect(chat.log).to_contain_text("I booked what you said")
        notebook.run_code("panel.close()")
        expect(chat.root).to_have_count(0)
        expect(notebook.page.get_by_text("This panel is closed.")).to_be_visible()
    assert box.messages(asking(box)) == ["Friday 21:15"]
