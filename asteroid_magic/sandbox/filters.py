"""The filters of ``GET /executions``: which executions a request means."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from .activities import Payload
from .executions import PHASES, stamp
from .problems import Problem

Arguments = Callable[[str], list[str]]
"""Returns the values of a query parameter, in order; none if it is absent."""
Test = Callable[[Payload], bool]

CREATED_WITHIN = re.compile(
    r"(?=.)((?P<weeks>\d{1,8})w)?((?P<days>\d{1,8})d)?((?P<hours>\d{1,8})h)?((?P<minutes>\d{1,8})m)?",
    re.ASCII,
)
LONGEST_AGO = timedelta(days=3650)
SOURCES = {"api", "ui", "schedule", "warmup"}
"""What starts an execution, as the vendor's client lists it."""


def tests_of(arguments: Arguments) -> list[Test]:
    """Return what an execution must satisfy, all of it; raises :class:`Problem` with status 400."""
    statuses = _choices(arguments, "status", set(PHASES))
    phases = _choices(arguments, "phase", set(PHASES.values()))
    tests: list[Test] = [
        lambda one: one["status"] in statuses and PHASES[one["status"]] in phases,
        *_time_tests(arguments),
        *_one_of(arguments, "workflowId", lambda one: one["workflowId"]),
        *_one_of(arguments, "profileIds", lambda one: one.get("profileId")),
        # No execution of the sandbox belongs to a batch.
        *_one_of(arguments, "batchId", lambda _: None),
        *_part(arguments, "executionId", lambda one: one["id"]),
        *_part(arguments, "outcomeLabel", lambda one: _result_of(one).get("outcome")),
        *_metadata_tests(arguments),
        *_input_test(arguments),
    ]
    if arguments("triggerSource"):
        sources = _choices(arguments, "triggerSource", SOURCES)
        tests.append(lambda one: one["triggerContext"]["source"] in sources)
    if arguments("workflowVersion"):
        version = whole_number(arguments, "workflowVersion", 1)
        tests.append(lambda one: one["workflowVersion"] == version)
    return tests


def last(arguments: Arguments, name: str, default: str) -> str:
    """Return the last value of a parameter, ``default`` if it is absent."""
    return (arguments(name) or [default])[-1]


def whole_number(arguments: Arguments, name: str, default: int) -> int:
    """Return a requested number, from 1 up; raises :class:`Problem` with status 400."""
    text = last(arguments, name, str(default))
    if not re.fullmatch(r"0*[1-9][0-9]{0,8}", text):
        raise Problem(400, f"{name} must be a whole number from 1, not {text!r}", name)
    return int(text)


def _choices(arguments: Arguments, name: str, allowed: set[str]) -> set[str]:
    asked = set(arguments(name))
    if unknown := sorted(asked - allowed):
        known = ", ".join(sorted(allowed))
        raise Problem(400, f"unknown {name} {unknown[0]!r}; it is one of {known}", name)
    return asked or allowed


def _given(arguments: Arguments, name: str) -> list[str]:
    values = arguments(name)
    if "" in values:
        raise Problem(400, f"{name} must not be empty", name)
    return values


def _one_of(arguments: Arguments, name: str, read: Callable[[Payload], Any]) -> list[Test]:
    values = _given(arguments, name)
    return [lambda one: read(one) in values] if values else []


def _part(arguments: Arguments, name: str, read: Callable[[Payload], Any]) -> list[Test]:
    """Return the test that a text contains the requested one, in any case."""
    parts = [part.lower() for part in _given(arguments, name)[-1:]]
    return [lambda one: all(part in str(read(one) or "").lower() for part in parts)]


def _metadata_tests(arguments: Arguments) -> list[Test]:
    wanted = []
    for pair in arguments("metadata"):
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise Problem(400, f"metadata must look like key=value, not {pair!r}", "metadata")
        wanted.append((key, value))
    return [
        lambda one: all(
            key in one["metadata"] and _as_text(one["metadata"][key]) == value
            for key, value in wanted
        )
    ]


def _input_test(arguments: Arguments) -> list[Test]:
    keys, values = _given(arguments, "inputsKey"), _given(arguments, "inputsValue")
    if bool(keys) != bool(values):
        missing = "inputsValue" if keys else "inputsKey"
        raise Problem(400, "inputsKey and inputsValue belong together", missing)
    if not keys:
        return []
    key, part = keys[-1], values[-1].lower()
    return [lambda one: key in one["inputs"] and part in _as_text(one["inputs"][key]).lower()]


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _result_of(execution: Payload) -> Payload:
    result: Payload = execution.get("executionResult", {})
    return result


def _time_tests(arguments: Arguments) -> list[Test]:
    """Return the tests of ``createdAt``; timestamps in one form compare as text."""
    if arguments("createdWithin") and arguments("createdAfter"):
        why = "createdWithin cannot be combined with createdAfter"
        raise Problem(400, why, "createdWithin")
    since = _moment(arguments, "createdAfter") or _created_within(arguments)
    before = _moment(arguments, "createdBefore")
    return [
        lambda one: since is None or one["createdAt"] >= since,
        lambda one: before is None or one["createdAt"] <= before,
    ]


def _moment(arguments: Arguments, name: str) -> str | None:
    if not arguments(name):
        return None
    text = last(arguments, name, "")
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return stamp(moment.astimezone(UTC))
    except (ValueError, OverflowError):
        pass
    why = f"{name} must be a time with its zone, such as 2026-11-26T18:00:00Z, not {text!r}"
    raise Problem(400, why, name)


def _created_within(arguments: Arguments) -> str | None:
    if not arguments("createdWithin"):
        return None
    text = last(arguments, "createdWithin", "")
    ago = timedelta.max
    if found := CREATED_WITHIN.fullmatch(text):
        ago = timedelta(**{unit: int(count) for unit, count in found.groupdict("0").items()})
    if ago > LONGEST_AGO:
        why = f"createdWithin must look like 30m, 24h, 7d or 1d12h, up to 10 years, not {text!r}"
        raise Problem(400, why, "createdWithin")
    return stamp(datetime.now(UTC) - ago)
