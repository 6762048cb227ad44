"""One call of a magic: an interrupt at any moment ends it with its outcome and its card."""

import inspect
from opcode import opname
from types import CodeType, FrameType, TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from ..interrupts import Hold

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ..errors import Interrupted

T = TypeVar("T")

# The argument of CALL_INTRINSIC_1 that stands for "show the value of an expression".
INTRINSIC_PRINT = 1
# The functions of IPython that call a magic.
RUNNERS = ("run_line_magic", "run_cell_magic")


class MagicCall(Hold):
    """Holds interrupts from the first step of a magic until IPython has shown its result.

    IPython draws a result after the magic has returned. If an interrupt comes before the line that
    called the magic is over, this shows the card itself, keeps the result in `_`, and raises an
    `Interrupted` that says what had happened.
    """

    def __init__(self, shell: "InteractiveShell") -> None:
        super().__init__()
        self._shell = shell
        self._result: Any = None
        self._has_failed = False
        self._caller: FrameType | None = None
        self._line = 0

    def returns(self, result: T) -> T:
        """Note the result of the magic, and return it."""
        self._result = result
        return result

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._before is None:
            return
        self._has_failed = error is not None
        self._find_caller()
        if self._caller is None:
            # No cell runs that would draw the result.
            self._restore()
        else:
            self._shell.events.register("post_execute", self._leave)
        # From here on, `_receive` decides by the line that IPython runs.
        self._end()
        if self.is_pending and not self._has_failed:
            self._stop(None)

    def _find_caller(self) -> None:
        self._caller = find_caller()
        if self._caller is not None:
            self._line = self._caller.f_lineno

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if _runs(frame, MagicCall._leave.__code__):
            # The cell is over, and its result is there: nothing is left to stop.
            return
        if not self._is_over or not self._is_line_running(frame):
            super()._receive(number, frame)
        elif not self._has_failed:
            # Otherwise the error stops the cell anyway, and its card is there.
            self._stop(frame)

    def _is_line_running(self, frame: FrameType | None) -> bool:
        caller = self._caller
        while frame is not None and frame is not caller:
            frame = frame.f_back
        return frame is not None and frame.f_lineno == self._line

    def _stop(self, frame: FrameType | None) -> None:
        """Show the result and raise the error that stops the cell."""
        from ..input.refusal import show  # noqa: PLC0415 (a magic loads it when it runs)
        from .feedback import keep_result  # noqa: PLC0415 (as above)

        # A further interrupt waits until the card is there.
        self._is_over = False
        if self._result is not None:
            show(self._result)
            keep_result(self._shell, self._result)
        self._has_failed, self._is_over = True, True
        error = _interrupted_after(self._result)
        if _is_drawing(frame):
            raise DrawingInterrupted(error)
        raise error

    def _leave(self) -> None:
        """Put the earlier handler back, once the cell is over; called by IPython."""
        self._restore()
        self._shell.events.unregister("post_execute", self._leave)
        self._caller = self._result = None


def find_caller() -> FrameType | None:
    """Return the frame of the cell or function that called a magic, None if no cell runs."""
    frame = inspect.currentframe()
    found, in_magic = None, True
    while frame is not None:
        name = frame.f_code.co_name
        if frame.f_globals.get("__name__", "").startswith("IPython."):
            if found is not None and name == "run_code":
                return found
            # IPython 7 wraps a magic in frames of another package.
            in_magic = in_magic and name not in RUNNERS
        elif found is None and not in_magic:
            found = frame
        frame = frame.f_back
    return None


def is_shown_by_ipython(shell: "InteractiveShell") -> bool:
    """Return True if IPython shows the result of the magic that runs, so that the magic must not.

    What decides is the instruction that follows the call: it hands the value of an expression to
    IPython's display hook, whatever `ast_node_interactivity` says.
    """
    instruction, argument = _following()
    if shell.displayhook.quiet():  # type: ignore[no-untyped-call]
        return False
    # Python 3.11, and from 3.12 on.
    return instruction == "PRINT_EXPR" or (
        instruction == "CALL_INTRINSIC_1" and argument == INTRINSIC_PRINT
    )


def is_discarded() -> bool:
    """Return True if the cell does nothing with the result of the magic that runs."""
    return _following()[0] == "POP_TOP"


def _following() -> tuple[str, int]:
    """Return the instruction that follows the call of the magic, and its argument."""
    frame = find_caller()
    if frame is None:
        return "", 0
    code, at = frame.f_code.co_code, frame.f_lasti + 2
    while at < len(code) and opname[code[at]] == "CACHE":
        at += 2
    return (opname[code[at]], code[at + 1]) if at < len(code) else ("", 0)


class DrawingInterrupted(KeyboardInterrupt):
    """Stops a cell whose result IPython was drawing.

    It is no `Exception`: IPython's formatters would print that and go on.
    """

    def __init__(self, error: "Interrupted") -> None:
        super().__init__(str(error))
        self.outcome = error.outcome
        self._error = error

    def _render_traceback_(self) -> list[str]:
        return self._error._render_traceback_()


def _runs(frame: FrameType | None, code: CodeType) -> bool:
    while frame is not None:
        if frame.f_code is code:
            return True
        frame = frame.f_back
    return False


def _is_drawing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_globals.get("__name__") == "IPython.core.formatters":
            return True
        frame = frame.f_back
    return False


def _interrupted_after(result: object) -> "Interrupted":
    """Return the error for an interrupt that came when the magic already had its result."""
    from ..errors import CANCEL, PAUSE, READ, RESUME, Interrupted, SendInterrupted  # noqa: PLC0415
    from ..models.delivery import Delivery, StatusChange  # noqa: PLC0415 (as above)

    title = "You interrupted this cell"
    if isinstance(result, Delivery):
        arrived = SendInterrupted(
            "The message was already delivered.",
            title=title,
            hint="`_` holds the Delivery, as does the variable of --out.",
        )
        arrived.outcome = "delivered"
        return arrived.about(result.execution_id, result.message, result.attempts)
    hint = "" if result is None else "Its result was there already: `_` holds it."
    operation = READ
    if isinstance(result, StatusChange):
        operation = {each.name: each for each in (PAUSE, RESUME, CANCEL)}[result.asked]
    error = Interrupted(title=title, hint=hint, operation=operation)
    return error.about(getattr(result, "execution_id", None), None)
