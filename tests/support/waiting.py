"""How a test waits for what another thread, kernel or browser does."""

import faulthandler
import sys
import time
from collections.abc import Callable


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until the condition holds; fail the test if it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            # What each thread does at this moment is the only trace of what hangs.
            faulthandler.dump_traceback(sys.__stderr__ or sys.stderr)
            raise AssertionError("it has not come about in time")
        time.sleep(0.01)
