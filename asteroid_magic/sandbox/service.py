"""What the handlers share: the world, the agents, the key, the faults, and word of the end."""

import asyncio
import hmac
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from .agents import Agent, book_a_table, sort_invoices
from .faults import Faults
from .scenes import opening_scene
from .world import World


class Service:
    """One running sandbox, from its opening scene to its end.

    Everything but ``world`` and ``faults`` belongs to the sandbox's own loop.
    """

    def __init__(self, key: str, pace: float, faults: Faults) -> None:
        self.world = World(opening_scene())
        self.faults = faults
        self._key = key.encode()
        asking, running, _ = self.world.snapshots()
        self._agents = {each.id: Agent(self.world, each.id, pace) for each in (asking, running)}
        self._closing = asyncio.Event()
        self._answering: set[asyncio.Task[Any]] = set()

    def scripts(self) -> list[Coroutine[Any, Any, None]]:
        """Give what each agent does, ready to run."""
        asking, running = self._agents.values()
        return [book_a_table(asking), sort_invoices(running)]

    def knows_key(self, given: str) -> bool:
        """Tell whether a key is this sandbox's, in a time that tells nothing about it."""
        return hmac.compare_digest(given.encode(), self._key)

    def receive(self, execution_id: str, text: str) -> None:
        """Hand a message to the world, and wake the agent it is for.

        Raises what :meth:`World.receive` raises.
        """
        self.world.receive(execution_id, text)
        self._agents[execution_id.lower()].inbox.put_nowait(text)

    async def delay(self, seconds: float) -> bool:
        """Wait, and tell whether the sandbox is still open afterwards."""
        closing = asyncio.create_task(self._closing.wait())
        closed, _ = await asyncio.wait([closing], timeout=seconds)
        closing.cancel()
        return not closed

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Mark the current task as one that the end waits for."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("A request is answered in a task of the sandbox's loop.")
        self._answering.add(task)
        try:
            yield
        finally:
            self._answering.discard(task)

    def close(self) -> None:
        """Ask for the end, which also wakes every request that is being delayed."""
        self._closing.set()

    async def closed(self) -> None:
        """Wait until the end is asked for."""
        await self._closing.wait()

    async def all_answered(self) -> None:
        """Wait for the requests still being answered.

        A task that the loop cancelled as it ends would have tornado log an error.
        """
        if self._answering:
            await asyncio.wait(self._answering)
