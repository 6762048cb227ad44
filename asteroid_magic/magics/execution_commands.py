"""Implements the magics of `execution_magics` and `%asteroid_send --wait`; loaded on first use."""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from ..client.client import AsteroidClient
from ..client.reading.executions import SearchResult, Words
from ..client.reading.search import filters_of, listed
from ..client.session_client import session_client
from ..client.watcher import ExecutionWatcher
from ..config.session import session
from ..deadline import Deadline
from ..errors import CANCEL, PAUSE, READ, RESUME, AsteroidError, Interrupted, NotFound, Operation
from ..input import options
from ..input.options import Arguments, InputError, Usage
from ..input.refusal import show
from ..models.activities import Activities, Question
from ..models.delivery import Delivery, StatusChange
from ..models.executions import Execution
from ..models.watch import (
    ANSWERS,
    WAITS_OR_ENDS,
    AwaitedMessage,
    Ending,
    Listing,
    Transcript,
    WatchResult,
)
from ..render.progress.status_line import StatusLine
from ..text import quoted
from .feedback import Names, display_errors, execution_named, keep_result, usage_errors

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

LISTED, NEWEST = 50, 50
# Executions that a search for the name of a workflow looks at: 20 pages.
MOST_SEARCHED = 2_000
# `%asteroid_executions` reads the questions of at most MOST_ASKED executions, for ASKING seconds.
MOST_ASKED, ASKING = 5, 10.0
WATCHED = 3_600.0


def list_executions(line: str) -> Listing:
    """Run `%asteroid_executions`."""
    given = usage_errors(lambda: options.parse(line, options.EXECUTIONS))
    limit = usage_errors(lambda: given.count("--limit", LISTED))
    usage_errors(lambda: _checked_meta(given))
    return display_errors(lambda: _listing(given, limit))


def _listing(given: Arguments, limit: int) -> Listing:
    filters, workflow = _filters(given)
    with session_client() as client:
        # One more than the listing shows, to know whether older ones exist.
        most = MOST_SEARCHED if workflow else None
        seen = listed(client.requester, filters, workflow, limit + 1, None, most)
        found = seen.found
        listing = Listing(found[:limit])
        # The first in the listing, which wait, become the newest seen: Tab offers those first.
        for execution in reversed(listing):
            session.remember(execution.id, execution.workflow_name)
        waiting = [each for each in listing if each.is_waiting][:MOST_ASKED]
        return Listing(
            listing,
            _questions(client, waiting),
            has_more=len(found) > limit,
            read_at=client.server_clock(),
            notes=() if workflow is None else _notes_on(workflow, seen, limit),
        )


def _filters(given: Arguments) -> tuple[dict[str, Words], str | None]:
    """Return the filters of the list, and the name of a workflow; raises `InvalidInput`."""
    option = given.options.get
    # The last one counts: these options stand once.
    since, workflow, outcome = (
        (option(name) or (None,))[-1] for name in ("--since", "--workflow", "--outcome")
    )
    # Not a mapping: the same key may stand twice, and Asteroid decides what that finds.
    pairs = [pair.split("=", 1) for pair in option("--meta", ())]
    more, name = filters_of(since, workflow, None, outcome, pairs)
    words = {"phase": _words(option("--phase")), "status": _words(option("--status"))}
    return {**words, **more}, name


def _checked_meta(given: Arguments) -> None:
    for pair in given.options.get("--meta", ()):
        key, equals, _ = pair.partition("=")
        if not (key and equals):
            raise InputError(
                f"--meta needs KEY=VALUE, such as --meta customer=4711, not {quoted(pair)}."
            )


def _notes_on(workflow: str, seen: SearchResult, limit: int) -> tuple[str, ...]:
    """Say how far a search for the name of a workflow went: the server knows only its ID."""
    if seen.is_whole or len(seen.found) > limit:
        return ()
    note = (
        f"Only the newest {seen.looked_at:,} executions were searched for the workflow "
        f"{quoted(workflow)}. There are older ones: give the ID of the workflow to list all of "
        "its executions, or search fewer with --since 24h."
    )
    return (note,)


def _words(values: Iterable[str] | None) -> list[str] | None:
    """Return the words of a filter in lower case; a value may hold several, split by commas."""
    if values is None:
        return None
    return [word for value in values for word in value.lower().split(",") if word]


def _questions(
    client: AsteroidClient, waiting: Iterable[Execution]
) -> dict[str, tuple[Question, ...]]:
    """Read the questions, one execution at a time; skip those that cannot be read."""
    deadline = Deadline(ASKING)
    asked: dict[str, tuple[Question, ...]] = {}
    for execution in waiting:
        try:
            asked[execution.id] = client.question(execution.id, timeout=deadline)
        except Interrupted:
            raise
        except AsteroidError:
            continue
    return asked


def show_activities(shell: "InteractiveShell", line: str, local_ns: Names) -> Transcript:
    """Run `%asteroid_activities`."""
    given, execution_id = _execution(shell, line, local_ns, options.ACTIVITIES)
    last = usage_errors(lambda: given.count("--last", NEWEST))
    return display_errors(
        lambda: _transcript(execution_id(), None if "--all" in given.options else last)
    )


def _transcript(execution_id: str, limit: int | None) -> Transcript:
    with session_client() as client:
        execution = _seen(client, execution_id)
        # One more than the transcript shows, to know whether older ones exist.
        asked = None if limit is None else limit + 1
        try:
            newest = client.activities(execution_id, limit=asked, order="desc")
        except NotFound:
            # The activities have been deleted, and the execution is still there.
            if not execution.is_purged:
                raise
            newest = Activities()
        read_at = client.server_clock()
    return Transcript(
        execution=execution,
        activities=Activities(reversed(newest[:limit])),
        has_older=limit is not None and len(newest) > limit,
        read_at=read_at,
    )


def watch(shell: "InteractiveShell", line: str, local_ns: Names) -> WatchResult:
    """Run `%asteroid_watch`."""
    given, execution_id = _execution(shell, line, local_ns, options.WATCH)
    limit = usage_errors(lambda: given.seconds(1, WATCHED))
    heard = display_errors(lambda: _watched(shell, execution_id(), limit))
    if heard.ending == "interrupted":
        show(heard)
        keep_result(shell, heard)
        raise Interrupted(
            title="You stopped watching",
            hint="This did not stop the agent.",
            outcome="not_done",
            operation=READ,
        ).about(heard.execution_id, None)
    return heard


def _watched(shell: "InteractiveShell", execution_id: str, limit: float) -> WatchResult:
    live = StatusLine(shell)
    with session_client() as client:
        watcher = ExecutionWatcher(client, execution_id, limit, tell=live.show)
        heard = watcher.watch(WAITS_OR_ENDS)
        if watcher.refusal is not None:
            live.end(heard)
            raise watcher.refusal.about(execution_id, None)
    session.remember(execution_id)
    live.end(heard)
    return heard


def wait_for_reply(
    shell: "InteractiveShell",
    delivery: Delivery,
    limit: float,
    began: float,
    base_url: str | None,
    *,
    is_quiet: bool,
) -> Delivery:
    """Wait for the agent for at most `limit` seconds; return the delivery with what it did.

    `began` is when the send began, by `time.monotonic`. Raises nothing, not even on an interrupt:
    the message has been delivered, whatever else happens.
    """
    live = StatusLine(shell, is_quiet=is_quiet)
    started = time.monotonic()
    ending: Ending
    try:
        with session_client(base_url=base_url) as client:
            # Activities show the message as the client reads it: with the key masked.
            key, text = client.requester.settings.key, delivery.message
            sent = AwaitedMessage(key.hide_in(text) if key else text, began, delivery.activity_id)
            watcher = ExecutionWatcher(client, delivery.execution_id, limit, sent, tell=live.show)
            heard = watcher.watch(ANSWERS)
        live.end(heard)
        return replace(delivery, heard=heard)
    except KeyboardInterrupt:
        ending, trouble = "interrupted", ""
    except Exception as error:  # noqa: BLE001 (the message was delivered, whatever fails here)
        ending = "unreadable"
        trouble = f"Waiting failed with an unexpected error: {type(error).__name__}"
    heard = WatchResult(
        execution_id=delivery.execution_id,
        ending=ending,
        activities=Activities(),
        elapsed=time.monotonic() - started,
        trouble=trouble,
    )
    with suppress(Exception, KeyboardInterrupt):
        live.end(heard)
    return replace(delivery, heard=heard)


def pause(shell: "InteractiveShell", line: str, local_ns: Names) -> StatusChange:
    """Run `%asteroid_pause`."""
    return _control(AsteroidClient.pause, PAUSE, shell, line, local_ns, options.PAUSE)


def resume(shell: "InteractiveShell", line: str, local_ns: Names) -> StatusChange:
    """Run `%asteroid_resume`."""
    return _control(AsteroidClient.resume, RESUME, shell, line, local_ns, options.RESUME)


def cancel(shell: "InteractiveShell", line: str, local_ns: Names) -> StatusChange:
    """Run `%asteroid_cancel`."""
    return _control(AsteroidClient.cancel, CANCEL, shell, line, local_ns, options.CANCEL)


def _control(
    change: Callable[[AsteroidClient, str], StatusChange],
    operation: Operation,
    shell: "InteractiveShell",
    line: str,
    local_ns: Names,
    known: Usage,
) -> StatusChange:
    _, execution_id = _execution(shell, line, local_ns, known)

    def work() -> StatusChange:
        with session_client() as client:
            changed = change(client, execution_id())
        session.remember(changed.execution_id)
        return changed

    return display_errors(work, operation)


def _execution(
    shell: "InteractiveShell", line: str, local_ns: Names, known: Usage
) -> tuple[Arguments, Callable[[], str]]:
    """Parse the line; return its arguments, and a function that finds the execution ID."""
    given = usage_errors(lambda: options.parse(line, known))
    word = usage_errors(lambda: given.execution)
    return given, lambda: execution_named(shell, word, local_ns, READ)


def _seen(client: AsteroidClient, execution_id: str) -> Execution:
    """Read the execution and remember it in the session."""
    execution = client.execution(execution_id)
    session.remember(execution.id or execution_id, execution.workflow_name)
    return execution
