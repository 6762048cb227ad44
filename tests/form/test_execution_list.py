"""The list of executions: no choice becomes another execution than the one that the user saw."""

import random
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from asteroid_magic.form.comms import CHANGING
from asteroid_magic.form.execution_list import MOST_LISTS
from asteroid_magic.form.picker import CHOOSE_AGAIN, Picker
from asteroid_magic.form.widgets import FormWidgets

IDS = [f"8b078c8b-0000-4000-8000-00000000000{n}" for n in range(8)]


class Page:
    """What a page does with the list: it shows what the kernel says, and reports that.

    One message of it is under way; what else it has to say is held back, and then said at once.
    """

    def __init__(self, name: str, state: dict[str, Any], number: str) -> None:
        self.name = name
        self.lines, self.index = tuple(state["_options_labels"]), state["index"]
        self.shown = state["shown"]
        self.from_kernel: list[dict[str, Any]] = []
        self.under_way: dict[str, Any] = {}
        self._held: dict[str, Any] = {}
        self._report(number)

    def choose(self, line: int) -> None:
        """Choose a line, unless it is the one that is shown as chosen."""
        if line != self.index:
            self.index = line
            # Together with what the user means by it, which the kernel does not hear.
            self._say(index=line, meant=self.lines[line])

    def hear(self) -> None:
        """Show the next thing that the kernel has said."""
        if self.from_kernel:
            state = self.from_kernel.pop(0)
            self.lines = tuple(state.get("_options_labels", self.lines))
            self.index = state.get("index", self.index)
            self._report(state.get("value", self.shown))

    def arrived(self) -> dict[str, Any]:
        """Return the message that has arrived; another may now be under way."""
        message, self.under_way, self._held = self.under_way, self._held, {}
        return message

    def _report(self, number: str) -> None:
        if self.shown != number:
            self.shown = number
            self._say(shown=number)

    def _say(self, **news: object) -> None:
        said = self._held if self.under_way else self.under_way
        said.update(news)


class FrontEnd:
    """The pages that show one form."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.widgets = FormWidgets("", "")
        self.picker = Picker(self.widgets, lambda _id: None)
        self.listing = self.widgets.listing
        self.pages: list[Page] = []

        self._speaker: Page | None = None

        def send(message: dict[str, Any], **_: object) -> None:
            is_echo = message["method"] == "echo_update"
            for page in self.pages:
                # A page knows its own echo, and does not take back what the user did meanwhile.
                if not (is_echo and page is self._speaker):
                    page.from_kernel.append(dict(message["state"]))

        for widget in (self.listing, self.listing.number):
            monkeypatch.setattr(widget, "_send", send)
            if hasattr(widget.comm, "kernel"):
                # Without a kernel, ipywidgets 7 sends nothing.
                monkeypatch.setitem(widget.comm._trait_values, "kernel", object())

    def open_page(self) -> Page:
        page = Page(f"page {len(self.pages)}", self.listing.get_state(), self.listing.number.value)
        self.pages.append(page)
        return page

    def offer(self, ids: list[str], words: str = "") -> None:
        """Offer a list of these executions."""
        lines = [("-", ""), *((f"{one} {words}", one) for one in ids)]
        self.listing.offer(lines, self.picker.execution_id)

    def deliver(self, page: Page) -> None:
        """Let the kernel take the next message of a page, and check what becomes of it."""
        state = page.arrived()
        meant = state.pop("meant", None)
        before = self.picker.execution_id
        self._speaker = page
        content = {"data": {"method": "update", "state": state}}
        self.listing._handle_msg({"header": {"session": page.name}, "content": content})
        now = self.picker.execution_id
        if meant is None:
            assert now == before
        elif CHOOSE_AGAIN in self.widgets.about.value:
            assert now == ""
        else:
            # To choose none leaves an ID alone that the list did not have.
            assert now == meant.split()[0].strip("-") or (meant == "-" and now == before)

    def settle(self) -> None:
        """Let everything arrive that is under way."""
        while any(page.from_kernel or page.under_way for page in self.pages):
            for page in self.pages:
                self.deliver(page)
                page.hear()


@pytest.fixture
def front_end() -> Iterator[FrontEnd]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        made = FrontEnd(monkeypatch)
        yield made
    made.widgets.close()


@pytest.mark.parametrize("pages", [1, 3])
@pytest.mark.parametrize("seed", range(40))
def test_a_choice_is_what_the_user_saw_or_none_and_says_so(
    front_end: FrontEnd, pages: int, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 (a test that can be repeated)
    front_end.open_page()
    for _ in range(200):
        page = chance.choice(front_end.pages)
        what = chance.choice(["offer", "hear", "hear", "choose", "deliver", "deliver", "rare"])
        if what == "offer":
            front_end.offer(chance.sample(IDS, chance.randint(0, 6)), str(chance.random()))
        elif what == "hear":
            page.hear()
        elif what == "choose":
            page.choose(chance.randrange(len(page.lines)))
        elif what == "deliver":
            front_end.deliver(page)
        elif len(front_end.pages) < pages:
            front_end.open_page()
        else:
            front_end.widgets.execution.value = chance.choice(IDS)
    front_end.settle()
    chosen = front_end.listing.options[front_end.listing.index][1]
    assert chosen in {front_end.picker.execution_id, ""}
    if pages == 1:
        assert page.lines[page.index] == front_end.listing.options[front_end.listing.index][0]


def test_a_page_is_not_told_of_its_own_choice(front_end: FrontEnd) -> None:
    """The user may have gone on to another line, with the arrow keys: it would be taken back."""
    page = front_end.open_page()
    front_end.offer(IDS)
    lines, number = page.from_kernel
    assert ({*lines}, {*number}) == ({"_options_labels", "index"}, {"value"})
    front_end.settle()
    for line in (3, 4):
        page.choose(line)
        front_end.deliver(page)
        assert page.from_kernel == []
    assert front_end.picker.execution_id == IDS[3]


def test_a_page_shows_what_is_chosen_after_an_id_was_typed_meanwhile(front_end: FrontEnd) -> None:
    page = front_end.open_page()
    front_end.offer(IDS[:3])
    front_end.settle()
    page.choose(2)
    front_end.widgets.execution.value = IDS[0]
    front_end.settle()
    assert front_end.picker.execution_id == IDS[1]
    assert page.index == 2


def test_a_page_shows_that_none_is_chosen_if_it_was_not_certain(front_end: FrontEnd) -> None:
    page = front_end.open_page()
    front_end.offer(IDS[:3])
    front_end.settle()
    page.choose(1)
    front_end.offer(IDS[3:6])
    page.hear()
    page.hear()
    # Held back, together with the report of the new list.
    page.choose(2)
    front_end.settle()
    assert front_end.picker.execution_id == ""
    assert page.index == 0


def test_no_thread_changes_the_form_while_it_takes_a_choice(front_end: FrontEnd) -> None:
    can_change: list[bool] = []
    with ThreadPoolExecutor(1) as pool:

        def change() -> bool:
            if is_free := CHANGING.acquire(blocking=False):
                CHANGING.release()
            return is_free

        def take(*_: object) -> None:
            can_change.append(pool.submit(change).result())

        front_end.listing.when_chosen(take, take)
        front_end.offer(IDS[:1])
        front_end.listing.set_state({"index": 1})
        front_end.listing.set_state({"index": 9})
    assert can_change == [False, False]


def test_a_page_that_loads_later_reports_its_list_also_if_it_is_the_latest(
    front_end: FrontEnd,
) -> None:
    front_end.offer(IDS[:2])
    front_end.open_page()
    front_end.settle()
    page = front_end.open_page()
    front_end.settle()
    page.choose(2)
    front_end.settle()
    assert front_end.picker.execution_id == IDS[1]


def test_a_choice_under_the_number_of_the_one_before_is_a_choice(front_end: FrontEnd) -> None:
    """The page does not show yet that the chosen one has moved to the line that is pressed."""
    page = front_end.open_page()
    front_end.offer([IDS[0], IDS[1]])
    front_end.settle()
    page.choose(2)
    front_end.settle()
    front_end.offer([IDS[1]])
    page.choose(1)
    front_end.settle()
    assert CHOOSE_AGAIN in front_end.widgets.about.value
    assert front_end.picker.execution_id == ""
    page.choose(1)
    front_end.settle()
    assert front_end.picker.execution_id == IDS[1]


def test_a_page_that_has_missed_very_many_lists_has_to_show_the_latest_first(
    front_end: FrontEnd,
) -> None:
    page = front_end.open_page()
    front_end.offer(IDS[:1])
    front_end.settle()
    # Only the one that it shows had another in its first line.
    for number in range(MOST_LISTS):
        front_end.offer(IDS[1:2], str(number))
    page.choose(1)
    front_end.settle()
    assert CHOOSE_AGAIN in front_end.widgets.about.value
    page.choose(1)
    front_end.settle()
    assert front_end.picker.execution_id == IDS[1]


@pytest.mark.parametrize("line", [9, -1])
def test_a_line_that_no_list_had_chooses_none(front_end: FrontEnd, line: int) -> None:
    front_end.open_page()
    front_end.offer(IDS[:2])
    front_end.settle()
    front_end.listing.set_state({"index": line})
    assert CHOOSE_AGAIN in front_end.widgets.about.value
    assert front_end.picker.execution_id == front_end.listing.value == ""


@pytest.mark.parametrize(
    "strange",
    [
        {"shown": "x"},
        {"shown": "99"},
        {"shown": 9},
        {"shown": None},
        {"shown": [1]},
        {"index": None},
        {"index": "2"},
        {"index": 1.5},
        {"index": [1]},
    ],
)
def test_what_no_page_says_changes_nothing(front_end: FrontEnd, strange: dict[str, Any]) -> None:
    page = front_end.open_page()
    front_end.offer(IDS[:2])
    front_end.settle()
    page.choose(1)
    front_end.settle()
    front_end.listing.set_state(strange)
    assert front_end.picker.execution_id == front_end.listing.value == IDS[0]
    front_end.offer([IDS[2], *IDS[:2]])
    page.choose(2)
    front_end.settle()
    # Its second line was another one.
    assert CHOOSE_AGAIN in front_end.widgets.about.value


@pytest.mark.usefixtures("switching")
def test_a_choice_is_right_while_another_thread_renews_the_list() -> None:
    widgets = FormWidgets("", "")
    picker = Picker(widgets, lambda _id: None)
    lists = {0: [""]}

    def renew() -> None:
        chance = random.Random(1)  # noqa: S311 (as above)
        for _ in range(300):
            ids = chance.sample(IDS, chance.randint(1, 6))
            with widgets.lock:
                widgets.listing.offer([("-", ""), *((one, one) for one in ids)], "")
                lists[widgets.listing.offered] = ["", *ids]

    with ThreadPoolExecutor(1) as pool:
        renewing = pool.submit(renew)
        while not renewing.done():
            number = max(list(lists))
            widgets.listing.set_state({"shown": str(number)})
            seen = lists[number]
            widgets.listing.set_state({"index": len(seen) - 1})
            assert picker.execution_id in {seen[-1], ""}
        renewing.result()
    widgets.close()


@pytest.fixture
def switching() -> Iterator[None]:
    """Python goes from thread to thread all the time."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)
