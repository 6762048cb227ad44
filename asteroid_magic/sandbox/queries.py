"""What a GET may ask for: filters, order and pages. Pure functions of lists and query arguments."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from .activities import Payload
from .executions import PHASES, stamp
from .problems import Problem

Arguments = Callable[[str], list[str]]
"""Returns the values of a query parameter, in order; none if it is absent."""

CREATED_WITHIN = re.compile(
    r"(?=.)((?P<weeks>\d{1,8})w)?((?P<days>\d{1,8})d)?((?P<hours>\d{1,8})h)?((?P<minutes>\d{1,8})m)?",
    re.ASCII,
)
LONGEST_AGO = timedelta(days=3650)
DEFAULT_PAGE_SIZE = 20
SORT_FIELDS = {"created_at": "createdAt", "started_at": "startedAt", "status": "status"}


def page_of_executions(executions: list[Payload], arguments: Arguments) -> Payload:
    """Return the requested page, as ``{items, page, pageSize, total}``.

    Without ``sort`` the newest comes first. Raises :class:`Problem` with status 400.
    """
    statuses = _choices(arguments, "status", set(PHASES))
    phases = _choices(arguments, "phase", set(PHASES.values()))
    since = _created_since(arguments)
    workflows = arguments("workflowId")
    page = whole_number(arguments, "page", 1)
    size = whole_number(arguments, "pageSize", DEFAULT_PAGE_SIZE)
    field, descending = _sort(arguments)
    found = [
        execution
        for execution in executions
        if execution["status"] in statuses
        and PHASES[execution["status"]] in phases
        and execution["createdAt"] >= since
        and (not workflows or execution["workflowId"] in workflows)
    ]
    found.sort(key=lambda execution: str(execution[field]), reverse=descending)
    items = found[(page - 1) * size : page * size]
    return {"items": items, "page": page, "pageSize": size, "total": len(found)}


def ordered_activities(activities: list[Payload], arguments: Arguments) -> list[Payload]:
    """Return an execution's activities in the requested order, oldest first by default.

    ``limit`` counts from the front of that order. Raises :class:`Problem` with status 400.
    """
    order = _last(arguments, "order", "asc")
    if order not in ("asc", "desc"):
        raise Problem(400, f"order must be asc or desc, not {order!r}", "order")
    limit = whole_number(arguments, "limit", len(activities) or 1)
    ordered = activities if order == "asc" else activities[::-1]
    return ordered[:limit]


def _last(arguments: Arguments, name: str, default: str) -> str:
    return (arguments(name) or [default])[-1]


def _choices(arguments: Arguments, name: str, allowed: set[str]) -> set[str]:
    asked = set(arguments(name))
    if unknown := sorted(asked - allowed):
        known = ", ".join(sorted(allowed))
        raise Problem(400, f"unknown {name} {unknown[0]!r}; it is one of {known}", name)
    return asked or allowed


def whole_number(arguments: Arguments, name: str, default: int) -> int:
    """Return a requested number, from 1 up; raises :class:`Problem` with status 400."""
    text = _last(arguments, name, str(default))
    if not re.fullmatch(r"0*[1-9][0-9]{0,8}", text):
        raise Problem(400, f"{name} must be a whole number from 1, not {text!r}", name)
    return int(text)


def _sort(arguments: Arguments) -> tuple[str, bool]:
    text = _last(arguments, "sort", "created_at:desc")
    field, _, direction = text.partition(":")
    if field not in SORT_FIELDS or direction not in ("asc", "desc"):
        known = ", ".join(SORT_FIELDS)
        raise Problem(400, f"sort must be one of {known} with :asc or :desc, not {text!r}", "sort")
    return SORT_FIELDS[field], direction == "desc"


def _created_since(arguments: Arguments) -> str:
    """Return the earliest requested ``createdAt``; timestamps compare as text."""
    if not arguments("createdWithin"):
        return ""
    text = _last(arguments, "createdWithin", "")
    ago = timedelta.max
    if found := CREATED_WITHIN.fullmatch(text):
        ago = timedelta(**{unit: int(count) for unit, count in found.groupdict("0").items()})
    if ago > LONGEST_AGO:
        why = f"createdWithin must look like 30m, 24h, 7d or 1d12h, up to 10 years, not {text!r}"
        raise Problem(400, why, "createdWithin")
    return stamp(datetime.now(UTC) - ago)
