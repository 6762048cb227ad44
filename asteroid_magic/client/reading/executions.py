"""Reads executions and activities; pauses, resumes and cancels an execution.

Reads go over pages and are retried; a change is made at most once.
"""

import sys
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import urlencode

from ...config.api_key import ApiKey
from ...deadline import Timeout
from ...errors import READ, InvalidInput, Operation, UnexpectedAnswer
from ...models import coerce
from ...models.activities import Activities, Question, read_activity
from ...models.delivery import StatusChange
from ...models.executions import Execution, Executions, read_execution
from ...models.watch import question_of
from ...text import exact
from ..requester import Call, Requester, guarded
from ..retry import READ_REQUEST, UNSENT_MESSAGE
from ..transport.request import Request
from ..transport.response import Answer, json_of

T = TypeVar("T")
Words = str | Iterable[str] | None

LARGEST_ANSWER = 32 * 1024 * 1024
LARGEST_PAGE = 100
# Bytes of all pages of a list, and executions on them: together they take up to 450 MiB, parsed.
LARGEST_LISTING = 64 * 1024 * 1024
LONGEST_LISTING = 250_000
# Stop after this many pages in a row with nothing new: new executions shift the pages.
MOST_REPEATS = 3
# How many of the newest activities to search for a question, in turn; None means all.
DEPTHS = (10, 100, None)


@dataclass(frozen=True)
class SearchResult:
    """What a search found among `looked_at` executions of the list, newest first.

    `is_whole`: it has seen every execution of the list, as far as the server says.
    """

    found: Executions
    looked_at: int
    is_whole: bool


def executions(
    requester: Requester, filters: dict[str, Words], limit: int | None, timeout: Timeout
) -> Executions:
    """Read executions, newest first, over as many pages as `limit` needs."""
    return search(requester, filters, timeout, limit=limit).found


def search(
    requester: Requester,
    filters: dict[str, Words],
    timeout: Timeout,
    *,
    limit: int | None = None,
    most: int | None = None,
    keep: Callable[[Execution], bool] | None = None,
) -> SearchResult:
    """Read executions, newest first, until `limit` of them are to `keep`.

    Looks at no more than `most` of them.
    """
    _check_limit(limit)
    asked = _checked_filters(filters)
    size = LARGEST_PAGE if limit is None or keep else min(limit, LARGEST_PAGE)
    asked += [("sort", "created_at:desc"), ("pageSize", str(size))]

    def work(call: Call) -> SearchResult:
        listed = 0

        def page(number: int) -> dict[str, Any]:
            nonlocal listed
            query = urlencode([*asked, ("page", str(number))])
            body = get_json(requester, call, f"/executions?{query}", call.key)
            if not (isinstance(body, dict) and isinstance(body.get("items"), list)):
                raise not_expected("a list of executions", call)
            listed += len(body["items"])
            if call.received > LARGEST_LISTING or listed > LONGEST_LISTING:
                raise UnexpectedAnswer(
                    f"Its pages have over {LARGEST_LISTING // 1_048_576} MiB or "
                    f"{LONGEST_LISTING:,} executions, and there are more.",
                    status_code=call.operation.expected,
                    title="The list of executions is too large",
                    hint="Read less: give a limit, or filters such as phase or workflow_id.",
                    operation=READ,
                )
            return body

        return _sought(_over_pages(page), limit, most, keep)

    return read(requester, timeout, None, work)


def _sought(
    pages: Generator[Execution, None, bool],
    limit: int | None,
    most: int | None,
    keep: Callable[[Execution], bool] | None,
) -> SearchResult:
    found: list[Execution] = []
    looked_at, is_whole = 0, False
    while limit is None or len(found) < limit:
        try:
            one = next(pages)
        except StopIteration as end:
            is_whole = bool(end.value)
            break
        if looked_at == most:
            break
        looked_at += 1
        if keep is None or keep(one):
            found.append(one)
    return SearchResult(Executions(found), looked_at, is_whole)


def execution(requester: Requester, execution_id: str, timeout: Timeout) -> Execution:
    """Read one execution."""

    def work(call: Call) -> Execution:
        body = get_json(requester, call, f"/executions/{execution_id}", call.key)
        if not isinstance(body, dict):
            raise not_expected("an execution", call)
        return read_execution(body)

    return read(requester, timeout, execution_id, work)


def activities(
    requester: Requester, execution_id: str, limit: int | None, order: str, timeout: Timeout
) -> Activities:
    """Read the activities of an execution."""
    _check_limit(limit)
    if order not in ("asc", "desc"):
        why = 'order must be "asc" or "desc".'
        hint = 'Give "asc" for the oldest first, "desc" for the newest first.'
        raise InvalidInput(why, hint=hint, operation=READ)

    def work(call: Call) -> Activities:
        return read_activities(requester, call, execution_id, limit, order)

    return read(requester, timeout, execution_id, work)


def question(requester: Requester, execution_id: str, timeout: Timeout) -> tuple[Question, ...]:
    """Return the questions that an execution waits for; () if it waits for nothing."""

    def work(call: Call) -> tuple[Question, ...]:
        for depth in DEPTHS:
            newest = read_activities(requester, call, execution_id, depth, "desc")
            asked = question_of(newest)
            if asked is not None:
                return asked
            if depth is not None and len(newest) < depth:
                break
        return ()

    return read(requester, timeout, execution_id, work)


def read_activities(
    requester: Requester, call: Call, execution_id: str, limit: int | None, order: str
) -> Activities:
    """Read activities as part of a call."""
    found = list_activities(requester, call, execution_id, limit, order, call.key)
    return Activities(map(read_activity, found))


def list_activities(
    requester: Requester,
    call: Call,
    execution_id: str,
    limit: int | None,
    order: str,
    key: ApiKey | None,
) -> list[dict[str, Any]]:
    """Return the JSON of activities as part of a call, with the key in it hidden, if given."""
    listed = list_anything(requester, call, execution_id, limit, order, key)
    return list(islice((item for item in listed if isinstance(item, dict)), limit))


def list_anything(
    requester: Requester,
    call: Call,
    execution_id: str,
    limit: int | None,
    order: str,
    key: ApiKey | None,
) -> list[Any]:
    """Return the list that `list_activities` reads, with whatever is no activity."""
    query = urlencode({"order": order} | ({} if limit is None else {"limit": str(limit)}))
    body = get_json(requester, call, f"/executions/{execution_id}/activities?{query}", key)
    if not isinstance(body, list):
        raise not_expected("a list of activities", call)
    return body


def read(
    requester: Requester, timeout: Timeout, execution_id: str | None, work: Callable[[Call], T]
) -> T:
    """Return what `work` reads within `timeout`."""
    call = requester.begin(READ, timeout, execution_id)
    return guarded(call, lambda: work(call))


def get_json(requester: Requester, call: Call, path: str, key: ApiKey | None) -> Any:
    """Return the JSON of an answer as part of a call, with the key in it hidden, if given."""
    url = f"{requester.base_url}{path}"
    request = Request(READ, "GET", url, largest=LARGEST_ANSWER, whole=True)
    answer = requester.request(call, request, requester.read_policy or READ_REQUEST)
    call.received += len(answer.body)
    try:
        return json_of(answer.body, key)
    except ValueError:
        raise not_expected("JSON", call) from None


def _over_pages(page: Callable[[int], dict[str, Any]]) -> Generator[Execution, None, bool]:
    """Yield each execution of all pages once, even if the list changes during the reading.

    Returns True if these are all that the server counts, and each could be read.

    Of the executions A to F, page 1 has A, B, C. If A leaves the list now, page 2 has E, F: D has
    moved up to page 1. `total` has fallen from 6 to 5, so this reads page 1 again before page 2.
    """
    seen: set[str] = set()
    number, pages_without_news, last_total = 1, 0, 0.0
    is_readable = True
    while pages_without_news < MOST_REPEATS:
        body = page(number)
        items = [item for item in body["items"] if isinstance(item, dict)]
        is_readable = is_readable and len(items) == len(body["items"])
        before = len(seen)
        for item in items:
            found = read_execution(item)
            identity = found.id or repr(item)
            is_readable = is_readable and bool(found.id)
            if identity not in seen:
                seen.add(identity)
                yield found
        pages_without_news = 0 if len(seen) > before else pages_without_news + 1
        size, total = coerce.number(body.get("pageSize")), coerce.number(body.get("total")) or 0
        has_shrunk = total < last_total
        is_short = size is not None and len(items) < size
        if not has_shrunk and (not items or (is_short and total <= len(seen))):
            return is_readable and total <= len(seen)
        number = max(1, number - 1) if has_shrunk else number + 1
        last_total = total
    return False


def not_expected(what: str, call: Call) -> UnexpectedAnswer:
    """Return the error for an answer whose body is not what it should be."""
    expected = call.operation.expected
    why = f"The server answered {expected}, but the body is not {what}."
    return UnexpectedAnswer(why, status_code=expected, operation=call.operation)


def _checked_filters(filters: dict[str, Words]) -> list[tuple[str, str]]:
    """Return the given filters, one pair for each value; raises `InvalidInput`."""
    given: list[tuple[str, str]] = []
    for name, values in filters.items():
        for value in () if values is None else _several(values):
            text = exact(value)
            if text is None or not text.isprintable():
                raise InvalidInput(
                    f"A value of the filter {name} is not plain text.",
                    hint=f"Give {name} one word or several, such as those that Asteroid shows.",
                    operation=READ,
                )
            given.append((name, text))
    return given


def _several(values: Any) -> Iterable[Any]:
    """Return the values of a filter; a single one of any type counts as one value."""
    try:
        # What claims to be text, as a mock does, is one value too.
        is_one = exact(values) is not None or isinstance(values, str)
        return (values,) if is_one else tuple(values)
    except Exception:  # noqa: BLE001 (an object may fail in any way, also if it has no items)
        return (values,)


def _check_limit(limit: object) -> None:
    is_number = isinstance(limit, int) and not isinstance(limit, bool)
    if limit is None or (is_number and 0 < limit <= sys.maxsize):  # type: ignore[operator]
        return
    hint = "Give a number from 1 up, or None for everything."
    raise InvalidInput("limit must be a whole number from 1 up.", hint=hint, operation=READ)


def control(
    requester: Requester, operation: Operation, execution_id: str, timeout: Timeout
) -> StatusChange:
    """Make the change that `operation` names, once, and return the new status."""
    call = requester.begin(operation, timeout, execution_id)
    url = f"{requester.base_url}/executions/{execution_id}/{operation.name}"

    def work() -> StatusChange:
        answer = requester.request(call, Request(operation, "POST", url), UNSENT_MESSAGE)
        return _status_change(call, execution_id, answer)

    return guarded(call, work)


def _status_change(call: Call, execution_id: str, answer: Answer) -> StatusChange:
    try:
        body = json_of(answer.text.encode(), call.key)
    except ValueError:
        body = None
    status = coerce.text((coerce.members(body) or {}).get("status"))
    if status is not None:
        return StatusChange(execution_id=execution_id, asked=call.operation.name, status=status)
    # Such as a login page, or an answer that was cut short: the change may have been made.
    raise UnexpectedAnswer(
        f"The server answered {answer.status}, but the body names no status.",
        status_code=answer.status,
        server_text=answer.text,
        outcome="unknown",
        operation=call.operation,
    )
