"""What a caller gives as an execution or a message runs no code of its own, and raises no error."""

import json
import uuid
from datetime import UTC, datetime

import pytest

from asteroid_magic import AsteroidClient, InvalidInput
from asteroid_magic.batch.rows import open_rows
from asteroid_magic.form import SendForm
from asteroid_magic.input.execution_ref import resolve_execution
from asteroid_magic.models.message import prepare
from asteroid_magic.sandbox import Sandbox
from tests.support import hostile
from tests.support.servers import FaultServer, answers
from tests.support.shells import Notebook

EMPTY_LIST = b"HTTP/1.1 200 OK\r\nContent-Length: 25\r\nConnection: close\r\n\r\n"
EMPTY_LIST += b'{"items": [], "total": 0}'
EXECUTION = "123e4567-e89b-12d3-a456-426614174000"


@pytest.mark.parametrize("at", range(3))
def test_an_id_is_read_without_its_methods(at: int) -> None:
    execution = hostile.id_like(EXECUTION)[at]
    assert prepare(execution, "hello").execution_id == EXECUTION
    assert type(prepare(execution, "hello").execution_id) is str
    assert resolve_execution("run", {"run": execution}) == EXECUTION
    rows = open_rows([(execution, "hello"), {"execution_id": execution, "message": "hello"}]).rows
    assert list(rows) == [(EXECUTION, "hello")] * 2


@pytest.mark.parametrize("at", range(7))
def test_what_is_no_id_is_refused_with_its_type_alone(at: int) -> None:
    execution = hostile.no_ids()[at]
    kind = "MagicMock" if "Mock" in repr(type(execution)) else "Hostile"
    with AsteroidClient("key", "http://127.0.0.1:9/agents/v2") as client:
        calls = (
            client.execution,
            client.activities,
            client.question,
            client.pause,
            client.resume,
            client.cancel,
            lambda one: client.send(one, "hello"),
            lambda one: client.find_delivery(one, "hello", datetime.now(UTC)),
            lambda one: client.dry_run(one, "hello"),
            lambda one: resolve_execution("run", {"run": one}),
            lambda one: open_rows([(one, "hello")]),
            lambda one: open_rows([one], "hello"),
        )
        for call in calls:
            with pytest.raises(InvalidInput) as caught:
                call(execution)
            assert kind in str(caught.value) or "nothing" in str(caught.value), call
            assert caught.value.hint
            assert caught.value.__context__ is None


def test_a_message_is_read_without_its_methods() -> None:
    message = hostile.subclass(str)("hello")
    assert json.loads(prepare(EXECUTION, message).body) == {"message": "hello"}
    for other in hostile.no_ids()[1:]:
        with pytest.raises(InvalidInput, match=r"is of type (Hostile|MagicMock), not text"):
            prepare(EXECUTION, other)
        with pytest.raises(InvalidInput, match="row 0: "):
            open_rows([(EXECUTION, other)])


def test_columns_that_raise_make_their_row_a_bad_one() -> None:
    other = hostile.subclass()()
    with pytest.raises(InvalidInput, match="'name' cannot be converted to text: ValueError"):
        open_rows([{"execution_id": EXECUTION, "name": other}], "Hello {name}")


def test_rows_that_raise_are_refused() -> None:
    for rows in (hostile.subclass()(), hostile.subclass(list)([1])):
        with pytest.raises(InvalidInput, match=r"type Hostile\. Reading them raised ValueError"):
            open_rows(rows)


def test_filters_are_read_without_their_methods() -> None:
    with FaultServer(answers(EMPTY_LIST)) as server:
        client = AsteroidClient("key", server.base_url)
        for one in (hostile.subclass(str)("running"), [hostile.subclass(str)("running")]):
            client.executions(status=one)
        client.executions(workflow_id=hostile.id_like(EXECUTION)[1])
        assert [b"status=running" in request for request in server.requests] == [True, True, False]
        assert EXECUTION.encode() in server.requests[2]
        for other in hostile.no_ids()[1:]:
            with pytest.raises(InvalidInput, match="is not plain text"):
                client.executions(status=other)


@pytest.mark.parametrize("at", range(7))
def test_a_magic_shows_a_card_for_a_variable_that_raises(
    notebook: Notebook, box: Sandbox, at: int
) -> None:
    notebook.shell.user_ns["odd"] = hostile.no_ids()[at]
    notebook.run("%asteroid_send odd hello")
    assert isinstance(notebook.error, InvalidInput)
    assert "Not delivered" in notebook.html()
    assert "Traceback" not in notebook.text
    assert all(box.messages(one.id) == [] for one in box.executions)


def test_a_magic_sends_to_an_id_that_raises(notebook: Notebook, box: Sandbox, run_id: str) -> None:
    for odd in hostile.id_like(run_id):
        notebook.shell.user_ns["odd"] = odd
        notebook.run("%asteroid_send odd hello")
        assert notebook.error is None
    assert box.messages(run_id) == ["hello"] * 3


def test_a_form_takes_an_id_that_raises(notebook: Notebook, run_id: str) -> None:
    for odd in hostile.id_like(run_id):
        form = SendForm(odd)
        assert form.execution == run_id
        form.close()
    for odd in hostile.no_ids()[1:]:
        with pytest.raises(InvalidInput):
            SendForm(odd)
        with pytest.raises(InvalidInput):
            SendForm(run_id, odd)
        form = SendForm(run_id)
        with pytest.raises(InvalidInput):
            form.message = odd
        form.close()
    assert notebook.error is None


def test_the_sandbox_knows_no_execution_that_raises(box: Sandbox) -> None:
    for odd in (hostile.subclass(str)("x"), hostile.subclass()()):
        with pytest.raises(LookupError):
            box.messages(odd)


def test_a_uuid_with_a_wrong_number_is_none() -> None:
    made = uuid.UUID(EXECUTION)
    uuid.UUID.__dict__["int"].__set__(made, -1)
    with pytest.raises(InvalidInput):
        prepare(made, "hello")
