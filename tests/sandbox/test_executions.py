"""Looking at executions over real HTTP: the list with its filters, and the activities."""

from typing import Any

import pytest
import requests

from asteroid_magic.sandbox import Sandbox
from tests.support.sandboxes import PATIENCE, assert_error, finished, running, url


def test_the_account_holds_three_executions(box: Sandbox, http: requests.Session) -> None:
    statuses = [execution.status for execution in box.executions]
    assert statuses == ["paused_by_agent", "running", "completed"]
    assert box.executions[0].workflow_name == "Book a table"
    answer = http.get(f"{box.base_url}/executions", timeout=PATIENCE).json()
    assert (answer["page"], answer["pageSize"], answer["total"]) == (1, 20, 3)
    assert [item["id"] for item in answer["items"]] == [e.id for e in box.executions]
    for item in answer["items"]:
        alone = http.get(url(box, item["id"], ""), timeout=PATIENCE).json()
        assert alone == item
    assert "result" in answer["items"][2]["executionResult"]
    assert answer["items"][2]["duration"] == 94


@pytest.mark.parametrize(
    ("query", "indexes"),
    [
        ("sort=created_at:asc", [2, 1, 0]),
        ("sort=created_at:desc", [0, 1, 2]),
        ("sort=status:asc", [2, 0, 1]),
        ("pageSize=2", [0, 1]),
        ("pageSize=2&page=2", [2]),
        ("page=9", []),
        ("status=paused_by_agent", [0]),
        ("status=running&status=completed", [1, 2]),
        ("status=queued", []),
        ("phase=active", [0, 1]),
        ("phase=active&phase=terminal", [0, 1, 2]),
        ("phase=terminal&status=running", []),
        ("createdWithin=30m", [0]),
        ("createdWithin=1h", [0, 1]),
        ("createdWithin=1w2d3h4m", [0, 1, 2]),
        ("workflowId=unknown", []),
        ("executionId=no-such", []),
        ("createdAfter=2001-01-01T00:00:00Z", [0, 1, 2]),
        ("createdAfter=2101-01-01T00:00:00%2B01:00", []),
        ("createdBefore=2001-01-01T00:00:00.123456%2B0000", []),
        ("createdBefore=2101-01-01T00:00:00Z&createdWithin=30m", [0]),
        ("metadata=customer=4711", [0, 2]),
        ("metadata=customer=4711&metadata=team=travel", [2]),
        ("metadata=customer=4711&metadata=team=accounting", []),
        ("metadata=customer=47", []),
        ("metadata=source=sandbox", [0, 1, 2]),
        ("metadata=team=a=b", []),
        ("metadata=none=", []),
        ("inputsKey=restaurant&inputsValue=LUCIA", [0]),
        ("inputsKey=guests&inputsValue=4", [0]),
        ("inputsKey=mailbox&inputsValue=lucia", []),
        ("outcomeLabel=SUCC", [2]),
        ("outcomeLabel=failure", []),
        ("triggerSource=api", [0, 1, 2]),
        ("triggerSource=ui&triggerSource=schedule", []),
        ("profileIds=unknown", []),
        ("batchId=unknown", []),
        ("workflowVersion=1", [0, 1, 2]),
        ("workflowVersion=2", []),
        ("sort=started_at:asc", [2, 1, 0]),
    ],
)
def test_the_list_can_be_filtered_sorted_and_paged(
    box: Sandbox, http: requests.Session, query: str, indexes: list[int]
) -> None:
    answer = http.get(f"{box.base_url}/executions?{query}", timeout=PATIENCE)
    assert answer.status_code == 200
    found = [item["id"] for item in answer.json()["items"]]
    assert found == [box.executions[index].id for index in indexes]


def test_the_list_can_be_filtered_by_workflow(box: Sandbox, http: requests.Session) -> None:
    workflow = http.get(url(box, running(box), ""), timeout=PATIENCE).json()["workflowId"]
    answer = http.get(f"{box.base_url}/executions?workflowId={workflow}", timeout=PATIENCE)
    assert [item["id"] for item in answer.json()["items"]] == [running(box)]


def test_the_list_can_be_searched_by_part_of_an_id(box: Sandbox, http: requests.Session) -> None:
    for part in (running(box)[:8], running(box)[9:20].upper()):
        query = f"{box.base_url}/executions?executionId={part}"
        items = http.get(query, timeout=PATIENCE).json()["items"]
        assert [item["id"] for item in items] == [running(box)]


def test_the_list_can_be_filtered_by_profile(box: Sandbox, http: requests.Session) -> None:
    profile = http.get(url(box, running(box), ""), timeout=PATIENCE).json()["profileId"]
    query = f"{box.base_url}/executions?profileIds=other&profileIds={profile}"
    items = http.get(query, timeout=PATIENCE).json()["items"]
    assert [item["id"] for item in items] == [running(box)]


@pytest.mark.parametrize(
    "query",
    [
        "createdAfter=",
        "createdAfter=yesterday",
        "createdAfter=2026-11-26T18:00:00",
        "createdBefore=2026-13-01T00:00:00Z",
        "createdBefore=0001-01-01T00:00:00%2B14:00",
        "createdWithin=24h&createdAfter=2026-11-26T18:00:00Z",
        "metadata=",
        "metadata=customer",
        "metadata==4711",
        "inputsKey=&inputsValue=x",
        "executionId=",
        "outcomeLabel=",
        "workflowId=",
        "profileIds=",
        "batchId=",
        "triggerSource=cron",
        "triggerSource=",
        "workflowVersion=0",
        "workflowVersion=new",
        "page=0",
        "page=two",
        "pageSize=-1",
        "pageSize=",
        "status=asleep",
        "phase=ended",
        "sort=created_at",
        "sort=name:asc",
        "sort=created_at:up",
        "createdWithin=",
        "createdWithin=24",
        "createdWithin=2h1d",
        "createdWithin=99999999w",
        "createdWithin=11000d",
    ],
)
def test_a_bad_filter_is_a_bad_request(box: Sandbox, http: requests.Session, query: str) -> None:
    name = query.partition("=")[0]
    error = assert_error(
        http.get(f"{box.base_url}/executions?{query}", timeout=PATIENCE), 400, name
    )
    assert [e["parameter"] for e in error["errors"]] == [name]


@pytest.mark.parametrize(
    ("given", "missing"), [("inputsKey", "inputsValue"), ("inputsValue", "inputsKey")]
)
def test_half_of_a_pair_of_parameters_is_a_bad_request(
    box: Sandbox, http: requests.Session, given: str, missing: str
) -> None:
    answer = http.get(f"{box.base_url}/executions?{given}=x", timeout=PATIENCE)
    assert assert_error(answer, 400, "belong together")["errors"][0]["parameter"] == missing


def test_activities_come_in_both_orders_and_limited(box: Sandbox, http: requests.Session) -> None:
    def activities(query: str) -> list[dict[str, Any]]:
        answer = http.get(url(box, finished(box), f"/activities{query}"), timeout=PATIENCE)
        listed: list[dict[str, Any]] = answer.json()
        return listed

    ascending = activities("?order=asc")
    assert activities("") == ascending
    assert activities("?order=desc") == ascending[::-1]
    assert activities("?order=desc&limit=2") == ascending[:-3:-1]
    assert activities("?limit=3") == ascending[:3]
    stamps = [activity["timestamp"] for activity in ascending]
    assert stamps == sorted(set(stamps))
    assert ascending[-1]["payload"]["activityType"] == "terminal"
    for query in ("order=up", "limit=0", "limit=x"):
        answer = http.get(url(box, finished(box), f"/activities?{query}"), timeout=PATIENCE)
        assert_error(answer, 400, query.partition("=")[0])
