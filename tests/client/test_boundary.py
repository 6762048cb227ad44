"""No error that leaves a public method holds the key, whatever fails below it."""

import io
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any

import pytest
from IPython.core.ultratb import VerboseTB
from rich.console import Console
from rich.traceback import Traceback

from asteroid_magic import AsteroidClient
from asteroid_magic.client.session_client import without_retries
from asteroid_magic.sandbox import Sandbox

OURS = "asteroid_magic"
THEIRS = ("requests", "urllib3", "http.client", "socket", "ssl")

Send = Callable[[], object]
# Where an object happens to be in memory, as its repr says it.
ADDRESS = re.compile("0x[0-9a-f]+")


# An error in a function that closes a socket leaves the socket open.
pytestmark = [
    pytest.mark.filterwarnings(
        "ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
    ),
    pytest.mark.usefixtures("collected"),
]


class Injected(Exception):
    """An unexpected error."""


@pytest.fixture
def client(box: Sandbox) -> Any:
    with AsteroidClient(box.api_key, box.base_url, timeout=5.0) as made:
        yield made


def is_below_the_boundary(frame: FrameType) -> bool:
    name = frame.f_globals.get("__name__", "")
    if name.startswith(OURS):
        return ".client" in name and "boundary" not in name and "sandbox" not in name
    return name.partition(".")[0] in THEIRS or name in THEIRS


def functions_of(send: Send) -> list[CodeType]:
    """Return each function that a send passes through, in the order of their first calls."""
    found: dict[CodeType, None] = {}

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and is_below_the_boundary(frame):
            found[frame.f_code] = None

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        send()
    finally:
        sys.setprofile(before)
    return list(found)


def failing_in(code: CodeType, kind: type[BaseException], send: Send) -> BaseException | None:
    """Let a function raise as soon as it is called; return what leaves the public method."""

    def inject(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code is code:
            sys.settrace(None)
            raise kind("injected")

    before = sys.gettrace()
    sys.settrace(inject)
    try:
        send()
    except BaseException as error:  # noqa: BLE001 (an interrupt, too)
        # Without the frame of this function, which is of the test.
        return error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)
    finally:
        sys.settrace(before)
    return None


def plainly_shown_of(error: BaseException) -> str:
    """Return what Python itself shows of an error, with the locals of its frames."""
    return "\n".join(["".join(traceback.format_exception(error)), *locals_of(error)])


def of_each_look(errors: list[BaseException]) -> list[BaseException]:
    """Return one of the errors that look the same: with the same frames, words and locals.

    Whatever a tool shows of an error, it makes of these. To format all errors takes far longer.
    """
    looks = {ADDRESS.sub("0x0", plainly_shown_of(error)): error for error in errors}
    return list(looks.values())


def shown_of(error: BaseException) -> str:
    """Return all that tools show of an error, with the locals of its frames."""
    where = type(error), error, error.__traceback__
    seen = [plainly_shown_of(error)]
    # As `%tb` under `%xmode Verbose` formats it.
    seen.append(VerboseTB(include_vars=True).text(*where))
    console = Console(file=io.StringIO(), width=200)
    console.print(Traceback.from_exception(*where, show_locals=True, locals_max_string=10_000))
    seen.append(console.file.getvalue())  # type: ignore[attr-defined]
    return "\n".join(seen)


def locals_of(error: BaseException | None) -> list[str]:
    """Return the locals of every frame of an error, and of those that it was raised from."""
    found: list[str] = []
    while error is not None:
        at: TracebackType | None = error.__traceback__
        while at is not None:
            found += map(described, at.tb_frame.f_locals.values())
            at = at.tb_next
        error = error.__cause__ or error.__context__
    return found


def described(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 (half-made objects have no repr)
        return type(error).__name__


@pytest.mark.parametrize("kind", [Injected, OSError, KeyboardInterrupt])
def test_no_error_that_leaves_a_public_method_holds_the_key(
    client: AsteroidClient, box: Sandbox, run_id: str, kind: type[BaseException]
) -> None:
    def send() -> object:
        return client.send(run_id, "hello")

    codes = functions_of(send)
    names = {code.co_qualname for code in codes}
    assert {"Transport.request", "DeadlineAdapter.send", "guarded"} <= names | {
        "DeadlineAdapter.send"
    }
    errors = [failing_in(code, kind, send) for code in codes]
    left = [error for error in errors if error is not None]
    assert len(left) > len(codes) // 2
    for error in left:
        assert box.api_key not in plainly_shown_of(error)
    for error in of_each_look(left):
        assert box.api_key not in shown_of(error)


@pytest.mark.parametrize("kind", [Injected, KeyboardInterrupt])
@pytest.mark.parametrize("what", ["upload", "download"])
def test_no_error_of_a_transfer_holds_the_key(
    client: AsteroidClient,
    box: Sandbox,
    tmp_path: Path,
    what: str,
    kind: type[BaseException],
) -> None:
    run = box.executions[0].id
    client.upload(run, ("a.txt", b"1"))
    (file,) = client.files(run)
    once = without_retries(client)
    calls: dict[str, Send] = {
        "upload": lambda: client.upload(run, ("b.txt", b"2")),
        "download": lambda: once.download(file, tmp_path),
    }
    codes = functions_of(calls[what])
    names = {code.co_qualname for code in codes}
    assert "Transport.request" in names
    assert what != "download" or {"Transport.fetch", "PartialFile.write"} <= names
    errors = [failing_in(code, kind, calls[what]) for code in codes]
    left = [error for error in errors if error is not None]
    assert len(left) > len(codes) // 2
    for error in left:
        # Formatting each of them would take minutes.
        assert box.api_key not in "\n".join([str(error), *locals_of(error)])
    assert box.api_key not in shown_of(left[-1])
    assert not list(tmp_path.glob("*.part"))


def test_without_the_boundary_some_of_them_would(
    client: AsteroidClient, box: Sandbox, run_id: str
) -> None:
    unguarded = AsteroidClient.send.__wrapped__  # type: ignore[attr-defined]

    def send() -> object:
        return unguarded(client, run_id, "hello")

    errors = [failing_in(code, Injected, send) for code in functions_of(send)]
    # Python itself shows it in these; so do the tools, which would take long to format them all.
    telling = [one for one in errors if one and box.api_key in plainly_shown_of(one)]
    assert telling
    assert box.api_key in shown_of(telling[0])


def test_a_key_that_cannot_be_used_is_in_no_frame_of_ours() -> None:
    try:
        AsteroidClient("made-up\nkey")
    except ValueError as error:
        left = traceback.extract_tb(error.__traceback__)
        seen = locals_of(error)
    assert [step.name for step in left] == [
        "test_a_key_that_cannot_be_used_is_in_no_frame_of_ours",
        "call",
    ]
    assert not [value for value in seen if "made-up" in value]
