"""Finds executions: checks what a caller searches for, and reads as much as the answer needs.

What decides where a message goes (`find`, `waiting`) raises an error unless the list was read to
its end: one execution that was found may not be the only one.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ...deadline import Timeout
from ...errors import READ, InvalidInput, UnexpectedAnswer
from ...models.executions import WAITING, Execution, Executions
from ...models.message import hyphenated, is_execution_id, text_of_id
from ...text import counted, exact, kind_of, quoted, shorten
from ..requester import Requester
from .executions import SearchResult, Words, execution, search

UNCLEAR = "It is not clear which execution you mean"
UNSEARCHABLE = "The list cannot be filtered by this"
SHORTEST_BEGINNING = 8
LONGEST_WORD, LONGEST_FILTERS = 500, 2_000
MOST_NAMED, LONGEST_NAME = 10, 60
# Executions on the pages of a search that decides where a message goes.
MOST_CANDIDATES = 10_000
LONGEST_AGO = timedelta(days=3650)
MINUTE = timedelta(minutes=1)
# Where the groups of a UUID end.
_GROUPS = (8, 12, 16, 20, 32)
_BEGINNING = re.compile(r"[0-9a-f]{8,32}")
_AGO = re.compile(
    r"(?=.)((?P<weeks>[0-9]{1,6})w)?((?P<days>[0-9]{1,6})d)?"
    r"((?P<hours>[0-9]{1,6})h)?((?P<minutes>[0-9]{1,6})m)?"
)


def filters_of(
    since: object,
    workflow: object,
    metadata: object,
    outcome: object,
    pairs: Iterable[Iterable[str]] = (),
) -> tuple[dict[str, Words], str | None]:
    """Return the contract's filters, and the name of a workflow, for which it has none.

    `pairs` are names and values of metadata besides those in the mapping. Raises `InvalidInput`.
    """
    filters: dict[str, Words] = {**_since(since), **_metadata(metadata, pairs)}
    _check_length(filters)
    if outcome is not None:
        filters["outcomeLabel"] = _word("outcome", outcome, "such as success")
    if workflow is None:
        return filters, None
    name = _word("workflow", text_of_id(workflow), "the name or the ID of a workflow")
    if is_execution_id(hyphenated(name)):
        filters["workflowId"] = hyphenated(name)
        return filters, None
    return filters, name


def _check_length(filters: dict[str, Words]) -> None:
    """Raise `InvalidInput` if the address of the request would be too long for a server."""
    if len(repr(filters)) > LONGEST_FILTERS:
        raise InvalidInput(
            f"The filters have over {LONGEST_FILTERS:,} characters.",
            title=UNSEARCHABLE,
            hint="Give shorter ones, or fewer.",
            operation=READ,
        )


def listed(
    requester: Requester,
    filters: dict[str, Words],
    workflow: str | None,
    limit: int | None,
    timeout: Timeout,
    most: int | None = None,
) -> SearchResult:
    """Return the newest executions, at most `limit`, of the workflow with this name, if given.

    Reads no more than `most` executions to find them. Names match in any case.
    """
    if workflow is None:
        return search(requester, filters, timeout, limit=limit)
    wanted = _same(workflow)
    return search(
        requester,
        filters,
        timeout,
        limit=limit,
        most=most,
        keep=lambda one: _same(one.workflow_name) == wanted,
    )


def find(requester: Requester, beginning: object, timeout: Timeout) -> Execution:
    """Return the only execution whose ID has this beginning; raises `InvalidInput`."""
    given = exact(beginning)
    if given is not None and is_execution_id(hyphenated(given)):
        return execution(requester, hyphenated(given).lower(), timeout)
    digits = "" if given is None else given.replace("-", "").lower()
    if not _BEGINNING.fullmatch(digits):
        shown = f"({kind_of(beginning)})" if given is None else quoted(given)
        raise InvalidInput(
            f"{shown} is not the start of an execution ID.",
            title=UNCLEAR,
            hint=f"Give at least its first {SHORTEST_BEGINNING} characters, as Asteroid shows it.",
            operation=READ,
        )
    starts, ends = [0, *_GROUPS], _GROUPS
    groups = (digits[start:end] for start, end in zip(starts, ends, strict=False))
    begun = "-".join(group for group in groups if group)
    # The server also finds IDs that have this inside.
    seen = search(
        requester,
        {"executionId": begun},
        timeout,
        most=MOST_CANDIDATES,
        keep=lambda one: is_execution_id(one.id) and one.id.lower().startswith(begun),
    )
    _require_whole(seen)
    if len(seen.found) == 1:
        return seen.found[0]
    if not seen.found:
        raise InvalidInput(
            f"No execution that this key can see has an ID starting with {quoted(given)}.",
            title=UNCLEAR,
            hint="Compare it with the ID that Asteroid shows for the run, or list the executions: "
            "%asteroid_executions.",
            operation=READ,
        )
    raise InvalidInput(
        f"{len(seen.found):,} executions have an ID starting with {quoted(given)}.",
        title=UNCLEAR,
        hint=f"Give more characters of the one you mean: {named(seen.found)}.",
        operation=READ,
    )


def waiting(requester: Requester, timeout: Timeout) -> Executions:
    """Return all executions that wait for the user, for an answer or for a confirmation."""
    seen = search(
        requester,
        {"status": tuple(WAITING)},
        timeout,
        most=MOST_CANDIDATES,
        keep=lambda one: one.is_waiting,
    )
    _require_whole(seen)
    return seen.found


def named(executions: Iterable[Execution], between: str = "; ") -> str:
    """Return the IDs of executions with the names of their workflows, for a sentence or a list."""
    listed = tuple(executions)
    words = []
    for one in listed[:MOST_NAMED]:
        name = shorten(" ".join(one.workflow_name.split()), LONGEST_NAME)
        words.append(f"{shorten(one.id, LONGEST_NAME)} ({name})" if name else one.id)
    if listed[MOST_NAMED:]:
        words.append(f"and {len(listed) - MOST_NAMED:,} more")
    return between.join(words)


def _require_whole(seen: SearchResult) -> None:
    """Raise an error unless the list was read to its end."""
    if seen.is_whole:
        return
    raise UnexpectedAnswer(
        f"The server's list could not be read to its end: {counted(seen.looked_at, 'execution')} "
        "were read, and there may be more.",
        status_code=READ.expected,
        title="It is not certain which executions there are",
        hint="Try again, or give the whole ID of the execution.",
        operation=READ,
    )


def _same(name: str) -> str:
    return " ".join(name.split()).casefold()


def _word(name: str, value: object, example: str) -> str:
    text = (exact(value) or "").strip()
    if text and text.isprintable() and len(text) <= LONGEST_WORD:
        return text
    raise InvalidInput(
        f"The value of {name} is empty, over {LONGEST_WORD:,} characters, or not plain text.",
        title=UNSEARCHABLE,
        hint=f"Give text: {example}.",
        operation=READ,
    )


def _since(since: object) -> dict[str, str]:
    if since is None:
        return {}
    if isinstance(since, datetime):
        return {"createdAfter": _moment(since)}
    ago, text = since, exact(since)
    if text is not None:
        found = _AGO.fullmatch(text.strip().lower())
        units = found.groupdict("0") if found else {}
        ago = timedelta(**{unit: int(count) for unit, count in units.items()})
    if isinstance(ago, timedelta) and timedelta(0) < ago <= LONGEST_AGO and not ago % MINUTE:
        days, minutes = ago.days, ago.seconds // 60
        parts = ((days, "d"), (minutes // 60, "h"), (minutes % 60, "m"))
        return {"createdWithin": "".join(f"{count}{unit}" for count, unit in parts if count)}
    given = f" {quoted(text)}" if text is not None else ""
    raise InvalidInput(
        f"since{given} is not a duration in whole minutes above 0, up to 10 years.",
        title=UNSEARCHABLE,
        hint="Give one like 30m, 24h, 7d or 1d12h (in Python also a timedelta, or a datetime with "
        "its time zone).",
        operation=READ,
    )


def _moment(since: datetime) -> str:
    try:
        if since.tzinfo is not None:
            moment = since.astimezone(UTC).isoformat(timespec="microseconds")
            return moment.replace("+00:00", "Z")
    except (ValueError, OverflowError):
        pass
    raise InvalidInput(
        "The time of since has no time zone, or UTC has no such time.",
        title=UNSEARCHABLE,
        hint="Give one with a time zone: datetime.now(UTC) - timedelta(hours=2).",
        operation=READ,
    )


def _metadata(metadata: Any, more: Iterable[Iterable[Any]]) -> dict[str, tuple[str, ...]]:
    metadata = {} if metadata is None else metadata
    hint = 'Give a mapping of names to texts, such as {"customer": "4711"}.'
    if not isinstance(metadata, Mapping):
        why = "metadata is not a mapping."
        raise InvalidInput(why, title=UNSEARCHABLE, hint=hint, operation=READ)
    pairs = []
    for key, value in (*metadata.items(), *more):
        name, text = exact(key), exact(value)
        if isinstance(value, int) and not isinstance(value, bool):
            text = str(value)
        if not name or "=" in name or text is None or not f"{name}{text}".isprintable():
            shown = "" if name is None else f" {quoted(name)}"
            why = f"The name{shown} in metadata has a '=', or it or its value is no plain text."
            raise InvalidInput(why, title=UNSEARCHABLE, hint=hint, operation=READ)
        pairs.append(f"{name}={text}")
    return {"metadata": tuple(pairs)} if pairs else {}
