"""Executions that have ended, each in another way."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from . import activities
from .executions import Execution

CancelReason = Literal[
    "timeout",
    "max_steps",
    "user_requested",
    "script_failed",
    "no_activity",
    "budget_exceeded",
    "no_warm_environment",
    "worker_lost",
]
Ending = Literal["failed", "purged"] | CancelReason
ENDINGS: tuple[str, ...] = ("failed", "purged", *get_args(CancelReason))
LASTED = timedelta(seconds=90)


def ended_scene(ending: Ending) -> Iterator[Execution]:
    """Yield an execution that has just ended in this way.

    Raises :class:`ValueError` for an unknown ending.
    """
    if ending not in ENDINGS:
        raise ValueError(f"ending must be one of {', '.join(ENDINGS)}, not {ending!r}.")
    now = datetime.now(UTC)
    execution = Execution("Collect receipts", "running", now - LASTED, {"folder": "receipts"})
    execution.add(activities.status_changed("running"), now - LASTED)
    execution.add(activities.for_machines("Browser session is alive"), now - LASTED / 2)
    if ending == "failed":
        execution.fail("The folder could not be written.", "No space left on device", now)
    elif ending == "purged":
        execution.complete("All receipts were collected.", {"receipts": 12}, now)
        execution.purge(now)
    else:
        execution.cancel(ending, now)
    yield execution
