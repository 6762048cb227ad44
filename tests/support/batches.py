"""What the tests of batches share: rows to send, and how to wait."""

import os
import signal
import threading
import time
from collections.abc import Callable

from asteroid_magic import Report

Row = tuple[str, str]
Send = Callable[..., Report]


def texts(run_id: str, count: int) -> list[Row]:
    """Return rows with a text of their own each."""
    return [(run_id, f"message {number}") for number in range(count)]


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def interrupt_when(condition: Callable[[], bool]) -> threading.Thread:
    """Interrupt the main thread, as the kernel does, once a condition holds."""

    def watch() -> None:
        wait_for(condition)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread
