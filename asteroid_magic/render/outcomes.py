"""Cards of an outcome: a delivery, a dry run or an error.

Texts are not yet escaped, but each is cut to its budget, so that no card exceeds 20,000 bytes.
"""

from collections.abc import Iterator
from dataclasses import replace
from http.client import responses

from ..config.session import session
from ..constants import DEFAULT_BASE_URL
from ..errors import SEND, UPLOAD, ApiError, AsteroidError, ConfigurationError
from ..models import coerce
from ..models.delivery import NO_KEY, Delivery, DryRun
from ..models.executions import SHORT_ID
from ..models.files import Upload, UploadedFile
from ..text import beginning, bytes_in_card, counted, excerpt, shorten, size_words
from .card import Card, CardBlock, CardRow
from .times import clock, stamp
from .transcript import in_command

# Budgets in bytes: a card that uses all of them stays under 20,000.
FIELD, PROSE, SERVER_BLOCK, BLOCK, START, NAME = 300, 600, 1_500, 4_700, 300, 100
MOST_LINES = 6
UPLOAD_WORDS = {
    "delivered": "delivered",
    "not_delivered": "not delivered",
    "unknown": "may have been delivered",
}
FOLD_LINES, FOLD_CHARACTERS, START_LINES, START_CHARACTERS = 8, 800, 3, 240
# Characters of a message that fit behind "Delivered" on a line of plain text.
BRIEF = 60


def delivery_card(delivery: Delivery) -> Card:
    """Return the card of a delivery, one line, without what the agent did since."""
    elsewhere = None if delivery.base_url == DEFAULT_BASE_URL else delivery.base_url
    brief = " ".join(delivery.message.split())
    is_whole = brief == delivery.message and len(brief) <= BRIEF
    where = workflow_name(delivery.execution_id) or _field(delivery.execution_id[:SHORT_ID])
    return Card(
        "delivered" if delivery.attempts else "already",
        (
            *map(_folded, subject_rows(delivery.execution_id)),
            replace(_block("Message", delivery.message, ".message", BLOCK), folded=is_whole),
            *map(_folded, _some("Asteroid", elsewhere, code=True)),
            *map(_folded, _some("Sent", _when(delivery))),
            *_known(delivery),
        ),
        notes=delivery.notes,
        title=f"to {where}{_at(delivery)}",
        brief=beginning(brief, START, bytes_in_card) or "…",
    )


def _at(delivery: Delivery) -> str:
    if delivery.sent_at is None:
        return ""
    # A message that was there before may be days old.
    return f" at {(clock if delivery.attempts else stamp)(delivery.sent_at)}"


def workflow_name(execution_id: str | None) -> str:
    """Return the workflow of an execution on one line, empty if the session does not know it."""
    name = session.seen.get((execution_id or "").lower(), "")
    return shorten(" ".join(name.split()), NAME, bytes_in_card)


def subject_rows(execution_id: str | None, name: str = "") -> Iterator[CardRow]:
    """Yield the rows that say which execution a card is about; `name` is that of its workflow."""
    yield from _some("Workflow", name or workflow_name(execution_id))
    yield from _some("Execution", execution_id, code=True)


def _folded(row: CardRow) -> CardRow:
    return replace(row, folded=True)


def dry_run_card(run: DryRun) -> Card:
    """Return the card of a dry run."""
    missing = " once you set an API key" if NO_KEY in run.headers.values() else ""
    title = f"This is what would be sent{_of_rows(run)}{missing}"
    return Card("dry_run", tuple(_request(run)), title=title, notes=run.notes)


def _of_rows(run: DryRun) -> str:
    return "" if run.rows is None else f" to the first of {counted(run.rows, 'row')}"


def error_card(error: AsteroidError) -> Card:
    """Return the card of an error."""
    why = error.detail if _is_short(error.detail) else ""
    return Card(
        _outcome_of(error),
        (
            *subject_rows(error.execution_id),
            *_uploaded(error.upload),
            *_message(error.message),
            *(_answer(error) if isinstance(error, ApiError) else ()),
            *(() if why else _words("Details", error.detail, ".detail")),
            *_some("Attempts", str(error.attempts) if error.attempts > 1 else None),
        ),
        title=shorten(error.title, FIELD, bytes_in_card),
        why=why,
        hint=shorten(_hint(error), PROSE, bytes_in_card),
    )


def _hint(error: AsteroidError) -> str:
    """Return the hint of an error, with the execution in the command that it names."""
    if error.outcome != "unknown" or not error.execution_id:
        return error.hint
    command = "%asteroid_files" if error.operation == UPLOAD else "%asteroid_activities"
    return error.hint.replace(f"{command} ", f"{command} {in_command(error.execution_id)} ", 1)


def _outcome_of(error: AsteroidError) -> str:
    # For example, a failed login: it had no message to deliver.
    is_setting_up = isinstance(error, ConfigurationError) and error.message is None
    if error.operation in {SEND, UPLOAD} and not is_setting_up:
        return error.outcome
    return "maybe_done" if error.outcome == "unknown" else "not_done"


def _message(message: str | None) -> Iterator[CardRow | CardBlock]:
    if message:
        yield _block("Your message", message, ".message", BLOCK)
    elif message is not None:
        yield CardRow("Your message", ("(empty)",))


def _uploaded(upload: Upload | None) -> Iterator[CardRow]:
    if upload is not None:
        yield CardRow("Files", upload_lines(upload))


def upload_word(file: UploadedFile) -> str:
    """Return what became of a file, in words."""
    word = UPLOAD_WORDS[file.outcome] if file.was_sent else "not sent"
    return f"{word} (it is listed; the answer was lost)" if file.confirmed_by == "files" else word


def upload_lines(upload: Upload) -> tuple[str, ...]:
    """Return what became of each file, a line each; of many, what did not arrive comes first."""
    files = sorted(
        upload.files, key=lambda one: one.outcome == "delivered" and len(upload.files) > MOST_LINES
    )
    lines = []
    for one in files[:MOST_LINES]:
        name = shorten(" ".join(one.name.split()), FIELD, bytes_in_card)
        lines.append(f"{name} ({size_words(one.size)}): {upload_word(one)}")
    if files[MOST_LINES:]:
        rest = files[MOST_LINES:]
        there = sum(one.outcome == "delivered" for one in rest)
        lines.append(f"and {len(rest):,} more, {there:,} of them delivered")
    return tuple(lines)


def _request(run: DryRun) -> Iterator[CardRow | CardBlock]:
    yield from _some("Workflow", workflow_name(run.execution_id))
    yield from _some("Request", f"{run.method} {run.url}", PROSE, code=True)
    headers = tuple(f"{name}: {value}" for name, value in run.headers.items())
    yield from _listed("Headers", headers, code=True)
    yield _block("Body", run.body, ".body", BLOCK)
    yield _block("With curl", run.curl, ".curl", BLOCK)
    yield CardRow("Key for curl", ("Set ASTEROID_API_KEY in the shell first",))


def _answer(error: ApiError) -> Iterator[CardRow | CardBlock]:
    if error.status_code:
        phrase = responses.get(error.status_code, "")
        yield CardRow("Answer", (f"HTTP {error.status_code} {phrase}".rstrip(),))
    if error.server_message:
        said = error.server_message if error.server_message not in error.detail else None
        yield from _words("Server said", said, ".server_message")
    elif not error.detail or error.detail not in error.server_text:
        yield from _words("Server said", error.server_text, ".server_text")
    # A list of one may only repeat what the server said.
    told = {error.detail, error.server_message}
    problems = (_problem(item) for item in error.errors if item.get("detail") not in told)
    yield from _listed("Problems", tuple(problem for problem in problems if problem))
    yield from _some("Reason", error.reason)
    yield from _some("Capability", error.capability)
    used, limit = _number(error.used), _number(error.limit)
    yield from _some("Used", f"{used} of {limit}" if used and limit else used)
    yield from _some("Limit", None if used else limit)
    wait = _number(error.retry_after)
    yield from _some("Retry after", f"{wait} s" if wait else None)
    yield from _some("Instance", error.instance, code=True)


def _problem(item: dict[str, str]) -> str:
    return ": ".join(str(item[name]) for name in ("parameter", "detail") if item.get(name))


def _number(value: float | None) -> str | None:
    value = coerce.number(value)
    return None if value is None else f"{value:,.15g}"


def _when(delivery: Delivery) -> str | None:
    if delivery.sent_at is None:
        return None
    if not delivery.attempts:
        return stamp(delivery.sent_at)
    took = f"took {delivery.elapsed:,.2f} s, {counted(delivery.attempts, 'attempt')}"
    return f"{stamp(delivery.sent_at)}, {took}"


def _known(delivery: Delivery) -> Iterator[CardRow]:
    if delivery.attempts and delivery.confirmed_by == "activities":
        words = "from the execution's activities: they show the message, but the answer was lost"
        yield CardRow("Confirmed", (words,))


def _some(
    label: str, text: str | None, limit: int = FIELD, *, code: bool = False
) -> Iterator[CardRow]:
    if text:
        yield CardRow(label, (shorten(text, limit, bytes_in_card),), code=code)


def _listed(label: str, texts: tuple[str, ...], *, code: bool = False) -> Iterator[CardRow]:
    lines = [shorten(text, FIELD, bytes_in_card) for text in texts[:MOST_LINES]]
    if texts[MOST_LINES:]:
        lines.append(f"and {len(texts) - MOST_LINES:,} more")
    if lines:
        yield CardRow(label, tuple(lines), code=code)


def _field(text: str) -> str:
    return shorten(text, FIELD, bytes_in_card)


def _is_short(text: str) -> bool:
    return "\n" not in text and not excerpt(text, PROSE, bytes_in_card).left_out


def _words(label: str, text: str | None, attribute: str) -> Iterator[CardRow | CardBlock]:
    if text and _is_short(text):
        yield CardRow(label, (text,))
    elif text:
        yield _block(label, text, attribute, SERVER_BLOCK)


def _block(label: str, text: str, attribute: str, limit: int) -> CardBlock:
    shown = excerpt(text, limit, bytes_in_card)
    lines = text.count("\n")
    extent = f"{counted(lines + 1, 'line')}, " if lines else ""
    extent = f"{extent}{counted(len(text), 'character')}"
    extent = f"{'Beginning and end of' if shown.left_out else 'All'} {extent}"
    start = ""
    if lines >= FOLD_LINES or len(text) > FOLD_CHARACTERS:
        start = "\n".join(shown.head.split("\n", START_LINES)[:START_LINES])
        start = beginning(beginning(start, START_CHARACTERS), START, bytes_in_card) + " …"
    return CardBlock(label, shown, extent, start, attribute)
