"""Looking again for a message that may have been delivered: it never sends."""

import pytest
from IPython.utils.capture import capture_output

from asteroid_magic import AsteroidClient, Delivery, SendForm
from asteroid_magic.config.session import session
from asteroid_magic.sandbox import Sandbox
from tests.support.outcomes import ID
from tests.support.records import RecordServer
from tests.support.waiting import until

from .conftest import fields, frozen_by_browser, read, sent, words

LOST = "Did you get this?"


@pytest.fixture(autouse=True)
def without_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for no message by itself: what is lost stays unknown."""
    monkeypatch.setattr(session, "confirm_grace", 0.0)


def in_doubt(account: Sandbox, *, arrives: bool) -> SendForm:
    """Return a form whose message may have been delivered.

    One that arrives does so at an agent that then ends: another's entries would push it out.
    """
    account.fail_next(drop="after" if arrives else "before")
    form = sent(read(SendForm(account.executions[0 if arrives else 1].id)), LOST)
    assert form.outcomes[0].outcome == "unknown"
    return form


def is_in_doubt(form: SendForm) -> bool:
    return "asteroid-form-is-in-doubt" in fields(form).send._dom_classes


def test_an_unknown_outcome_offers_to_look_and_to_send_again(account: Sandbox) -> None:
    form = in_doubt(account, arrives=False)
    assert is_in_doubt(form)
    assert fields(form).look_again.layout.display == ""
    assert "Press Look again" in words(fields(form).cards)
    form.message = "Another text"
    assert not is_in_doubt(form)
    assert fields(form).look_again.layout.display == "none"
    form.message = LOST
    assert is_in_doubt(form)
    form.execution = account.executions[0].id
    assert not is_in_doubt(form)


def test_a_message_that_is_found_is_delivered_and_was_sent_once(account: Sandbox) -> None:
    form = in_doubt(account, arrives=True)
    fields(form).look_again.click()
    until(lambda: form.outcomes[0].outcome == "delivered")
    delivery = form.outcomes[0]
    assert isinstance(delivery, Delivery)
    assert (delivery.confirmed_by, delivery.attempts) == ("activities", 1)
    assert delivery.message == LOST
    assert account.messages(form.execution) == [LOST]
    assert form.message == ""
    assert not is_in_doubt(form)
    assert "asteroid-form-says-delivered" in fields(form).spoken._dom_classes
    until(lambda: f"You {LOST} ✓ Delivered" in words(fields(form).conversation))


def test_a_message_that_is_not_found_stays_unknown_and_is_kept(account: Sandbox) -> None:
    form = in_doubt(account, arrives=False)
    with capture_output():
        fields(form).look_again.click()
        until(lambda: "Looked again at" in words(fields(form).cards))
    assert "it may still have arrived" in words(fields(form).cards)
    assert form.outcomes[0].outcome == "unknown"
    assert form.message == LOST
    assert is_in_doubt(form)
    assert account.messages(form.execution) == []
    # It can be looked for as often as the user likes.
    assert not fields(form).look_again.disabled


def test_an_older_equal_message_is_not_the_one_that_was_lost(account: Sandbox) -> None:
    form = sent(read(SendForm(account.executions[1].id)), LOST)
    account.fail_next(drop="before")
    sent(form, LOST)
    fields(form).look_again.click()
    until(lambda: "Looked again at" in words(fields(form).cards))
    assert form.outcomes[0].outcome == "unknown"
    assert account.messages(form.execution) == [LOST]


def test_activities_that_cannot_be_read_are_said(account: Sandbox) -> None:
    form = in_doubt(account, arrives=True)
    account.stop()
    fields(form).look_again.click()
    until(lambda: "the activities could not be read" in words(fields(form).cards))
    assert form.outcomes[0].outcome == "unknown"
    assert form.message == LOST


def test_sent_again_it_is_sent_once_more_and_no_longer_in_doubt(account: Sandbox) -> None:
    form = in_doubt(account, arrives=False)
    # As the browser reports a press of "Send again".
    fields(form)._shown.value = fields(form)._filled.value
    frozen_by_browser(form)
    fields(form).send.index = 2
    until(lambda: form.outcomes[0].outcome == "delivered")
    assert account.messages(form.execution) == [LOST]
    assert not is_in_doubt(form)


def test_a_look_that_ends_after_the_form_was_closed_does_nothing(account: Sandbox) -> None:
    form = in_doubt(account, arrives=True)
    fields(form).look_again.click()
    form.close()
    assert form.outcomes[0].outcome == "unknown"


def test_without_a_clock_of_the_server_nothing_is_claimed() -> None:
    with RecordServer() as server:
        server.execution = {"status": "running"}
        server.post = lambda _execution_id, _text: 503
        with AsteroidClient("key-4711-secret", server.base_url, confirm_grace=0.0) as client:
            form = sent(read(SendForm(ID, client=client)), LOST)
            assert form.outcomes[0].outcome == "unknown"
            fields(form).look_again.click()
            until(lambda: form.outcomes[0].outcome == "delivered")
            form.close()


def test_a_text_for_another_execution_stays(account: Sandbox) -> None:
    form = in_doubt(account, arrives=True)
    # The form cannot show what was found before the execution has changed.
    with fields(form).lock:
        fields(form).look_again.click()
        form.execution = account.executions[1].id
    until(lambda: form.outcomes[0].outcome == "delivered")
    assert form.message == LOST


def test_it_is_not_looked_for_more_often_than_every_two_seconds(account: Sandbox) -> None:
    form = in_doubt(account, arrives=False)
    for _ in range(10):
        fields(form).look_again.click()
    until(lambda: "Looked again at" in words(fields(form).cards))
    fields(form).look_again.click()
    assert words(fields(form).reason).startswith("Look again in ")
    assert not fields(form).send.disabled
