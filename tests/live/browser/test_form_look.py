"""The form looks as it did: each of its states, beside its kept picture."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from asteroid_magic.sandbox import Sandbox
from tests.live.browser.conftest import Opener
from tests.support.gallery import FORMS
from tests.support.jupyter import stopped
from tests.support.pages import FormPage
from tests.support.pictures import check_fonts, difference, settle, taken


class Looks:
    """Compares states of a form with their kept pictures."""

    def __init__(self, form: FormPage, scheme: str, pid: int, folder: Path, *, renew: bool) -> None:
        self._form, self._scheme, self._pid = form, scheme, pid
        self._folder, self._renew = folder, renew
        self.seen: list[str] = []
        self.different: list[str] = []

    def compare(self, state: str) -> None:
        """Compare the form, which is in this state."""
        root, page = self._form.root, self._form.page
        self.seen.append(state)
        # Neither the focus nor the mouse belongs to the state.
        root.evaluate("() => document.activeElement.blur()")
        page.mouse.move(0, 0)
        # A kernel that runs would go on changing the form.
        with stopped(self._pid):
            settle(root)
            picture = taken(root)
        name = f"form-{state}-{self._scheme}"
        different = difference(name, picture, renew=self._renew, folder=self._folder)
        self.different += [different] if different else []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_state_looks_as_its_picture(
    open_cells: Opener, box: Sandbox, scheme: str, renew_pictures: bool, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    begin = f"pathlib.Path({str(pid)!r}).write_text(str(os.getpid()))"
    quickly = "%config AsteroidMagics.confirm_grace = 0"
    box.add_waiting(1, "confirmation")
    box.add_waiting(1, "choices")
    look: dict[str, Any] = {"color_scheme": scheme, "viewport": {"width": 1000, "height": 2000}}
    host = "notebooks" if scheme == "light" else "lab"
    with open_cells(box, begin, quickly, "%asteroid_form", host=host, **look) as notebook:
        form = FormPage(notebook.page)
        check_fonts(form.root)
        looks = Looks(form, scheme, int(pid.read_text()), tmp_path, renew=renew_pictures)
        show_failures(form, box, looks)
        show_questions(form, looks)
    assert not looks.different
    assert set(looks.seen) == set(FORMS)


def show_failures(form: FormPage, box: Sandbox, looks: Looks) -> None:
    """Compare the form without an execution, with a question, and after sends that fail."""
    looks.compare("list")
    form.execution.fill(box.executions[0].id)
    form.root.get_by_label("Friday 18:30").check()
    expect(form.message).to_have_value("Friday 18:30")
    looks.compare("question")
    box.fail_next(status=400)
    form.press_and_see("Asteroid rejected the message as invalid")
    looks.compare("not-delivered")
    box.fail_next(drop="before")
    form.press_and_see("May have been delivered")
    expect(form.button("Look again")).to_be_visible()
    looks.compare("unknown")
    form.message.fill("")


def show_questions(form: FormPage, looks: Looks) -> None:
    """Compare the form with several answers to choose, and with a confirmation."""
    form.choose("Order supplies")
    form.root.get_by_role("checkbox").nth(1).check()
    expect(form.message).to_have_value("Blue pens")
    looks.compare("choices")
    form.message.fill("")
    form.choose("Buy a ticket")
    expect(form.button("Approve")).to_be_visible()
    looks.compare("confirmation")
