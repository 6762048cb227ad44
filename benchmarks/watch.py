"""What watching costs on an execution with 10 activities and on one with 10,000.

``python benchmarks/watch.py``: the same twenty things happen to either, one after the other, and
each is looked for as soon as it has happened. Shown are the requests, the bytes of their answers
and the median milliseconds of a look, beside the way of reading everything each time, as a client
does that knows only ``GET …/activities``. Needs the extra ``[test]``; takes under a minute.
"""

import statistics
import time
from unittest.mock import patch

from asteroid_magic import AsteroidClient
from asteroid_magic.client.activity_feed import ActivityFeed
from asteroid_magic.client.transport.response import json_of
from asteroid_magic.sandbox import Sandbox
from asteroid_magic.sandbox.activities import reasoning

PASTS = (10, 10_000)
NEWS = 20
# Of one look on the long execution to one on the short, what is promised.
PROMISE = 1.5


class Cost:
    """What was asked for while it was counted."""

    def __init__(self) -> None:
        self.requests = 0
        self.read = 0
        self.times: list[float] = []

    def row(self, name: str, past: int) -> str:
        """Return a line of the table."""
        median = statistics.median(self.times) * 1e3
        return f"{name:20}{past:>10,}{self.requests:>10,}{self.read / 1e3:>12,.1f}{median:>11.2f}"


def measure(client: AsteroidClient, box: Sandbox, past: int, *, all_each_time: bool) -> Cost:
    """Return what it costs to hear of all news of one execution."""
    run = box.add_waiting()[0].id
    world = box._world()  # noqa: SLF001 (the sandbox has no other way to tell a long story)
    start = len(world.activities(run))
    world.record(run, *(reasoning(f"Thought {number}. " * 5) for number in range(past - start)))
    feed, cost = ActivityFeed(client, run), Cost()
    feed.look(10)

    def counting(body: bytes, key: object) -> object:
        cost.requests += 1
        cost.read += len(body)
        return json_of(body, key)  # type: ignore[arg-type]

    with patch("asteroid_magic.client.executions.json_of", counting):
        for number in range(NEWS):
            world.record(run, reasoning(f"News {number}"))
            began = time.perf_counter()
            heard = len(client.activities(run)) if all_each_time else feed.look(10)
            cost.times.append(time.perf_counter() - began)
            assert heard == (past + number + 1 if all_each_time else 1)
    return cost


def main() -> None:
    """Measure, and print the table."""
    print(f"{NEWS} pieces of news\n")
    print(f"{'':20}{'activities':>10}{'requests':>10}{'kB read':>12}{'ms a look':>11}")
    with Sandbox() as box, AsteroidClient(box.api_key, box.base_url) as client:
        measure(client, box, PASTS[0], all_each_time=False)
        for name, all_each_time in (("asteroid-magic", False), ("all of it each time", True)):
            costs = [measure(client, box, past, all_each_time=all_each_time) for past in PASTS]
            for past, cost in zip(PASTS, costs, strict=True):
                print(cost.row(name, past))
            short, long = costs
            ratio = statistics.median(long.times) / statistics.median(short.times)
            promised = "" if all_each_time else f" (promised: the same requests, time ≤ {PROMISE})"
            print(
                f"{'  long to short':30}{long.requests / short.requests:>10.2f}"
                f"{long.read / short.read:>12.2f}{ratio:>11.2f}{promised}\n"
            )


if __name__ == "__main__":
    main()
