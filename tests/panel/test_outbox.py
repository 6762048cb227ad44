"""The presses of a panel: each is one message, in order, and its outcome is shown."""

import signal
import socket
import threading
import time
from typing import Any

import pytest

from asteroid_magic import AsteroidClient, Delivery
from asteroid_magic.config.session import session
from asteroid_magic.monitor import background_send
from asteroid_magic.panel import outbox as outbox_module
from asteroid_magic.panel.outbox import MOST_KEPT, Outbox
from asteroid_magic.sandbox import Sandbox
from tests.support.messages import CELLS, LINES
from tests.support.outcomes import ID
from tests.support.records import RecordServer
from tests.support.sandboxes import asking, finished, running
from tests.support.servers import FaultServer, silent
from tests.support.waiting import until

from .conftest import opened, threads, use


def test_what_is_sent_is_what_was_typed(account: Sandbox) -> None:
    page = opened(running(account))
    texts = [*LINES.values(), *CELLS.values()]
    presses = [page.press(text) for text in texts]
    for press in presses:
        assert page.done(press)["outcome"] == "delivered"
    assert account.messages(running(account)) == texts
    assert [one.message for one in page.panel.outcomes] == texts[::-1]


def test_a_press_is_sent_once_however_often_it_arrives_and_from_any_thread(
    account: Sandbox,
) -> None:
    page = opened(running(account))
    account.fail_next(delay=0.2)
    begin = threading.Barrier(8)

    def press() -> None:
        begin.wait(10)
        page.press("once", "one")

    pressing = [threading.Thread(target=press) for _ in range(8)]
    for one in pressing:
        one.start()
    for one in pressing:
        one.join(10)
    page.done("one")
    page.press("once", "one")
    page.press("another text", "one")
    page.done(page.press("last", "two"))
    assert account.messages(running(account)) == ["once", "last"]
    assert sum(one == {"type": "ack", "press": "one"} for one in page.told) == 10


def test_two_presses_are_sent_one_after_the_other_in_order(account: Sandbox) -> None:
    page = opened(running(account))
    account.fail_next(delay=0.3)
    presses = [page.press(f"message {number}") for number in range(20)]
    assert page.bubble(presses[0])["stage"] == "sending"
    assert page.bubble(presses[1])["stage"] == "queued"
    for press in presses:
        page.done(press)
    assert account.messages(running(account)) == [f"message {number}" for number in range(20)]


@pytest.mark.parametrize(
    "text",
    ["", " \n", "a\0b", "x" * 1_000_001, "half \ud800 of one", "\udfff", 17, None, ["a"], {}],
)
def test_what_cannot_be_sent_says_why_and_is_not_lost(account: Sandbox, text: Any) -> None:
    page = opened(running(account))
    shown = page.done(page.press(text, "one"))
    assert (shown["outcome"], shown["stage"]) == ("not_delivered", "done")
    assert shown["title"]
    assert shown["why"]
    whole = text if isinstance(text, str) else ""
    assert shown["typed"] == "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in whole)
    assert not account.messages(running(account))
    # The panel goes on.
    assert page.done(page.press("next", "two"))["outcome"] == "delivered"


def test_one_that_failed_stands_before_the_next_message_of_a_user(account: Sandbox) -> None:
    run = running(account)
    page = opened(run).read()
    assert page.done(page.press("zero", "0"))["before"] == ""
    until(lambda: page.bubble("0")["activity"])
    account.fail_next(status=401)
    assert page.done(page.press("one", "1"))["before"] == ""
    page.done(page.press("two", "2"))
    until(lambda: page.bubble("2")["activity"])
    until(lambda: page.bubble("1")["before"] == page.bubble("2")["activity"])
    page.done(page.press("three", "3"))
    until(lambda: page.bubble("3")["activity"])
    # The first one after it, not the last; and what was delivered has no such place.
    assert page.bubble("1")["before"] == page.bubble("2")["activity"]
    assert page.bubble("3")["before"] == ""


def test_failed_texts_do_not_fill_every_view(account: Sandbox) -> None:
    page = opened(running(account))
    texts = [f"{number}" + "x" * 1_000_001 for number in range(5)]
    presses = [page.press(text) for text in texts]
    typed = [page.bubble(press)["typed"] for press in presses]
    assert typed == ["", "", "", "", texts[4]]


def test_a_message_can_be_cancelled_while_it_waits_for_the_one_before(account: Sandbox) -> None:
    page = opened(running(account))
    account.fail_next(delay=0.4)
    first, second, third = (page.press(text) for text in ("first", "second", "third"))
    page.say("cancel", press=second)
    assert page.bubble(second)["outcome"] == "not_delivered"
    assert page.bubble(second)["title"] == "You cancelled the send"
    assert page.bubble(second)["typed"] == "second"
    for press in (first, third):
        assert page.done(press)["outcome"] == "delivered"
    page.say("cancel", press=first)
    page.say("cancel", press="no such press")
    assert page.bubble(first)["outcome"] == "delivered"
    assert account.messages(running(account)) == ["first", "third"]


def test_cancelled_while_it_is_sent_it_may_have_been_delivered_and_the_next_one_is_sent() -> None:
    with FaultServer(silent) as server, AsteroidClient("key-4711", server.base_url) as client:
        page = opened(client=client)
        first = page.press("first", execution=ID)
        page.press("second", execution=ID)
        page.panel.choose(ID)
        until(lambda: sum(one.startswith(b"POST") for one in server.requests) == 1)
        page.say("cancel", press=first)
        assert page.done(first)["outcome"] == "unknown"
        assert page.bubble(first)["typed"] == "first"
        until(lambda: sum(one.startswith(b"POST") for one in server.requests) == 2)
        page.panel.close()


def test_cancelled_before_the_first_byte_it_is_not_delivered_and_says_so_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    over, asked = threading.Event(), threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        asked.set()
        over.wait(30)
        return []

    page = opened(ID)
    monkeypatch.setattr(socket, "getaddrinfo", hang)
    use("https://somewhere.invalid")
    press = page.press("hello")
    assert asked.wait(10)
    until(lambda: page.panel._outbox._under_way[1]._deadline.connecting)  # type: ignore[index]
    page.say("cancel", press=press)
    assert page.bubble(press)["outcome"] == "not_delivered"
    assert page.bubble(press)["typed"] == "hello"
    over.set()


@pytest.mark.parametrize("is_stored", [True, False])
def test_a_lost_answer_is_looked_up_and_the_message_never_repeated(
    server: RecordServer, monkeypatch: pytest.MonkeyPatch, is_stored: bool
) -> None:
    monkeypatch.setattr(background_send, "TICK", 0.02)
    server.post = lambda _execution_id, _text: 0
    server.shape = lambda _found: []
    with AsteroidClient("key-4711", server.base_url, confirm_grace=1.0) as client:
        page = opened(ID, client).read()
        press = page.press("once")
        until(lambda: page.bubble(press)["stage"] == "looking")
        if is_stored:
            server.shape = list
        assert page.done(press)["outcome"] == ("delivered" if is_stored else "unknown")
        assert page.stages(press)[-3:] == ["sending", "looking", "done"]
        assert server.accepted[ID, "once"] == 1
        page.panel.close()


def test_look_again_only_looks_and_finds_the_message_later(server: RecordServer) -> None:
    server.post = lambda _execution_id, _text: 0
    server.shape = lambda _found: []
    page = opened(ID).read()
    press = page.press("once")
    assert page.done(press)["outcome"] == "unknown"
    page.say("look", press=press)
    assert page.done(press)["note"].startswith("The message is not among the activities")
    assert page.bubble(press)["outcome"] == "unknown"
    assert "looking" in page.stages(press)
    server.refuse = lambda _path: (500, {})
    page.say("look", press=press)
    until(lambda: page.bubble(press)["note"].startswith("The activities could not be read: "))
    server.refuse, server.shape = lambda _path: None, list
    page.say("look", press=press)
    until(lambda: page.bubble(press)["outcome"] == "delivered")
    assert page.bubble(press)["typed"] == page.bubble(press)["note"] == ""
    assert server.accepted[ID, "once"] == 1
    # It is delivered: there is nothing to look for.
    page.say("look", press=press)
    page.say("look", press="no such press")
    page.say("look")
    assert page.bubble(press)["stage"] == "done"
    (delivery,) = page.panel.outcomes
    assert isinstance(delivery, Delivery)
    assert delivery.confirmed_by == "activities"
    until(
        lambda: [one["press"] for one in page.entries.values() if one["kind"] == "own"] == [press]
    )


def test_a_look_that_goes_wrong_leaves_the_outcome_as_it_was(
    server: RecordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.post = lambda _execution_id, _text: 0
    server.shape = lambda _found: []
    page = opened(ID).read()
    press = page.press("once")
    page.done(press)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("nobody thought of this")

    with monkeypatch.context() as patched:
        patched.setattr(AsteroidClient, "find_delivery", fail)
        page.say("look", press=press)
        until(lambda: "RuntimeError" in page.bubble(press)["note"])
    with monkeypatch.context() as patched:
        patched.setattr(outbox_module, "begin", fail)
        with pytest.raises(RuntimeError):
            page.panel._outbox.look_again(press)
    assert page.bubble(press)["stage"] == "done"
    assert page.bubble(press)["outcome"] == "unknown"


def test_a_server_that_asks_to_wait_is_given_time(account: Sandbox) -> None:
    page = opened(running(account))
    account.fail_next(429, retry_after=1)
    began = time.monotonic()
    assert page.done(page.press("hello"))["outcome"] == "delivered"
    assert time.monotonic() - began >= 1
    account.fail_next(429, retry_after=3_600)
    shown = page.done(page.press("hello again"))
    assert shown["outcome"] == "not_delivered"
    assert shown["typed"] == "hello again"
    assert account.messages(running(account)) == ["hello"]


def test_a_refused_key_says_so_and_the_text_is_not_lost(account: Sandbox) -> None:
    use(account.base_url, "another-key-4711")
    page = opened(running(account))
    shown = page.done(page.press("hello"))
    assert "does not accept the API key" in shown["title"] + shown["why"]
    assert shown["typed"] == "hello"
    until(lambda: page.conversation["error"])


def test_without_a_key_a_press_fails_and_its_text_is_shown(account: Sandbox) -> None:
    session.key = None
    page = opened(running(account))
    assert page.shown["problem"].startswith("There is no API key")
    shown = page.done(page.press("hello"))
    assert shown["outcome"] == "not_delivered"
    assert shown["title"] == "There is no API key"
    assert shown["typed"] == "hello"


@pytest.mark.parametrize("kind", ["finished", "foreign", "unknown"])
def test_an_execution_that_takes_no_message_says_why(account: Sandbox, kind: str) -> None:
    execution = {"finished": finished(account), "unknown": ID}.get(
        kind, account.foreign_execution_id
    )
    page = opened(execution)
    shown = page.done(page.press("hello"))
    assert shown["outcome"] == "not_delivered"
    assert shown["typed"] == "hello"
    assert shown["title"]
    if kind == "finished":
        until(lambda: page.conversation["isOver"])
    else:
        until(lambda: page.conversation["error"])
        assert page.conversation["access"] == {"foreign": "forbidden"}.get(kind, "not_found")


def test_a_lost_network_keeps_the_text_and_it_can_be_sent_when_it_is_back(
    account: Sandbox,
) -> None:
    page = opened(running(account)).read()
    messages = account.messages(running(account))
    account.stop()
    shown = page.done(page.press("hello"))
    assert (shown["outcome"], shown["typed"]) == ("not_delivered", "hello")
    page.say("refresh")
    until(lambda: page.conversation["error"])
    # What was read stays.
    assert page.entries
    account.start()
    assert account.messages(running(account)) == messages == []
    use(account.base_url, account.api_key)
    page.panel.choose(running(account))
    assert page.done(page.press(shown["typed"]))["outcome"] == "delivered"
    until(lambda: not page.conversation["error"] and "hello" in page.texts())


def test_the_reply_is_heard_and_how_it_ended(account: Sandbox) -> None:
    page = opened(asking(account)).read()
    press = page.press("Friday 18:30")
    until(lambda: page.bubble(press)["ending"])
    assert page.bubble(press)["ending"] in {"spoke", "over"}
    (delivery,) = page.panel.outcomes
    assert isinstance(delivery, Delivery)
    assert any("I booked what you said" in one.text for one in delivery.reply)
    until(lambda: page.conversation["isOver"])
    assert not page.conversation["awaits"]
    assert any("I booked what you said: “Friday 18:30”" in text for text in page.texts())


def test_waiting_for_the_reply_can_be_stopped(server: RecordServer) -> None:
    page = opened(ID).read()
    press = page.press("Are you there?")
    page.done(press)
    until(lambda: page.conversation["awaits"])
    page.say("stop")
    until(lambda: not page.conversation["awaits"])
    until(lambda: page.bubble(press)["ending"] == "interrupted")
    assert server.accepted[ID, "Are you there?"] == 1


def test_whatever_goes_wrong_nothing_is_claimed_and_the_next_one_is_sent(
    account: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("nobody thought of this")

    page = opened(running(account))
    with monkeypatch.context() as patched:
        patched.setattr(AsteroidClient, "send", fail)
        shown = page.done(page.press("hello"))
    assert shown["outcome"] == "unknown"
    assert "RuntimeError" in shown["why"]
    assert page.done(page.press("next"))["outcome"] == "delivered"


def test_a_thread_that_cannot_begin_is_a_message_that_was_not_sent(
    account: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    page = opened(running(account))
    with monkeypatch.context() as patched:
        patched.setattr(background_send, "begin", fail)
        with pytest.raises(RuntimeError):
            page.panel._outbox.press("one", running(account), "hello", None)
    assert page.bubble("one")["outcome"] == "not_delivered"
    assert page.bubble("one")["typed"] == "hello"
    assert page.done(page.press("next"))["outcome"] == "delivered"
    assert account.messages(running(account)) == ["next"]


def test_a_view_that_fails_holds_nothing_up(
    account: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ValueError("no view")

    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    made = Outbox(None, fail, lambda _: None)
    for number in range(3):
        with pytest.raises(ValueError, match="no view"):
            made.press(f"{number}", running(account), f"message {number}", None)
    until(lambda: not made.is_busy)
    assert account.messages(running(account)) == ["message 0", "message 1", "message 2"]


def test_a_setting_that_cannot_be_used_is_the_reason(
    account: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASTEROID_BASE_URL", "ftp://nowhere")
    session.base_url = None
    page = opened(running(account))
    shown = page.done(page.press("hello"))
    assert shown["outcome"] == "not_delivered"
    assert "The base URL cannot be used" in shown["why"]
    assert "The base URL cannot be used" in page.shown["problem"]


def test_the_last_hundred_are_kept(account: Sandbox) -> None:
    page = opened(running(account))
    for number in range(MOST_KEPT + 30):
        page.press("", f"press {number}")
    assert len(page.panel.outcomes) == len(page.shown["presses"]) == MOST_KEPT
    assert page.bubble(f"press {MOST_KEPT + 29}")
    assert not page.bubble("press 29")


def test_close_ends_what_is_sent_and_what_waits_is_not_delivered() -> None:
    with FaultServer(silent) as server, AsteroidClient("key-4711", server.base_url) as client:
        page = opened(client=client)
        for text in ("first", "second", "third"):
            page.press(text, execution=ID)
        until(lambda: any(one.startswith(b"POST") for one in server.requests))
        page.panel.close()
        page.press("too late", execution=ID)
        until(lambda: len(page.panel.outcomes) == 3)
        until(lambda: not threads())
        assert sum(one.startswith(b"POST") for one in server.requests) == 1
    outcomes = [(one.message, one.outcome) for one in page.panel.outcomes]
    assert outcomes == [
        ("third", "not_delivered"),
        ("second", "not_delivered"),
        ("first", "unknown"),
    ]


def test_an_interrupt_while_a_press_is_taken_loses_nothing(
    account: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = opened(running(account))
    press = Outbox.press

    def interrupted(*arguments: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        press(*arguments)

    monkeypatch.setattr(Outbox, "press", interrupted)
    with pytest.raises(KeyboardInterrupt):
        page.press("hello", "one")
    assert page.done("one")["outcome"] == "delivered"
    with pytest.raises(KeyboardInterrupt):
        page.panel.submit("again")
    until(lambda: account.messages(running(account)) == ["hello", "again"])
