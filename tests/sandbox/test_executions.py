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


@pytest.mark.parametrize(
    "query",
    [
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
