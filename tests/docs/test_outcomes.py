"""``docs/help/outcomes.md`` agrees with what the client makes of each answer."""

import re

import pytest

import asteroid_magic
from asteroid_magic import AsteroidClient, AsteroidError
from tests.support.documents import page
from tests.support.outcomes import ID
from tests.support.servers import FaultServer, answers

PAGE = page("docs/help/outcomes.md")
OUTCOMES = {"delivered": "delivered", "not delivered": "not_delivered", "unknown": "unknown"}


def stated() -> dict[int, str]:
    """Return the outcome that the table states for each status; a class stands for its rest."""
    table = PAGE.section("The answer to a message")
    found: dict[int, str] = {}
    for what, outcome in re.findall(r"^\| (\d.*?) \| (.*?) \|", table, re.MULTILINE):
        statuses = [int(status) for status in re.findall(r"\b\d{3}\b", what)]
        # Any other status of the class.
        statuses += [int(hundreds) * 100 + 57 for hundreds in re.findall(r"another (\d)xx", what)]
        found |= dict.fromkeys(statuses, OUTCOMES[outcome])
    return found


def test_the_table_names_every_class_of_answers() -> None:
    assert {status // 100 for status in stated()} == {2, 3, 4, 5}
    assert len(stated()) > 20


@pytest.mark.parametrize("status", stated())
def test_what_the_table_states_of_a_status_is_so(status: int) -> None:
    answer = f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with (
        FaultServer(answers(answer.encode())) as server,
        AsteroidClient("key-4711", server.base_url, 5, confirm_grace=0) as client,
    ):
        try:
            outcome: str = client.send(ID, "hello").outcome
        except AsteroidError as error:
            outcome = error.outcome
        assert outcome == stated()[status]
        assert len(server.requests) == 1


def test_its_errors_are_those_there_are() -> None:
    kinds = {
        name
        for name in asteroid_magic.__all__
        if isinstance(value := getattr(asteroid_magic, name), type)
        and issubclass(value, AsteroidError)
    }
    listed = set(re.findall(r"`([A-Z]\w+)`", PAGE.first_cells("Errors")))
    assert listed == kinds - {"AsteroidError"}
