"""What the tests of the sandbox share: a session that holds its key."""

from collections.abc import Iterator

import pytest
import requests

from asteroid_magic.sandbox import Sandbox


@pytest.fixture
def http(box: Sandbox) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.headers["X-Asteroid-Agents-Api-Key"] = box.api_key
        yield session
