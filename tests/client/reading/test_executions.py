"""Reading over HTTP: pages, questions, faults, and what a failed read says."""

import json
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from asteroid_magic import (
    AsteroidClient,
    AsteroidError,
    ConnectionFailed,
    Interrupted,
    InvalidInput,
    NoAnswer,
    NotFound,
    RateLimited,
    ServerError,
    UnexpectedAnswer,
)
from asteroid_magic.client.reading import executions as client_executions
from asteroid_magic.client.retry import RetryPolicy
from asteroid_magic.render import cards
from asteroid_magic.sandbox import Sandbox
from tests.client.test_client import interrupt_soon
from tests.support.outcomes import Seen
from tests.support.servers import Behaviour, FaultServer, answers, drips, floods, resets, silent

ID = "123e4567-e89b-12d3-a456-426614174000"
KEY = "key-4711-secret"


@pytest.fixture
def client(box: Sandbox) -> Iterator[AsteroidClient]:
    with AsteroidClient(box.api_key, box.base_url) as made:
        yield made


def ok(value: Any) -> bytes:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (
        len(body),
        body,
    )


def status(line: str, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {line}", *headers, "Content-Length: 0", "Connection: close", "", ""]
    return "\r\n".join(lines).encode()


def serving(reply: Callable[[str, dict[str, list[str]]], bytes]) -> Behaviour:
    """Answer each request by its path and its query."""

    def behave(connection: Any, server: FaultServer) -> None:
        target = urlsplit(server.requests[-1].split(b" ")[1].decode())
        connection.sendall(reply(target.path, parse_qs(target.query)))

    return behave


def in_turn(*replies: bytes | Behaviour) -> Behaviour:
    waiting = list(replies)

    def behave(connection: Any, server: FaultServer) -> None:
        reply = waiting.pop(0)
        if isinstance(reply, bytes):
            connection.sendall(reply)
        else:
            reply(connection, server)

    return behave


def failing(server: FaultServer, timeout: float = 5, **asked: Any) -> AsteroidError:
    with (
        AsteroidClient(KEY, server.base_url, timeout) as client,
        pytest.raises(AsteroidError) as caught,
    ):
        client.activities(ID, **asked)
    error = caught.value
    assert error.outcome == "not_done"
    assert error.execution_id == ID
    assert error.__context__ is error.__cause__ is None
    for words in (str(error), error.as_text(), cards.as_line(error)):
        assert "deliver" not in words.lower()
        assert "message" not in words.lower()
        assert KEY not in words
    again = pickle.loads(pickle.dumps(error))
    assert (vars(again), str(again)) == (vars(error), str(error))
    return error


def test_executions_are_those_of_the_account(box: Sandbox, client: AsteroidClient) -> None:
    asking, running, finished = client.executions()
    assert [each.id for each in (asking, running, finished)] == [each.id for each in box.executions]
    assert (asking.status, asking.phase, asking.is_waiting) == ("paused_by_agent", "active", True)
    assert finished.result == {"train": "09:10", "price": 29.9, "currency": "EUR", "compared": 9}
    assert client.execution(finished.id.upper()) == finished


def test_executions_are_filtered(box: Sandbox, client: AsteroidClient) -> None:
    asking, running, finished = client.executions()
    assert client.executions("terminal") == (finished,)
    assert client.executions(["active", "terminal"], "running") == (running,)
    assert client.executions(status=("running", "paused_by_agent")) == (asking, running)
    assert client.executions(workflow_id=asking.workflow_id) == (asking,)
    assert client.executions(limit=2) == (asking, running)
    assert len(box.executions) == 3


@pytest.mark.parametrize("value", [3, True, 1.5, b"active", object(), str, [3], [None], {1: 2}])
@pytest.mark.parametrize("name", ["phase", "status", "workflow_id"])
def test_a_filter_of_the_wrong_type_is_refused(
    client: AsteroidClient, name: str, value: object
) -> None:
    with pytest.raises(InvalidInput, match="is not plain text") as raised:
        client.executions(**{name: value})  # type: ignore[arg-type]
    assert raised.value.hint


def test_other_values_of_the_wrong_type_are_refused(client: AsteroidClient) -> None:
    with pytest.raises(InvalidInput, match="limit must be"):
        client.executions(limit=10**400)
    with pytest.raises(InvalidInput, match="limit must be"):
        client.activities(ID, limit="all")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="accounted must be"):
        client.find_delivery(ID, "hello", datetime.now(UTC), accounted="one")  # type: ignore[arg-type]


def test_a_read_that_the_server_gave_up_says_to_try_again() -> None:
    with (
        FaultServer(answers(status("408 Request Timeout"))) as server,
        AsteroidClient(KEY, server.base_url, 0.3) as client,
        pytest.raises(AsteroidError) as caught,
    ):
        client.executions()
    assert caught.value.hint == "The server gave up waiting for the request. Try again."


@pytest.mark.parametrize(
    ("bound", "value"), [("LARGEST_LISTING", 200_000), ("LONGEST_LISTING", 950)]
)
def test_pages_that_never_end_are_an_error_and_stay_small(
    monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    monkeypatch.setattr(client_executions, bound, value)

    def endless(_path: str, query: dict[str, list[str]]) -> bytes:
        page = int(query["page"][0])
        items = [{"id": f"{page}-{number}", "inputs": {"text": "x" * 200}} for number in range(100)]
        return ok({"items": items, "page": page, "pageSize": 100, "total": 10**9})

    with (
        FaultServer(serving(endless)) as server,
        AsteroidClient("key", server.base_url) as client,
        pytest.raises(UnexpectedAnswer, match="too large") as caught,
    ):
        client.executions(limit=None)
    assert caught.value.outcome == "not_done"
    assert len(server.requests) < 12


def test_one_page_of_a_long_list_is_enough_for_its_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client_executions, "LARGEST_LISTING", 200_000)
    body = ok({"items": [{"id": str(at)} for at in range(100)], "page": 1, "pageSize": 100})
    with (
        FaultServer(serving(lambda _path, _query: body)) as server,
        AsteroidClient("key", server.base_url) as client,
    ):
        assert len(client.executions(limit=100)) == 100
    assert len(server.requests) == 1


@pytest.mark.parametrize(("limit", "count"), [(None, 303), (300, 300), (100, 100), (7, 7)])
def test_executions_come_over_as_many_pages_as_needed(
    box: Sandbox, client: AsteroidClient, limit: int | None, count: int
) -> None:
    box.add_waiting(300)
    ids = [each.id for each in client.executions(limit=limit)]
    assert len(set(ids)) == len(ids) == count
    assert ids[0] == box.executions[-1].id, "the newest first"


def pages(
    *pages: list[str], total: int | None = None, size: int | None = None
) -> tuple[Behaviour, list[int]]:
    """Serve the pages, and note the requests."""
    asked: list[int] = []

    def reply(_path: str, query: dict[str, list[str]]) -> bytes:
        number = int(query["page"][0])
        asked.append(number)
        items = pages[number - 1] if number <= len(pages) else []
        body = {"items": [{"id": each} for each in items], "total": total, "pageSize": size}
        return ok(body)

    return serving(reply), asked


@pytest.mark.parametrize(
    ("served", "total", "size", "found", "requests"),
    [
        ([["a", "b"], ["c"]], 3, 2, "abc", 2),
        ([["a", "b"], ["c"]], 0, 2, "abc", 2),
        ([["a", "b"], ["c"]], None, None, "abc", 3),
        ([["a", "b"], ["c"]], 999, 2, "abc", 3),
        ([["a", "b"], ["c"]], 999, 100, "abc", 3),
        ([["a", "b"], ["b", "c"], ["d"]], 4, 2, "abcd", 3),
        ([["a"]] * 50, 999, 1, "a", 4),
        ([[]], 999, 2, "", 1),
        ([["a", "a"], ["a"]], 3, 2, "a", 3),
    ],
)
def test_reading_pages_ends_whatever_the_server_says_of_their_number(
    served: list[list[str]], total: int | None, size: int | None, found: str, requests: int
) -> None:
    behave, asked = pages(*served, total=total, size=size)
    with FaultServer(behave) as server, AsteroidClient(KEY, server.base_url, 5) as client:
        assert "".join(each.id for each in client.executions(limit=None)) == found
    assert len(asked) == requests


def test_executions_created_and_answered_meanwhile_neither_double_nor_hide_others() -> None:
    ids = [f"{number:04}" for number in range(250)]
    asked: list[int] = []

    def reply(_path: str, query: dict[str, list[str]]) -> bytes:
        number, size = int(query["page"][0]), int(query["pageSize"][0])
        asked.append(number)
        some = ids[(number - 1) * size : number * size]
        body = {"items": [{"id": each} for each in some], "pageSize": size, "total": len(ids)}
        if len(asked) == 1:
            ids.insert(0, "new")
        elif len(asked) == 2:
            del ids[:60]
        return ok(body)

    with FaultServer(serving(reply)) as server, AsteroidClient(KEY, server.base_url, 5) as client:
        found = [each.id for each in client.executions(limit=None)]
    assert found == [f"{number:04}" for number in range(250)]
    assert len(asked) < 8


def test_activities_come_in_both_orders_and_limited(box: Sandbox, client: AsteroidClient) -> None:
    run = box.executions[2].id
    every = client.activities(run)
    assert every[-1].kind == "terminal"
    assert client.activities(run, order="desc") == every[::-1]
    assert client.activities(run, 2, "desc") == (every[-1], every[-2])
    spoken = [each.text for each in every if each.speaks_to_user]
    assert spoken == ["The 09:10 is the cheapest, at 29.90 euros."]


def test_more_than_was_asked_for_is_cut() -> None:
    with FaultServer(answers(ok([{"id": "a"}, {"id": "b"}, 7]))) as server:
        client = AsteroidClient(KEY, server.base_url, 5)
        assert [each.id for each in client.activities(ID, 1)] == ["a"]
        assert [each.id for each in client.activities(ID)] == ["a", "b"]
        client.close()


def test_the_question_of_a_waiting_execution(box: Sandbox, client: AsteroidClient) -> None:
    asking, running, finished = (each.id for each in box.executions)
    [question] = client.question(asking)
    assert question.question == box.executions[0].question
    assert tuple(option.label for option in question.options) == box.executions[0].options
    assert client.question(running) == client.question(finished) == ()
    [several] = client.question(box.add_waiting(kind="choices")[0].id)
    assert several.multi_select
    [confirmation] = client.question(box.add_waiting(kind="confirmation")[0].id)
    assert confirmation.question == "About to pay 29.90 euros for the 09:10 to Rome."
    client.send(asking, "Friday 21:15")
    assert client.question(asking) == ()


def test_a_question_far_back_is_found_and_costs_little_else() -> None:
    paused = {"activityType": "status_changed", "status": "paused_by_agent", "pausedPayload": {}}
    many = [{"payload": {"activityType": "generic"}}] * 500 + [{"payload": paused}]
    limits: list[int | None] = []

    def reply(_path: str, query: dict[str, list[str]]) -> bytes:
        assert query["order"] == ["desc"]
        limits.append(int(query["limit"][0]) if "limit" in query else None)
        return ok(many[: limits[-1]])

    with FaultServer(serving(reply)) as server, AsteroidClient(KEY, server.base_url, 5) as client:
        assert client.question(ID)[0].question == "paused_by_agent"
        assert limits == [10, 100, None]
        del many[:495]
        limits.clear()
        client.question(ID)
        assert limits == [10]


BROKEN: dict[str, Behaviour] = {
    "reset": resets,
    "closed": lambda _connection, _server: None,
    "half a status line": answers(b"HTTP/1.1 20"),
    "half the headers": answers(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "half the body": answers(ok(b"[" + b" " * 10_000 + b"]")[:-2]),
    "no body": answers(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n"),
    "half a chunk": answers(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n5\r\n "
    ),
    "500": answers(status("500 Error")),
    "502": answers(status("502 Bad Gateway")),
    "503": answers(status("503 Busy")),
    "429": answers(status("429 Slow", "Retry-After: 0")),
}


@pytest.mark.parametrize("behave", BROKEN.values(), ids=BROKEN)
def test_a_read_that_broke_is_made_again(behave: Behaviour) -> None:
    with FaultServer(in_turn(behave, behave, answers(ok([{"id": "a"}])))) as server:
        client = AsteroidClient(KEY, server.base_url, 5)
        assert [each.id for each in client.activities(ID)] == ["a"]
        client.close()
        assert len(server.requests) == 3
        assert all(request.startswith(b"GET ") for request in server.requests)


@pytest.mark.parametrize(
    ("behave", "kind"),
    [
        (resets, NoAnswer),
        (BROKEN["half the body"], NoAnswer),
        (answers(status("500 Error")), ServerError),
        (answers(status("429 Slow", "Retry-After: 0.1")), RateLimited),
    ],
)
def test_a_read_that_breaks_every_time_is_given_up(
    behave: Behaviour, kind: type[AsteroidError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_executions, "READ_REQUEST", RetryPolicy((0.01, 0.01), busy="always"))
    with FaultServer(behave) as server:
        error = failing(server)
        assert type(error) is kind
        assert error.attempts == len(server.requests) == 3


def test_a_wait_that_does_not_fit_is_not_waited() -> None:
    with FaultServer(answers(status("503 Busy", "Retry-After: 60"))) as server:
        began = time.monotonic()
        error = failing(server)
        assert error.attempts == 1
        assert error.hint == "Wait 60 seconds, then try again."
        assert time.monotonic() - began < 4


@pytest.mark.parametrize(
    "behave",
    [silent, drips(b"HTTP/1.1 200 OK\r\n\r\n[", b" "), drips(b"HTTP/1.1 200", b" ")],
)
def test_the_deadline_holds_for_a_read(behave: Behaviour) -> None:
    with FaultServer(behave) as server:
        began = time.monotonic()
        error = failing(server, timeout=0.4)
        assert time.monotonic() - began < 3
        assert type(error) is NoAnswer
        assert "Time ran out" in error.detail


def test_a_refused_connection_is_not_done() -> None:
    with FaultServer(silent) as server:
        url = server.base_url
    with AsteroidClient(KEY, url, 2) as client, pytest.raises(ConnectionFailed) as caught:
        client.executions()
    assert caught.value.outcome == "not_done"
    assert caught.value.hint == "Check the network and the base URL, then try again."


@pytest.mark.parametrize(
    "body",
    [b" ", b"<title>Log in</title>", b"{}", b"null", b"5", b"[" * 100_000, b'["cut"', b"\xff\xfe"],
    ids=lambda body: repr(body[:20]),
)
def test_an_answer_that_is_no_list_is_said_to_be_none(body: bytes) -> None:
    with FaultServer(answers(ok(body))) as server:
        error = failing(server)
    assert type(error) is UnexpectedAnswer
    assert "200" in error.detail
    assert error.attempts == 1
    assert Seen(error._repr_html_()).words.split()[:3] == ["✗", "Not", "done:"]


@pytest.mark.parametrize("body", [b"[]", b'{"items": {}}', b"{}", b'"x"'])
def test_what_is_no_page_and_no_execution_is_said_to_be_none(body: bytes) -> None:
    with FaultServer(answers(ok(body))) as server:
        client = AsteroidClient(KEY, server.base_url, 5)
        with pytest.raises(UnexpectedAnswer, match="the body is not a list of executions"):
            client.executions()
        if not body.startswith(b"{"):
            with pytest.raises(UnexpectedAnswer, match="the body is not an execution"):
                client.execution(ID)
        client.close()


def test_an_answer_too_large_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_executions, "LARGEST_ANSWER", 2_097_152)
    with FaultServer(floods(b"HTTP/1.1 200 OK\r\n\r\n")) as server:
        error = failing(server)
    assert type(error) is UnexpectedAnswer
    assert str(error).startswith("The answer is too large. It is over 2 MiB; none of it")


def test_a_large_answer_is_read() -> None:
    body = json.dumps(
        [{"id": str(number), "payload": {"message": "x" * 1_000}} for number in range(5_000)]
    )
    with FaultServer(answers(ok(body.encode()))) as server:
        client = AsteroidClient(KEY, server.base_url, 20)
        found = client.activities(ID)
        client.close()
    assert len(found) == 5_000
    assert found[-1].text == "x" * 1_000


def test_a_number_too_long_for_python_spoils_nothing() -> None:
    with FaultServer(
        answers(ok(b'[{"id": "a", "payload": {"n": ' + b"9" * 5_000 + b"}}]"))
    ) as server:
        client = AsteroidClient(KEY, server.base_url, 5)
        assert client.activities(ID)[0].id == "a"
        client.close()


@pytest.mark.parametrize(
    "hide",
    [
        lambda text: text,
        lambda text: text.replace("secret", "\\u0073ecret"),
        lambda text: text.replace("key-", "\\u006B\\u0065y-"),
        lambda text: text.replace("4711", "471\\u0031").replace("the", "t\\/he"),
    ],
)
def test_a_key_that_the_server_echoes_is_taken_out(hide: Callable[[str], str]) -> None:
    told = [{"id": KEY, "payload": {"message": f"the key {KEY}!", KEY: [{"deep": KEY}]}}]
    with FaultServer(answers(ok(hide(json.dumps(told)).encode()))) as server:
        client = AsteroidClient(KEY, server.base_url, 5)
        [activity] = client.activities(ID)
        client.close()
    assert activity.text.endswith("[API key]!")
    assert "secret" not in f"{activity!r} {activity.data}"


def test_an_interrupt_is_one_of_ours_and_leaves_nothing_done() -> None:
    with FaultServer(silent) as server, AsteroidClient(KEY, server.base_url) as client:
        timer = interrupt_soon()
        with pytest.raises(KeyboardInterrupt) as caught:
            client.executions()
        timer.join()
    error = caught.value
    assert type(error) is Interrupted
    assert error.outcome == "not_done"
    assert error.title == "You interrupted the reading"
    assert "message" not in str(error)


def test_refusals_say_what_could_not_be_read(box: Sandbox, client: AsteroidClient) -> None:
    with pytest.raises(NotFound) as caught:
        client.execution(ID)
    assert caught.value.as_text().startswith("✗ Not done: No execution has this ID")
    with pytest.raises(AsteroidError, match="This API key may not read this"):
        client.activities(box.foreign_execution_id)
    box.stop()
    client.close()
    with pytest.raises(AsteroidError, match="closed") as closed:
        client.executions()
    assert closed.value.outcome == "not_done"


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.execution("no-id"),
        lambda client: client.activities(None),
        lambda client: client.question("x/../y"),
        lambda client: client.executions(limit=0),
        lambda client: client.executions(limit="5"),
        lambda client: client.executions(limit=True),
        lambda client: client.executions(status=["running", 5]),
        lambda client: client.executions(phase="\ud800"),
        lambda client: client.activities(ID, order="up"),
        lambda client: client.activities(ID, limit=-1),
        lambda client: client.pause("no-id"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_before_anything_leaves(
    ask: Callable[[AsteroidClient], object],
) -> None:
    with AsteroidClient(KEY, "http://127.0.0.1:9") as client, pytest.raises(InvalidInput) as caught:
        ask(client)
    assert caught.value.outcome == "not_done"
    assert caught.value.hint
    assert "message" not in str(caught.value)


def test_a_redirect_is_not_followed_by_a_read() -> None:
    with (
        FaultServer(answers(ok([]))) as other,
        FaultServer(answers(status("302 Found", f"Location: {other.base_url}"))) as server,
    ):
        error = failing(server)
        assert other.requests == []
        assert len(server.requests) == 1
    assert type(error) is UnexpectedAnswer


def test_many_threads_read_at_once(box: Sandbox, client: AsteroidClient) -> None:
    box.add_waiting(20)
    found: list[int] = []

    def read() -> None:
        found.append(len(client.executions(limit=None)))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [23] * 8
