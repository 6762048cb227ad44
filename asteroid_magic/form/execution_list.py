"""The list of executions in a form, from which the user chooses one.

A page reports a choice as the number of a line, and by then the kernel may have a newer list, in
which that line is another execution. So each list has a number, which a page hears after the list,
and sends back on the channel of its choices: what comes after the report is a choice from that
list, or from a newer one. If the line is not the same execution in all of these, nothing is chosen.

The report of a list may come in one message with a choice: ipywidgets holds back what a page says
while it waits for an answer, and then says it all at once. Such a choice may be older.
"""

import threading
from collections.abc import Callable, Collection, Sequence
from typing import Any

import ipywidgets
from ipywidgets import Label
from traitlets import CBool, Unicode

from .comms import CHANGING, Field

# So many lists are remembered. A page that shows an older one has to show the latest first.
MOST_LISTS = 100


class ExecutionList(Field, ipywidgets.Dropdown):  # type: ignore[misc]
    """A list of lines with execution IDs; its first line chooses none of them.

    With each choice it calls what `when_chosen` has set, while `CHANGING` is held.
    """

    # A choice of another widget can freeze it: the browser sends the number of the choice.
    disabled = CBool(False).tag(sync=True)
    # Each page sets it to the number of the list that it shows. Here it never changes, so that each
    # page that loads has something to report.
    shown = Unicode("").tag(sync=True)

    def __init__(self) -> None:
        # The IDs of the latest lists, by their numbers.
        self._lists: dict[int, tuple[str, ...]] = {0: ("",)}
        # The list that a page has reported last, by the session of its messages.
        self._reported: dict[str, int] = {}
        self._message = threading.local()
        self._take: Callable[[str, Collection[str]], None] = lambda _id, _seen: None
        self._refuse: Callable[[], None] = lambda: None
        # The number of the latest list. To link a widget to itself makes its view miss changes.
        self.number = Label("0")
        super().__init__(description="Execution", options=[("", "")])

    @property
    def offered(self) -> int:
        """The number of the latest list."""
        return int(self.number.value)

    def linked(self) -> ipywidgets.Widget:
        """Let each page report the list that it shows."""
        return ipywidgets.jsdlink((self.number, "value"), (self, "shown"))

    def when_chosen(
        self, take: Callable[[str, Collection[str]], None], refuse: Callable[[], None]
    ) -> None:
        """Call `take` with the ID that the user has chosen, and those that the user may have seen.

        The ID is empty for none. If it is not certain which one the user means, call `refuse`.
        """
        self._take, self._refuse = take, refuse

    def offer(self, lines: Sequence[tuple[str, str]], chosen: str) -> None:
        """Offer these lines with their IDs, and show the chosen one."""
        options, before = tuple(lines), self.trait_values()
        ids = tuple(one for _, one in options)
        value = chosen if chosen in ids else ""
        if options == before["options"] and value == before["value"]:
            return
        with CHANGING:
            # In one message: a page shows all of it, or nothing.
            with self.hold_sync():
                if options != before["options"]:
                    self.options = options
                self.value = value
            self._count(ids)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take over what a page says."""
        said = dict(sync_data)
        page = getattr(self._message, "session", "")
        with CHANGING:
            # In this order, as the choice may be older than the report.
            if "index" in said:
                self._hear_choice(said.pop("index"), self._reported.get(page, 0))
            if "shown" in said:
                self._note_report(page, said.pop("shown"))
            super().set_state(said)

    def _handle_msg(self, msg: dict[str, Any]) -> None:
        # Pages differ in how soon they show a list.
        self._message.session = msg.get("header", {}).get("session", "")
        super()._handle_msg(msg)

    def _hear_choice(self, line: object, since: int) -> None:
        """Choose a line that the user has seen in a list of at least the number `since`."""
        if self.disabled or not isinstance(line, int):
            self._show_again()
            return
        is_latest = since == self.offered
        seen = [ids for number, ids in self._lists.items() if number >= since]
        meant = {ids[line] for ids in seen if 0 <= line < len(ids)}
        if len(meant) != 1 or since < min(self._lists):
            self._refuse()
            self._show_again()
            return
        if line < len(self.options):
            # The page shows that already.
            super().set_state({"index": line})
        self._take(meant.pop(), frozenset().union(*seen))
        if not is_latest:
            # A list that came meanwhile may have taken the choice back in the page.
            self._show_again()

    def _note_report(self, page: str, number: object) -> None:
        known = {str(one): one for one in self._lists}
        if isinstance(number, str) and number in known:
            self._reported[page] = known[number]

    def _show_again(self) -> None:
        """Let each page show what is chosen, and report that it does."""
        self.send_state("index")
        self._count(self._lists[self.offered])

    def _count(self, ids: tuple[str, ...]) -> None:
        """Give a list a number, for the pages that have heard of it; forget the oldest one."""
        number = self.offered + 1
        self._lists[number] = ids
        self._lists.pop(number - MOST_LISTS, None)
        self.number.value = str(number)
