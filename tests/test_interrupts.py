"""Interrupts are held, except where one is expected; real signals, in the main thread."""

import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

import pytest

from asteroid_magic import interrupts
from asteroid_magic.interrupts import Hold, interruptible


@pytest.fixture(autouse=True)
def usual_handler() -> Iterator[None]:
    """As in a shell or a kernel that runs a cell; and nothing else may be left behind."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert interrupts.current() is None
    signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def test_a_held_interrupt_is_raised_at_the_end() -> None:
    steps = []

    def work() -> None:
        with Hold():
            interrupt()
            steps.append("after")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert steps == ["after"]


def test_a_held_interrupt_gives_way_to_an_error() -> None:
    def work() -> None:
        with Hold():
            interrupt()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()


def is_interrupted(work: Callable[[], object] = interrupt) -> bool:
    try:
        interruptible(work)
    except KeyboardInterrupt:
        return True
    return False


def test_an_interrupt_reaches_what_is_interruptible() -> None:
    with Hold() as hold:
        assert is_interrupted()
        interrupt()
        assert [hold.is_pending, is_interrupted(list), hold.is_pending] == [True, True, False]
        assert interruptible(lambda: interruptible(lambda: 5)) == 5


def test_a_second_interrupt_ends_what_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    with Hold() as hold:
        interrupt()
        interrupt()
        monkeypatch.setattr(interrupts, "LONGEST_HOLD_S", -1.0)
        with pytest.raises(KeyboardInterrupt):
            interrupt()
        hold.is_pending = False


def test_a_handler_of_the_program_itself_stays() -> None:
    got: list[int] = []

    def own(number: int, _frame: FrameType | None) -> None:
        got.append(number)

    signal.signal(signal.SIGINT, own)
    with Hold():
        assert signal.getsignal(signal.SIGINT) is own
        interrupt()
    assert got == [signal.SIGINT]
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_a_handler_that_is_set_meanwhile_stays() -> None:
    with Hold():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_other_threads_hold_nothing() -> None:
    seen = []

    def work() -> None:
        with Hold():
            seen.append(interrupts.current())
        seen.append(interruptible(lambda: None))

    thread = threading.Thread(target=work)
    with Hold():
        thread.start()
        thread.join()
    assert seen == [None, None]


def test_a_hold_within_another_leaves_it_in_place() -> None:
    def work() -> None:
        with Hold() as outer:
            with Hold() as inner:
                interrupt()
                assert inner.is_pending
            assert outer.is_pending
            assert interrupts.current() is outer

    with pytest.raises(KeyboardInterrupt):
        work()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("collected")
def test_an_interrupt_that_python_loses_counts_as_held() -> None:
    def numbers() -> Iterator[int]:
        try:
            yield 1
        finally:
            interrupt()

    with Hold() as hold:
        # Python prints and drops an error of a generator that it closes itself.
        assert interruptible(lambda: any(numbers()))
        assert hold.is_pending
        assert is_interrupted(lambda: None)
        assert not is_interrupted(lambda: None)
