"""The question of the chosen execution, with its options as buttons."""

import threading
from collections.abc import Callable

from ipywidgets import HTML, Button, HBox, ToggleButton, VBox, Widget

from ..client.client import AsteroidClient
from ..client.session_client import session_client
from ..deadline import Deadline
from ..errors import AsteroidError
from ..models.activities import Option, Question
from ..models.executions import Execution
from ..text import shorten, visible
from . import html
from .widgets import close

READING_TIMEOUT = 15.0
LONGEST_LABEL = 120


class QuestionPanel:
    """Shows the question of an execution in `box`; a chosen option goes to `answer` as a message.

    `answer` gets the new message, and the previous one, which it replaces.
    """

    def __init__(
        self, box: VBox, client: AsteroidClient | None, answer: Callable[[str, str], None]
    ) -> None:
        self._box, self._client, self._answer = box, client, answer
        self._lock = threading.Lock()
        self._reading: Deadline | None = None
        self._execution_id = ""
        self._chosen: list[list[str]] = []
        self._headers: list[str] = []
        self._put = ""

    def show(self, execution: Execution | None, *, anew: bool = False) -> None:
        """Show the question if this execution waits; `anew` reads it again, as it may differ."""
        asking = execution.id if execution is not None and execution.is_waiting else ""
        if asking == self._execution_id and not anew:
            return
        with self._lock:
            if self._reading is not None:
                self._reading.cancel()
            self._reading = deadline = Deadline(READING_TIMEOUT)
        if asking != self._execution_id:
            self._draw(deadline, ())
        self._execution_id = asking
        if asking:
            threading.Thread(
                target=self._read,
                args=(asking, deadline),
                name="asteroid-magic question",
                daemon=True,
            ).start()

    def close(self) -> None:
        """Stop reading the question."""
        with self._lock:
            if self._reading is not None:
                self._reading.cancel()
                self._reading = None

    def _read(self, execution_id: str, deadline: Deadline) -> None:
        try:
            with session_client(self._client) as client:
                questions = client.question(execution_id, timeout=deadline)
        except AsteroidError:
            # The question is only a help: without it, the user can still write.
            questions = ()
        self._draw(deadline, questions)

    def _draw(self, deadline: Deadline, questions: tuple[Question, ...]) -> None:
        with self._lock:
            if self._reading is not deadline:
                return
            before = self._box.children
            self._chosen = [[] for _ in questions]
            self._headers = [question.header or question.question for question in questions]
            self._put = ""
            self._box.children = tuple(
                widget
                for number, question in enumerate(questions)
                for widget in self._rows(number, question)
            )
        for widget in before:
            close(widget)

    def _rows(self, number: int, question: Question) -> list[Widget]:
        rows = [HTML(html.question(question))]
        for option in question.options:
            about = HTML(html.note(option.description))
            row = HBox([self._button(number, question, option), about])
            row.add_class("asteroid-form-line")
            rows.append(row)
        return rows

    def _button(self, number: int, question: Question, option: Option) -> Widget:
        label = visible(shorten(option.label, LONGEST_LABEL), keep="")
        tooltip = "Put this answer into the message"
        if question.multi_select:
            toggle = ToggleButton(description=label, tooltip=tooltip)
            toggle.observe(
                lambda change: self._choose(number, option.label, chosen=change["new"]), "value"
            )
            return toggle
        button = Button(description=label, tooltip=tooltip)
        button.on_click(lambda _: self._choose(number, option.label, alone=True))
        return button

    def _choose(self, number: int, label: str, *, chosen: bool = True, alone: bool = False) -> None:
        others = [] if alone else [one for one in self._chosen[number] if one != label]
        self._chosen[number] = [*others, label] if chosen else others
        answers = [", ".join(labels) for labels in self._chosen]
        if len(answers) > 1:
            named = zip(self._headers, answers, strict=True)
            answers = [f"{header}: {answer}" for header, answer in named if answer]
        before, self._put = self._put, "\n".join(answers)
        self._answer(self._put, before)
