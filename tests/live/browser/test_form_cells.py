"""A form and its cell in a real JupyterLab and Notebook 7: run again, reloaded, saved, busy."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from asteroid_magic.sandbox import Sandbox
from tests.live.browser.conftest import Opener
from tests.support.jupyter import busy
from tests.support.pages import FormPage
from tests.support.sandboxes import asking, finished, running

COLLECTED = "forms = [*globals().get('forms', []), _form := SendForm()]\n_form"
REPLACED = "A newer run of its cell has replaced this form."
RUN_CELL = """async at => {
  const { content } = window.jupyterapp.shell.currentWidget;
  content.activeCellIndex = at;
  await window.jupyterapp.commands.execute('notebook:run-cell');
}"""


@pytest.mark.parametrize("host", ["lab", "notebooks"])
def test_a_cell_that_runs_again_has_one_form_with_what_was_typed_in_it(
    open_cells: Opener, box: Sandbox, host: str
) -> None:
    cells = ("from asteroid_magic import SendForm", COLLECTED, f"%asteroid_form {asking(box)}")
    with open_cells(box, *cells, host=host) as notebook:
        page = notebook.page
        collected, other = (page.locator(".jp-Cell").nth(at) for at in (2, 3))
        forms = collected.locator(".asteroid-form"), other.locator(".asteroid-form")
        FormPage(page, forms[1]).message.fill("Typed into the other form")
        first = FormPage(page, forms[0])
        first.execution.fill(running(box))
        first.message.fill("Typed into the first")
        for count in range(2, 6):
            page.evaluate(RUN_CELL, 2)
            notebook.check(f"len(forms) == {count}")
        expect(forms[0]).to_have_count(1)
        newest = FormPage(page, forms[0])
        expect(newest.message).to_have_value("Typed into the first")
        expect(newest.execution).to_have_value(running(box))
        expect(newest.header).to_contain_text("Sort incoming invoices")
        # The request to run a cell tells which cell that is.
        notebook.check("len({one.made_in.cell for one in forms}) == 1")
        notebook.check("len({one.made_in.run for one in forms}) == 5")
        notebook.check("[repr(one)[-7:-1] for one in forms] == 4 * ['closed'] + [', open']")
        # What is left of the first, where a variable still holds it.
        notebook.run_code("kept = forms[0]")
        newest.deliver("Typed into the first")
        # The form of another cell is untouched, and no less alive.
        second = FormPage(page, forms[1])
        expect(second.message).to_have_value("Typed into the other form")
        second.send.click()
        expect(second.header).to_contain_text("finished")
    assert box.messages(running(box)) == ["Typed into the first"]
    assert box.messages(asking(box)) == ["Typed into the other form"]


@pytest.mark.parametrize("host", ["lab", "notebooks"])
def test_a_form_that_another_cell_shows_says_that_it_was_replaced(
    open_cells: Opener, box: Sandbox, host: str
) -> None:
    cells = ("from asteroid_magic import SendForm", COLLECTED, "forms[0]")
    with open_cells(box, *cells, host=host) as notebook:
        page = notebook.page
        expect(page.locator(".asteroid-form")).to_have_count(2)
        for _ in range(2):
            page.evaluate(RUN_CELL, 2)
        notebook.check("len(forms) == 3")
        shown = page.locator(".jp-Cell").nth(3)
        expect(shown.get_by_text(REPLACED)).to_be_visible()
        expect(page.locator(".asteroid-form")).to_have_count(1)
        expect(page.get_by_text("Error displaying widget")).to_have_count(0)
        # Shown once more, it says the same.
        page.evaluate(RUN_CELL, 3)
        expect(shown.get_by_text(REPLACED)).to_be_visible()


@pytest.mark.parametrize("host", ["lab", "notebooks"])
def test_after_a_reload_the_form_is_there_and_the_copy_says_from_when_it_is(
    open_cells: Opener, box: Sandbox, host: str
) -> None:
    with open_cells(box, f"%asteroid_form {asking(box)}", host=host) as notebook:
        form = FormPage(notebook.page)
        form.deliver("Before the reload.")
        form.message.fill("Not sent yet")
        notebook.save()
        notebook.reload()
        form = FormPage(notebook.page)
        expect(form.message).to_have_value("Not sent yet")
        expect(form.own("Before the reload.")).to_be_visible()
        form.choose("Sort incoming invoices")
        form.deliver("After the reload.")
        saved = json.loads(notebook.save())
    views = [
        "".join(output["data"]["text/html"])
        for output in saved["cells"][-1]["outputs"]
        if "asteroid-form-saved" in str(output)
    ]
    (view,) = views
    assert "Before the reload." in view
    assert "This copy is from 20" in view
    assert box.messages(asking(box)) == ["Before the reload."]
    assert box.messages(running(box)) == ["After the reload."]


def test_after_the_notebook_is_closed_and_opened_the_form_goes_on(
    open_cells: Opener, box: Sandbox
) -> None:
    """JupyterLab then speaks to the widgets from another subshell."""
    with open_cells(box, f"form = %asteroid_form {running(box)}\nform") as notebook:
        FormPage(notebook.page).message.fill("Not sent yet")
        notebook.check("form.message == 'Not sent yet'")
        notebook.save()
        notebook.reopen()
        form = FormPage(notebook.page)
        expect(form.message).to_have_value("Not sent yet")
        form.deliver("Sent after all")
    assert box.messages(running(box)) == ["Sent after all"]


def test_where_the_page_has_widgets_of_another_version_it_says_what_to_use(
    open_cells: Opener, box: Sandbox
) -> None:
    """As with ipywidgets 7 in the kernel of a Lab for ipywidgets 8."""
    older = (
        "from asteroid_magic import SendForm\nfrom traitlets import Unicode\n"
        "class OlderForm(SendForm):\n"
        "    _model_module_version = _view_module_version = Unicode('^1.5.0').tag(sync=True)\n"
        "OlderForm()"
    )
    with open_cells(box, older, host="notebooks") as notebook:
        expect(notebook.page.locator(".jupyter-widgets-error-widget")).to_be_visible()
        expect(notebook.page.get_by_text("%asteroid_send EXECUTION message")).to_be_visible()


@pytest.mark.parametrize("subshells", [True, False])
def test_a_choice_from_an_older_list_is_none_or_what_the_user_saw(
    open_cells: Opener, box: Sandbox, tmp_path: Path, subshells: bool
) -> None:
    """While a cell runs, the page holds the second choice back, and a new list comes."""
    renew, other = tmp_path / "renew", finished(box)
    renews = f"""
import pathlib, threading, time
form._picker.show = lambda *_, **__: None
def renew():
    while not pathlib.Path({str(renew)!r}).exists(): time.sleep(0.01)
    heading, *lines = form._fields.listing.options
    form._fields.listing.offer([heading, ("Another", {other!r}), *lines], form.execution)
threading.Thread(target=renew).start()"""
    with open_cells(box, "form = %asteroid_form\nform", subshells=subshells) as notebook:
        form = FormPage(notebook.page)
        assert len(form.offered()) == 2
        notebook.run_code(renews)
        with busy(notebook, tmp_path) as go_on:
            for line in (2, 1):
                form.listing.select_option(index=line)
            if subshells:
                expect(form.execution).to_have_value(box.executions[0].id)
            renew.touch()
            expect(form.listing.locator("option")).to_have_count(4)
            go_on()
        if subshells:
            notebook.check(f"form.execution == {box.executions[0].id!r}")
            expect(form.listing.locator("option:checked")).to_contain_text("Book a table")
        else:
            expect(form.root).to_contain_text("The list has just changed. Choose again.")
            expect(form.execution).to_have_value("")
            expect(form.listing.locator("option:checked")).to_contain_text("Choose one of")
            form.listing.select_option(index=1)
            expect(form.execution).to_have_value(other)
