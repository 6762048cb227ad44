"""The agents: scripts that answer users, each an asyncio task on the sandbox's own loop."""

import asyncio
import time
import uuid
from typing import Never

from .activities import (
    action_completed,
    action_started,
    reasoning,
    said,
    status_changed,
    step_completed,
    step_started,
    todos_updated,
)
from .world import World

LONGEST_QUOTE = 1000
"""Code points of a message that an agent repeats when it speaks."""

IDLE_ACTIONS = 60
"""After this many actions of its own, the running agent only listens, to keep its list short."""


INVOICES = b"""\
number,supplier,amount,due
2289,Officine Bianchi,412.50,2026-12-01
2290,Stamperia Rossi,89.90,2026-12-04
2291,Trasporti Verdi,1280.00,2026-12-15
"""
"""The file that the running agent saves."""


class Agent:
    """Hears messages and acts for one agent.

    ``pace`` multiplies every delay; delays are in seconds.
    """

    def __init__(self, world: World, execution_id: str, pace: float) -> None:
        self.world = world
        self.execution_id = execution_id
        self.pace = pace
        self.inbox: asyncio.Queue[str] = asyncio.Queue()
        # Set unless a user has paused the execution: then the agent does nothing.
        self.going = asyncio.Event()
        self.going.set()

    async def wait(self, seconds: float) -> None:
        """Wait ``seconds`` at the sandbox's pace, and until the end of a pause."""
        await asyncio.sleep(seconds * self.pace)
        await self.going.wait()

    async def hear(self) -> str:
        """Wait for a message."""
        text = await self.inbox.get()
        await self.going.wait()
        return text

    async def act(self, name: str, doing: str, done: str, seconds: float) -> None:
        """Do one action, and record its start and its end."""
        action_id = str(uuid.uuid4())
        self.world.record(self.execution_id, action_started(name, doing, action_id))
        start = time.perf_counter()
        await self.wait(seconds)
        duration = round((time.perf_counter() - start) * 1000)
        self.world.record(self.execution_id, action_completed(name, done, action_id, duration))


async def book_a_table(agent: Agent) -> None:
    """Wait for the answer to the question, book what it says, and finish."""
    answer = await agent.hear()
    record, execution_id = agent.world.record, agent.execution_id
    record(execution_id, status_changed("running"), step_started(3))
    await agent.wait(0.3)
    record(execution_id, reasoning("The guest has answered. Book exactly that."))
    await agent.act("element_fill_form", "Filling in the answer", "Filled in the answer", 0.8)
    record(execution_id, todos_updated(Find_a_free_table="completed", Book_it="in_progress"))
    await agent.act("element_click", "Confirming the booking", "The booking is confirmed", 0.9)
    record(execution_id, said(f"Done, I booked what you said: {quote(answer)}"))
    record(execution_id, todos_updated(Find_a_free_table="completed", Book_it="completed"))
    await agent.wait(0.4)
    record(execution_id, step_completed(3))
    result = {"restaurant": "Trattoria Lucia", "guests": 4, "booked": answer}
    agent.world.complete(execution_id, "The guest's answer was booked as given.", result)


async def take_an_answer(agent: Agent) -> None:
    """Wait for the answer to the question, say that it came, and finish."""
    answer = await agent.hear()
    agent.world.record(agent.execution_id, status_changed("running"))
    await agent.wait(0.5)
    agent.world.record(agent.execution_id, said(f"Thank you. You said: {quote(answer)}"))
    agent.world.complete(agent.execution_id, "The answer was taken.", {"answer": answer})


async def sort_invoices(agent: Agent) -> Never:
    """Acknowledge every message; do a piece of work now and then."""
    idle_actions, has_saved = 0, False
    while True:
        patience = 8.0 * agent.pace if idle_actions < IDLE_ACTIONS else None
        try:
            # Not wait_for: in Python 3.11 it swallows a cancellation that meets a message
            # (python/cpython#86296), and the sandbox would never stop.
            async with asyncio.timeout(patience):
                heard = [await agent.inbox.get()]
        except TimeoutError:
            await agent.going.wait()
            if has_saved:
                idle_actions += 1
                await agent.act("file_read", "Reading an invoice", "Filed an invoice", 1.0)
            else:
                # Within 15 seconds of the start, whoever writes to the agent meanwhile.
                has_saved = True
                await agent.wait(1.0)
                agent.world.save(agent.execution_id, "invoices.csv", INVOICES)
            continue
        await agent.wait(0.6)
        # One pause for all messages that came meanwhile: a hundred must not take a minute.
        while not agent.inbox.empty():
            heard.append(agent.inbox.get_nowait())
        agent.world.record(agent.execution_id, *(said(f"Noted: {quote(text)}") for text in heard))


def quote(text: str) -> str:
    """Return a message in quotation marks, only the beginning of a very long one."""
    shown = text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…"
    return f"“{shown}”"
