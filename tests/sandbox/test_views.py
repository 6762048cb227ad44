"""The pages that the links of an execution lead to, and the executions that have ended."""

import uuid
from typing import Any

import pytest
import requests

from asteroid_magic import AsteroidClient
from asteroid_magic.models.links import links_of
from asteroid_magic.sandbox import Sandbox
from tests.support.sandboxes import PATIENCE


def test_every_link_leads_to_a_page_without_a_key(box: Sandbox) -> None:
    for ending in ("failed", "purged"):
        box.add_ended(ending)
    seen = set()
    with AsteroidClient(box.api_key, box.base_url) as client:
        listed = client.executions()
        links = [one for each in listed for one in links_of(each)]
        assert links_of(client.execution(listed[0].id)) == links_of(listed[0])
    for one in links:
        answer = requests.get(one.url, timeout=PATIENCE)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/html")
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'"
        assert one.name in answer.text
        assert box.api_key not in answer.text
        seen.add(one.name)
    assert seen == {"Live view", "Recording", "Page of the run"}


def test_a_page_tells_nothing_of_an_execution(box: Sandbox) -> None:
    origin = box.base_url.removesuffix("/agents/v2")
    pages = {
        requests.get(f"{origin}/view/run/{each}", timeout=PATIENCE).text
        for each in (box.executions[0].id, uuid.uuid4(), box.foreign_execution_id)
    }
    assert len(pages) == 1
    for path in ("/view/other/" + str(uuid.uuid4()), "/view/run/x", "/view/run/", "/view"):
        assert requests.get(origin + path, timeout=PATIENCE).status_code == 404


@pytest.mark.parametrize("ending", ["", "succeeded", None, 5])
def test_an_unknown_ending_is_refused(box: Sandbox, ending: Any) -> None:
    with pytest.raises(ValueError, match="ending must be one of failed, purged, timeout"):
        box.add_ended(ending)
    assert len(box.executions) == 3


def test_a_closed_sandbox_adds_none() -> None:
    with pytest.raises(RuntimeError, match="is not open"):
        Sandbox().add_ended("failed")
