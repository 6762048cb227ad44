"""The cost of watching an execution with 10 activities, and one with 10,000.

``python benchmarks/watch.py`` adds twenty activities to each, one by one, and looks for each at
once. It prints the requests, the bytes of their answers and the median milliseconds of a look. For
comparison, it also reads everything each time, like a client that knows only ``GET …/activities``.
Takes under a minute; needs the extra ``[test]``.
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
# Promised: the time of a look at the long execution, as a ratio to the short one.
PROMISE = 1.5


class Cost:
    """The requests, bytes and seconds of the looks."""

    def __init__(self) -> None:
        self.requests = 0
        self.read = 0
        self.times: list[float] = []

    def row(self, name: str, past: int) -> str:
        """Return a line of the table."""
        median = statistics.median(self.times) * 1e3
        return f"{name:20}{past:>10,}{self.requests:>10,}{self.read / 1e3:>12,.1f}{median:>11.2f}"


def measure(client: AsteroidClient, box: Sandbox, past: int, *, all_each_time: bool) -> Cost:
    """Return the cost of reading all news of one execution."""
    run = box.add_waiting()[0].id
    world = box._world()  # noqa: SLF001 (the only way to add many activities)
    start = len(world.activities(run))
    world.record(run, *(reasoning(f"Thought {number}. " * 5) for number in range(past - start)))
    feed, cost = ActivityFeed(client, run), Cost()
    feed.look(10)

    def counting(body: bytes, key: object) -> object:
        cost.requests += 1
        cost.read += len(body)
        return json_of(body, key)  # type: ignore[arg-type]

    with patch("asteroid_magic.client.reading.executions.json_of", counting):
        for number in range(NEWS):
            world.record(run, reasoning(f"News {number}"))
            began = time.perf_counter()
            heard = len(client.activities(run)) if all_each_time else feed.look(10)
            cost.times.append(time.perf_counter() - began)
            assert heard == (past + number + 1 if all_each_time else 1)
    return cost


def main() -> None:
    """Measure and print the table."""
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
