"""What a form shows of the chosen execution, and how it stays up to date, in a real Notebook 7."""

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import expect

from asteroid_magic.sandbox import Sandbox
from tests.live.browser.conftest import Opener
from tests.support.outcomes import ID
from tests.support.pages import FormPage
from tests.support.records import RecordServer
from tests.support.sandboxes import asking, deliver, finished, running

FORM = "form = %asteroid_form\nform"
AGE = re.compile(r"^(\d+ s|\d+ min)$")
THOUGHT = "\n".join(f"Thought {number}" for number in range(30))
# In pixels: how far a field is from being scrolled to its end, and where an element begins in it.
FROM_BOTTOM = "one => Math.abs(one.scrollTop)"
TOP = """one => one.getBoundingClientRect().top
  - one.closest('.asteroid-form-talk-field').getBoundingClientRect().top"""
UPDATED = re.compile(r"^updated (just now|\d+ s ago)$")


@pytest.mark.parametrize("host", ["lab", "notebooks"])
def test_whatever_is_chosen_is_read_before_anything_is_said_of_it(
    open_cells: Opener, box: Sandbox, host: str
) -> None:
    with open_cells(box, FORM, host=host) as notebook:
        form = FormPage(notebook.page)
        expect(form.header).to_have_text("1 of 2 active executions waits for you")
        # Not in the list, and over.
        form.execution.fill(finished(box))
        expect(form.header).to_contain_text("Compare train fares")
        expect(form.header).to_contain_text("finished")
        expect(form.entries.last).to_contain_text("All nine fares were compared.")
        assert form.chosen() == "Choose one of 2 active executions"
        # Somebody else's: what is known is that it may not be read.
        form.execution.fill(box.foreign_execution_id)
        form.says("This API key may not read this.")
        form.says("Reading failed.")
        expect(form.header).to_have_text(f"Execution {box.foreign_execution_id[:8]}")
        expect(form.conversation).to_have_count(0)
        # In the list.
        form.choose("Book a table")
        expect(form.execution).to_have_value(asking(box))
        expect(form.header.locator("> span")).to_have_text(["Book a table", "waits for you", AGE])
        expect(form.root.get_by_role("radio")).to_have_count(3)
        assert [line.split(" · ")[:2] for line in form.offered()] == [
            ["Book a table", "waits for you"],
            ["Sort incoming invoices", "running"],
        ]
        check_order(form)
        check_what_is_folded(form)
        form.choose("Sort incoming invoices")
        expect(form.execution).to_have_value(running(box))
        expect(form.root.get_by_role("radio")).to_have_count(0)
        expect(form.entries).to_have_count(10)
        expect(form.conversation).to_contain_text(
            f"Older entries: %asteroid_activities --all {running(box)[:8]}"
        )


def check_order(form: FormPage) -> None:
    """Assert that the conversation is above the message, the newest entry at its bottom."""
    assert 1 < form.entries.count() <= 10
    tops = [form.top(one) for one in (form.header, form.entries.first, form.entries.last)]
    tops += [form.top(form.root.get_by_role("radio").first), form.top(form.message)]
    assert tops == sorted(set(tops))
    times = form.entries.locator(".asteroid-when").all_inner_texts()
    assert times == sorted(times)
    expect(form.entries.last).to_contain_text("Only the guest can choose another time.")


def check_what_is_folded(form: FormPage) -> None:
    """Assert that thoughts, the key and the server are folded, and that the ID is small."""
    thoughts = form.conversation.locator(".asteroid-is-thinking")
    expect(thoughts).to_have_count(2)
    expect(thoughts.locator("details:not([open])")).to_have_count(2)
    key = form.root.locator("details", has_text="API key: set, from")
    expect(key).to_have_js_property("open", value=False)
    expect(key.locator("summary")).to_have_text("Key and server")
    size = "one => parseFloat(getComputedStyle(one).fontSize)"
    assert form.execution.evaluate(size) < form.message.evaluate(size)


@pytest.mark.parametrize("host", ["lab", "notebooks"])
def test_a_question_that_is_answered_elsewhere_goes_and_the_typed_text_stays(
    open_cells: Opener, box: Sandbox, host: str
) -> None:
    with open_cells(box, f"%asteroid_form {asking(box)}", host=host) as notebook:
        form = FormPage(notebook.page)
        form.message.fill("My own words")
        form.root.get_by_label("Friday 21:15").check()
        expect(form.message).to_have_value("My own words\nFriday 21:15")
        form.says(UPDATED)
        # The user reads again, and loses nothing.
        form.button("Refresh").click()
        form.says("updated just now")
        expect(form.root.get_by_label("Friday 21:15")).to_be_checked()
        expect(form.message).to_have_value("My own words\nFriday 21:15")
        deliver(box, asking(box), "Saturday 20:00")
        expect(form.root.get_by_role("radio")).to_have_count(0, timeout=10_000)
        expect(form.root.locator(".asteroid-form-question")).to_have_count(0)
        expect(form.header).to_contain_text("finished")
        expect(form.entries.filter(has_text="Saturday 20:00").first).to_be_visible()
        expect(form.message).to_have_value("My own words\nFriday 21:15")
        expect(form.message).to_be_enabled()
    assert box.messages(asking(box)) == ["Saturday 20:00"]


@pytest.mark.parametrize("host", ["lab", "notebooks"])
def test_a_form_that_nobody_touches_stops_says_so_and_goes_on_after_refresh(
    open_cells: Opener, box: Sandbox, host: str
) -> None:
    soon = "import asteroid_magic.form.form as made\nmade.STOPS_AFTER_S = 3.0"
    with open_cells(box, soon, f"%asteroid_form {asking(box)}", host=host) as notebook:
        form = FormPage(notebook.page)
        expect(form.root.get_by_role("radio")).to_have_count(3)
        form.says(re.compile(r"^Not updated since \d\d:\d\d:\d\d\. Press Refresh to go on\.$"))
        form.tells("The form has stopped updating.")
        deliver(box, asking(box), "Saturday 20:00")
        expect(form.root.get_by_role("radio")).to_have_count(3)
        form.button("Refresh").click()
        expect(form.root.get_by_role("radio")).to_have_count(0)
        form.says(UPDATED)


@pytest.mark.parametrize("host", ["lab", "notebooks"])
def test_what_comes_moves_no_button(open_cells: Opener, box: Sandbox, host: str) -> None:
    """A button that moves while it is being pressed gets no click."""
    with open_cells(box, FORM, host=host, often=True) as notebook:
        form = FormPage(notebook.page)
        form.choose("Sort incoming invoices")
        expect(form.entries.first).to_be_visible()
        form.root.evaluate(NOTE_PLACES)
        expect(form.entries).to_have_count(10)
        form.message.fill("Is anybody there?")
        box.fail_next(delay=0.6)
        form.send.click()
        expect(form.own("Is anybody there?")).to_be_visible()
        # The agent works on.
        newest = form.entries.last.inner_text()
        expect(form.entries.last).not_to_have_text(newest)
        assert len(form.root.evaluate("() => window.places")) == 1


# Note where the message begins in the form, except while a card of the form is above it.
NOTE_PLACES = """root => {
  window.places = [];
  const message = root.querySelector('textarea');
  const note = () => {
    const place = message.getBoundingClientRect().top - root.getBoundingClientRect().top;
    const isBelowCard = root.querySelector('.asteroid-form-outcomes');
    if (!isBelowCard && !window.places.includes(place)) window.places.push(place);
  };
  note();
  new MutationObserver(note).observe(root, { childList: true, subtree: true, attributes: true });
}"""
# Note what the form says of the agent, however short it stands there.
NOTE_DOINGS = """root => {
  window.doings = [];
  const note = () => window.doings.push(
    ...root.innerText.split("\\n").filter(line => line.startsWith("Waiting for the agent")));
  new MutationObserver(note).observe(root, { childList: true, subtree: true, characterData: true });
}"""


@pytest.mark.parametrize("host", ["lab", "notebooks"])
def test_after_delivered_it_shows_what_the_agent_does_and_then_what_it_says(
    open_cells: Opener, host: str
) -> None:
    with Sandbox(pace=3.0) as box:
        cell = f"form = %asteroid_form {asking(box)}\nform"
        with open_cells(box, cell, host=host, often=True) as notebook:
            form = FormPage(notebook.page)
            form.root.evaluate(NOTE_DOINGS)
            form.root.get_by_label("Friday 18:30").check()
            form.send.click()
            form.tells("Delivered.")
            form.says(re.compile("^Waiting for the agent"))
            # Meanwhile, the user can write, and other cells run.
            form.message.fill("And a high chair, please.")
            expect(form.send).to_be_enabled()
            notebook.run_code("import time; time.sleep(0.1); other = 'ran'; form.outcomes[0]")
            expect(form.own("Friday 18:30")).to_be_visible()
            expect(form.entries.filter(has_text="Done, I booked what you said")).to_be_visible()
            # Each was there for a moment only.
            doings = form.page.evaluate("window.doings")
            for doing in ("Filling in the answer", "Confirming the booking"):
                assert f"Waiting for the agent: {doing}" in doings
            expect(form.button("Stop waiting")).to_be_hidden()
            form.tells(re.compile("spoken|over"))
            expect(form.header).to_contain_text("finished")
            expect(form.message).to_have_value("And a high chair, please.")
            said = f"{form.root.inner_text()}"
            assert "Waiting for the agent" not in said
            notebook.check("any('I booked' in one.text for one in form.outcomes[0].reply)")
            notebook.check("other == 'ran'")


@pytest.mark.parametrize("host", ["lab", "notebooks"])
def test_a_user_can_stop_waiting_for_the_answer_and_still_sees_it(
    open_cells: Opener, host: str
) -> None:
    with Sandbox(pace=2.0) as box:
        cell = f"form = %asteroid_form {asking(box)}\nform"
        with open_cells(box, cell, host=host, often=True) as notebook:
            form = FormPage(notebook.page)
            form.message.fill("Friday 18:30")
            form.send.click()
            form.button("Stop waiting").click()
            form.says("You stopped waiting; this did not stop the agent.")
            expect(form.button("Stop waiting")).to_be_hidden()
            notebook.check("form.outcomes[0].outcome == 'delivered'")
            expect(form.entries.filter(has_text="Done, I booked what you said")).to_be_visible()


@pytest.mark.parametrize("host", ["lab", "notebooks"])
def test_a_confirmation_is_answered_by_a_message_that_the_user_can_edit(
    open_cells: Opener, box: Sandbox, host: str
) -> None:
    (ticket,) = box.add_waiting(1, "confirmation")
    with open_cells(box, f"%asteroid_form {ticket.id}", host=host) as notebook:
        form = FormPage(notebook.page)
        expect(form.header).to_contain_text("Buy a ticket")
        form.says("About to pay 29.90 euros for the 09:10 to Rome.")
        form.says("The agent reads it as any other message.")
        form.button("Reject").click()
        expect(form.message).to_have_value("Rejected. Please do not do this.")
        form.button("Approve").click()
        expect(form.message).to_have_value("Approved. Please go on.")
        form.message.fill("Approved, but only in second class.")
        form.send.click()
        expect(form.entries.filter(has_text="Thank you. You said").first).to_be_visible()
        expect(form.button("Approve")).to_have_count(0)
    assert box.messages(ticket.id) == ["Approved, but only in second class."]


@pytest.fixture
def talkative() -> Iterator[RecordServer]:
    """A server whose execution has said a lot, and then had a long thought."""
    with RecordServer() as server:
        server.execution = {"status": "running", "workflowName": "Slow"}
        for number in range(12):
            words = f"{number}. " + "Some words. " * 30
            server.happen(ID, {"activityType": "generic", "message": words}, ago=100 - number)
        server.happen(ID, {"activityType": "reasoning", "reasoning": THOUGHT}, ago=60)
        yield server


@pytest.mark.parametrize("host", ["lab", "notebooks"])
def test_what_the_user_has_opened_stays_open_and_the_newest_in_sight(
    open_cells: Opener, talkative: RecordServer, host: str
) -> None:
    with open_cells(account_at(talkative), f"%asteroid_form {ID}", host=host) as notebook:
        form = FormPage(notebook.page)
        expect(form.entries).to_have_count(10)
        region = form.root.get_by_role("region", name="Conversation")
        assert "Some words." in region.aria_snapshot()
        form.conversation.locator("summary").click()
        opened = form.conversation.locator("details").element_handle()
        talk = form.conversation.element_handle()
        assert talk.evaluate(FROM_BOTTOM) < 2
        talkative.happen(ID, {"activityType": "generic", "message": "New, and in sight."})
        form.button("Refresh").click()
        expect(form.entries.last).to_contain_text("New, and in sight.")
        expect(form.entries).to_have_count(10)
        assert talk.evaluate(FROM_BOTTOM) < 2
        # Its entry changes once it is delivered, and those around it do not.
        form.message.fill("Mine.")
        form.press("Send")
        expect(form.own("Mine.")).to_have_count(1)
        assert talk.evaluate(FROM_BOTTOM) < 2
        assert opened.evaluate("one => one.isConnected && one.open")


@pytest.mark.parametrize("host", ["lab", "notebooks"])
def test_whoever_reads_further_up_stays_there_while_entries_come(
    open_cells: Opener, talkative: RecordServer, host: str
) -> None:
    with open_cells(account_at(talkative), f"%asteroid_form {ID}", host=host) as notebook:
        form = FormPage(notebook.page)
        form.conversation.locator("summary").click()
        opened = form.conversation.locator("details").element_handle()
        talk = form.conversation.element_handle()
        opened.evaluate("one => one.scrollIntoView({ block: 'start' })")
        top, away = opened.evaluate(TOP), talk.evaluate(FROM_BOTTOM)
        assert away > 20
        # The keyboard gets to where the user reads, and stays there.
        form.scroll_stop.focus()
        assert talk.evaluate(FROM_BOTTOM) == away
        talkative.happen(ID, {"activityType": "generic", "message": "Out of sight."})
        expect(form.entries.last).to_contain_text("Out of sight.")
        expect(form.scroll_stop).to_be_focused()
        assert abs(opened.evaluate(TOP) - top) < 2
        assert talk.evaluate(FROM_BOTTOM) > away
        notebook.page.keyboard.press("End")
        notebook.page.wait_for_function(f"one => ({FROM_BOTTOM})(one) < 2", arg=talk)


def account_at(server: RecordServer) -> SimpleNamespace:
    """Return what tells a cell where this server is."""
    return SimpleNamespace(base_url=server.base_url, api_key="key-4711-secret")


@pytest.mark.parametrize("host", ["lab", "notebooks"])
def test_after_delivered_the_next_question_appears_with_its_options(
    open_cells: Opener, host: str
) -> None:
    with RecordServer() as server:
        server.execution = {"status": "paused_by_agent", "workflowName": "Two questions"}
        server.happen(ID, asks("Which day?", "Friday", "Saturday"), ago=60)

        def ask_again(_execution_id: str, text: str) -> int:
            if text == "Saturday":
                server.happen(ID, {"activityType": "status_changed", "status": "running"})
                server.happen(ID, asks("And which time?", "18:30", "21:15"))
            return 201

        server.post = ask_again
        with open_cells(
            account_at(server), f"form = %asteroid_form {ID}\nform", host=host
        ) as notebook:
            form = FormPage(notebook.page)
            form.root.get_by_label("Saturday").check()
            form.press("Send")
            form.tells("The agent asks you something.")
            form.says("And which time?")
            expect(form.own("Saturday")).to_have_count(1)
            expect(form.root.get_by_role("radio")).to_have_count(2)
            expect(form.root.get_by_label("Friday")).to_have_count(0)
            form.root.get_by_label("21:15").check()
            expect(form.message).to_have_value("21:15")
            form.press("Send")
            expect(form.own("21:15")).to_be_visible()
            notebook.check("form.outcomes[1].reply[-1].question[0].question == 'And which time?'")
    assert [text for _, text in server.accepted] == ["Saturday", "21:15"]


def asks(question: str, *labels: str) -> dict[str, Any]:
    """Return an activity with which the agent asks this question."""
    asked = {"question": question, "options": [{"label": label} for label in labels]}
    paused = {"reason": question, "question": {"questions": [asked]}}
    return {
        "activityType": "status_changed",
        "status": "paused_by_agent",
        "pausedPayload": paused,
    }
