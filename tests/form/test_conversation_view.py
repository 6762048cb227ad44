"""The conversation in the form: status, entries, what the agent does, its reply, how old it is."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from asteroid_magic import AsteroidClient, Delivery, SendForm
from asteroid_magic.form import form as form_module
from asteroid_magic.form import html
from asteroid_magic.form.conversation_view import ConversationView
from asteroid_magic.form.widgets import FormWidgets
from asteroid_magic.models.executions import Execution
from asteroid_magic.monitor import ConversationState, MonitorState
from asteroid_magic.monitor.inbox import InboxState
from asteroid_magic.render.cards import as_html
from asteroid_magic.sandbox import Sandbox
from tests.support.messages import CELLS, LINES
from tests.support.outcomes import ID, Seen
from tests.support.records import RecordServer
from tests.support.waiting import until

from .conftest import every_widget, fields, listed, markup, read, sent, words

HOSTILE = '<script>alert(1)</script><img src=x onerror=alert(2)> javascript:alert(3) "\x1b[2J'
SPOKE = {
    "activityType": "action_completed",
    "actionName": "util_send_user_message",
    "actionId": "a1",
    "message": "Hello there",
}


def test_the_header_has_the_workflow_its_status_in_words_and_for_how_long(account: Sandbox) -> None:
    form = read(SendForm(account.executions[0]))
    until(lambda: re.fullmatch(r"Book a table waits for you 3 min", words(fields(form).header)))
    form.execution = account.executions[1].id
    until(lambda: words(fields(form).header).startswith("Sort incoming invoices running"))
    form.execution = ""
    until(lambda: words(fields(form).header) == "1 of 2 active executions waits for you")


def test_the_last_ten_entries_are_shown_the_newest_last_and_thoughts_folded() -> None:
    with RecordServer() as server:
        for number in range(30):
            payload = {"activityType": "generic", "message": f"note {number}"}
            server.happen(ID, payload, ago=300 - number)
        server.happen(ID, {"activityType": "reasoning", "reasoning": "Let me think."}, ago=1)
        with AsteroidClient("key-4711-secret", server.base_url) as client:
            form = SendForm(ID, client=client)
            until(lambda: "Let me think." in words(fields(form).conversation))
            shown = markup(fields(form).conversation)
            assert shown.count('class="asteroid-entry ') == 10
            assert "note 21" in shown
            assert "note 20" not in shown
            assert shown.index("note 21") < shown.index("note 29") < shown.index("Let me think.")
            assert shown.index("<details>") < shown.index("Let me think.")
            assert "Older entries: %asteroid_activities --all" in words(fields(form).conversation)
            form.close()


def test_after_delivered_it_shows_what_the_agent_does_then_the_reply(account: Sandbox) -> None:
    form = read(SendForm(account.executions[0]))
    form = sent(form, "Friday 18:30")
    until(lambda: "Waiting for the agent" in words(fields(form).doing) or form.outcomes[0].reply)  # type: ignore[union-attr]
    until(lambda: isinstance(one := form.outcomes[0], Delivery) and one.heard is not None)
    delivery = form.outcomes[0]
    assert isinstance(delivery, Delivery)
    assert any("I booked what you said" in one.text for one in delivery.reply)
    until(lambda: "finished" in words(fields(form).header))
    # The header is drawn first.
    until(lambda: "You Friday 18:30 ✓ Delivered" in words(fields(form).conversation))
    shown = words(fields(form).conversation)
    assert "Done, I booked what you said: “Friday 18:30”" in shown
    until(lambda: fields(form).stop.layout.display == "none")
    assert "asteroid-form-says-over" in fields(form).spoken._dom_classes
    # The conversation shows the message: its card would say it twice.
    assert "Friday 18:30" not in words(fields(form).cards)


def test_the_answer_is_also_kept_in_the_notebook(account: Sandbox) -> None:
    form = sent(SendForm(account.executions[0]), "Friday 18:30")
    until(lambda: form.outcomes[0].reply)  # type: ignore[union-attr]
    kept = html.saved_view("abc", form._sends, form._sends[0].at)
    assert "I booked what you said" in Seen(kept).words
    assert re.search(r"This copy is from \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", Seen(kept).words)


def test_waiting_for_the_answer_can_be_stopped_and_send_used_meanwhile() -> None:
    with RecordServer() as server:
        server.execution = {"status": "running", "workflowName": "Slow"}
        with AsteroidClient("key-4711-secret", server.base_url) as client:
            form = sent(read(SendForm(ID, client=client)), "first")
            until(lambda: "Waiting for the agent" in words(fields(form).doing))
            assert fields(form).stop.layout.display == ""
            sent(form, "second")
            assert [one.message for one in form.outcomes] == ["second", "first"]
            fields(form).stop.click()
            stopped = "You stopped waiting; this did not stop the agent."
            until(lambda: words(fields(form).doing) == stopped)
            assert fields(form).stop.layout.display == "none"
            endings = [
                one.heard.ending for one in form.outcomes if isinstance(one, Delivery) and one.heard
            ]
            assert endings == ["interrupted"] * 2
            form.close()


def test_what_the_agent_says_meanwhile_is_the_reply() -> None:
    with RecordServer() as server:
        server.execution = {"status": "running", "workflowName": "Quick"}
        with AsteroidClient("key-4711-secret", server.base_url) as client:
            form = sent(read(SendForm(ID, client=client)), "Are you there?")
            server.happen(ID, SPOKE)
            form._monitor.touch()
            until(lambda: form.outcomes[0].reply)  # type: ignore[union-attr]
            until(lambda: "Hello there" in words(fields(form).conversation))
            assert "asteroid-form-says-spoke" in fields(form).spoken._dom_classes
            form.close()


def test_of_equal_messages_each_is_its_own() -> None:
    with RecordServer() as server:
        server.execution = {"status": "running"}
        server.happen(ID, {"activityType": "user_message_received", "message": "yes"}, ago=3_000)
        with AsteroidClient("key-4711-secret", server.base_url) as client:
            form = read(SendForm(ID, client=client))
            until(lambda: "yes" in words(fields(form).conversation))
            # The list is a little behind.
            server.shape = lambda found: found[-1:]
            sent(form, "yes")
            # The one from an hour ago is not the one that was just delivered.
            assert "Delivered" in words(fields(form).cards)
            assert "Delivered" not in words(fields(form).conversation)
            server.shape = list
            fields(form).refresh.click()
            until(lambda: "You yes ✓ Delivered" in words(fields(form).conversation))
            assert words(fields(form).conversation).count("yes") == 2
            assert words(fields(form).conversation).count("Delivered") == 1
            assert "yes" not in words(fields(form).cards)
            form.close()


def test_every_text_is_shown_in_the_conversation_as_it_was_typed(account: Sandbox) -> None:
    run = account.executions[1].id
    form = read(SendForm(run))
    for text in [*LINES.values(), *CELLS.values()]:
        sent(form, text)
        assert account.messages(run)[-1] == text
    until(lambda: "✓ Delivered" in words(fields(form).conversation))


def test_hostile_words_of_an_execution_stay_words() -> None:
    with RecordServer() as server:
        asks = {
            "activityType": "status_changed",
            "status": "paused_by_agent",
            "pausedPayload": {
                "reason": HOSTILE,
                "question": {"questions": [{"question": HOSTILE, "header": HOSTILE}]},
            },
        }
        server.execution = {"status": "paused_by_agent", "workflowName": HOSTILE}
        server.happen(ID, {"activityType": "generic", "message": HOSTILE}, ago=5)
        server.happen(ID, asks)
        with AsteroidClient("key-4711-secret", server.base_url) as client:
            form = listed(SendForm(ID, client=client))
            until(lambda: fields(form).question.children)
            drawn = [
                fields(form).header,
                fields(form).conversation,
                fields(form).question.children[0],
            ]
            for widget in drawn:
                seen = Seen(markup(widget))
                assert not {"script", "img", "a"} & seen.tags
                assert not {name for name in seen.attributes if name.startswith("on")}
                assert "<script>alert" in seen.words
                assert "\x1b" not in markup(widget)
            form.close()


def test_it_says_how_old_it_is_and_when_it_has_stopped(
    account: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form_module, "STOPS_AFTER_S", 1.0)
    monkeypatch.setattr(form_module, "TICK_S", 0.1)
    form = SendForm(account.executions[1].id)
    until(lambda: words(fields(form).updated) == "updated just now")
    until(lambda: words(fields(form).updated).startswith("Not updated since "))
    assert words(fields(form).updated).endswith("Press Refresh to go on.")
    assert "asteroid-form-says-stopped" in fields(form).spoken._dom_classes
    fields(form).refresh.click()
    until(lambda: words(fields(form).updated) == "updated just now")
    until(lambda: words(fields(form).updated).startswith("Not updated since "))
    form.message = "Typing counts, too."
    until(lambda: words(fields(form).updated).startswith("updated"))


@pytest.mark.parametrize(
    ("status", "said"), [("completed", "updated just now"), ("running", "updated 5 min ago")]
)
def test_what_is_over_is_as_new_as_the_list_which_says_so(status: str, said: str) -> None:
    now = datetime.now(UTC)
    read_at = now - timedelta(minutes=5)
    execution = Execution(id=ID, workflow_name="Book", status=status)
    known = ConversationState(execution_id=ID, execution=execution, updated_at=read_at)
    shown = FormWidgets(ID, "")
    # Late enough for a slow machine.
    inbox = InboxState(updated_at=now + timedelta(seconds=30))
    state = MonitorState(conversation=known, inbox=inbox, is_stopped=False)
    ConversationView(shown).show(state, ID, (), has_key=True)
    assert words(shown.updated) == said
    shown.close()


def test_a_reading_that_fails_is_said_and_what_is_known_stays(account: Sandbox) -> None:
    form = read(SendForm(account.executions[1].id))
    until(lambda: words(fields(form).conversation))
    account.stop()
    fields(form).refresh.click()
    until(lambda: words(fields(form).updated).startswith("Reading failed: "))
    assert "Last updated" in words(fields(form).updated)
    assert "Sort incoming invoices" in words(fields(form).header)
    assert "I am sorting today's invoices" in words(fields(form).conversation)


def test_failures_and_unknown_outcomes_have_a_card_earlier_ones_are_folded(
    account: Sandbox,
) -> None:
    run = account.executions[1].id
    form = read(SendForm(run))
    account.fail_next(status=400)
    sent(form, "refused")
    assert "Not delivered" in words(fields(form).cards)
    account.fail_next(drop="before")
    sent(form, "lost")
    shown = words(fields(form).cards)
    assert "Sent before with this form: 1" in shown
    assert shown.index("Not delivered") < shown.index("May have been delivered")
    assert fields(form).cards.value.count("asteroid-form-earlier") == 1
    # Of another execution, it does not stand in this one's conversation.
    form.execution = account.executions[0].id
    until(lambda: "Sent before with this form: 2" in words(fields(form).cards))
    form.execution = run
    until(lambda: "Sent before with this form: 1" in words(fields(form).cards))


def test_the_last_ten_outcomes_are_kept(account: Sandbox) -> None:
    form = SendForm(account.executions[1].id)
    for number in range(12):
        sent(form, f"message {number}")
    assert [one.message for one in form.outcomes] == [f"message {n}" for n in range(11, 1, -1)]


def test_an_execution_that_is_over_or_purged_is_shown_as_that() -> None:
    with RecordServer() as server:
        server.execution = {"status": "completed", "purgedAt": "2026-10-01T00:00:00Z"}
        server.refuse = lambda path: (404, {}) if "activities" in path else None
        with AsteroidClient("key-4711-secret", server.base_url) as client:
            form = SendForm(ID, client=client)
            until(lambda: "were deleted on 2026-10-01" in words(fields(form).conversation))
            assert "Nothing has happened" not in words(fields(form).conversation)
            assert "finished" in words(fields(form).header)
            form.close()


def test_what_the_agent_does_is_said_only_if_the_conversation_does_not_show_it() -> None:
    with RecordServer() as server:
        server.execution = {"status": "running"}
        begins = {"activityType": "action_started", "actionId": "a2", "message": "Sorting mail"}
        server.happen(ID, begins, ago=30)
        with AsteroidClient("key-4711-secret", server.base_url) as client:
            form = SendForm(ID, client=client)
            until(lambda: "Sorting mail" in words(fields(form).conversation))
            until(lambda: words(fields(form).doing) == "")
            server.happen(ID, {"activityType": "reasoning", "reasoning": "What next?"}, ago=20)
            fields(form).refresh.click()
            until(lambda: words(fields(form).doing) == "Now: Sorting mail")
            done = {**begins, "activityType": "action_completed", "message": "Sorted mail"}
            server.happen(ID, done, ago=10)
            fields(form).refresh.click()
            until(lambda: words(fields(form).doing) == "")
            server.accept(ID, "Well done.")
            fields(form).refresh.click()
            until(lambda: words(fields(form).doing) == "Now: has a message to read")
            form.close()


@pytest.mark.parametrize("member", ["startedAt", "createdAt"])
def test_if_it_is_unknown_since_when_it_runs_the_header_says_when_it_began(member: str) -> None:
    # More than three hours also by the server's clock, which counts as up to two seconds behind.
    began = datetime.now(UTC) - timedelta(hours=3, minutes=5)
    with RecordServer() as server:
        server.execution = {"status": "running", "workflowName": "Long", member: began.isoformat()}
        server.happen(ID, {"activityType": "generic", "message": "Still sorting"}, ago=30)
        with AsteroidClient("key-4711-secret", server.base_url) as client:
            form = SendForm(ID, client=client)
            until(lambda: words(fields(form).header) == "Long running began 3 h ago")
            server.happen(ID, {"activityType": "status_changed", "status": "paused"}, ago=5)
            server.execution["status"] = "paused"
            fields(form).refresh.click()
            until(lambda: re.fullmatch(r"Long paused \d+ s", words(fields(form).header)))
            form.close()


def test_a_message_with_the_key_is_sent_as_typed_and_the_conversation_hides_the_key(
    account: Sandbox,
) -> None:
    # Its agent ends then: entries of one that goes on would push the message out.
    run, text = account.executions[0].id, f"Is {account.api_key} the key?"
    form = sent(read(SendForm(run)), text)
    assert account.messages(run) == [text]
    own = "You Is [API key] the key? ✓ Delivered"
    until(lambda: own in words(fields(form).conversation))
    # It counts as shown: no card says it twice, nor is the key in any other widget.
    assert words(fields(form).cards) == ""
    until(lambda: form.outcomes[0].reply)  # type: ignore[union-attr]
    assert not any(account.api_key in repr(one.get_state()) for one in every_widget())


def test_a_card_of_a_message_with_the_key_shows_what_was_typed_as_the_magics_do(
    account: Sandbox,
) -> None:
    account.fail_next(status=400)
    text = f"Is {account.api_key} the key?"
    form = sent(read(SendForm(account.executions[1].id)), text)
    assert form.message == text
    assert text in words(fields(form).cards)
    assert text in Seen(as_html(form.outcomes[0])).words
    assert text in Seen(html.saved_view("abc", form._sends, form._sends[0].at)).words


def test_below_the_header_are_links_to_what_the_agent_shows() -> None:
    with RecordServer() as server:
        server.execution = {
            "status": "running",
            "liveViewUrl": "https://live.example/x?a=1&b=2",
            "platformUrl": "javascript:alert(1)",
        }
        with AsteroidClient("key-4711-secret", server.base_url) as client:
            form = SendForm(ID, client=client)
            until(lambda: words(fields(form).links) == "Live view (live.example)")
            shown = fields(form).links.value
            [link] = re.findall("<a [^>]*>", shown)
            assert 'href="https://live.example/x?a=1&#38;b=2"' in link
            assert 'target="_blank" rel="noopener noreferrer"' in link
            assert "alert" not in shown
            # They are not drawn anew, so that the focus stays on a link.
            drawn: list[object] = []
            fields(form).links.observe(drawn.append, "value")
            server.happen(ID, {"activityType": "generic", "message": "news"})
            form.refresh()
            until(lambda: "news" in words(fields(form).conversation))
            assert not drawn
            form.close()


def test_what_is_for_machines_is_folded() -> None:
    with RecordServer() as server:
        server.execution = {"status": "running"}
        display = {"presentationLevel": "system"}
        for ago in (30, 20):
            beat = {"activityType": "generic", "message": "still alive", "display": display}
            server.happen(ID, beat, ago=ago)
        with AsteroidClient("key-4711-secret", server.base_url) as client:
            form = SendForm(ID, client=client)
            until(lambda: "2 system entries" in words(fields(form).conversation))
            assert "<details>" in markup(fields(form).conversation)
            # It is no word about what the agent does.
            assert "still alive" not in words(fields(form).doing)
            form.close()
