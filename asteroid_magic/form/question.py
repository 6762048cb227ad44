"""What the chosen execution waits for: its question with the options, or a confirmation."""

from collections.abc import Callable, Sequence
from typing import Literal

from ipywidgets import HTML, Button, HBox, VBox, Widget

from ..models.activities import Option, Question
from ..text import shorten, visible
from . import html
from .comms import take_while_busy
from .widgets import CheckedChoice, RadioChoice, close

LONGEST_LABEL = 120
Waits = Literal["asks", "confirm"] | None
# The words that a press puts into the message; the user can edit them.
ANSWERS = {
    "Approve": "Approved. Please go on.",
    "Reject": "Rejected. Please do not do this.",
}
BY_MESSAGE = (
    "Approve and Reject write a message, which you can edit and send. The agent reads it as any "
    "other message."
)


class QuestionPanel:
    """Shows the question of an execution in `box`; a chosen option goes to `answer` as a message.

    `answer` gets the new answer, and the previous one, which it replaces; it returns False if it
    cannot.
    """

    def __init__(self, box: VBox, answer: Callable[[str, str], bool]) -> None:
        self._box, self._answer = box, answer
        self._shown: tuple[str, Waits, tuple[Question, ...]] = ("", None, ())
        self._chosen: list[list[str]] = []
        # Which boxes are checked, in the order of checking.
        self._places: list[list[int]] = []
        self._headers: list[str] = []
        self._put = ""

    def show(self, asked_by: str, waits_for: Waits, questions: Sequence[Question]) -> None:
        """Show these questions; what is shown already stays, with the options chosen.

        `asked_by` tells the execution, and when it asked, from others.
        """
        asked = tuple(questions) if waits_for else ()
        shown = (asked_by if asked else "", waits_for if asked else None, asked)
        if shown == self._shown:
            return
        self._shown = shown
        self._chosen = [[] for _ in asked]
        self._places = [[] for _ in asked]
        self._headers = [question.header or question.question for question in asked]
        self._put = ""
        before = self._box.children
        self._box.children = tuple(
            widget
            for number, question in enumerate(asked)
            for widget in self._rows(number, question, waits_for)
        )
        take_while_busy(self._box)
        for widget in before:
            _close_all(widget)

    def _rows(self, number: int, question: Question, waits_for: Waits) -> list[Widget]:
        rows: list[Widget] = [HTML(html.question(question))]
        if waits_for == "confirm" and not question.options:
            rows += self._confirmation(number)
        elif question.multi_select:
            labels = _labels(question.options)
            rows += [
                self._checkbox(number, at, label, question.options)
                for at, label in enumerate(labels)
            ]
        elif question.options:
            rows.append(self._radio_buttons(number, question.options))
        return rows

    def _confirmation(self, number: int) -> list[Widget]:
        buttons = []
        for name, words in ANSWERS.items():
            button = Button(description=name, tooltip="Put this answer into the message")
            button.on_click(lambda _, words=words: self._choose(number, [words]))
            buttons.append(button)
        line = HBox([*buttons, HTML(html.note(BY_MESSAGE))])
        line.add_class("asteroid-form-line")
        return [line]

    def _checkbox(self, number: int, at: int, label: str, options: Sequence[Option]) -> Widget:
        box = CheckedChoice(description=label, indent=False)
        box.add_class("asteroid-form-option")

        def look(change: dict[str, bool]) -> None:
            others = [one for one in self._places[number] if one != at]
            self._places[number] = [*others, at] if change["new"] else others
            self._choose(number, [options[one].label for one in self._places[number]])

        box.observe(look, "value")
        return box

    def _radio_buttons(self, number: int, options: Sequence[Option]) -> Widget:
        labels = [(label, at) for at, label in enumerate(_labels(options))]
        group = RadioChoice(options=labels, value=None, index=None)
        group.add_class("asteroid-form-option")

        def look(change: dict[str, int | None]) -> None:
            if change["new"] is not None:
                self._choose(number, [options[change["new"]].label])

        group.observe(look, "index")
        return group

    def _choose(self, number: int, labels: list[str]) -> None:
        self._chosen[number] = labels
        answers = [", ".join(labels) for labels in self._chosen]
        if len(answers) > 1:
            named = zip(self._headers, answers, strict=True)
            answers = [f"{header}: {answer}" for header, answer in named if answer]
        put = "\n".join(answers)
        if self._answer(put, self._put):
            self._put = put


def _labels(options: Sequence[Option]) -> list[str]:
    """Return a label for each option, all of them different: browsers tell them apart by that."""
    labels: list[str] = []
    for words in map(_label, options):
        label, number = words, 1
        while label in labels:
            number += 1
            label = f"{words} ({number})"
        labels.append(label)
    return labels


def _label(option: Option) -> str:
    label = shorten(option.label, LONGEST_LABEL)
    words = (
        f"{label} · {shorten(option.description, LONGEST_LABEL)}" if option.description else label
    )
    return visible(words, keep="")


def _close_all(widget: Widget) -> None:
    for child in getattr(widget, "children", ()):
        _close_all(child)
    close(widget)
