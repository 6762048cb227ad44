"""An interrupt at any moment of a magic ends with the outcome and its card.

A profile function interrupts at a chosen event: a call or a return in a frame of this package. So
each test reaches moments that a timer would seldom hit, and the same ones in every run.
"""

import random
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from types import FrameType
from typing import Any, Self

import pytest

from asteroid_magic import AsteroidError, InvalidInput, NoAnswer
from asteroid_magic.magics.magic_call import DrawingInterrupted, MagicCall
from asteroid_magic.models.delivery import Delivery
from asteroid_magic.sandbox import Sandbox
from tests.support.shells import Notebook

CARDS = {
    "delivered": "Delivered",
    "not_delivered": "Not delivered",
    "unknown": "May have been delivered",
}
MOMENTS, VARYING = 60, 80
PACKAGE = "asteroid_magic."
# An interrupt between the making of a socket and its storing leaves it to the garbage collection.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("collected"),
]


@pytest.fixture(autouse=True)
def usual_handler() -> Iterator[None]:
    """As in a shell or a kernel that runs a cell; and each cell must leave it in place."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


class Interrupter:
    """Counts the events since the magic began; interrupts at the one with the number `at`."""

    def __init__(self, at: int | None = None) -> None:
        self.events = 0
        self.has_interrupted = False
        self._at = at

    def __enter__(self) -> Self:
        sys.setprofile(self._see)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _see(self, frame: FrameType, event: str, _argument: Any) -> None:
        # Python looks for signals after a call of C code, never between its decision to make the
        # call and the call, as to release a lock.
        if event == "c_call" or not frame.f_globals.get("__name__", "").startswith(PACKAGE):
            return
        # Last, as it takes longest: the magic has begun when it has put its handler in place.
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            return
        # From here on, the cell is over: an interrupt finds nothing to stop.
        if frame.f_code is MagicCall._leave.__code__ or (
            frame.f_back is not None and frame.f_back.f_code is MagicCall._leave.__code__
        ):
            return
        self.events += 1
        if self.events == self._at:
            self.has_interrupted = True
            signal.raise_signal(signal.SIGINT)


def moments_of(notebook: Notebook, cell: str, number: int = MOMENTS) -> Iterator[int]:
    """Yield moments all over a cell, when all is loaded; the number of events varies a little."""
    notebook.run(cell.format(n="first"))
    with Interrupter() as counting:
        notebook.run(cell.format(n="second"))
    assert notebook.error is None
    choose = random.Random(4711)  # noqa: S311 (the same moments in every run)
    yield from sorted(choose.sample(range(1, counting.events - VARYING), number))


def interrupted(
    notebook: Notebook, cell: str, at: int
) -> AsteroidError | DrawingInterrupted | None:
    """Run a cell and interrupt it; return the error, which must be no bare interrupt.

    None if the cell was over before that moment: on a busy machine, a wait takes fewer steps, and
    the time of one may run out before the first answer.
    """
    with Interrupter(at) as interrupter:
        notebook.run(cell)
    if "watch" in cell and isinstance(notebook.error, NoAnswer):
        assert "Time ran out" in notebook.text
        return None
    if not interrupter.has_interrupted:
        assert notebook.error is None
        return None
    assert isinstance(notebook.error, KeyboardInterrupt), notebook.text
    assert isinstance(notebook.error, AsteroidError | DrawingInterrupted), (at, notebook.text)
    # One line, perhaps below the status line of a wait: no traceback.
    assert "Traceback" not in notebook.text
    assert notebook.text.count("Interrupted: ") == 1, notebook.text
    return notebook.error


@pytest.mark.parametrize(
    "cell",
    [
        "%asteroid_send run_id {n}",
        "%%asteroid_send run_id\n{n}",
        "given = %asteroid_send run_id {n}",
        "%asteroid_send --wait 0.1 run_id {n}",
    ],
)
def test_an_interrupted_send_shows_an_outcome_that_is_true(
    notebook: Notebook, box: Sandbox, run_id: str, cell: str
) -> None:
    notebook.run("%config AsteroidMagics.confirm_grace = 1")
    said = Counter[str]()
    for at in moments_of(notebook, cell):
        message = f"at {at}"
        error = interrupted(notebook, cell.format(n=message), at)
        if error is None:
            continue
        assert f"<strong>{CARDS[error.outcome]}</strong>" in notebook.html()
        has_it = message in box.messages(run_id)
        assert {"delivered": has_it, "not_delivered": not has_it, "unknown": True}[error.outcome]
        said[error.outcome] += 1
    assert {"delivered", "not_delivered"} <= said.keys()
    assert said.total() > MOMENTS / 2


def test_an_interrupt_after_the_answer_does_not_make_it_unknown(
    notebook: Notebook, box: Sandbox, run_id: str
) -> None:
    cell = "%asteroid_send run_id {n}"
    moments = list(moments_of(notebook, cell))
    error = interrupted(notebook, cell.format(n="last"), moments[-1])
    assert error is not None
    assert error.outcome == "delivered"
    assert box.messages(run_id).count("last") == 1
    notebook.run("_.message")
    assert notebook.result == "last"


@pytest.mark.parametrize(
    ("cell", "operation"),
    [
        ("%asteroid_executions", "read"),
        ("%asteroid_activities run_id", "read"),
        ("%asteroid_watch run_id 0.3", "read"),
        ("%asteroid_pause run_id", "pause"),
    ],
)
def test_the_other_magics_show_a_card_too(notebook: Notebook, cell: str, operation: str) -> None:
    number = 0
    for at in moments_of(notebook, cell, 20):
        error = interrupted(notebook, cell, at)
        if error is None:
            continue
        number += 1
        assert error.outcome != "delivered"
        assert notebook.html()
        if operation == "read":
            assert error.outcome == "not_done"
    assert number > 10


def test_a_batch_ends_with_its_report_or_before_its_first_message(
    notebook: Notebook, box: Sandbox, run_id: str
) -> None:
    notebook.shell.user_ns["rows"] = [{"execution_id": run_id, "n": n} for n in range(3)]
    cell = "%%asteroid_send --each rows --show\n{{n}} of {n}"
    for at in moments_of(notebook, cell, 20):
        with Interrupter(at):
            notebook.run(cell.format(n=at))
        assert type(notebook.error) is not KeyboardInterrupt, notebook.text
        assert notebook.html()
        report = getattr(notebook.error, "report", None)
        if report is not None:
            # Others of the batch may have been delivered: the report says which.
            missing = {text for _, text in (*report.failed, *report.waiting)}
            assert not missing & set(box.messages(run_id))
        elif getattr(notebook.error, "outcome", "") == "not_delivered":
            assert not [text for text in box.messages(run_id) if text.endswith(f" {at}")]


def test_an_interrupt_while_the_card_is_drawn_shows_the_card(
    notebook: Notebook, box: Sandbox, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = Delivery._repr_html_

    def interrupted_draw(delivery: Delivery) -> str:
        # Once: the card that is shown instead is drawn in peace.
        monkeypatch.setattr(Delivery, "_repr_html_", draw)
        signal.raise_signal(signal.SIGINT)
        return draw(delivery)

    monkeypatch.setattr(Delivery, "_repr_html_", interrupted_draw)
    notebook.run("%asteroid_send run_id hello")
    assert isinstance(notebook.error, DrawingInterrupted)
    assert notebook.error.outcome == "delivered"
    assert "<strong>Delivered</strong>" in notebook.html()
    assert "Delivered. You interrupted this cell" in notebook.text
    assert box.messages(run_id) == ["hello"]
    assert notebook.run("_.message") == "hello"


def test_after_its_magic_a_cell_is_interrupted_as_usual(notebook: Notebook) -> None:
    notebook.run("import signal\n%asteroid_send run_id hello\nsignal.raise_signal(signal.SIGINT)")
    assert type(notebook.error) is KeyboardInterrupt


def test_a_second_magic_in_a_cell_is_held_as_well(
    notebook: Notebook, box: Sandbox, run_id: str
) -> None:
    notebook.run("%asteroid_send run_id one\n%asteroid_send run_id two")
    assert notebook.error is None
    assert box.messages(run_id) == ["one", "two"]


def test_an_interrupt_after_the_card_of_an_error_changes_nothing(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_caller = MagicCall._find_caller

    def late(call: MagicCall) -> None:
        find_caller(call)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(MagicCall, "_find_caller", late)
    notebook.run("%asteroid_send nowhere hello")
    assert isinstance(notebook.error, InvalidInput)
    assert "Not delivered" in notebook.html()


def test_outside_a_cell_an_interrupt_is_raised_with_the_card_too(
    notebook: Notebook, box: Sandbox, run_id: str
) -> None:
    call = "run_id hello"
    # The first call opens the connection that the others use.
    notebook.shell.run_line_magic("asteroid_send", call)
    with Interrupter() as counting:
        notebook.shell.run_line_magic("asteroid_send", call)
        assert counting.events
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt) as raised, Interrupter(counting.events - 40):
        notebook.shell.run_line_magic("asteroid_send", call)
    assert isinstance(raised.value, AsteroidError)
    assert box.messages(run_id) == ["hello"] * 3
