"""Files that go before a message of the panel: both arrive, or the panel says what did not."""

import re
import socket
import threading
from typing import Any

import pytest

from asteroid_magic import AsteroidClient
from asteroid_magic.monitor import background_send
from asteroid_magic.sandbox import Sandbox
from tests.support.outcomes import ID
from tests.support.sandboxes import running
from tests.support.servers import FaultServer, silent
from tests.support.waiting import until

from .conftest import opened, threads

PLAN = ("plan ü.txt", b"Line one\n" * 300)
PICTURE = ("picture.png", bytes(range(256)))


@pytest.fixture
def quick_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_send, "TICK", 0.01)


def test_the_files_arrive_before_the_message(account: Sandbox) -> None:
    run = running(account)
    page = opened(run).read()
    press = page.press("Here they are.", files=[PLAN, PICTURE])
    assert page.done(press)["outcome"] == "delivered"
    assert account.files(run)[PLAN[0]] == PLAN[1]
    assert account.files(run)[PICTURE[0]] == PICTURE[1]
    assert account.messages(run) == ["Here they are."]
    assert page.bubble(press)["files"] == ["plan ü.txt (2.7 kB)", "picture.png (256 bytes)"]
    (outcome,) = page.panel.outcomes
    assert "Uploaded before the message: " in outcome.as_text()
    # Once the conversation shows the message, its entry names the files.
    until(lambda: page.bubble(press)["activity"])
    assert page.entries[page.bubble(press)["activity"]]["files"] == page.bubble(press)["files"]
    # The panel keeps no contents.
    assert all(not one.files for one in page.panel._outbox.presses)


@pytest.mark.parametrize("outcome", ["not_delivered", "unknown"])
def test_a_file_that_fails_keeps_the_message_from_being_sent(
    account: Sandbox, outcome: str
) -> None:
    run = running(account)
    page = opened(run)
    account.fail_next(delay=0.01, of="upload")
    account.fail_next(
        of="upload", **({"status": 400} if outcome == "not_delivered" else {"drop": "before"})
    )
    press = page.press("See the files.", files=[PLAN, PICTURE, ("late.txt", b"late")])
    shown = page.done(press)
    assert shown["outcome"] == "not_delivered"
    assert re.fullmatch(
        "The message was not sent, because a file "
        + ("did not arrive" if outcome == "not_delivered" else "may not have arrived"),
        shown["title"],
    )
    words = "not delivered" if outcome == "not_delivered" else "may have been delivered"
    assert shown["files"] == [
        "plan ü.txt (2.7 kB): delivered",
        f"picture.png (256 bytes): {words}",
        "late.txt (4 bytes): not sent",
    ]
    # What may be there is not offered to be sent once more.
    assert shown["gone"] == ([0] if outcome == "not_delivered" else [0, 1])
    assert shown["typed"] == "See the files."
    assert account.messages(run) == []
    assert set(account.files(run)) & {PLAN[0], PICTURE[0], "late.txt"} == {PLAN[0]}


def test_the_message_that_fails_after_its_files_says_that_they_are_there(account: Sandbox) -> None:
    run = running(account)
    page = opened(run)
    account.fail_next(status=400)
    shown = page.done(page.press("Refused.", files=[PLAN]))
    assert shown["outcome"] == "not_delivered"
    assert shown["title"] == "Asteroid rejected the message as invalid"
    assert shown["files"] == ["plan ü.txt (2.7 kB): delivered"]
    assert shown["gone"] == [0]
    assert account.files(run)[PLAN[0]] == PLAN[1]


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (("empty.txt", b""), "is empty"),
        (("a/b.txt", b"x"), "servers read in different ways"),
        (("a\nb.txt", b"x"), "invisible character"),
    ],
)
def test_what_cannot_be_uploaded_says_why_and_nothing_is_sent(
    account: Sandbox, file: tuple[str, bytes], why: str
) -> None:
    run = running(account)
    page = opened(run)
    shown = page.done(page.press("See the files.", files=[PLAN, file]))
    assert shown["title"] == "The message was not sent, because a file cannot be uploaded"
    assert why in shown["why"]
    assert shown["gone"] == []
    assert account.messages(run) == []
    assert PLAN[0] not in account.files(run)


def test_files_that_did_not_come_whole_are_not_sent(account: Sandbox) -> None:
    page = opened(running(account))
    page.say("piece", b"half", press="p", at="0", name="plan.txt")
    page.say("send", press="p", execution=running(account), text="See it.", files="8")
    shown = page.done("p")
    assert shown["outcome"] == "not_delivered"
    assert shown["why"] == "The files did not come whole from the browser."
    assert shown["typed"] == "See it."
    assert account.messages(running(account)) == []


@pytest.mark.usefixtures("quick_ticks")
def test_an_upload_can_be_cancelled_and_the_message_is_not_sent() -> None:
    with FaultServer(silent) as server, AsteroidClient("key-4711", server.base_url) as client:
        page = opened(client=client)
        press = page.press("See it.", execution=ID, files=[PLAN])
        page.panel.choose(ID)
        until(lambda: any(b"plan" in one for one in server.requests))
        until(lambda: page.bubble(press)["note"].startswith("Uploading"))
        page.say("cancel", press=press)
        shown = page.done(press)
        assert shown["outcome"] == "not_delivered"
        assert shown["title"] == "You cancelled the upload, so the message was not sent"
        page.panel.close()
        until(lambda: not threads())
        assert not any(b"user-message" in one for one in server.requests)


def test_cancelled_before_anything_went_out_neither_is_sent(
    account: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    over, asked = threading.Event(), threading.Event()
    upload = AsteroidClient.upload

    def late(*given: object, **named: object) -> object:
        asked.set()
        over.wait(10)
        return upload(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(AsteroidClient, "upload", late)
    run = running(account)
    page = opened(run)
    press = page.press("See it.", files=[PLAN])
    assert asked.wait(10)
    page.say("cancel", press=press)
    over.set()
    assert page.done(press)["outcome"] == "not_delivered"
    assert account.messages(run) == []
    assert PLAN[0] not in account.files(run)


def test_cancelled_between_the_files_and_the_message_the_files_are_not_offered_again(
    account: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    over, asked = threading.Event(), threading.Event()
    run = running(account)
    port = account.base_url.split(":")[2].split("/")[0]
    upload = AsteroidClient.upload

    def hang(*_: object, **__: object) -> list[object]:
        asked.set()
        over.wait(30)
        return []

    def then_slow(client: AsteroidClient, *arguments: Any, **keywords: Any) -> Any:
        done = upload(client, *arguments, **keywords)
        # The message needs a new connection, and the resolver does not answer.
        client.requester._transport._adapter.close()
        monkeypatch.setattr(socket, "getaddrinfo", hang)
        return done

    monkeypatch.setattr(AsteroidClient, "upload", then_slow)
    with AsteroidClient(account.api_key, f"http://localhost:{port}/agents/v2") as client:
        page = opened(run, client)
        press = page.press("See the plan.", files=[PLAN])
        assert asked.wait(10)
        page.say("cancel", press=press)
        shown = page.done(press)
        over.set()
    assert shown["outcome"] == "not_delivered"
    assert shown["gone"] == [0]
    assert shown["files"] == ["plan ü.txt (2.7 kB): delivered"]


def test_cancelled_just_as_the_files_have_arrived_the_message_is_not_delivered(
    account: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = running(account)
    page = opened(run)
    upload = AsteroidClient.upload

    def then_cancelled(*given: Any, **named: Any) -> object:
        done = upload(*given, **named)
        page.say("cancel", press="p")
        return done

    monkeypatch.setattr(AsteroidClient, "upload", then_cancelled)
    page.say("piece", PLAN[1], press="p", at="0", name=PLAN[0])
    page.say("send", press="p", execution=run, text="See it.", files=str(len(PLAN[1])))
    shown = page.done("p")
    assert (shown["outcome"], shown["gone"]) == ("not_delivered", [0])
    assert account.messages(run) == []


@pytest.mark.parametrize("sizes", [4, None, ",".join(["1"] * 20_000)])
def test_a_press_whose_files_cannot_be_counted_is_not_sent(account: Sandbox, sizes: object) -> None:
    run = running(account)
    page = opened(run)
    page.say("send", press="p", execution=run, text="See the plan.", files=sizes)
    assert page.done("p")["outcome"] == "not_delivered"
    assert account.messages(run) == []
