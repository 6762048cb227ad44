"""The execution of these tests, whose agent saves no file of its own."""

import pytest

from asteroid_magic.sandbox import Sandbox


@pytest.fixture
def run_id(box: Sandbox) -> str:
    return box.executions[0].id
