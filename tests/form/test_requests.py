"""How much a form as a whole asks a server for, by a clock that the test moves."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from asteroid_magic import AsteroidClient, SendForm
from asteroid_magic.form import form as form_module
from asteroid_magic.monitor import MonitorState
from tests.support.monitors import KEY, OTHER, Log, SteppedMonitor
from tests.support.outcomes import ID
from tests.support.records import RecordServer

from .conftest import fields, sent, words
from .test_question import ASKS

NOTE = {"activityType": "generic", "message": "Something happens"}


class Used:
    """A form whose monitor a test moves, and what its server was asked for."""

    def __init__(self, server: RecordServer, form: SendForm, monitor: SteppedMonitor) -> None:
        self.server, self.form, self.monitor = server, form, monitor
        self.log = Log(server, monitor)
        server.post = self.note_send

    def note_send(self, execution_id: str, _text: str) -> int:
        self.log.note(f"POST {execution_id}")
        return 201


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> Iterator[Used]:
    made: list[SteppedMonitor] = []

    def make(
        follow: Callable[[MonitorState], object], client: AsteroidClient, **options: Any
    ) -> SteppedMonitor:
        monitor = SteppedMonitor(client, **options)
        monitor._on_change = follow
        made.append(monitor)
        return monitor

    monkeypatch.setattr(form_module, "Monitor", make)
    with RecordServer() as server, AsteroidClient(KEY, server.base_url) as client:
        server.listed = [{"id": one, "status": "running"} for one in (ID, OTHER)]
        form = SendForm(client=client)
        yield Used(server, form, made[0])
        form.close()


def test_while_nothing_happens_it_makes_at_most_four_requests_a_minute(used: Used) -> None:
    used.form.execution = ID
    used.monitor.run(590)
    assert words(fields(used.form).header).startswith("(no name) running")
    assert 2 <= used.log.most_in_a_minute(since=30) <= 4
    assert used.log.times[-1] > 550


def test_without_an_execution_it_makes_at_most_two(used: Used) -> None:
    used.monitor.run(590)
    assert 1 <= used.log.most_in_a_minute(since=30) <= 2
    assert used.log.times[-1] > 550


def test_whatever_the_user_does_it_makes_at_most_sixty(used: Used) -> None:
    for second in range(130):
        used.form.message = f"Typed {second}"
        if not second % 7:
            used.form.execution = (ID, OTHER)[second % 2]
        if not second % 5:
            fields(used.form).refresh.click()
        if not second % 20:
            sent(used.form, f"Sent {second}")
        used.server.happen(ID, NOTE)
        used.server.happen(ID, ASKS)
        used.server.listed[0]["status"] = ("running", "paused_by_agent")[second // 3 % 2]
        used.form.check_settings()
        used.monitor.run(1)
    assert 40 < used.log.most_in_a_minute() <= 60
    assert len(used.form.outcomes) == 7


def test_after_a_message_it_asks_often_for_two_minutes_and_then_seldom(used: Used) -> None:
    used.form.execution = ID
    used.monitor.run(60)
    sent(used.form, "Are you there?")
    used.monitor.run(119)
    assert fields(used.form).stop.layout.display == ""
    assert 8 < used.log.most_in_a_minute(since=61) <= 60
    used.monitor.run(30)
    assert words(fields(used.form).doing).startswith("No answer within 2 min")
    used.monitor.run(120)
    assert used.log.most_in_a_minute(since=220) <= 4
