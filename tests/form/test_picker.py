"""The fields that name the execution: the list, the ID, and what is said about it."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import requests

from asteroid_magic import AsteroidClient, SendForm
from asteroid_magic.config.api_key import ApiKey
from asteroid_magic.config.session import session
from asteroid_magic.form.picker import CHOOSE_AGAIN, lines_of
from asteroid_magic.models.executions import Execution
from asteroid_magic.monitor.inbox import InboxEntry
from asteroid_magic.sandbox import Sandbox
from tests.support.outcomes import ID
from tests.support.records import RecordServer
from tests.support.sandboxes import deliver
from tests.support.waiting import until

from .conftest import fields, frozen_by_browser, heading, listed, read, sent, use, words
from .test_form import EXECUTION


def lines(form: SendForm) -> list[str]:
    """Return the executions that the list offers."""
    return [label for label, value in fields(form).listing.options if value]


def lines_of_list(form: SendForm) -> list[tuple[str, str]]:
    """Return the lines of the list with their IDs, its heading first."""
    return list(fields(form).listing.options)


def choose(form: SendForm, words: str) -> None:
    """Choose a line as in a browser that shows the latest list."""
    listing = fields(form).listing
    (line,) = [at for at, (label, _) in enumerate(listing.options) if words in label]
    listing.set_state({"shown": listing.number.value})
    listing.set_state({"index": line})


def test_it_offers_all_active_executions_those_that_wait_on_top(account: Sandbox) -> None:
    form = listed(SendForm())
    waiting, running, _ = account.executions
    assert heading(form) == "Choose one of 2 active executions"
    first, second = lines(form)
    assert re.fullmatch(
        rf"Book a table · waits for you · began [34] min ago · {waiting.id[:8]}", first
    )
    assert re.fullmatch(
        rf"Sort incoming invoices · running · began 4[67] min ago · {running.id[:8]}", second
    )
    assert words(fields(form).header) == "1 of 2 active executions waits for you"
    choose(form, "Sort incoming")
    assert form.execution == running.id
    until(lambda: words(fields(form).header).startswith("Sort incoming invoices running 4"))
    # All of them are offered also when one is chosen.
    assert len(lines(form)) == 2
    choose(form, "Choose one of")
    assert form.execution == ""


def test_an_id_that_is_typed_is_shown_in_the_list(account: Sandbox) -> None:
    form = listed(SendForm())
    waiting, _, finished = account.executions
    form.execution = waiting.id.upper()
    until(lambda: "waits for you" in words(fields(form).header))
    assert fields(form).listing.value == waiting.id
    form.execution = finished.id
    assert fields(form).listing.value == ""
    assert form.execution == finished.id


def test_a_choice_counts_while_the_list_is_being_renewed(account: Sandbox) -> None:
    """Also if the browser does not show the latest list yet, which has the same lines."""
    form = listed(SendForm())
    for age in ("4 min", "5 min"):
        offer(form, [(f"{age} {label}", one) for label, one in lines_of_list(form)])
    fields(form).listing.set_state({"index": 2})
    assert form.execution == account.executions[1].id


def offer(form: SendForm, lines: list[tuple[str, str]]) -> None:
    """Offer a list that the browser does not show yet."""
    listing = fields(form).listing
    listing.set_state({"shown": listing.number.value})
    listing.offer(lines, form.execution)


def test_a_choice_from_a_list_with_other_lines_is_none_at_all(account: Sandbox) -> None:
    form = listed(SendForm(account.executions[1], "Yes."))
    until(lambda: fields(form).listing.value == account.executions[1].id)
    heading_, *others = lines_of_list(form)
    offer(form, [heading_, ("New", EXECUTION), *others])
    fields(form).listing.set_state({"index": 1})
    # What was chosen before is no longer wanted, and the new one was not meant.
    assert form.execution == fields(form).listing.value == ""
    assert words(fields(form).about) == CHOOSE_AGAIN
    assert "asteroid-form-says-choose-again" in fields(form).spoken._dom_classes
    assert form.message == "Yes."
    # Now it shows the new one, and any choice is one, also that of before.
    choose(form, others[1][0])
    assert form.execution == account.executions[1].id
    assert words(fields(form).about) == ""
    assert "asteroid-form-says-choose-again" not in fields(form).spoken._dom_classes


def test_nothing_is_sent_that_was_pressed_after_such_a_choice(account: Sandbox) -> None:
    """Not to the execution that was chosen before, whose ID the page still shows."""
    form = listed(SendForm(account.executions[1], "Yes."))
    heading_, *others = lines_of_list(form)
    offer(form, [heading_, ("New", EXECUTION), *others])
    fields(form).listing.set_state({"index": 1})
    fields(form).send.index = 1
    frozen_by_browser(form)
    until(lambda: not fields(form).send.index)
    assert form.outcomes == ()
    assert words(fields(form).about) == CHOOSE_AGAIN
    assert words(fields(form).reason) == "Choose an execution, or paste its ID."
    assert form.message == "Yes."


@pytest.mark.usefixtures("account")
def test_an_id_that_is_typed_ends_the_request_to_choose_again() -> None:
    form = listed(SendForm())
    heading_, *others = lines_of_list(form)
    offer(form, [heading_, ("New", EXECUTION), *others])
    fields(form).listing.set_state({"index": 1})
    assert words(fields(form).about) == CHOOSE_AGAIN
    form.execution = "8b07"
    assert words(fields(form).about).startswith("This is not an execution ID.")
    assert "asteroid-form-says-no-id" in fields(form).spoken._dom_classes
    form.execution = ""
    assert words(fields(form).about) == ""


def test_to_choose_none_clears_the_id_that_the_list_had_and_no_other(account: Sandbox) -> None:
    _, running, finished = account.executions
    form = listed(SendForm(running))
    until(lambda: fields(form).listing.value == running.id)
    # It ends while the page still shows it.
    offer(form, lines_of_list(form)[:2])
    fields(form).listing.set_state({"index": 0})
    assert form.execution == ""
    form.execution = finished
    choose(form, "Choose one of")
    assert form.execution == finished.id


def test_a_choice_does_not_change_what_is_being_sent(account: Sandbox) -> None:
    account.fail_next(delay=0.3)
    form = listed(SendForm(account.executions[1].id, "hello"))
    form.submit()
    choose(form, "Book a table")
    until(lambda: form.outcomes)
    assert form.outcomes[0].execution_id == account.executions[1].id


def test_an_id_outside_of_the_list_is_read_before_anything_is_said(account: Sandbox) -> None:
    finished = account.executions[2].id
    form = read(listed(SendForm(finished)))
    assert words(fields(form).about) == ""
    assert words(fields(form).header).startswith("Compare train fares finished")
    form.execution = EXECUTION
    until(lambda: words(fields(form).about))
    assert words(fields(form).about).startswith("No execution has this ID")
    form.execution = account.foreign_execution_id
    until(lambda: "belongs" in words(fields(form).about) or "may not" in words(fields(form).about))


def test_what_is_no_id_is_visibly_wrong_and_announced(account: Sandbox) -> None:
    form = SendForm("8b078c8b")
    assert "This is not an execution ID" in words(fields(form).about)
    assert "asteroid-form-is-wrong" in fields(form).execution._dom_classes
    assert "asteroid-form-says-no-id" in fields(form).spoken._dom_classes
    form.execution = f"  {EXECUTION} "
    assert fields(form).execution.value == EXECUTION
    assert "not an execution ID" not in words(fields(form).about)
    assert "asteroid-form-is-wrong" not in fields(form).execution._dom_classes
    assert "asteroid-form-says-no-id" not in fields(form).spoken._dom_classes
    form.execution = f"https://platform.example/runs/{EXECUTION}?tab=1"
    assert (
        words(fields(form).about) == f"This is not an execution ID, but contains one: {EXECUTION}"
    )
    assert account.is_running


def test_a_list_that_cannot_be_read_is_said_and_a_pasted_id_is_sent(account: Sandbox) -> None:
    use(account.base_url, "another-key-4711")
    form = listed(SendForm(account.executions[1].id))
    assert heading(form) == "The list could not be read"
    until(lambda: "does not accept the API key" in words(fields(form).about))
    session.key = ApiKey(account.api_key, "the test")
    assert sent(form).outcomes[0].outcome == "delivered"


def test_the_list_follows_what_is_known_of_the_chosen_one(account: Sandbox) -> None:
    waiting = account.executions[0].id
    form = listed(SendForm(waiting))
    until(lambda: re.search("· waits for you · [34] min ·", lines(form)[0]))
    deliver(account, waiting, "Friday 18:30")
    fields(form).refresh.click()
    until(lambda: "finished" in words(fields(form).header))
    # Before or after the list itself is read again.
    assert not any("waits for you" in line for line in lines(form))


def test_with_no_execution_or_no_key_the_list_says_so(box: Sandbox) -> None:
    session.base_url = box.base_url
    form = SendForm()
    assert heading(form) == "Set an API key to list the active executions"
    with RecordServer() as server:
        use(server.base_url)
        form.check_settings()
        until(lambda: heading(form) == "No execution is active now")
        form.close()


@pytest.mark.parametrize(
    ("status", "said"),
    [("running", "running · began 4 min ago"), ("queued", "queued · 4 min")],
)
def test_the_age_of_a_status_is_told_from_that_of_the_execution(status: str, said: str) -> None:
    one = Execution(id=ID, workflow_name="Book", status=status)
    created = datetime.now(UTC) - timedelta(minutes=4, seconds=5)
    ((line, _),) = lines_of([InboxEntry(execution=one, created=created)])
    assert line.startswith(f"Book · {said} · ")
    ((line, _),) = lines_of([InboxEntry(execution=one, created=created, since=created)])
    assert line.startswith(f"Book · {said.replace('began ', '').replace(' ago', '')} · ")


def test_equal_lines_of_the_list_stay_two_executions() -> None:
    ids = [f"8b078c8b-0000-4000-8000-00000000000{n}" for n in (1, 2)]
    with RecordServer() as server:
        server.listed = [{"id": one, "status": "running", "workflowName": "Same"} for one in ids]
        with AsteroidClient("key-4711-secret", server.base_url) as client:
            form = listed(SendForm(client=client))
            assert len(set(lines(form))) == 1
            listing = fields(form).listing
            listing.set_state({"shown": listing.number.value})
            listing.set_state({"index": 2})
            assert form.execution == listing.options[2][1]
            form.close()


def test_hostile_names_stay_on_their_line() -> None:
    with RecordServer() as server:
        name = "a\n<b>\u202e\x1b[2J" + "x" * 200
        server.listed = [{"id": EXECUTION, "status": "run\nning", "workflowName": name}]
        with AsteroidClient("key-4711-secret", server.base_url) as client:
            form = listed(SendForm(client=client))
            (line,) = lines(form)
            assert len(line) < 200
            assert not set(line) & {"\n", "\x1b", "\u202e"}
            form.close()


def test_no_request_is_made_without_a_key(box: Sandbox) -> None:
    with RecordServer() as server:
        session.base_url = server.base_url
        form = SendForm(box.executions[0], "hello")
        form.message = "hello again"
        fields(form).refresh.click()
        assert not form._monitor.state.inbox.updated_at
        assert server.asked == []
        form.close()
    assert requests.get(box.base_url, timeout=5).status_code
