"""The execution field of a form: what it offers, and the note about its value."""

import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from ..client.client import AsteroidClient
from ..client.session_client import session_client
from ..config.session import session
from ..deadline import Deadline
from ..errors import AsteroidError
from ..input.execution_ref import id_inside
from ..models.executions import SHORT_ID, WAITING, Execution, status_words
from ..models.message import hyphenated, is_execution_id
from ..text import counted, shorten, visible
from . import html
from .question import QuestionPanel
from .widgets import FormWidgets

MOST_OFFERED = 50
LISTING_TIMEOUT = 15.0
EXAMPLE = "123e4567-e89b-12d3-a456-426614174000"


class Picker:
    """Offers the active executions in the field, and replaces a chosen line with its ID."""

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
        """The text of the field, without the spaces around it that pasting brings."""
        return hyphenated(str(self._fields.execution.value).strip())

    def refresh(self, *, has_key: bool, quietly: bool = False) -> None:
        """List the active executions again, on its own thread; only the latest listing counts."""
        self.close()
        if not has_key:
            self._say("Set an API key to list the active executions.")
            return
        deadline = Deadline(LISTING_TIMEOUT)
        with self._lock:
            self._listing = deadline
        if not quietly:
            self._say("Listing the active executions…", "busy")
        name = "asteroid-magic listing"
        threading.Thread(target=self._list, args=(deadline,), name=name, daemon=True).start()

    def close(self) -> None:
        """Stop reading the list and the question."""
        self._asking.close()
        with self._lock:
            if self._listing is not None:
                self._listing.cancel()
                self._listing = None

    def _list(self, deadline: Deadline) -> None:
        try:
            with session_client(self._client) as client:
                found = client.executions(phase="active", limit=MOST_OFFERED, timeout=deadline)
            offered = choices_of(found)
        except AsteroidError as error:
            self._fail(deadline, f"{error.title}. {error.detail}")
        except Exception as error:  # noqa: BLE001 (whatever it was, the user can paste an ID)
            self._fail(deadline, f"{type(error).__name__}.")
        else:
            if offered:
                said = f"{counted(len(offered), 'active execution')} to choose from."
            else:
                said = "No execution is active now. You can still paste an ID."
            self._apply(deadline, offered, said)

    def _fail(self, deadline: Deadline, why: str) -> None:
        words = f"Could not list the active executions: {why}"
        self._apply(deadline, None, f"{words} You can still paste an ID.")

    def _apply(
        self, deadline: Deadline, offered: Mapping[str, Execution] | None, said: str
    ) -> None:
        with self._lock:
            if self._listing is not deadline:
                return
            self._listing = None
        self._offered = offered or {}
        for one in reversed(list(self._offered.values())):
            session.remember(one.id, one.workflow_name)
        self._known = {one.id.lower(): one for one in self._offered.values()}
        # Only a complete list shows that an execution is not active.
        self._has_all = offered is not None and len(offered) < MOST_OFFERED
        self._fields.offer(self._offered)
        self._say(said)
        self._look()
        self._asking.show(self._known.get(self.value.lower()), anew=True)

    def _look(self, _change: object = None) -> None:
        """Replace a chosen line with its ID, and update the note about the value."""
        chosen = self._offered.get(self.value)
        if chosen is not None or (is_execution_id(self.value) and self._has_blanks()):
            # This calls `_look` again, with the ID alone.
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
            # The user may be looking for this line.
            return ""
        inside = id_inside(self.value)
        if inside:
            return f"This is not an execution ID, but contains one: {inside}"
        return f"This is not an execution ID. An ID has 36 characters, such as {EXAMPLE}"

    def _what_is_known(self) -> str:
        known = self._known.get(self.value.lower())
        if known is not None:
            return described(known)
        is_elsewhere = self._has_all and is_execution_id(self.value)
        return "This execution is not among the active ones." if is_elsewhere else ""

    def _say(self, words: str, tone: html.Tone = "quiet") -> None:
        self._fields.listing.value = html.note(words, tone)


LONGEST_NAME = 60
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def choices_of(executions: Iterable[Execution]) -> Mapping[str, Execution]:
    """Return the executions by the line that offers each: ``workflow · status · short ID``.

    Those that wait for an answer come first; within both groups, the newest first.
    """
    newest = sorted(executions, key=lambda one: one.created_at or _LONG_AGO, reverse=True)
    offered: dict[str, Execution] = {}
    for one in sorted(newest, key=lambda one: WAITING.get(one.status) != "asks"):
        line = visible(f"{described(one)} · {one.id[:SHORT_ID]}", keep="")
        # Two executions with the same short ID need different lines.
        whole = visible(f"{described(one)} · {one.id}", keep="")
        offered[whole if line in offered else line] = one
    return offered


def described(one: Execution) -> str:
    """Return an execution's workflow and status, in one line of visible characters."""
    name = shorten(" ".join(one.workflow_name.split()), LONGEST_NAME) or "(no name)"
    return visible(f"{name} · {shorten(status_words(one.status), LONGEST_NAME)}", keep="")
