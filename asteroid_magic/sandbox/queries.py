"""What a GET may ask for: order and pages. Pure functions of lists and query arguments."""

from .activities import Payload
from .filters import Arguments, last, tests_of, whole_number
from .problems import Problem

DEFAULT_PAGE_SIZE = 20
SORT_FIELDS = {"created_at": "createdAt", "started_at": "startedAt", "status": "status"}


def page_of_executions(executions: list[Payload], arguments: Arguments) -> Payload:
    """Return the requested page, as ``{items, page, pageSize, total}``.

    Without ``sort`` the newest comes first. Raises :class:`Problem` with status 400.
    """
    tests = tests_of(arguments)
    page = whole_number(arguments, "page", 1)
    size = whole_number(arguments, "pageSize", DEFAULT_PAGE_SIZE)
    field, descending = _sort(arguments)
    found = [execution for execution in executions if all(test(execution) for test in tests)]
    found.sort(key=lambda execution: str(execution[field]), reverse=descending)
    items = found[(page - 1) * size : page * size]
    return {"items": items, "page": page, "pageSize": size, "total": len(found)}


def ordered_activities(activities: list[Payload], arguments: Arguments) -> list[Payload]:
    """Return an execution's activities in the requested order, oldest first by default.

    ``limit`` counts from the front of that order. Raises :class:`Problem` with status 400.
    """
    order = last(arguments, "order", "asc")
    if order not in ("asc", "desc"):
        raise Problem(400, f"order must be asc or desc, not {order!r}", "order")
    limit = whole_number(arguments, "limit", len(activities) or 1)
    ordered = activities if order == "asc" else activities[::-1]
    return ordered[:limit]


def _sort(arguments: Arguments) -> tuple[str, bool]:
    text = last(arguments, "sort", "created_at:desc")
    field, _, direction = text.partition(":")
    if field not in SORT_FIELDS or direction not in ("asc", "desc"):
        known = ", ".join(SORT_FIELDS)
        raise Problem(400, f"sort must be one of {known} with :asc or :desc, not {text!r}", "sort")
    return SORT_FIELDS[field], direction == "desc"
