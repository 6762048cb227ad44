"""The speed of a batch, compared with the alternatives in the same run.

``python benchmarks/batch.py`` starts a server that answers every message after 50 ms, and sends 16,
then 64, then 256 messages at a time: with `send_many`, with and without a journal, and with the
vendor's client and a `requests.Session`, each in a pool of threads. It prints the median of
messages per second, its share of what the delay alone allows, and the processor time per message.
Then it prints the peak memory of batches of 1,000 and 100,000 rows. Takes four minutes; needs the
extra ``[test]``.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import asteroid_odyssey as odyssey
import requests
from requests.adapters import HTTPAdapter

from asteroid_magic import AsteroidClient, send_many

DELAY = 0.05
ROUNDS = 5
SECONDS = 2.0
EXECUTION = "123e4567-e89b-12d3-a456-426614174000"
MESSAGE = "Yes, book the earlier train."
KEY = "benchmark-key"
JOURNAL, BARE, VENDOR, SESSION = (
    "send_many, journal",
    "send_many",
    "vendor's client, pool",
    "requests.Session, pool",
)
WORKERS = (16, 64, 256)
# More than this many a second, the machine and not the delay is the limit.
MOST_A_SECOND = 1_500
# Promised for a batch with a journal: its messages per second, as a ratio to the alternative.
PROMISES = {VENDOR: "≥ 0.97", SESSION: "> 1"}
LARGEST_GROWTH = 30.0

Way = Callable[[int], None]


@contextmanager
def serving(delay: float) -> Iterator[str]:
    """Serve in a separate process, and yield the base URL."""
    server = Path(__file__).with_name("delaying_server.py")
    command = [sys.executable, str(server), str(delay)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield f"http://127.0.0.1:{port}/agents/v2"
        process.terminate()


def rows(count: int) -> Iterator[tuple[str, str]]:
    """Yield `count` rows, without keeping any."""
    return ((EXECUTION, f"{MESSAGE} ({number})") for number in range(count))


def ours(base_url: str, workers: int, folder: str | None) -> Way:
    """Send with `send_many`, each time with a new journal, or without one."""
    client = AsteroidClient(api_key=KEY, base_url=base_url)

    def send(count: int) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as made:
            journal = None if folder is None else f"{made}/journal.db"
            report = send_many(
                rows(count), client=client, workers=workers, journal=journal, progress=False
            )
        assert report.counts == {"delivered": count}, report.counts

    return send


def pooled(workers: int, send_one: Callable[[str, str], None]) -> Way:
    """Send with a pool of threads, as hand-written code would."""

    def send(count: int) -> None:
        with ThreadPoolExecutor(workers) as pool:
            for future in [pool.submit(send_one, *row) for row in rows(count)]:
                future.result()

    return send


def vendor(base_url: str, workers: int) -> Way:
    """Send with the vendor's client."""
    configuration = odyssey.Configuration(host=base_url, api_key={"ApiKeyAuth": KEY})
    configuration.connection_pool_maxsize = workers
    api = odyssey.ExecutionApi(odyssey.ApiClient(configuration))

    def send(execution_id: str, message: str) -> None:
        body = odyssey.AgentsExecutionUserMessagesAddTextBody(message=message)
        api.execution_user_messages_add(execution_id, body)

    return pooled(workers, send)


def session(base_url: str, workers: int) -> Way:
    """Send with one `requests.Session`."""
    shared = requests.Session()
    shared.mount("http://", HTTPAdapter(pool_maxsize=workers))
    headers = {"X-Asteroid-Agents-Api-Key": KEY}

    def send(execution_id: str, message: str) -> None:
        url = f"{base_url}/executions/{execution_id}/user-messages"
        response = shared.post(url, json={"message": message}, headers=headers, timeout=30)
        assert response.status_code == 201

    return pooled(workers, send)


def measure(base_url: str, workers: int, folder: str, rounds: int) -> None:
    """Run the ways in turns, and print their medians."""
    ways = {
        JOURNAL: ours(base_url, workers, folder),
        BARE: ours(base_url, workers, None),
        VENDOR: vendor(base_url, workers),
        SESSION: session(base_url, workers),
    }
    ideal = workers / DELAY
    count = int(min(ideal, MOST_A_SECOND) * SECONDS)
    rates: dict[str, list[float]] = {name: [] for name in ways}
    costs: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, send in ways.items():
            began, used = time.perf_counter(), time.process_time()
            send(count)
            if number:
                rates[name].append(count / (time.perf_counter() - began))
                costs[name].append((time.process_time() - used) / count)
    print(f"\n{workers} at a time, {count:,} messages, ideal {ideal:,.0f} per second")
    print(f"{'':24}{'a second':>9}{'of ideal':>9}{'ours to it':>11}{'CPU':>9}")
    first = statistics.median(rates[JOURNAL])
    for name, each in rates.items():
        rate, cost = statistics.median(each), statistics.median(costs[name]) * 1e6
        promise = f"  promised: {PROMISES[name]}" if name in PROMISES else ""
        print(
            f"{name:24}{rate:9,.0f}{rate / ideal:9.1%}{first / rate:11.3f}{cost:6,.0f} µs{promise}"
        )


def show_memory() -> None:
    """Print the peak memory of two batches, each in its own process."""
    peaks = {}
    print("\npeak memory, journal on, server without delay")
    for count in (1_000, 100_000):
        command = [sys.executable, __file__, "--peak", str(count)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks[count] = float(done.stdout)
        print(f"{count:9,} rows {peaks[count]:7.1f} MB")
    growth = peaks[100_000] - peaks[1_000]
    print(f"   growth     {growth:7.1f} MB  promised: under {LARGEST_GROWTH:.0f} MB")


def peak(count: int) -> None:
    """Send `count` rows to a server without delay, and print the peak memory in MB."""
    with serving(0.0) as base_url, tempfile.TemporaryDirectory() as folder:
        client = AsteroidClient(api_key=KEY, base_url=base_url)
        report = send_many(
            rows(count), client=client, journal=f"{folder}/journal.db", progress=False
        )
        assert report.counts == {"delivered": count}
        assert len(report.failed) == 0
    # The peak in `resource` includes that of the parent process.
    status = Path("/proc/self/status").read_text()
    print(int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024)


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--peak", type=int)
    options = parser.parse_args()
    if options.peak:
        peak(options.peak)
        return
    with serving(DELAY) as base_url, tempfile.TemporaryDirectory() as folder:
        for workers in WORKERS:
            measure(base_url, workers, folder, options.rounds)
    show_memory()


if __name__ == "__main__":
    main()
