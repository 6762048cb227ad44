"""The form as a user sees it, without a browser: the live tests use one."""

import gc
import json
import signal
import socket
import threading
import weakref
from typing import Any

import ipywidgets
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from asteroid_magic import AsteroidClient, InvalidInput, SendForm
from asteroid_magic.client.retry import Backoff
from asteroid_magic.config.session import session
from asteroid_magic.form import form as form_module
from asteroid_magic.monitor import Monitor, background_send, schedule
from asteroid_magic.sandbox import Sandbox
from tests.support.messages import CELLS, LINES
from tests.support.outcomes import Seen
from tests.support.records import RecordServer
from tests.support.sandboxes import deliver
from tests.support.servers import FaultServer, answers, resets, silent
from tests.support.shells import Notebook
from tests.support.waiting import until

from .conftest import (
    every_widget,
    fields,
    frozen_by_browser,
    heading,
    listed,
    read,
    sent,
    threads,
    use,
    words,
)

EXECUTION = "123e4567-e89b-12d3-a456-426614174000"


def test_what_is_sent_is_what_was_typed_and_it_goes_into_the_card(account: Sandbox) -> None:
    for text in [*LINES.values(), *CELLS.values()]:
        run = account.executions[1].id
        form = sent(SendForm(run), text)
        assert account.messages(run)[-1] == text
        assert form.outcomes[0].outcome == "delivered"
        assert form.outcomes[0].message == text
        assert "Delivered" in words(fields(form).cards)
        assert form.message == ""
        assert form.execution == run
        assert run in session.seen
        # Otherwise dozens of open forms would all follow this conversation.
        form.close()


def test_the_fields_are_called_what_they_are(account: Sandbox) -> None:
    form = SendForm(account.executions[0], "hello")
    names = [fields(form).listing, fields(form).execution, fields(form).message]
    assert [one.description for one in names] == ["Execution", "Execution ID", "Message"]
    assert fields(form).send.options == ("", "Send", "Send again")
    assert form.execution == account.executions[0].id
    assert form.message == "hello"


def test_send_is_disabled_with_the_reason_beside_it(account: Sandbox) -> None:
    form = SendForm()
    reason = fields(form).reason
    for execution, message, why in (
        ("", "", "Choose an execution"),
        ("8b07", "hello", "Choose an execution"),
        (EXECUTION, "", "Write a message."),
        (EXECUTION, " \n", "The message is only spaces"),
        (EXECUTION, "a\0b", "NUL"),
        (EXECUTION, "x" * 1_000_001, "1,000,000 bytes"),
    ):
        form.execution, form.message = execution, message
        assert fields(form).send.disabled
        assert why in words(reason)
    form.message = "hello"
    assert not fields(form).send.disabled
    assert words(reason) == ""
    # Without a delay, the send would be over before the next assertion.
    account.fail_next(delay=0.5)
    form.submit()
    assert fields(form).send.index == 1
    assert not account.messages(account.executions[0].id)


def test_nothing_can_be_sent_without_a_key_and_a_cell_that_sets_one_is_noticed(
    shell: InteractiveShell, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.base_url = box.base_url
    form = SendForm(box.executions[0].id, "hello")
    assert words(fields(form).key).startswith("API key: not set. Run %asteroid_login")
    assert words(fields(form).reason) == "Set the API key first."
    assert fields(form).send.disabled
    monkeypatch.setenv("ASTEROID_API_KEY", "")
    shell.run_cell(f"import os; os.environ['ASTEROID_API_KEY'] = {box.api_key!r}")
    assert "set, from the environment variable ASTEROID_API_KEY" in words(fields(form).key)
    assert box.base_url in words(fields(form).key)
    assert not fields(form).send.disabled
    until(lambda: "2 active executions" in heading(form))


def test_a_setting_that_cannot_be_used_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASTEROID_API_KEY", "not a key")
    form = SendForm()
    assert "holds a character that no key has" in words(fields(form).key)
    assert "not a key" not in states()


@pytest.mark.parametrize("kind", ["key", "execution", "drop", "refused"])
def test_a_failure_shows_its_card_and_keeps_the_text(account: Sandbox, kind: str) -> None:
    run = account.executions[1].id
    outcome, said = {
        "key": ("not_delivered", "does not accept the API key"),
        "execution": ("not_delivered", "No execution has this ID"),
        "drop": ("unknown", "May have been delivered"),
        "refused": ("not_delivered", "refused the connection"),
    }[kind]
    if kind == "key":
        use(account.base_url, "another-key-4711")
    if kind == "execution":
        run = EXECUTION
    if kind == "drop":
        account.fail_next(drop="before")
    if kind == "refused":
        account.stop()
    form = sent(SendForm(run), "It's 4 people, at most $50 each.")
    assert form.outcomes[0].outcome == outcome
    assert said in words(fields(form).cards)
    assert form.message == "It's 4 people, at most $50 each."
    assert form.execution == run
    assert not fields(form).message.disabled
    assert not fields(form).send.disabled


def test_hostile_words_of_a_server_stay_words(account: Sandbox) -> None:
    hostile = '<script>alert(1)</script><img src=x onerror=alert(2)> javascript:alert(3) "\x1b[2J'
    account.fail_next(status=400, body=json.dumps({"code": 400, "message": hostile}))
    form = sent(SendForm(account.executions[1].id))
    seen = Seen(fields(form).cards.value)
    assert not {"script", "img", "a"} & seen.tags
    assert not {name for name in seen.attributes if name.startswith("on")}
    assert "<script>alert(1)</script>" in seen.words
    assert "\x1b" not in fields(form).cards.value + fields(form).announcements.value
    assert "<script>" not in fields(form).announcements.value


def test_one_press_is_one_message_also_when_it_comes_twice(account: Sandbox) -> None:
    run = account.executions[1].id
    account.fail_next(delay=0.3)
    form = SendForm(run, "once")
    form.submit()
    with pytest.raises(InvalidInput, match="still sending a message"):
        form.submit()
    fields(form).send.index = 0
    fields(form).freeze()
    until(lambda: form.outcomes)
    until(lambda: threads() == {"monitor"})
    assert account.messages(run) == ["once"]
    assert len(form.outcomes) == 1


def test_while_it_sends_it_says_so_and_can_be_cancelled_which_is_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(background_send, "TICK", 0.02)
    with FaultServer(silent) as server:
        use(server.base_url)
        form = SendForm(EXECUTION, "hello")
        form.submit()
        assert words(fields(form).reason).startswith("Sending")
        assert fields(form).cancel.layout.display == ""
        assert fields(form).message.disabled
        until(lambda: "Sending for 0 s" in words(fields(form).reason))
        until(lambda: any(request.startswith(b"POST") for request in server.requests))
        fields(form).cancel.click()
        until(lambda: form.outcomes)
        form.close()
    assert form.outcomes[0].outcome == "unknown"
    assert form.outcomes[0].title == "You cancelled the send"


def test_cancelled_before_the_first_byte_it_is_not_delivered_and_says_so_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    over, asked = threading.Event(), threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        asked.set()
        over.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    use("https://somewhere.invalid")
    form = SendForm(EXECUTION, "hello")
    form.submit()
    assert asked.wait(10)
    until(lambda: form._sending._deadline.connecting)  # type: ignore[union-attr]
    form.cancel()
    assert form.outcomes[0].outcome == "not_delivered"
    assert form.message == "hello"
    assert fields(form).send.index == 0
    over.set()


def test_what_cannot_be_submitted_is_refused_with_the_reason(account: Sandbox) -> None:
    form = SendForm(account.executions[1].id)
    with pytest.raises(InvalidInput, match="Write a message"):
        form.submit()
    form.close()
    with pytest.raises(InvalidInput, match="closed"):
        form.submit()


def test_a_closed_form_is_shown_as_what_it_was(account: Sandbox) -> None:
    form = sent(SendForm(account.executions[1].id), "keep me")
    form.close()
    with capture_output() as captured:
        form._ipython_display_()
    (kept,) = captured.outputs
    assert "This form is closed." in Seen(kept.data["text/html"]).words
    assert "keep me" in Seen(kept.data["text/html"]).words


def test_after_an_unknown_outcome_a_second_click_so_soon_is_no_press(
    account: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form_module, "LONGEST_DOUBLE_CLICK", 0.5)
    account.fail_next(drop="before", times=2)
    form = SendForm(account.executions[1].id, "once")
    form.submit()
    until(lambda: "May have been delivered" in words(fields(form).cards))
    # The form shows the card and has not released the fields yet.
    assert fields(form).send.index == 1
    fields(form).freeze()
    until(lambda: form.outcomes)
    assert len(form.outcomes) == 1
    assert fields(form).send.index == 0


def test_after_a_failure_a_press_sends_at_once(
    account: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form_module, "LONGEST_DOUBLE_CLICK", 60.0)
    account.fail_next(status=400)
    form = sent(SendForm(account.executions[1].id), "hello")
    assert form.outcomes[0].outcome == "not_delivered"
    assert sent(form, "hello").outcomes[0].outcome == "delivered"
    assert account.messages(form.execution) == ["hello"]


def test_late_news_of_the_browser_is_no_second_press(account: Sandbox) -> None:
    form = SendForm(account.executions[1].id)
    for number in range(30):
        form.message = f"message {number}"
        form.submit()
        while len(form.outcomes) < min(number + 1, 10):
            # As the browser reports the fields that it has frozen, at any time.
            frozen_by_browser(form)
        until(lambda: form._sending is None)
    assert account.messages(form.execution) == [f"message {number}" for number in range(30)]


def test_a_text_that_is_set_while_another_is_on_its_way_stays(account: Sandbox) -> None:
    account.fail_next(delay=0.3)
    form = SendForm(account.executions[1].id, "first")
    form.submit()
    form.message = "second"
    until(lambda: form.outcomes)
    assert form.outcomes[0].message == "first"
    assert form.message == "second"


def test_what_the_browser_has_not_shown_is_not_sent(account: Sandbox) -> None:
    form = SendForm(account.executions[1].id, "shown")
    form.message = "set by a cell"
    # The user presses Send before the browser has the new text.
    frozen_by_browser(form)
    fields(form).send.index = 1
    assert words(fields(form).reason).startswith("The form has just changed")
    assert fields(form).send.index == 0
    fields(form)._shown.value = fields(form)._filled.value
    frozen_by_browser(form)
    fields(form).send.index = 1
    until(lambda: form.outcomes)
    assert account.messages(account.executions[1].id) == ["set by a cell"]


def test_a_form_that_cannot_show_its_card_is_given_back_all_the_same(
    account: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no display")

    form = SendForm(account.executions[1].id, "hello")
    monkeypatch.setattr(form, "_publish_saved_view", fail)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    form.submit()
    until(lambda: form.outcomes)
    assert form.outcomes[0].outcome == "delivered"
    assert fields(form).send.index == 0
    monkeypatch.undo()


def test_refresh_frees_fields_that_an_interrupt_has_left_frozen(account: Sandbox) -> None:
    form = listed(SendForm(account.executions[1].id, "hello"))
    fields(form).message.disabled = True
    fields(form).send.index = 1
    fields(form).refresh.click()
    assert not fields(form).message.disabled
    assert fields(form).send.index == 0
    assert form.outcomes == ()


def test_cancelling_nothing_does_nothing(account: Sandbox) -> None:
    form = SendForm(account.executions[1].id)
    form.cancel()
    assert form.outcomes == ()


def test_whatever_goes_wrong_the_form_is_given_back_and_claims_nothing(
    account: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr(AsteroidClient, "send", fail)
    form = sent(SendForm(account.executions[1].id))
    assert form.outcomes[0].outcome == "unknown"
    assert "RuntimeError" in words(fields(form).cards)


def test_no_widget_ever_holds_the_key(account: Sandbox) -> None:
    echo = json.dumps({"code": 400, "message": f"bad key {account.api_key}"})
    account.fail_next(status=400, body=echo)
    form = listed(sent(SendForm(account.executions[1].id)))
    assert "bad key [API key]" in words(fields(form).cards)
    assert account.api_key not in states()
    assert account.api_key not in repr(form)
    assert account.api_key not in repr(vars(form))


def states() -> str:
    """Return everything that a saved notebook could hold of the widgets."""
    return repr([one.get_state() for one in every_widget()])


def test_it_uses_the_client_it_is_given(box: Sandbox) -> None:
    with AsteroidClient(box.api_key, box.base_url, timeout=7) as client:
        form = listed(SendForm(box.executions[1].id, client=client))
        assert "API key: set, from the argument api_key" in words(fields(form).key)
        assert sent(form).outcomes[0].outcome == "delivered"
        assert sent(form).outcomes[0].outcome == "delivered"


def test_a_message_that_newer_entries_push_out_of_the_conversation_has_its_card(
    account: Sandbox,
) -> None:
    run = account.executions[1].id
    form = sent(read(SendForm(run)), "mine")
    deliver(account, run, *(f"message {number}" for number in range(10)))
    fields(form).refresh.click()
    until(lambda: "message 9" in words(fields(form).conversation))
    assert "✓ Delivered" not in words(fields(form).conversation)
    assert "mine" in words(fields(form).cards)


def test_the_message_grows_with_what_is_typed() -> None:
    form = SendForm()
    rows = []
    for message in ("", "a\n" * 8, "word " * 200, "a\n" * 500):
        form.message = message
        rows.append(fields(form).message.rows)
    assert rows == [4, 10, 14, 16]


def test_an_object_without_an_execution_is_refused() -> None:
    before = len(every_widget())
    with pytest.raises(InvalidInput, match="holds no execution ID"):
        SendForm(42)
    with pytest.raises(InvalidInput, match="of type int, not text"):
        SendForm(EXECUTION, message=5)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="of type NoneType, not text"):
        SendForm(EXECUTION, message=None)  # type: ignore[arg-type]
    assert len(every_widget()) == before


def test_a_value_that_is_none_is_refused_and_changes_nothing() -> None:
    form = SendForm(EXECUTION, "Typed.")
    for wrong in (None, 5, b"bytes", ["a"]):
        with pytest.raises(InvalidInput, match="not text"):
            form.message = wrong  # type: ignore[assignment]
    for odd in (5, b"bytes", ["a", "b"], object()):
        with pytest.raises(InvalidInput, match="holds no execution ID"):
            form.execution = odd
    assert (form.execution, form.message) == (EXECUTION, "Typed.")
    form.execution = None
    assert form.execution == ""


def test_a_closed_form_leaves_nothing_behind(
    shell: InteractiveShell, account: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each reads once. Otherwise a hundred forms would draw what they read over and over.
    monkeypatch.setattr(schedule, "LIVELY_LOOKS", Backoff(60.0, 60.0))
    monkeypatch.setattr(schedule, "LIVELY_LISTING_S", 60.0)
    ipywidgets.HTML("what ipywidgets keeps for good, such as the default layout").close()
    before = len(every_widget())
    callbacks = len(shell.events.callbacks["post_run_cell"])
    forms = [SendForm(account.executions[1].id, "hello") for _ in range(100)]
    assert len({form._form_id for form in forms}) == 100
    read(forms[0])
    gone = [weakref.ref(form) for form in forms]
    while forms:
        form = forms.pop()
        form.close()
        form.close()
    del form
    until(lambda: not threads())
    gc.collect()
    assert len(every_widget()) == before
    assert len(shell.events.callbacks["post_run_cell"]) == callbacks
    assert not any(one() for one in gone)


def test_closing_ends_what_is_under_way() -> None:
    with FaultServer(silent) as server:
        use(server.base_url)
        form = SendForm(EXECUTION, "hello")
        form.submit()
        until(lambda: any(request.startswith(b"POST") for request in server.requests))
        form.close()
        until(lambda: not threads())


def test_each_form_is_its_own(account: Sandbox) -> None:
    run = account.executions[1].id
    one, other = SendForm(run, "one"), SendForm(run, "other")
    one.submit()
    until(lambda: one.outcomes)
    assert (other.message, other.outcomes) == ("other", ())
    other.close()
    assert sent(one, "again").outcomes[0].outcome == "delivered"


def test_where_no_widgets_are_shown_it_says_what_to_use_instead(notebook: Notebook) -> None:
    with capture_output() as captured:
        notebook.shell.run_cell("%asteroid_form")
    assert "%asteroid_send EXECUTION message" in captured.outputs[0].data["text/plain"]


def test_the_magics_show_it(notebook: Notebook, box: Sandbox) -> None:
    shell = notebook.shell
    with capture_output() as captured:
        shell.run_cell("%asteroid_send")
        shell.run_cell("form = %asteroid_form run_id")
        shell.run_cell("%asteroid_form {run.id}")
    views = [one for one in captured.outputs if VIEW in one.data]
    assert len(views) == 2
    assert all(one.data["text/html"] == "" for one in views)
    assert shell.user_ns["form"].execution == box.executions[1].id
    shell.run_line_magic("unload_ext", "asteroid_magic")
    assert not shell.user_ns["form"].comm


VIEW = "application/vnd.jupyter.widget-view+json"


def test_an_execution_that_is_none_stops_the_magic(notebook: Notebook) -> None:
    with capture_output() as captured:
        result = notebook.shell.run_cell("%asteroid_form nothing")
    assert (
        "'nothing' is neither an execution ID nor a variable" in captured.stderr + captured.stdout
    )
    with capture_output() as captured:
        notebook.shell.run_cell("%asteroid_form run_id hello")
    assert "takes only an execution" in captured.stderr + captured.stdout
    assert result.error_in_exec


def test_what_is_kept_in_the_notebook_is_the_cards_and_what_to_use(
    shell: InteractiveShell, account: Sandbox
) -> None:
    with capture_output() as captured:
        form = SendForm(account.executions[1].id)
        form._ipython_display_()
        sent(form, "keep <me>")
    kept = [one for one in captured.outputs if VIEW not in one.data][-1]
    seen = Seen(kept.data["text/html"])
    assert "Delivered" in seen.words
    assert "keep <me>" in seen.words
    assert "%asteroid_send EXECUTION message" in seen.words
    assert shell


def test_answers_of_the_wire_are_told_apart() -> None:
    for behave, outcome in (
        (answers(b"HTTP/1.1 429 Busy\r\nConnection: close\r\n\r\n"), "not_delivered"),
        (resets, "unknown"),
    ):
        with FaultServer(behave) as server:
            use(server.base_url)
            form = sent(SendForm(EXECUTION))
            assert form.outcomes[0].outcome == outcome
            form.close()


def test_the_form_reads_nothing_but_by_its_monitor(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the limits of the monitor, which its own tests check, are those of the form."""
    monkeypatch.setattr(Monitor, "_wake", lambda _monitor: None)
    with RecordServer() as server:
        use(server.base_url)
        form = SendForm(box.executions[0])
        form.execution = box.executions[1].id
        fields(form).refresh.click()
        sent(form, "hello")
        assert server.asked == []
        form.close()


def test_a_form_that_is_closed_while_it_sends_keeps_what_became_of_it(account: Sandbox) -> None:
    run = account.executions[1].id
    account.fail_next(delay=0.4)
    form = SendForm(run, "on its way")
    form._ipython_display_()
    form.submit()
    until(lambda: form._sending is not None and form._sending.took > 0.1)
    with capture_output() as captured:
        form.close()
        until(lambda: form.outcomes)
    assert form.outcomes[0].outcome in ("unknown", "delivered")
    kept = captured.outputs[-1].data["text/html"]
    assert "on its way" in Seen(kept).words
    assert "May have been delivered" in Seen(kept).words or "Delivered" in Seen(kept).words


def test_a_send_whose_thread_cannot_start_is_not_delivered_and_frees_the_form(
    account: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(background_send, "begin", fail)
    form = SendForm(account.executions[1].id, "hello")
    with pytest.raises(RuntimeError, match="can't start"):
        form.submit()
    assert form.outcomes[0].outcome == "not_delivered"
    assert form.message == "hello"
    assert not fields(form).message.disabled
    monkeypatch.undo()
    use(account.base_url, account.api_key)
    assert sent(form, "hello").outcomes[0].outcome == "delivered"
    assert account.messages(form.execution) == ["hello"]


@pytest.mark.parametrize("step", ["submit", "close"])
def test_an_interrupt_leaves_no_form_half_done(account: Sandbox, step: str) -> None:
    form = SendForm(account.executions[1].id, "hello")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupt(change: dict[str, Any]) -> None:
        # When Send is pressed, or the widget closes; not at a later change from another thread.
        if change["new"] in (1, None):
            signal.raise_signal(signal.SIGINT)

    if step == "submit":
        fields(form).send.observe(interrupt, "index")
    else:
        fields(form).message.observe(interrupt, "comm")
    try:
        with pytest.raises(KeyboardInterrupt):
            getattr(form, step)()
    finally:
        signal.signal(signal.SIGINT, before)
    if step == "submit":
        until(lambda: form.outcomes)
        assert form.outcomes[0].outcome == "delivered"
    else:
        assert form.comm is None
        until(lambda: not threads())


def test_a_press_that_the_form_refuses_does_not_blame_a_cell(account: Sandbox) -> None:
    form = SendForm(account.executions[1].id, "hello")
    fields(form).message.value = ""
    fields(form)._shown.value = fields(form)._filled.value
    frozen_by_browser(form)
    fields(form).send.index = 1
    assert words(fields(form).reason) == "Write a message."
    assert fields(form).said == ""
    assert account.messages(form.execution) == []
