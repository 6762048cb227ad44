"""The cost of a send, compared with the alternatives in the same run.

``python benchmarks/send.py`` prints the median of each, and its ratio to a bare keep-alive POST
with ``http.client`` on the same loopback server. The ways take turns, so that a slow moment of the
machine affects them all. Takes under a minute; needs the extra ``[test]``.
"""

import http.client
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import asteroid_odyssey as odyssey
import requests

from asteroid_magic import AsteroidClient

ROUNDS = 3_000
WARM_UP = 200
EXECUTION = "123e4567-e89b-12d3-a456-426614174000"
MESSAGE = "Yes, book the earlier train."
KEY = "benchmark-key"
# Promised for our send, as a ratio to the median of the alternative.
PROMISES = {"vendor's client": 0.90, "requests.Session.post": 0.65}
OURS = "AsteroidClient.send"


def bare(port: int) -> Callable[[], object]:
    """POST with http.client over one connection: the cheapest POST in Python."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    body = json.dumps({"message": MESSAGE}).encode()
    headers = {"X-Asteroid-Agents-Api-Key": KEY, "Content-Type": "application/json"}

    def send() -> None:
        path = f"/agents/v2/executions/{EXECUTION}/user-messages"
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        response.read()
        assert response.status == 201

    return send


def vendor(base_url: str) -> Callable[[], object]:
    """Send with the vendor's client."""
    configuration = odyssey.Configuration(host=base_url, api_key={"ApiKeyAuth": KEY})
    api = odyssey.ExecutionApi(odyssey.ApiClient(configuration))
    body = odyssey.AgentsExecutionUserMessagesAddTextBody(message=MESSAGE)
    return lambda: api.execution_user_messages_add(EXECUTION, body)


def with_requests(base_url: str, post: Callable[..., requests.Response]) -> Callable[[], object]:
    """Send with requests, as hand-written code would."""
    url = f"{base_url}/executions/{EXECUTION}/user-messages"
    headers = {"X-Asteroid-Agents-Api-Key": KEY}

    def send() -> None:
        response = post(url, json={"message": MESSAGE}, headers=headers, timeout=30)
        assert response.status_code == 201

    return send


def measure(ways: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the median of each way in microseconds; all take turns in every round."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(WARM_UP + ROUNDS):
        for name, send in ways.items():
            began = time.perf_counter()
            send()
            if turn >= WARM_UP:
                times[name].append(time.perf_counter() - began)
    return {name: statistics.median(each) * 1e6 for name, each in times.items()}


def main() -> None:
    """Measure and print the table."""
    server = Path(__file__).with_name("answering_server.py")
    with subprocess.Popen(
        [sys.executable, server], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        base_url = f"http://127.0.0.1:{port}/agents/v2"
        client = AsteroidClient(api_key=KEY, base_url=base_url)
        medians = measure(
            {
                "http.client, bare": bare(port),
                OURS: lambda: client.send(EXECUTION, MESSAGE),
                "vendor's client": vendor(base_url),
                "requests.Session.post": with_requests(base_url, requests.Session().post),
                "requests.post": with_requests(base_url, requests.post),
            }
        )
        process.terminate()
    print(f"{f'median of {ROUNDS:,}':24}{'µs':>8}{'to bare':>9}{'ours to it':>12}  promised")
    for name, median in medians.items():
        promise = f"≤ {PROMISES[name]:.2f}" if name in PROMISES else ""
        to_bare = median / medians["http.client, bare"]
        ours = medians[OURS] / median
        print(f"{name:24}{median:8.0f}{to_bare:9.2f}{ours:12.2f}  {promise}")


if __name__ == "__main__":
    main()
