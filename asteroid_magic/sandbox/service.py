"""What the handlers share: the world, the agents, the key, the faults, and the signal to close."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .agents import Agent, book_a_table, sort_invoices, take_an_answer
from .endings import Ending, ended_scene
from .executions import ExecutionSnapshot
from .faults import Fault, Faults, Spoiled
from .scenes import Waiting, opening_scene, waiting_scenes
from .world import World


class Service:
    """One running sandbox, from its opening scene to its end.

    Everything but ``world`` and ``faults`` belongs to the sandbox's own loop.
    """

    def __init__(self, key: str, pace: float, faults: Faults[Fault]) -> None:
        self.world = World(opening_scene())
        self.faults = faults
        self.upload_faults: Faults[Fault] = Faults()
        self.download_faults: Faults[Spoiled] = Faults()
        self._key = key.encode()
        self._pace = pace
        self._agents: dict[str, Agent] = {}
        self._scripts: dict[str, asyncio.Task[None]] = {}
        self._closing = asyncio.Event()
        self._answering: set[asyncio.Task[Any]] = set()

    def open(self) -> None:
        """Start the agents of the opening scene."""
        asking, running, *_ = self.world.snapshots()
        self._employ(asking.id, book_a_table)
        self._employ(running.id, sort_invoices)

    async def add_waiting(self, count: int, kind: Waiting) -> tuple[ExecutionSnapshot, ...]:
        """Add executions that wait for an answer, each with an agent that takes it."""
        added = self.world.add(waiting_scenes(count, kind))
        for each in added:
            self._employ(each.id, take_an_answer)
        return added

    async def add_ended(self, ending: Ending) -> ExecutionSnapshot:
        """Add an execution that has ended in this way."""
        (added,) = self.world.add(ended_scene(ending))
        return added

    def _employ(self, execution_id: str, script: Callable[[Agent], Awaitable[None]]) -> None:
        agent = self._agents[execution_id] = Agent(self.world, execution_id, self._pace)
        self._scripts[execution_id] = asyncio.ensure_future(script(agent))

    def scripts(self) -> list[asyncio.Task[None]]:
        """Return the tasks of the agents."""
        return list(self._scripts.values())

    def pause(self, execution_id: str) -> str:
        """Pause an agent; returns and raises what :meth:`World.pause` does."""
        status = self.world.pause(execution_id)
        if agent := self._agents.get(execution_id.lower()):
            agent.going.clear()
        return status

    def resume(self, execution_id: str) -> str:
        """Resume an agent; returns and raises what :meth:`World.resume` does."""
        status = self.world.resume(execution_id)
        if agent := self._agents.get(execution_id.lower()):
            agent.going.set()
        return status

    def cancel(self, execution_id: str) -> str:
        """Stop an agent for good; returns and raises what :meth:`World.cancel` does."""
        status = self.world.cancel(execution_id)
        if script := self._scripts.get(execution_id.lower()):
            script.cancel()
        return status

    def knows_key(self, given: str) -> bool:
        """Return True if a key is this sandbox's; the time that takes reveals nothing about it."""
        return hmac.compare_digest(given.encode(), self._key)

    def receive(self, execution_id: str, text: str) -> None:
        """Pass a message to the world, and wake the agent it is for.

        Raises what :meth:`World.receive` raises.
        """
        self.world.receive(execution_id, text)
        self._agents[execution_id.lower()].inbox.put_nowait(text)

    async def delay(self, seconds: float) -> bool:
        """Wait, and return True if the sandbox is still open afterwards."""
        closing = asyncio.create_task(self._closing.wait())
        closed, _ = await asyncio.wait([closing], timeout=seconds)
        closing.cancel()
        return not closed

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Mark the current task as one to wait for before the end."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("Answer a request in a task of the sandbox's loop.")
        self._answering.add(task)
        try:
            yield
        finally:
            self._answering.discard(task)

    def close(self) -> None:
        """Request the end; this also wakes every delayed request."""
        self._closing.set()

    async def closed(self) -> None:
        """Wait until the end is requested."""
        await self._closing.wait()

    async def all_answered(self) -> None:
        """Wait for the requests that still need an answer.

        Otherwise the ending loop would cancel their tasks, and tornado would log errors.
        """
        if self._answering:
            await asyncio.wait(self._answering)
