"""The execution field of a form: what it offers to choose from, and what it says of its value."""

import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from ..client.client import AsteroidClient, connected
from ..deadline import Deadline
from ..errors import AsteroidError
from ..input.execution_ref import id_inside
from ..models.executions import SHORT_ID, WAITING, Execution
from ..models.message import is_execution_id
from ..text import counted, shorten, visible
from . import html
from .question import QuestionPanel
from .widgets import FormWidgets

MOST_OFFERED = 50
LISTING_TIMEOUT = 15.0
EXAMPLE = "123e4567-e89b-12d3-a456-426614174000"


class Picker:
    """Offers the active executions in the execution field, and puts the chosen one's ID there."""

    def __init__(self, fields: FormWidgets, client: AsteroidClient | None) -> None:
        self._fields, self._client = fields, client
        self._asking = QuestionPanel(fields.question, client, fields.answer)
        self._lock = threading.Lock()
        self._listing: Deadline | None = None
        self._offered: Mapping[str, Execution] = {}
        self._known: dict[str, Execution] = {}
        self._has_all = False
        fields.execution.observe(self._look, "value")
        self._look()

    @property
    def value(self) -> str:
        """What stands in the field, less the blanks round it, as they come with pasting."""
        return str(self._fields.execution.value).strip()

    def refresh(self, *, has_key: bool, quietly: bool = False) -> None:
        """List the active executions anew, on a thread of its own; the latest listing counts."""
        self.close()
        if not has_key:
            self._say("The active executions are listed once there is an API key.")
            return
        deadline = Deadline(LISTING_TIMEOUT)
        with self._lock:
            self._listing = deadline
        if not quietly:
            self._say("Listing the active executions…", "busy")
        name = "asteroid-magic listing"
        threading.Thread(target=self._list, args=(deadline,), name=name, daemon=True).start()

    def close(self) -> None:
        """End the reading that is under way."""
        self._asking.close()
        with self._lock:
            if self._listing is not None:
                self._listing.cancel()
                self._listing = None

    def _list(self, deadline: Deadline) -> None:
        try:
            with connected(self._client) as client:
                found = client.executions(phase="active", limit=MOST_OFFERED, timeout=deadline)
            offered = choices_of(found)
        except AsteroidError as error:
            self._fail(deadline, f"{error.title}. {error.detail}")
        except Exception as error:  # noqa: BLE001 (whatever it was, an ID can be pasted)
            self._fail(deadline, f"{type(error).__name__}.")
        else:
            if offered:
                said = f"{counted(len(offered), 'active execution')} to choose from."
            else:
                said = "No execution is active now. An ID can be pasted all the same."
            self._apply(deadline, offered, said)

    def _fail(self, deadline: Deadline, why: str) -> None:
        words = f"The active executions could not be listed: {why}"
        self._apply(deadline, None, f"{words} An ID can be pasted all the same.")

    def _apply(
        self, deadline: Deadline, offered: Mapping[str, Execution] | None, said: str
    ) -> None:
        with self._lock:
            if self._listing is not deadline:
                return
            self._listing = None
        self._offered = offered or {}
        self._known = {one.id.lower(): one for one in self._offered.values()}
        # Of an execution that is not among them, that is known only if these are all.
        self._has_all = offered is not None and len(offered) < MOST_OFFERED
        self._fields.offer(self._offered)
        self._say(said)
        self._look()
        self._asking.show(self._known.get(self.value.lower()), anew=True)

    def _look(self, _change: object = None) -> None:
        """Put the ID in place of a chosen line, and say what the field holds."""
        chosen = self._offered.get(self.value)
        if chosen is not None or (is_execution_id(self.value) and self._has_blanks()):
            # This comes here again, with the ID alone.
            self._fields.execution.value = chosen.id if chosen else self.value
            return
        wrong = self._what_is_wrong()
        self._fields.mark_wrong(is_wrong=bool(wrong))
        words, tone = (wrong, "wrong") if wrong else (self._what_is_known(), "quiet")
        self._fields.about.value = html.note(words, "wrong" if tone == "wrong" else "quiet")
        self._fields.clear.layout.display = "" if self.value else "none"
        self._asking.show(self._known.get(self.value.lower()))

    def _has_blanks(self) -> bool:
        return bool(self._fields.execution.value != self.value)

    def _what_is_wrong(self) -> str:
        if not self.value or is_execution_id(self.value):
            return ""
        if any(self.value.lower() in line.lower() for line in self._offered):
            # Who types a part of a line is looking for it.
            return ""
        inside = id_inside(self.value)
        if inside:
            return f"This is not an execution ID, but holds one: {inside}"
        return f"This is not an execution ID. One has 36 characters, like {EXAMPLE}"

    def _what_is_known(self) -> str:
        known = self._known.get(self.value.lower())
        if known is not None:
            return described(known)
        is_elsewhere = self._has_all and is_execution_id(self.value)
        return "This one is not among the active executions." if is_elsewhere else ""

    def _say(self, words: str, tone: html.Tone = "quiet") -> None:
        self._fields.listing.value = html.note(words, tone)


LONGEST_NAME = 60
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def choices_of(executions: Iterable[Execution]) -> Mapping[str, Execution]:
    """Return the executions by the line that offers each, as ``workflow · status · short ID``.

    Those that wait for an answer stand on top; within both kinds the newest is first.
    """
    newest = sorted(executions, key=lambda one: one.created_at or _LONG_AGO, reverse=True)
    offered: dict[str, Execution] = {}
    for one in sorted(newest, key=lambda one: WAITING.get(one.status) != "asks"):
        line = visible(f"{described(one)} · {one.id[:SHORT_ID]}", keep="")
        # Two runs whose short IDs are the same must not pass for one.
        whole = visible(f"{described(one)} · {one.id}", keep="")
        offered[whole if line in offered else line] = one
    return offered


def described(one: Execution) -> str:
    """Return the workflow and the status of an execution, in one line of visible characters."""
    name = shorten(" ".join(one.workflow_name.split()), LONGEST_NAME) or "(no name)"
    return visible(f"{name} · {shorten(one.status, LONGEST_NAME)}", keep="")
