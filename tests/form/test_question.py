"""What the execution waits for: options that fill the message, and a confirmation."""

from typing import Any

import pytest

from asteroid_magic import AsteroidClient, SendForm
from asteroid_magic.config.session import session
from asteroid_magic.sandbox import Sandbox
from tests.support.outcomes import ID
from tests.support.records import RecordServer
from tests.support.sandboxes import deliver
from tests.support.waiting import until

from .conftest import fields, use, words

ASKS = {
    "activityType": "status_changed",
    "status": "paused_by_agent",
    "pausedPayload": {
        "question": {
            "questions": [{"question": "Go on?", "options": [{"label": "Yes"}, {"label": "No"}]}]
        }
    },
}


def parts(form: SendForm) -> list[Any]:
    """Return the rows of the question, once it is there."""
    until(lambda: fields(form).question.children)
    return list(fields(form).question.children)


def test_a_question_is_shown_and_its_options_go_into_the_message(account: Sandbox) -> None:
    form = SendForm(account.executions[0])
    asked, group = parts(form)
    assert "Which time shall I book?" in words(asked)
    labels = [label for label, _ in group.options]
    assert labels == [
        "Friday 18:30 · Inside, the table must be left by 20:15",
        "Friday 21:15 · On the terrace, as long as you like",
        "Saturday 20:00 · The time you wanted, a day later",
    ]
    assert group.index is None
    group.index = 0
    assert form.message == "Friday 18:30"
    group.index = 1
    assert form.message == "Friday 21:15"
    form.message = "We are four."
    group.index = 0
    assert form.message == "We are four.\nFriday 18:30"
    form.submit()
    until(lambda: form.outcomes)
    assert account.messages(account.executions[0].id) == ["We are four.\nFriday 18:30"]
    # Once the message has arrived, the question counts as answered.
    until(lambda: not fields(form).question.children)


def test_where_several_may_be_chosen_each_can_be_taken_back(account: Sandbox) -> None:
    (run,) = account.add_waiting(1, kind="choices")
    form = SendForm(run)
    asked, first, second, *_ = parts(form)
    assert "You can choose several." in words(asked)
    first.value = second.value = True
    assert form.message == "Recycled paper, Blue pens"
    first.value = False
    assert form.message == "Blue pens"
    second.value = False
    assert form.message == ""


@pytest.mark.parametrize(
    ("typed", "other"),
    [
        ("Friday 18:30, please.", "Friday 21:15, please."),
        ("We are four.\nFriday 18:30", "We are four.\nFriday 21:15"),
        ("We are four.\nFriday 18:30\nThanks!", "We are four.\nFriday 21:15\nThanks!"),
        ("Not Friday 18:30", "Not Friday 18:30\nFriday 21:15"),
        ("Friday 18:305", "Friday 18:305\nFriday 21:15"),
    ],
)
def test_another_choice_replaces_the_first_and_what_was_written_around_it_stays(
    account: Sandbox, typed: str, other: str
) -> None:
    form = SendForm(account.executions[0])
    _, group = parts(form)
    group.index = 0
    form.message = typed
    group.index = 1
    assert form.message == other
    form.close()


@pytest.mark.parametrize(
    ("around", "left"),
    [("{}", ""), ("Hello!\n{}", "Hello!"), ("{}\nThanks!", "Thanks!"), ("{} Now.", " Now.")],
)
def test_a_choice_that_is_taken_back_leaves_what_was_written_around_it(
    account: Sandbox, around: str, left: str
) -> None:
    (run,) = account.add_waiting(1, kind="choices")
    form = SendForm(run)
    _, first, *_ = parts(form)
    first.value = True
    form.message = around.format("Recycled paper")
    first.value = False
    assert form.message == left
    form.close()


def test_a_choice_while_the_form_sends_does_not_count_as_put(account: Sandbox) -> None:
    form = SendForm(account.executions[0])
    _, group = parts(form)
    group.index = 0
    account.fail_next(status=400, delay=0.5)
    form.submit()
    group.index = 1
    until(lambda: form.outcomes)
    assert form.message == "Friday 18:30"
    group.index = 2
    assert form.message == "Saturday 20:00"


def test_a_confirmation_shows_its_reason_and_two_answers(account: Sandbox) -> None:
    (run,) = account.add_waiting(1, kind="confirmation")
    form = SendForm(run)
    reason, line = parts(form)
    assert words(reason) == "About to pay 29.90 euros for the 09:10 to Rome."
    approve, reject, note = line.children
    assert [one.description for one in (approve, reject)] == ["Approve", "Reject"]
    assert "write a message" in words(note)
    approve.click()
    assert form.message == "Approved. Please go on."
    reject.click()
    assert form.message == "Rejected. Please do not do this."
    # Nothing is sent before the user presses Send.
    assert account.messages(run) == []
    form.message = "Approved, but take the 10:10."
    form.submit()
    until(lambda: form.outcomes)
    assert account.messages(run) == ["Approved, but take the 10:10."]


def test_refresh_keeps_the_chosen_option_and_the_text(account: Sandbox) -> None:
    form = SendForm(account.executions[0])
    _, group = parts(form)
    group.index = 2
    before = form._monitor.state.conversation
    fields(form).refresh.click()
    until(lambda: form._monitor.state.conversation is not before)
    until(lambda: form._monitor.state.conversation.updated_at != before.updated_at)  # type: ignore[union-attr]
    assert fields(form).question.children[1] is group
    assert group.index == 2
    assert form.message == "Saturday 20:00"
    group.index = 0
    assert form.message == "Friday 18:30"


def test_a_question_that_was_answered_elsewhere_goes_and_the_text_stays(account: Sandbox) -> None:
    form = SendForm(account.executions[0])
    _, group = parts(form)
    group.index = 0
    form.message += ", please."
    deliver(account, account.executions[0].id, "Saturday, said somebody else.")
    until(lambda: not fields(form).question.children)
    assert form.message == "Friday 18:30, please."


def test_the_question_of_another_execution_replaces_it(account: Sandbox) -> None:
    (other,) = account.add_waiting(1)
    form = SendForm(account.executions[0])
    parts(form)
    form.execution = other.id
    until(lambda: "Which tariff" in words(parts(form)[0]))
    form.execution = account.executions[1].id
    until(lambda: not fields(form).question.children)


@pytest.mark.parametrize("kind", ["question", "choices", "confirmation"])
def test_what_was_shown_is_closed(account: Sandbox, kind: Any) -> None:
    (run,) = account.add_waiting(1, kind=kind)
    form = SendForm(run)
    rows = parts(form)
    form.execution = account.executions[1].id
    until(lambda: not fields(form).question.children)
    assert all(one.comm is None for row in rows for one in (row, *getattr(row, "children", ())))


def test_the_same_question_asked_again_can_be_answered_again() -> None:
    with RecordServer() as server:
        server.execution = {"status": "paused_by_agent"}
        server.happen(ID, ASKS, ago=60)
        with AsteroidClient("key-4711-secret", server.base_url) as client:
            form = SendForm(ID, client=client)
            _, group = parts(form)
            group.index = 0
            server.happen(ID, {"activityType": "status_changed", "status": "running"}, ago=2)
            server.happen(ID, ASKS, ago=1)
            fields(form).refresh.click()
            until(lambda: parts(form)[1] is not group)
            assert parts(form)[1].index is None
            form.message = ""
            parts(form)[1].index = 0
            assert form.message == "Yes"
            form.close()


def test_the_question_of_another_account_is_not_shown(account: Sandbox) -> None:
    form = SendForm(account.executions[0], "Typed.")
    parts(form)
    use(account.base_url, "another-key-4711")
    form.check_settings()
    until(lambda: not fields(form).question.children)
    assert form.message == "Typed."
    session.key = None
    form.check_settings()
    assert not fields(form).question.children


def asking(several: bool, *labels: str) -> dict[str, Any]:
    """Return an activity that asks a question with these options."""
    options = [{"label": label} for label in labels]
    asked = {"question": "Which?", "multiSelect": several, "options": options}
    paused = {"question": {"questions": [asked]}}
    return {**ASKS, "pausedPayload": paused}


@pytest.mark.parametrize("several", [True, False])
def test_options_with_the_same_words_are_choices_of_their_own(several: bool) -> None:
    with RecordServer() as server:
        server.execution = {"status": "paused_by_agent"}
        server.happen(ID, asking(several, "Yes", "Yes", "Yes (2)", "No"), ago=5)
        with AsteroidClient("key-4711-secret", server.base_url) as client:
            form = SendForm(ID, client=client)
            options = parts(form)[1:]
            shown = ["Yes", "Yes (2)", "Yes (2) (2)", "No"]
            if several:
                assert [one.description for one in options] == shown
                options[0].value = options[1].value = True
                assert form.message == "Yes, Yes"
                options[0].value = False
                assert form.message == "Yes"
                options[1].value = False
                assert form.message == ""
            else:
                assert [label for label, _ in options[0].options] == shown
                options[0].index = 2
                assert form.message == "Yes (2)"
                options[0].index = 1
                assert form.message == "Yes"
            form.close()


def test_what_a_browser_cannot_choose_changes_nothing(account: Sandbox) -> None:
    form = SendForm(account.executions[0].id, "Typed.")
    _, group = parts(form)
    until(lambda: len(fields(form).listing.options) == 3)
    before = [one.get_state() for one in (group, fields(form).send)]
    for widget, state in (
        (group, {"index": 3}),
        (group, {"index": -1.5}),
        (fields(form).send, {"index": 3}),
        (fields(form).message, {"value": None}),
        (fields(form).execution, {"value": 5}),
    ):
        widget.set_state(state)
    assert [one.get_state() for one in (group, fields(form).send)] == before
    assert (form.execution, form.message) == (account.executions[0].id, "Typed.")
    group.set_state({"index": 1})
    assert form.message == "Typed.\nFriday 21:15"
