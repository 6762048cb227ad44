"""Searching executions: what is sent, what is refused, and what is known of the answer."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from asteroid_magic import AsteroidClient, InvalidInput, NotFound, UnexpectedAnswer
from asteroid_magic.client.reading import search
from asteroid_magic.sandbox import Sandbox
from tests.support.sandboxes import twin
from tests.support.servers import Behaviour, FaultServer

KEY = "key-4711-secret"
ID = "123e4567-e89b-12d3-a456-426614174000"
Pairs = list[tuple[str, str]]


@pytest.fixture
def client(box: Sandbox) -> Iterator[AsteroidClient]:
    with AsteroidClient(box.api_key, box.base_url) as made:
        yield made


def listing(reply: Callable[[Pairs], Any]) -> Behaviour:
    """Answer each request with what `reply` makes of its query."""

    def behave(connection: Any, server: FaultServer) -> None:
        target = urlsplit(server.requests[-1].split(b" ")[1].decode())
        body = json.dumps(reply(parse_qsl(target.query))).encode()
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )

    return behave


def page(*items: Any, **members: Any) -> dict[str, Any]:
    return {"items": list(items), "pageSize": 100, "total": len(items), **members}


def asked_for(**filters: Any) -> Pairs:
    """Return what a search sends beyond what every list does."""
    seen: Pairs = []

    def reply(query: Pairs) -> Any:
        seen.extend(query)
        return page()

    with FaultServer(listing(reply)) as server, AsteroidClient(KEY, server.base_url) as client:
        client.executions(**filters)
    assert dict(seen)["pageSize"] == ("100" if filters.get("workflow") == "Book a table" else "50")
    return [one for one in seen if one[0] not in {"sort", "page", "pageSize"}]


NOON = datetime(2026, 11, 26, 12, 0, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("filters", "sent"),
    [
        ({"since": "24h"}, [("createdWithin", "1d")]),
        ({"since": " 1D12h "}, [("createdWithin", "1d12h")]),
        ({"since": "90m"}, [("createdWithin", "1h30m")]),
        ({"since": "1w"}, [("createdWithin", "7d")]),
        ({"since": timedelta(minutes=5)}, [("createdWithin", "5m")]),
        ({"since": NOON}, [("createdAfter", "2026-11-26T11:00:00.000000Z")]),
        ({"workflow": ID}, [("workflowId", ID)]),
        ({"workflow": "Book a table"}, []),
        ({"outcome": "success"}, [("outcomeLabel", "success")]),
        ({"metadata": {"a": "b=c", "n": 4711}}, [("metadata", "a=b=c"), ("metadata", "n=4711")]),
        ({"metadata": {"größe": "& =x"}}, [("metadata", "größe=& =x")]),
        ({"metadata": {}}, []),
    ],
)
def test_the_filters_are_sent_as_the_contract_says(filters: dict[str, Any], sent: Pairs) -> None:
    assert asked_for(**filters) == sent


@pytest.mark.parametrize(
    "filters",
    [
        *(
            {"since": bad}
            for bad in ("", "24", "0h", "h", "1h2d", "24 h", "11000d", "2y", "\uff12h", 24)
        ),
        *({"since": bad} for bad in (True, b"24h", timedelta(0), timedelta(seconds=90))),
        *({"since": bad} for bad in (-timedelta(hours=1), timedelta.max, "999999w999999d")),
        {"since": datetime(2026, 11, 26, 12, 0)},  # noqa: DTZ001 (the point)
        {"since": datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))},
        *({"workflow": bad} for bad in ("", " ", "a\nb", 3, b"x", ["x"])),
        *({"outcome": bad} for bad in ("", "\0", 3, ["success"])),
        *({"metadata": bad} for bad in ("a=b", [("a", "b")], {"": "b"}, {"a=b": "c"}, {1: "x"})),
        *({"metadata": {"a": bad}} for bad in (None, True, 1.5, b"x", "line\nbreak", ["b"])),
        *({name: "x" * 501} for name in ("workflow", "outcome")),
        {"metadata": {"a": "x" * 2000}},
        {"workflow": ID, "workflow_id": ID},
    ],
    ids=repr,
)
def test_what_cannot_be_searched_for_is_refused_before_a_request(filters: dict[str, Any]) -> None:
    with AsteroidClient(KEY, "http://127.0.0.1:9") as client:
        with pytest.raises(InvalidInput) as refused:
            client.executions(**filters)
        assert client.requester.requests == 0
    assert refused.value.outcome == "not_done"
    assert refused.value.hint


def test_executions_are_searched(box: Sandbox, client: AsteroidClient) -> None:
    asking, running, finished = client.executions()
    assert client.executions(since="30m") == (asking,)
    assert client.executions(since=datetime.now(UTC) - timedelta(hours=2)) == (asking, running)
    assert client.executions(workflow="  book A  table ") == (asking,)
    assert client.executions(workflow=asking.workflow_id) == (asking,)
    assert client.executions(workflow="Book") == ()
    assert client.executions(metadata={"customer": "4711"}) == (asking, finished)
    assert client.executions(metadata={"customer": "4711", "team": "travel"}) == (finished,)
    assert client.executions(outcome="SUCC") == (finished,)
    box.add_waiting(150)
    assert client.executions(workflow="Book a table", limit=1) == (asking,), "on the second page"
    assert client.executions("terminal", workflow="Book a table") == ()


def test_an_execution_is_found_by_the_start_of_its_id(box: Sandbox, client: AsteroidClient) -> None:
    run = box.executions[1].id
    for beginning in (run[:8], run[:14].upper(), run.replace("-", "")[:20], run, run.upper()):
        assert client.find_execution(beginning).id == run
    with pytest.raises(InvalidInput, match="can see has an ID starting with '0000aaaa'"):
        client.find_execution("0000aaaa")
    with pytest.raises(InvalidInput, match="can see"):
        client.find_execution(run[9:23].replace("-", "")[:8])
    with pytest.raises(NotFound):
        client.find_execution(ID)


def test_an_ambiguous_start_lists_its_candidates(box: Sandbox, client: AsteroidClient) -> None:
    run = box.executions[1].id
    other = twin(box, run)
    with pytest.raises(InvalidInput, match="2 executions have an ID starting with") as several:
        client.find_execution(run[:8])
    assert f"{run} (Sort incoming invoices)" in several.value.hint
    assert f"{other} (A twin)" in several.value.hint
    assert client.find_execution(other).id == other


@pytest.mark.parametrize(
    "beginning",
    ["", "1234567", "x" * 8, "1-2-3-4-5-6-7", "1" * 33, "\uff11" * 8, 12345678, b"x"],
)
def test_what_is_no_start_of_an_id_is_refused(client: AsteroidClient, beginning: Any) -> None:
    with pytest.raises(InvalidInput, match="is not the start of an execution ID"):
        client.find_execution(beginning)
    assert client.requester.requests == 0


def execution(number: int, **members: Any) -> dict[str, Any]:
    return {"id": f"{number:08x}{ID[8:]}", "status": "paused_by_agent", **members}


WANTED = f"{7:08x}"
UNCERTAIN: dict[str, Callable[[Pairs], Any]] = {
    "the pages end early": lambda query: page(
        *([execution(7)] if ("page", "1") in query else []), total=45, pageSize=1
    ),
    "the same page again and again": lambda _: page(execution(7), total=45, pageSize=1),
    "an item is no execution": lambda _: page(execution(7), "odd"),
    "an item has no ID": lambda _: page(execution(7), {"status": "paused_by_agent"}),
    "the filter is ignored, and there is too much": lambda query: page(
        *(execution(100 * int(dict(query)["page"]) + each) for each in range(100)), total=10**9
    ),
}


@pytest.mark.parametrize("reply", UNCERTAIN.values(), ids=UNCERTAIN)
def test_nothing_is_decided_by_a_list_that_is_not_whole(
    monkeypatch: pytest.MonkeyPatch, reply: Callable[[Pairs], Any]
) -> None:
    monkeypatch.setattr(search, "MOST_CANDIDATES", 300)
    with FaultServer(listing(reply)) as server, AsteroidClient(KEY, server.base_url) as client:
        with pytest.raises(UnexpectedAnswer, match="could not be read to its end"):
            client.find_execution(WANTED)
        with pytest.raises(UnexpectedAnswer, match="could not be read to its end"):
            search.waiting(client.requester, None)


def test_what_the_server_finds_beside_the_beginning_does_not_count() -> None:
    reply = page(execution(7), execution(8), execution(9, id="00000007-no-uuid"))
    with (
        FaultServer(listing(lambda _: reply)) as server,
        AsteroidClient(KEY, server.base_url) as client,
    ):
        assert client.find_execution(WANTED).id == execution(7)["id"]
