"""The story the agents of the sandbox tell."""

import asyncio

import pytest
import requests

from asteroid_magic.sandbox import Sandbox
from asteroid_magic.sandbox.agents import Agent, sort_invoices
from asteroid_magic.sandbox.scenes import opening_scene
from asteroid_magic.sandbox.world import World
from tests.support.sandboxes import (
    PATIENCE,
    asking,
    assert_error,
    eventually,
    payloads,
    running,
    send,
    spoken,
    url,
)


def test_the_paused_agent_asks_with_ready_answers(box: Sandbox, http: requests.Session) -> None:
    last = payloads(http, box, asking(box))[-1]
    assert (last["activityType"], last["status"]) == ("status_changed", "paused_by_agent")
    [question] = last["pausedPayload"]["question"]["questions"]
    assert question["question"].endswith("?")
    assert question["multiSelect"] is False
    assert [set(option) for option in question["options"]] == [{"label", "description"}] * 3


def test_the_paused_agent_goes_on_with_exactly_the_answer(
    box: Sandbox, http: requests.Session
) -> None:
    before = len(payloads(http, box, asking(box)))
    answer = "Friday 21:15 \u2012 e\u0301 🍝"
    assert send(http, box, asking(box), answer).status_code == 201
    eventually(lambda: box.executions[0].status, lambda status: status == "completed")
    told = payloads(http, box, asking(box))[before:]
    assert told[0]["activityType"] == "user_message_received"
    assert told[0]["message"] == answer
    assert (told[1]["activityType"], told[1]["status"]) == ("status_changed", "running")
    durations = [p["duration"] for p in told if p["activityType"] == "action_completed"]
    assert all(isinstance(duration, int) for duration in durations)
    assert answer in spoken(http, box, asking(box))[-1]
    assert told[-2]["completedPayload"]["result"]["booked"] == answer
    assert told[-1]["activityType"] == "terminal"
    execution = http.get(url(box, asking(box), ""), timeout=PATIENCE).json()
    assert execution["executionResult"]["outcome"] == "success"
    assert execution["executionResult"]["result"]["booked"] == answer
    assert_error(send(http, box, asking(box), "too late"), 400, "completed")
    assert box.messages(asking(box)) == [answer]


def test_a_message_during_the_work_is_kept_and_the_first_one_counts() -> None:
    with Sandbox() as box, requests.Session() as http:
        http.headers["X-Asteroid-Agents-Api-Key"] = box.api_key
        send(http, box, asking(box), "the answer")
        eventually(lambda: box.executions[0].status, lambda status: status == "running")
        assert send(http, box, asking(box), "and another thing").status_code == 201
        assert box.messages(asking(box)) == ["the answer", "and another thing"]
        eventually(lambda: box.executions[0].status, lambda status: status == "completed")
        execution = http.get(url(box, asking(box), ""), timeout=PATIENCE).json()
        assert execution["executionResult"]["result"]["booked"] == "the answer"


def test_the_running_agent_acknowledges_every_message(box: Sandbox, http: requests.Session) -> None:
    texts = ["first", "second 🌍", "third"]
    for text in texts:
        send(http, box, running(box), text)
    heard = eventually(lambda: spoken(http, box, running(box))[1:], lambda said: len(said) == 3)
    assert all(text in said for text, said in zip(texts, heard, strict=True))
    assert box.executions[1].status == "running"


def test_the_running_agent_works_on_its_own_but_not_for_ever(http: requests.Session) -> None:
    with Sandbox(pace=1e-6) as box:
        http.headers["X-Asteroid-Agents-Api-Key"] = box.api_key

        def filed() -> int:
            messages = [p.get("message") for p in payloads(http, box, running(box))]
            return messages.count("Filed an invoice")

        eventually(filed, lambda count: count == 60)
        send(http, box, running(box), "still there?")
        eventually(lambda: spoken(http, box, running(box))[1:])
        assert filed() == 60


def test_a_very_long_message_is_quoted_in_short(box: Sandbox, http: requests.Session) -> None:
    send(http, box, running(box), "x" * 100_000)
    [said] = eventually(lambda: spoken(http, box, running(box))[1:])
    assert len(said) < 1100


@pytest.mark.parametrize("steps", range(5))
def test_an_agent_stops_even_as_a_message_reaches_it(steps: int) -> None:
    async def stop_at_step() -> bool:
        world = World(opening_scene())
        agent = Agent(world, world.snapshots()[1].id, 1.0)
        script = asyncio.create_task(sort_invoices(agent))
        await asyncio.sleep(0.01)
        agent.inbox.put_nowait("hello")
        for _ in range(steps):
            await asyncio.sleep(0)
        script.cancel()
        await asyncio.wait([script], timeout=0.5)
        return script.cancelled()

    assert asyncio.run(stop_at_step())
