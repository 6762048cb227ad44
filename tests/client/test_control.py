"""Pausing, resuming and cancelling: done, not done or unknown; never twice on a guess."""

import pickle

import pytest

from asteroid_magic import (
    AsteroidClient,
    AsteroidError,
    BadRequest,
    ConnectionFailed,
    Interrupted,
    NoAnswer,
    ServerError,
    StatusChange,
    UnexpectedAnswer,
)
from asteroid_magic.sandbox import Sandbox
from tests.client.test_client import interrupt_soon
from tests.support.outcomes import Seen
from tests.support.servers import Behaviour, FaultServer, answers, resets, silent

ID = "123e4567-e89b-12d3-a456-426614174000"
KEY = "key-4711-secret"


def test_an_execution_is_paused_resumed_and_cancelled(box: Sandbox) -> None:
    run = box.executions[1].id
    with AsteroidClient(box.api_key, box.base_url) as client:
        paused = client.pause(run.upper())
        assert paused == StatusChange(execution_id=run, asked="pause", status="paused")
        assert client.execution(run).status == "paused"
        assert client.resume(run).status == "running"
        assert client.cancel(run).status == "cancelled"
        assert client.execution(run).phase == "terminal"
        with pytest.raises(BadRequest) as caught:
            client.resume(run)
    assert caught.value.outcome == "not_done"
    assert "message" not in caught.value.hint
    assert "status" in caught.value.hint


def test_the_request_has_no_body() -> None:
    done = b'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{"status": "paused"}'
    with FaultServer(answers(done)) as server, AsteroidClient(KEY, server.base_url, 5) as client:
        assert client.pause(ID).status == "paused"
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /agents/v2/executions/%s/pause HTTP/1.1" % ID.encode())
    assert head.lower().count(b"content-length: 0") == 1
    assert b"content-type" not in head.lower()
    assert body == b""


def failing(behave: Behaviour, timeout: float = 5.0) -> AsteroidError:
    with (
        FaultServer(behave) as server,
        AsteroidClient(KEY, server.base_url, timeout) as client,
        pytest.raises(AsteroidError) as caught,
    ):
        client.cancel(ID)
    assert len(server.requests) == caught.value.attempts == 1, "a POST is not repeated"
    return caught.value


@pytest.mark.parametrize(
    ("behave", "kind"),
    [
        (resets, NoAnswer),
        (silent, NoAnswer),
        (answers(b"HTTP/1.1 500 Error\r\nContent-Length: 0\r\n\r\n"), ServerError),
        (answers(b"HTTP/1.1 200 OK\r\n\r\n<title>Log in</title>"), UnexpectedAnswer),
        (answers(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"), UnexpectedAnswer),
        (answers(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), UnexpectedAnswer),
        (answers(b"HTTP/1.1 201 Odd\r\nContent-Length: 0\r\n\r\n"), UnexpectedAnswer),
    ],
)
def test_without_a_clear_answer_it_may_have_been_done(
    behave: Behaviour, kind: type[AsteroidError]
) -> None:
    error = failing(behave, timeout=0.5)
    assert type(error) is kind
    assert error.outcome == "unknown"
    assert error.execution_id == ID
    for words in (error.as_text(), Seen(error._repr_html_()).words):
        assert "May have been done" in words
        assert "may have been cancelled. Check its status" in " ".join(words.split())
        assert "deliver" not in words
        assert "message" not in words
    again = pickle.loads(pickle.dumps(error))
    assert (vars(again), again.as_text()) == (vars(error), error.as_text())


def test_what_was_refused_was_not_done() -> None:
    error = failing(answers(b"HTTP/1.1 429 Busy\r\nContent-Length: 0\r\n\r\n"))
    assert error.outcome == "not_done"
    assert error.as_text().startswith("✗ Not done: Asteroid accepts no more requests for now")
    with FaultServer(silent) as server:
        url = server.base_url
    with AsteroidClient(KEY, url, 5) as client, pytest.raises(ConnectionFailed) as caught:
        client.pause(ID)
    assert (caught.value.outcome, caught.value.attempts) == ("not_done", 3)


def test_an_interrupt_after_the_request_leaves_it_unknown() -> None:
    with FaultServer(silent) as server, AsteroidClient(KEY, server.base_url) as client:
        timer = interrupt_soon()
        with pytest.raises(Interrupted) as caught:
            client.resume(ID)
        timer.join()
    assert caught.value.outcome == "unknown"
    assert caught.value.title == "You interrupted the resuming"
    assert "may have been resumed" in caught.value.hint
