"""A batch that is killed with SIGKILL again and again, and continued until it ends.

``python -m tests.support.killing --rows 1000 --kills 20`` runs it whole. The parent has the
sandbox, which loses and delays answers at random; each child runs the same batch with the same
journal.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from asteroid_magic import AsteroidClient, send_many

if TYPE_CHECKING:
    from asteroid_magic.sandbox import Sandbox

TIMEOUT, LONGEST_DELAY, GRACE, ABSENT_AFTER = 0.5, 0.7, 1.5, 2.0
PATIENCE = 120.0
MOST_LAST_RUNS = 10


def rows(execution_id: str, count: int) -> list[tuple[str, str]]:
    """Return rows of which every tenth has the same text as others."""
    return [
        (execution_id, "the same again" if number % 10 == 0 else f"message {number}")
        for number in range(count)
    ]


def run_batch(journal: str, execution_id: str, count: int) -> None:
    """Run the batch, or go on with it, in a child; its settings come from the environment."""
    with AsteroidClient(timeout=TIMEOUT, confirm_grace=GRACE) as client:
        report = send_many(
            rows(execution_id, count),
            client=client,
            workers=8,
            journal=journal,
            progress=False,
            absent_after=ABSENT_AFTER,
        )
    print(dict(report.counts), report.stopped, report.errors, flush=True)


def spoil(box: "Sandbox", chance: random.Random, count: int) -> None:
    """Let answers be lost and delayed at random, some of them longer than the child waits."""
    for _ in range(count):
        delay = chance.choice([0.001, 0.001, 0.001, chance.uniform(0, LONGEST_DELAY)])
        box.fail_next(delay=delay, drop="after" if chance.random() < 0.1 else None)


def wait_until(condition: Callable[[], bool], child: subprocess.Popen[str]) -> None:
    """Wait for it, or for the child to end by itself."""
    end = time.monotonic() + PATIENCE
    while not condition() and child.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.002)


def survive(count: int, kills: int, seed: int, journal: Path) -> tuple[Counter[str], list[str]]:
    """Kill the batch so often, then let it end; return what arrived, and what each child said."""
    from asteroid_magic.sandbox import Sandbox  # noqa: PLC0415 (each child would load it for nothing)

    chance = random.Random(seed)  # noqa: S311 (when to kill is no secret)
    said: list[str] = []
    with Sandbox(pace=0.02) as box:
        execution_id = box.executions[1].id
        spoil(box, chance, count * 2)
        environment = {
            **os.environ,
            "ASTEROID_API_KEY": box.api_key,
            "ASTEROID_BASE_URL": box.base_url,
        }
        command = [
            sys.executable,
            "-m",
            "tests.support.killing",
            "--child",
            str(journal),
            execution_id,
        ]
        # Last, as often as it takes: a look-up that times out on a busy machine ends a run, too.
        for arrived in [*sorted(chance.sample(range(count), kills)), *[None] * MOST_LAST_RUNS]:
            with subprocess.Popen(
                [*command, "--rows", str(count)],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            ) as child:
                if arrived is not None:
                    wait_until(lambda at=arrived: len(box.messages(execution_id)) > at, child)  # type: ignore[misc]
                    time.sleep(chance.uniform(0, 0.1))
                    child.send_signal(signal.SIGKILL)
                said.append(child.communicate(timeout=PATIENCE)[0])
            # A call never resends a row of its own that is unknown: a later one does.
            if arrived is None and child.returncode == 0 and "'unknown'" not in said[-1]:
                break
        return Counter(box.messages(execution_id)), said


def main() -> None:
    """Run it, and tell how it went."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))  # noqa: S311 (as above)
    parser.add_argument("--child", nargs=2)
    options = parser.parse_args()
    if options.child:
        journal, execution_id = options.child
        run_batch(journal, execution_id, options.rows)
        return
    print(f"{options.rows:,} rows, {options.kills} kills, seed {options.seed}")
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        path = Path(folder, "journal.db")
        arrived, said = survive(options.rows, options.kills, options.seed, path)
    wanted = Counter(text for _, text in rows("", options.rows))
    print(f"{said[-1].strip()}\n{time.monotonic() - began:.0f} s")
    print(f"missing: {wanted - arrived or 'none'}, twice: {arrived - wanted or 'none'}")
    sys.exit(arrived != wanted)


if __name__ == "__main__":
    main()
