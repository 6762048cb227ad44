from collections.abc import Iterator

import pytest

from tests.support.records import RecordServer


@pytest.fixture
def server() -> Iterator[RecordServer]:
    with RecordServer() as made:
        yield made
