"""`Report`: the results of a batch, counted and row by row.

- `Row`: an execution ID and a message
- `NumberedRow`: a row with its position in the batch, counted from 0
- `RowResult`: what happened to the row at one position
- `ReportEntry`: a row with its result, as the journal keeps it
- `RowReader`: reads the entries from the journal

Everywhere, rows count from 0, as the caller's list or data frame does.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from itertools import islice
from typing import Any, Final, Literal, NamedTuple, Protocol, overload

from ..display import Displayable
from ..errors import BatchFailed, JournalError
from ..frame import to_frame
from ..text import counted, shorten

RowState = Literal["waiting", "under_way", "delivered", "failed", "unknown"]
ROW_STATES: Final[tuple[RowState, ...]] = ("waiting", "under_way", "delivered", "failed", "unknown")

# The states in words; those that need attention come first.
STATE_WORDS: Final[Mapping[RowState, str]] = {
    "unknown": "may have been delivered",
    "under_way": "may have been delivered",
    "failed": "not delivered",
    "waiting": "not sent",
    "delivered": "delivered",
}
MISSING: Final[tuple[RowState, ...]] = ("unknown", "under_way", "failed", "waiting")
# How many rows an error names, and the most characters of a reason.
MOST_NAMED, LONGEST_REASON = 3, 120

Row = tuple[str, str]
NumberedRow = tuple[int, Row]


class RowResult(NamedTuple):
    """The result of the row at `position`, counted from 0.

    `sent_at` is when the last request began, in seconds since 1970, `elapsed` in seconds; `error`
    is the name of the error's class, `detail` its text. `wait`: the server accepts no messages for
    so many seconds (0: it does not say for how long); send a failed one again then. `is_refusal`:
    it refused the key.
    `stops_batch`: no other message could be sent either.
    """

    position: int
    state: RowState
    attempts: int = 0
    sent_at: float | None = None
    elapsed: float | None = None
    error: str | None = None
    detail: str | None = None
    wait: float | None = None
    is_refusal: bool = False
    stops_batch: bool = False


class ReportEntry(NamedTuple):
    """A row of a batch, and its result.

    Attributes
    ----------
    position : int
        Its position in the batch, counted from 0.
    execution_id : str
        The execution.
    message : str
        The message.
    state : {"waiting", "under_way", "delivered", "failed", "unknown"}
        What is known of it; ``"under_way"`` may have been delivered.
    attempts : int
        The number of requests.
    sent_at : float or None
        When the last request began, in seconds since 1970.
    elapsed : float or None
        How long it took, in seconds.
    error : str or None
        The name of the error's class.
    detail : str or None
        The text of the error.
    """

    position: int
    execution_id: str
    message: str
    state: RowState
    attempts: int
    sent_at: float | None
    elapsed: float | None
    error: str | None
    detail: str | None


class ErrorGroup(NamedTuple):
    """The errors of one kind in a batch.

    Attributes
    ----------
    error : str
        The name of the error's class.
    state : {"failed", "unknown"}
        What is known of its rows.
    number : int
        How many rows have it.
    example : str
        The text of the first of them.
    position : int
        The position of the first of them, counted from 0.
    """

    error: str
    state: RowState
    number: int
    example: str
    position: int


class RowReader(Protocol):
    """Reads the rows of a batch from its journal; each method may raise `JournalError`."""

    @property
    def path(self) -> str | None:
        """The journal's file, None if it is a temporary one."""

    def counts(self) -> Mapping[RowState, int]:
        """Return the number of rows in each state."""

    def entries(self, states: Sequence[RowState] = ()) -> Iterator[ReportEntry]:
        """Yield the rows in their order; only those in one of `states`, if given."""

    def groups(self) -> list[ErrorGroup]:
        """Return the errors grouped by kind, the most frequent first."""


class Rows(Sequence[Row]):
    """Rows of a batch in one state, as ``(execution_id, message)``: you can send them as they are.

    Each use reads them from the journal, so they take no memory.
    """

    def __init__(self, reader: RowReader, *states: RowState) -> None:
        self._reader = reader
        self._states = states

    @property
    def path(self) -> str | None:
        """The journal that they come from, None if it is a temporary one."""
        return self._reader.path

    def __len__(self) -> int:
        counts = self._reader.counts()
        return sum(counts.get(state, 0) for state in self._states)

    def __iter__(self) -> Iterator[Row]:
        return ((one.execution_id, one.message) for one in self._reader.entries(self._states))

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> list[Row]: ...
    def __getitem__(self, at: int | slice) -> Row | list[Row]:
        return list(self)[at]

    def __repr__(self) -> str:
        return f"<{len(self):,} rows: {' or '.join(self._states)}>"


@dataclass(frozen=True, kw_only=True)
class Report(Displayable):
    """The results of a batch.

    Attributes
    ----------
    counts : mapping of str to int
        The number of rows in each state: ``"delivered"``, ``"failed"`` (not delivered),
        ``"unknown"``, and ``"waiting"`` (read but not sent).
    elapsed : float
        How long the call took, in seconds.
    earlier : int
        The number of rows that earlier calls delivered.
    interrupted : bool
        The user stopped the batch.
    stopped : str
        Why it stopped by itself, ``""`` if it did not.
    reader : RowReader
        Reads the rows from the journal, which the package does for you.
    """

    counts: Mapping[RowState, int]
    elapsed: float
    earlier: int = 0
    interrupted: bool = False
    stopped: str = ""
    reader: RowReader = field(repr=False)

    @property
    def total(self) -> int:
        """The number of rows that were read."""
        return sum(self.counts.values())

    @property
    def delivered(self) -> Rows:
        """The rows that were delivered, now or earlier."""
        return Rows(self.reader, "delivered")

    @property
    def failed(self) -> Rows:
        """The rows that provably were not delivered; you can resend them as they are."""
        return Rows(self.reader, "failed")

    @property
    def unknown(self) -> Rows:
        """The rows that may have been delivered, so that resending one may deliver it twice."""
        return Rows(self.reader, "unknown", "under_way")

    @property
    def waiting(self) -> Rows:
        """The rows that were read but not sent, because the batch stopped."""
        return Rows(self.reader, "waiting")

    @property
    def errors(self) -> list[ErrorGroup]:
        """The errors by kind, the most frequent first, each with its number and an example."""
        return self.reader.groups()

    @property
    def outcome(self) -> Literal["delivered", "not_delivered", "unknown"]:
        """What is known of all messages together, ``"unknown"`` if it is unknown of one."""
        if self.counts.get("unknown"):
            return "unknown"
        missing = self.counts.get("failed", 0) + self.counts.get("waiting", 0)
        return "not_delivered" if missing or self.stopped or self.interrupted else "delivered"

    def raise_for_failures(self) -> None:
        """Raise `BatchFailed` unless every row was delivered.

        A batch that was interrupted or stopped by itself fails too: there may be rows that it did
        not read.

        Raises
        ------
        BatchFailed
            It says how many rows were delivered and what the others are, names the first of them
            with the reasons, and has this report as `report`.
        """
        if self.outcome == "delivered":
            return
        delivered = self.counts.get("delivered", 0)
        failure = BatchFailed(
            " ".join(_reasons(self)),
            title=f"{delivered:,} of {counted(self.total, 'message')} "
            f"{'was' if self.total == 1 else 'were'} delivered",
            hint=" ".join(next_steps(self)) or None,
            outcome=self.outcome,
        )
        failure.report = self
        raise failure

    def entries(self, *states: RowState) -> Iterator[ReportEntry]:
        """Return the rows with their results, in their order.

        Parameters
        ----------
        *states : {"waiting", "under_way", "delivered", "failed", "unknown"}
            Return only those in one of these states; without one, all.

        Returns
        -------
        iterator of ReportEntry
            The rows, read from the journal one after the other.

        Raises
        ------
        JournalError
            If the journal cannot be read.
        """
        return self.reader.entries(states)

    def to_frame(self) -> Any:
        """Return the rows with their results as a data frame, in their order.

        Returns
        -------
        pandas.DataFrame
            Its columns are the fields of `ReportEntry`, with `sent_at` as a time in UTC.

        Raises
        ------
        ImportError
            If pandas is not installed.
        JournalError
            If the journal cannot be read.
        """
        frame = to_frame(self.entries(), ReportEntry._fields)
        seconds = frame["sent_at"].astype("float64")
        moments = import_module("pandas").to_datetime(seconds, unit="s", utc=True)
        return frame.assign(sent_at=moments)

    _repr_pretty_ = Displayable._repr_pretty_


def count_words(report: Report, *, missing: bool = False) -> list[str]:
    """Return the counts in words; with `missing`, without those that were delivered."""
    return [
        f"{number:,} {words}"
        for state, words in STATE_WORDS.items()
        if state != "under_way" and not (missing and state == "delivered")
        if (number := report.counts.get(state, 0))
    ]


def next_steps(report: Report) -> Iterator[str]:
    """Yield sentences that say what to do about the rows that were not delivered."""
    has_journal = report.reader.path is not None
    if has_journal and report.outcome != "delivered":
        yield "To retry what was not delivered, run the same call with the same journal."
    if report.counts.get("failed") and not has_journal:
        yield "To resend only the rows that were not delivered: send_many(report.failed)."
    if report.counts.get("unknown"):
        yield (
            "That resends an unknown row only if it provably did not arrive. With "
            "resend_unknown=True (--resend-unknown), it resends every one that it does not find: "
            "some may arrive twice."
            if has_journal
            else "Check the executions in report.unknown before you resend: "
            "a second send may deliver a message twice."
        )


def _reasons(report: Report) -> Iterator[str]:
    """Yield sentences: what is missing, why the batch ended early, and the first missing rows."""
    if words := count_words(report, missing=True):
        yield f"{', '.join(words)}."
    if report.stopped:
        yield f"The batch stopped by itself. {shorten(report.stopped, LONGEST_REASON)}"
    if report.interrupted:
        yield "You interrupted the batch."
    missing = report.total - report.counts.get("delivered", 0)
    try:
        for entry in islice(report.entries(*MISSING), MOST_NAMED):
            reason = shorten(" ".join((entry.detail or "").split()), LONGEST_REASON).rstrip(".")
            known = f"Row {entry.position:,} {STATE_WORDS[entry.state]}"
            yield f"{known}: {reason}." if reason else f"{known}."
    except JournalError as error:
        yield f"The rows cannot be read. {error.detail}"
    if missing > MOST_NAMED:
        yield f"And {counted(missing - MOST_NAMED, 'more row')}."
