"""Several views of one session list the active executions together, and never another account's."""

from collections.abc import Callable, Iterator

import pytest

from asteroid_magic.config.api_key import ApiKey
from asteroid_magic.config.session import session
from asteroid_magic.monitor import Monitor, MonitorState
from tests.support.monitors import KEY, shorten_pauses
from tests.support.records import RecordServer
from tests.support.sandboxes import eventually


def ignore(_state: MonitorState) -> None:
    """Show nothing."""


@pytest.fixture
def views(server: RecordServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Monitor]]:
    """Three views of one session, each of which has listed the executions."""
    shorten_pauses(monkeypatch)
    session.base_url, session.key = server.base_url, ApiKey(KEY, "the test")
    made = [Monitor(ignore) for _ in range(3)]
    for one in made:
        one.touch()
    eventually(all_listed(made))
    yield made
    for one in made:
        one.close()


def all_listed(views: list[Monitor]) -> Callable[[], bool]:
    return lambda: all(one.state.inbox.updated_at for one in views)


def lists(server: RecordServer) -> int:
    return sum("/executions?" in path for path in server.asked)


def test_a_change_of_the_key_causes_one_request_for_all_views(
    server: RecordServer, views: list[Monitor]
) -> None:
    before = lists(server)
    session.key = ApiKey("another", "the test")
    eventually(lambda: not any(one.state.inbox.updated_at for one in views))
    eventually(all_listed(views))
    assert lists(server) == before + 1


def test_views_that_begin_together_list_once(server: RecordServer, views: list[Monitor]) -> None:
    assert lists(server) == 1
    assert len(views) == 3


def test_a_view_that_is_refreshed_lists_anew(server: RecordServer, views: list[Monitor]) -> None:
    # Which of them has read the list is not told: the others may have it from that one.
    read = [one.state.inbox.updated_at for one in views]
    for one in views:
        one.refresh()
    eventually(lambda: all(one.state.inbox.updated_at not in read for one in views))
    assert lists(server) >= 2


def test_what_one_server_lists_is_never_shown_for_another(
    server: RecordServer, views: list[Monitor]
) -> None:
    with RecordServer() as other:
        other.listed = [{"id": "00000000-0000-4000-8000-000000000009", "status": "running"}]
        session.base_url = other.base_url
        eventually(lambda: all(one.state.inbox.entries for one in views))
        assert lists(other) == 1
        for one in views:
            one.close()
    assert not any(one.get("id") for one in server.listed)
