"""What a press does after a failure, in doubt, and while the kernel does not answer."""

import os
import signal
from pathlib import Path

import pytest
from playwright.sync_api import expect

from asteroid_magic.sandbox import Sandbox
from tests.live.browser.conftest import Opener
from tests.support.pages import FormPage
from tests.support.sandboxes import asking, deliver, running

QUICKLY = "%config AsteroidMagics.confirm_grace = 0"
WAITING = ".asteroid-form-waiting-field"
DELAY = "one => getComputedStyle(one).animationDelay"
# What can be seen of an element at a moment of its animation, in milliseconds.
SHOWN_AT = """(one, at) => {
  one.getAnimations()[0].currentTime = at;
  return getComputedStyle(one).visibility;
}"""
LOOKS_FREE = """one => {
  const { opacity, pointerEvents } = getComputedStyle(one);
  return opacity === '1' && pointerEvents !== 'none';
}"""


@pytest.mark.parametrize("host", ["lab", "notebooks"])
def test_after_a_failure_a_press_sends_and_in_doubt_it_looks_again(
    open_cells: Opener, box: Sandbox, host: str
) -> None:
    cells = (QUICKLY, f"form = %asteroid_form {running(box)}\nform")
    with open_cells(box, *cells, host=host) as notebook:
        form = FormPage(notebook.page)
        check_looks_while_it_sends(form, box)
        form.message.fill("Sort them by name.")
        box.fail_next(status=400)
        form.press_and_see("Not delivered")
        # As soon as the card is there, a press counts.
        form.press("Send")
        expect(form.own("Sort them by name.")).to_be_visible()
        # Otherwise the second look would have to wait.
        notebook.run_code("import asteroid_magic.form.form as f; f.SHORTEST_PAUSE_S = 0.0")
        check_doubt(form, box)
        notebook.check("form.outcomes[0].confirmed_by == 'activities'")
    assert box.messages(running(box)) == ["Sort them by name.", "Keep them for a year."]


def check_looks_while_it_sends(form: FormPage, box: Sandbox) -> None:
    """Assert that Send then looks as if it could not be pressed."""
    form.message.fill("Sort them by date.")
    expect(form.send).to_be_enabled()
    assert form.send.evaluate(LOOKS_FREE)
    box.fail_next(status=400, delay=1.0)
    form.press("Send")
    expect(form.button("Cancel")).to_be_visible()
    assert not form.send.evaluate(LOOKS_FREE)
    expect(form.newest()).to_contain_text("Not delivered")
    expect(form.button("Cancel")).to_be_hidden()


def check_doubt(form: FormPage, box: Sandbox) -> None:
    """Send a message that may have arrived, and look for it until it has."""
    form.message.fill("Keep them for a year.")
    box.fail_next(drop="before")
    form.press_and_see("May have been delivered")
    form.tells("The message may have been delivered. The card above it says what to do.")
    expect(form.button("Send again")).to_be_enabled()
    expect(form.send).to_be_hidden()
    form.press("Look again")
    form.says("the message is not among the activities; it may still have arrived.")
    form.tells("The message is not among the activities so far.")
    # Any other text is another message.
    form.message.press("x")
    expect(form.send).to_be_visible()
    expect(form.button("Look again")).to_be_hidden()
    form.message.fill("Keep them for a year.")
    # It arrives late.
    deliver(box, running(box), "Keep them for a year.")
    form.press("Look again")
    expect(form.own("Keep them for a year.")).to_be_visible()
    expect(form.message).to_have_value("")
    expect(form.button("Look again")).to_be_hidden()


@pytest.mark.parametrize("host", ["lab", "notebooks"])
def test_while_the_kernel_does_not_answer_a_press_says_so_and_is_sent_once_afterwards(
    open_cells: Opener, box: Sandbox, tmp_path: Path, host: str
) -> None:
    own = tmp_path / "pid"
    tell = f"pathlib.Path({str(own)!r}).write_text(str(os.getpid()))"
    with open_cells(box, tell, f"%asteroid_form {asking(box)}", host=host) as notebook:
        form = FormPage(notebook.page)
        words = form.root.get_by_text("Waiting for the kernel…")
        form.message.fill("Friday 18:30")
        expect(form.send).to_be_enabled()
        expect(words).to_be_hidden()
        kernel = int(own.read_text())
        os.kill(kernel, signal.SIGSTOP)
        try:
            form.press("Send")
            expect(form.message).to_be_disabled()
            # Most presses are taken sooner: then the words would only flicker.
            assert form.root.locator(WAITING).evaluate(DELAY) == "0.3s"
            assert form.root.locator(WAITING).evaluate(SHOWN_AT, 299) == "hidden"
            assert form.root.locator(WAITING).evaluate(SHOWN_AT, 302) == "visible"
            expect(words).to_be_visible()
            assert not form.send.evaluate(LOOKS_FREE)
        finally:
            os.kill(kernel, signal.SIGCONT)
        expect(form.own("Friday 18:30")).to_be_visible()
        expect(words).to_be_hidden()
        expect(form.message).to_be_enabled()
    assert box.messages(asking(box)) == ["Friday 18:30"]
