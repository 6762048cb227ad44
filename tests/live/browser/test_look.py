"""The look of the form and the cards: for the eye, a screen reader and narrow windows."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from asteroid_magic.sandbox import Sandbox
from tests.live.browser.conftest import Opener
from tests.support.accessibility import BORDER, violations
from tests.support.outcomes import ID
from tests.support.pages import DELIVERED, FormPage

CARDS = (
    "%asteroid_send --show run_id It's 4 people, at most $50 each.",
    "%asteroid_send --dry-run --show run_id Are you done?",
    "%asteroid_send --wait 0.2 --show run_id And the invoices?",
    "%asteroid_send nobody Please do not lose this.",
    "%asteroid_activities asking",
    "%asteroid_executions",
    "display(send_many([(run_id, 'Go on.'), (unknown, 'Are you done?')], progress=False))",
    "box_is_gone = %asteroid_send --base-url http://127.0.0.1:9 --timeout 1 run_id Hello?",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_form_breaks_no_rule_of_accessibility(
    open_cells: Opener, box: Sandbox, scheme: str, pictures: Path
) -> None:
    quickly = "%config AsteroidMagics.confirm_grace = 0"
    look: dict[str, Any] = {"color_scheme": scheme, "viewport": {"width": 1280, "height": 2600}}
    host = "notebooks" if scheme == "light" else "lab"
    with open_cells(box, quickly, "%asteroid_form", host=host, **look) as notebook:
        form = FormPage(notebook.page)
        assert violations(form.page, ".asteroid-form") == []
        form.execution.fill("no ID")
        form.says(re.compile("This is not an execution ID"))
        form.tells("This is not an execution ID.")
        assert violations(form.page, ".asteroid-form") == []
        contrast, image = form.listing.evaluate(ARROW)
        # ipywidgets' own arrow is a black picture, in a dark theme as well.
        assert contrast > 7
        assert "url(" not in image
        check_questions(form, box, pictures, scheme)
        check_failures(form, box, pictures, scheme)


# The contrast of a list's text, whose colour is that of its arrow, and the picture of the arrow.
ARROW = """one => {
  const style = getComputedStyle(one);
  const light = colour => {
    const [r, g, b] = colour.match(/[0-9.]+/g).map(part => part / 255)
      .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  };
  const [dark, bright] = [light(style.color), light(style.backgroundColor)].sort((a, b) => a - b);
  return [bright / dark, style.backgroundImage];
}"""


def check_questions(form: FormPage, box: Sandbox, pictures: Path, scheme: str) -> None:
    """Judge a question with one choice, one with several, and a confirmation."""
    (ticket,) = box.add_waiting(1, "confirmation")
    (order,) = box.add_waiting(1, "choices")
    form.choose("Book a table")
    form.root.get_by_label("Friday 18:30").check()
    expect(form.message).to_have_value("Friday 18:30")
    if scheme == "light":
        picture(form.root, pictures / "form-question.png")
    assert violations(form.page, ".asteroid-form") == []
    form.message.fill("")
    form.execution.fill(order.id)
    form.root.get_by_role("checkbox").nth(1).check()
    form.root.get_by_role("checkbox").nth(2).check()
    expect(form.message).to_have_value("Blue pens, Larger envelopes")
    assert violations(form.page, ".asteroid-form") == []
    form.message.fill("")
    form.execution.fill(ticket.id)
    expect(form.button("Approve")).to_be_visible()
    assert violations(form.page, ".asteroid-form") == []


def check_failures(form: FormPage, box: Sandbox, pictures: Path, scheme: str) -> None:
    """Judge a conversation, and the cards of failures."""
    form.execution.fill(box.executions[1].id)
    form.deliver("It's 4 people, at most $50 each.")
    if scheme == "light":
        picture(form.root, pictures / "form-delivered-light.png")
    box.fail_next(status=401)
    form.message.fill("Is anybody there?")
    form.press_and_see("does not accept the API key")
    picture(form.root, pictures / f"form-error-{scheme}.png")
    box.fail_next(drop="before")
    form.press_and_see("May have been delivered")
    expect(form.button("Look again")).to_be_visible()
    for summary in form.root.locator("summary").all():
        summary.click()
    assert violations(form.page, ".asteroid-form") == []


@pytest.mark.parametrize("host", ["lab", "notebooks"])
def test_in_forced_colours_buttons_have_borders_and_a_choice_can_be_seen(
    open_cells: Opener, box: Sandbox, host: str
) -> None:
    """As Windows draws a page for users who need a high contrast."""
    (order,) = box.add_waiting(1, "choices")
    look: dict[str, Any] = {"forced_colors": "active", "viewport": {"width": 1000, "height": 1600}}
    with open_cells(box, "%asteroid_form", host=host, **look) as notebook:
        form = FormPage(notebook.page)
        radios, boxes = form.root.get_by_role("radio"), form.root.get_by_role("checkbox")
        for execution, options in ((box.executions[0], radios), (order, boxes)):
            form.execution.fill(execution.id)
            expect(options).to_have_count(3)
            before = options.nth(1).screenshot()
            options.nth(1).check()
            # The mouse must not be what differs.
            form.message.click()
            assert options.nth(1).screenshot() != before
            assert options.nth(1).evaluate("one => one.matches('input:not([hidden])')")
        expect(form.send).to_be_enabled()
        buttons = form.root.get_by_role("button")
        assert buttons.count() >= 2
        for button in buttons.all():
            assert button.evaluate(BORDER) == ["solid", True]


ANSWERED = re.compile(r"The (agent has spoken|execution is over)\.")


@pytest.mark.parametrize("host", ["lab", "notebooks"])
def test_a_screen_reader_is_told_by_one_element_that_stays(
    open_cells: Opener, box: Sandbox, host: str
) -> None:
    with open_cells(box, f"%asteroid_form {box.executions[0].id}", host=host) as notebook:
        form = FormPage(notebook.page)
        expect(form.root.get_by_role("radio")).to_have_count(3)
        spoken = form.spoken.element_handle()
        notebook.page.evaluate(LISTEN, spoken)
        form.execution.fill("no ID")
        form.tells("This is not an execution ID.")
        form.execution.fill(box.executions[0].id)
        form.tells("")
        # The options are reached one by one: ipywidgets gives radio buttons no common name, and
        # so the arrow keys do not move among them.
        keyboard = notebook.page.keyboard
        form.root.get_by_role("radio").first.focus()
        keyboard.press("Tab")
        keyboard.press("Space")
        expect(form.root.get_by_label("Friday 21:15")).to_be_checked()
        expect(form.send).to_be_enabled()
        box.fail_next(delay=0.5)
        form.send.focus()
        keyboard.press("Enter")
        # The form may look before the agent, which speaks and ends, has ended.
        expect(form.spoken).to_have_text(ANSWERED, use_inner_text=True)
        expect(form.message).to_be_focused()
        assert spoken.evaluate("one => one.isConnected")
        heard = notebook.page.evaluate("window.heard")
    *before, last = heard
    assert before == ["This is not an execution ID.", "Sending.", "Delivered."]
    assert ANSWERED.fullmatch(last)


# What an element says, one after the other. What is shown in it changes with a class outside.
LISTEN = """element => {
  window.heard = [];
  const look = () => {
    const words = element.innerText.trim();
    if (words && words !== window.heard.at(-1)) window.heard.push(words);
  };
  const root = element.closest('.asteroid-form');
  new MutationObserver(look).observe(
    root, { subtree: true, childList: true, attributes: true, attributeFilter: ['class'] });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_cards_of_the_magics_break_no_rule_of_accessibility(
    open_cells: Opener, box: Sandbox, scheme: str
) -> None:
    names = f"run_id, asking = {box.executions[1].id!r}, {box.executions[0].id!r}"
    names += f"\nfrom asteroid_magic import send_many\nunknown = {ID!r}"
    cells = [names, *map(shown, CARDS)]
    look: dict[str, Any] = {"color_scheme": scheme, "viewport": {"width": 1280, "height": 4200}}
    with open_cells(box, *cells, host="notebooks", **look) as notebook:
        page = notebook.page
        page.locator(".asteroid-card").nth(len(CARDS) - 1).wait_for()
        assert violations(page, ".asteroid-card") == []


def shown(cell: str) -> str:
    """Return a cell that shows its result, and does not stop after a failure."""
    return cell if re.match(r"%asteroid_(?!send)", cell) else tolerant(cell)


def tolerant(cell: str) -> str:
    """Return a cell that shows the card of a failure without stopping."""
    return f"try:\n    {cell}\nexcept Exception:\n    pass"


def test_the_card_of_a_magic_in_lab(open_cells: Opener, box: Sandbox, pictures: Path) -> None:
    cells = (f"train = {box.executions[1].id!r}", "%asteroid_send train Yes, book the earlier one.")
    with open_cells(box, *cells, viewport={"width": 900, "height": 700}) as notebook:
        card = notebook.page.locator(".asteroid-card")
        card.wait_for()
        assert "Delivered" in card.inner_text()
        picture(notebook.page.locator(".jp-Cell").nth(2), pictures / "delivered.png")


@pytest.mark.parametrize("width", [400, 1600])
def test_it_fits_narrow_and_wide_windows(open_cells: Opener, box: Sandbox, width: int) -> None:
    look: dict[str, Any] = {"viewport": {"width": width, "height": 1200}}
    with open_cells(box, "%asteroid_form", host="notebooks", **look) as notebook:
        form = FormPage(notebook.page)
        form.choose("Sort incoming invoices")
        form.message.fill("Somewhat longer words, so that a line of them has to be broken. " * 5)
        form.press("Send")
        expect(form.entries.filter(has_text=DELIVERED)).to_be_visible()
        assert form.root.evaluate(OVERFLOWING) == []
        box_of = form.root.bounding_box()
        assert box_of is not None
        assert box_of["width"] <= 46 * 16 + 1


@pytest.mark.parametrize("host", ["lab", "notebooks"])
def test_tables_are_read_whole_in_a_narrow_window(
    open_cells: Opener, box: Sandbox, host: str
) -> None:
    box.add_waiting(1, "choices")
    box.fail_next(status=404)
    rows = f"rows = [({box.executions[0].id!r}, 'Rather many words, in one row. ' * 9), ('x', 'y')]"
    cells = (
        "%asteroid_executions",
        f"from asteroid_magic import send_many\n{rows}[:1]\nsend_many(rows, progress=False)",
    )
    look: dict[str, Any] = {"viewport": {"width": 400, "height": 1200}}
    with open_cells(box, *cells, host=host, **look) as notebook:
        tables = notebook.page.locator(".asteroid-list")
        tables.nth(1).wait_for()
        for name in notebook.page.locator(".asteroid-executions .asteroid-wide").all():
            assert name.evaluate("one => one.scrollWidth - one.clientWidth") == 0
        for table in tables.all():
            assert table.evaluate("one => one.scrollWidth - one.clientWidth") == 0
        assert "Which of these shall I order" in tables.nth(0).inner_text()
        assert "Book a table" in tables.nth(1).inner_text()


def test_a_bar_shows_how_far_a_batch_is_and_then_how_it_ended(
    open_cells: Opener, box: Sandbox
) -> None:
    rows = f"rows = [({box.executions[1].id!r}, str(number)) for number in range(40)]"
    cell = f"from asteroid_magic import send_many\n{rows}\nsend_many(rows, workers=1)"
    with open_cells(box, cell, host="notebooks") as notebook:
        box.fail_next(delay=0.2, times=40)
        notebook.run_all(wait=False)
        bar = notebook.page.locator(".progress-bar")
        bar.wait_for()
        expect(notebook.page.get_by_text("messages/s")).to_be_visible()
        notebook.page.get_by_text("Sending: 40 of 40").wait_for()
        expect(bar).to_have_count(0)
        expect(notebook.page.get_by_text("40 messages: 40 delivered")).to_be_visible()


# The elements that extend beyond the form.
OVERFLOWING = """form => {
  const right = form.getBoundingClientRect().right + 1;
  return [...form.querySelectorAll('*')]
    .filter(one => one.getClientRects().length && !one.closest('[role=status]'))
    .filter(one => one.getBoundingClientRect().right > right)
    .map(one => one.outerHTML.slice(0, 200));
}"""


def picture(element: Locator, path: Path) -> None:
    """Take a picture of an element, without animations or a caret."""
    element.screenshot(path=path, animations="disabled", caret="hide")
