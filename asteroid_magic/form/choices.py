"""What the form offers to choose from: executions, each as a line that a person can tell apart."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from ..models.executions import SHORT_ID, WAITING, Execution
from ..text import shorten, visible

LONGEST_NAME = 60
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def choices_of(executions: Iterable[Execution]) -> Mapping[str, Execution]:
    """Return the executions by the line that offers each, as ``workflow · status · short ID``.

    Those that wait for an answer stand on top; within both kinds the newest is first.
    """
    newest = sorted(executions, key=lambda one: one.created_at or _LONG_AGO, reverse=True)
    offered: dict[str, Execution] = {}
    for one in sorted(newest, key=lambda one: WAITING.get(one.status) != "asks"):
        line = visible(f"{described(one)} · {one.id[:SHORT_ID]}", keep="")
        # Two runs whose short IDs are the same must not pass for one.
        whole = visible(f"{described(one)} · {one.id}", keep="")
        offered[whole if line in offered else line] = one
    return offered


def described(one: Execution) -> str:
    """Return the workflow and the status of an execution, in one line of visible characters."""
    name = shorten(" ".join(one.workflow_name.split()), LONGEST_NAME) or "(no name)"
    return visible(f"{name} · {shorten(one.status, LONGEST_NAME)}", keep="")
