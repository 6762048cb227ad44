"""``python -m asteroid_magic.sandbox``: the sandbox as a process of its own, until Ctrl+C.

A kernel can then be restarted while the agents live on.
"""

import argparse
import errno
import signal
import sys
import threading
from typing import NoReturn

from . import listing
from .box import HIGHEST_PORT, Sandbox

DEFAULT_PORT = 8642
COMMAND = "python -m asteroid_magic.sandbox"
GLANCE = 0.5
"""Seconds between two looks for Ctrl+C: on Windows, nothing interrupts a longer wait."""

WORDS = """\
{listing}

To use it, copy these two lines into the shell in which you then start Jupyter or Python:
  export ASTEROID_BASE_URL={url}
  export ASTEROID_API_KEY={key}

Or into a cell of a notebook. The key is made up: no other server accepts it.
  %env ASTEROID_BASE_URL={url}
  %env ASTEROID_API_KEY={key}

Ctrl+C ends the sandbox and all of its executions.
"""


def main(arguments: list[str] | None = None) -> int:
    """Serve until Ctrl+C or SIGTERM; return the exit status."""
    ended = threading.Event()

    def end(*_: object) -> None:
        ended.set()

    # Before the port opens: from then on, the end closes it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    port = _port(arguments)
    box = Sandbox(port=port)
    try:
        box.start()
    except OSError as error:
        _refuse(port, error)
    try:
        shown = listing.as_text(box.base_url, box.executions)
        words = WORDS.format(listing=shown, url=box.base_url, key=box.api_key)
        # At once: a pipe would keep it back.
        print(words, end="", flush=True)  # noqa: T201 (it is a command)
        while not ended.wait(GLANCE):
            pass
    except OSError as error:
        sys.exit(f"The lines to copy could not be printed ({error.strerror}).")
    finally:
        box.stop()
    return 0


def _port(arguments: list[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog=COMMAND, description="A small Asteroid on this machine, with agents that answer."
    )
    parser.add_argument(
        "--port",
        type=_port_number,
        default=DEFAULT_PORT,
        help=f"the port to serve, or 0 for a free one; default: {DEFAULT_PORT}",
    )
    given: int = parser.parse_args(arguments).port
    return given


def _port_number(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= len(str(HIGHEST_PORT)):
        number = int(text)
        if number <= HIGHEST_PORT:
            return number
    raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to {HIGHEST_PORT}")


def _refuse(port: int, error: OSError) -> NoReturn:
    """End with a sentence that says why the port cannot be served."""
    why = f"Port {port} cannot be opened ({error.strerror})."
    if error.errno == errno.EADDRINUSE:
        why = f"Port {port} is taken: another program serves it, maybe another sandbox."
    elif error.errno == errno.EACCES:
        why = f"This user may not open port {port}."
    sys.exit(f"{why} Choose another one with --port, or let --port 0 find a free one.")


if __name__ == "__main__":
    sys.exit(main())
