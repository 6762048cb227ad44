"""The cost of reading 1,000 activities from JSON text, compared in the same run.

``python benchmarks/read.py`` prints the median of each way, and its ratio to a bare `json.loads`
of the same text. The ways take turns. Takes under a minute; needs the extra ``[test]``.
"""

import json
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from typing import Any
from uuid import uuid4

from asteroid_odyssey import AgentsExecutionActivity

from asteroid_magic.client.transport.response import json_of
from asteroid_magic.config.api_key import ApiKey
from asteroid_magic.models.activities import Activities, read_activity

ACTIVITIES = 1_000
ROUNDS = 60
# The vendor's client is slow, so it runs only once in so many rounds.
VENDOR_EVERY = 10
# Promised for asteroid-magic, as a ratio to the bare json.loads.
PROMISE = 7.1
KEY = ApiKey("benchmark-key", "the benchmark")


def payloads() -> list[dict[str, Any]]:
    """Return the payloads of an agent at work, in the newer format."""
    acting = {
        "message": "Filling in guests and day, then looking at the evening's free tables",
        "actionName": "element_fill_form",
        "actionId": str(uuid4()),
        "display": {"summaryText": "Filling in a form", "presentationLevel": "secondary"},
    }
    return [
        {"activityType": "action_started", **acting},
        {"activityType": "action_completed", **acting, "duration": 920},
        {"activityType": "reasoning", "reasoning": "Four guests on Friday at 20:00. " * 6},
        {"activityType": "step_completed", "stepNumber": 3},
        {"activityType": "user_message_received", "message": "Yes, go on & on.", "userUUID": "u-1"},
        {"activityType": "status_changed", "status": "running"},
    ]


def text() -> str:
    """Return a server's answer as text."""
    execution_id, began = str(uuid4()), datetime.now(UTC)
    activities = [
        {
            "id": str(uuid4()),
            "executionId": execution_id,
            "timestamp": (began + timedelta(seconds=number)).isoformat().replace("+00:00", "Z"),
            "payload": payload,
        }
        for number, payload in enumerate(islice(cycle(payloads()), ACTIVITIES))
    ]
    # As servers written in Go do.
    return json.dumps(activities).replace("&", "\\u0026")


def ours(body: bytes) -> Activities:
    """Read as the client does: remove the key, and make each activity a record."""
    return Activities(read_activity(item) for item in json_of(body, KEY))


def vendor(answer: str) -> list[AgentsExecutionActivity | None]:
    """Read with the vendor's client."""
    return [AgentsExecutionActivity.from_dict(item) for item in json.loads(answer)]


def timed(way: Callable[[], object]) -> float:
    """Return the milliseconds that one reading takes."""
    began = time.perf_counter()
    way()
    return (time.perf_counter() - began) * 1e3


def main() -> None:
    """Measure and print the table."""
    answer = text()
    body = answer.encode()
    read, theirs = ours(body), vendor(answer)
    assert [each.id for each in read] == [each.id for each in theirs if each]
    ways: dict[str, Callable[[], object]] = {
        "json.loads, bare": lambda: json.loads(answer),
        "asteroid-magic": lambda: ours(body),
        "asteroid-magic, words too": lambda: [each.text for each in ours(body)],
        "vendor's client": lambda: vendor(answer),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS):
        for name, way in ways.items():
            if name != "vendor's client" or turn % VENDOR_EVERY == 0:
                times[name].append(timed(way))
    medians = {name: statistics.median(each) for name, each in times.items()}
    bare = medians["json.loads, bare"]
    print(f"{ACTIVITIES:,} activities, {len(body) / 1e3:,.0f} kB")
    print(f"{'median':26}{'ms':>8}{'to bare':>9}{'ours to it':>12}  promised")
    for name, median in medians.items():
        promise = f"≤ {PROMISE} to bare" if name == "asteroid-magic" else ""
        to_it = medians["asteroid-magic"] / median
        print(f"{name:26}{median:8.2f}{median / bare:9.2f}{to_it:12.3f}  {promise}")


if __name__ == "__main__":
    main()
