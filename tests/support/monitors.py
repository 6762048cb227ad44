"""A monitor whose time the test moves, and which has no thread: the test does its steps."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from asteroid_magic import AsteroidClient
from asteroid_magic.client.retry import Backoff
from asteroid_magic.monitor import ConversationState, Monitor, MonitorState, schedule
from tests.support.outcomes import ID
from tests.support.records import RecordServer

KEY = "key-4711-secret"
OTHER = "00000000-0000-4000-8000-000000000002"


def shorten_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a monitor with a thread pause less; `tests/monitor/test_schedule.py` has the rules."""
    monkeypatch.setattr(schedule, "LIVELY_LOOKS", Backoff(0.2, 5.0, 1.5))
    monkeypatch.setattr(schedule, "LIVELY_LISTING_S", 0.5)


class SteppedMonitor(Monitor):
    """A `Monitor` with a made-up clock, 0 at `start`; `states` has all that it told."""

    def __init__(self, client: AsteroidClient | None, **options: Any) -> None:
        self.time, self.start = 0.0, datetime.now(UTC)
        self.states: list[MonitorState] = []
        super().__init__(
            self.states.append,
            client,
            clock=lambda: self.time,
            now=lambda: self.start + timedelta(seconds=self.time),
            **options,
        )

    def _wake(self) -> None:
        """Begin no thread."""

    def run(self, seconds: float = 0.0) -> MonitorState:
        """Do what the thread does in so many seconds; return the state after them."""
        end = self.time + seconds
        while (pause := self.step()) <= end - self.time:
            self.time += pause
        self.time = end
        return self.state

    def open(self, execution_id: str = ID) -> ConversationState:
        """Choose an execution and do what is due at once; return its conversation."""
        self.choose(execution_id)
        return self.shown()

    def shown(self, seconds: float = 0.0) -> ConversationState:
        """Return the conversation after so many seconds."""
        conversation = self.run(seconds).conversation
        assert conversation is not None
        return conversation


class Log:
    """When a server was asked for what, by the clock of a monitor."""

    def __init__(self, server: RecordServer, monitor: SteppedMonitor) -> None:
        self.requests: list[tuple[float, str]] = []
        self.answer: tuple[int, dict[str, str]] | None = None
        self._monitor = monitor
        server.refuse = self.note

    def note(self, path: str) -> tuple[int, dict[str, str]] | None:
        """Note a request; return the `answer` that it gets, None for the usual one."""
        self.requests.append((self._monitor.time, path))
        return self.answer

    @property
    def times(self) -> list[float]:
        return [at for at, _ in self.requests]

    def most_in_a_minute(self, since: float = 0.0) -> int:
        """Return the most requests in any minute that begins at `since` or later."""
        times = [at for at in self.times if at >= since]
        return max((sum(at <= one <= at + 60 for one in times) for at in times), default=0)

    def lists(self) -> int:
        return sum("/executions?" in path for _, path in self.requests)


@contextmanager
def stepped(server: RecordServer, **options: Any) -> Iterator[tuple[SteppedMonitor, Log]]:
    """Yield a monitor that reads this server, and what it asks for."""
    with AsteroidClient(KEY, server.base_url) as client:
        monitor = SteppedMonitor(client, **options)
        try:
            yield monitor, Log(server, monitor)
        finally:
            monitor.close()
