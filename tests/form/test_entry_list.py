"""The entries of a conversation: what stays as it is while others come and change."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from ipywidgets import HTML, VBox

from asteroid_magic.form.entry_list import MOST_KEPT, EntryList
from asteroid_magic.form.html import MOST_ENTRIES
from asteroid_magic.form.widgets import close
from asteroid_magic.monitor import ConversationState
from asteroid_magic.render.transcript import TranscriptEntry
from asteroid_magic.text import Excerpt
from tests.support.outcomes import ID

from .conftest import markup, words

OTHER = "00000000-0000-4000-8000-000000000002"


def entry(number: int, text: str = "", day: str = "2026-10-01 (UTC)") -> TranscriptEntry:
    said = Excerpt(text or f"note {number}")
    return TranscriptEntry("note", "Note", said, day=day, activity_id=f"a{number}")


class Shown:
    """A list of entries, and what it shows."""

    def __init__(self) -> None:
        self.box = VBox()
        self.list = EntryList(self.box)

    def show(self, *entries: TranscriptEntry, of: str = ID) -> list[HTML]:
        """Show the newest of these entries; return all widgets of entries."""
        state = ConversationState(execution_id=of, updated_at=datetime.now(UTC))
        self.list.show(state, entries[-MOST_ENTRIES:], has_older=len(entries) > MOST_ENTRIES)
        return self.widgets

    @property
    def widgets(self) -> list[HTML]:
        _, card = self.box.children
        return list(card.children[1].children)

    @property
    def notes(self) -> list[str]:
        return [words(one).rpartition("Note ")[2] for one in self.widgets]


@pytest.fixture
def shown() -> Iterator[Shown]:
    made = Shown()
    yield made
    waiting: list[Any] = [made.box]
    while waiting:
        widget = waiting.pop()
        waiting += getattr(widget, "children", ())
        close(widget)


def test_entries_that_stay_are_not_drawn_anew_while_others_come(shown: Shown) -> None:
    entries = [entry(number) for number in range(MOST_ENTRIES)]
    before = shown.show(*entries)
    values = [one.value for one in before]
    changed: list[object] = []
    for widget in before:
        widget.observe(changed.append, "value")
    for number in range(MOST_ENTRIES, MOST_KEPT):
        entries.append(entry(number))
        after = shown.show(*entries)
        # Browsers keep the views of those at the front of the list.
        assert after[: len(before)] == before
        assert len(after) == number + 1
    assert not changed
    assert [one.value for one in before] == values
    assert words(shown.box).endswith(f"note {MOST_KEPT - 1}")
    assert "note 19 " not in words(shown.box)
    assert "2026-10-01" in words(shown.box)


def test_it_keeps_no_more_than_it_must(shown: Shown) -> None:
    entries = [entry(number) for number in range(MOST_KEPT)]
    for number in range(1, MOST_KEPT + 1):
        before = shown.show(*entries[:number])
    after = shown.show(*entries, entry(MOST_KEPT))
    assert len(after) == MOST_ENTRIES
    assert all(one.comm is None for one in before if one not in after)
    assert "2026-10-01" in after[0].value.split("asteroid-form-same-day")[0]


def test_an_entry_that_changes_does_so_in_place(shown: Shown) -> None:
    before = shown.show(entry(1), entry(2), entry(3))
    values = [one.value for one in before]
    after = shown.show(entry(1), entry(2, "something else"), entry(3))
    assert after == before
    assert "something else" in after[1].value
    assert [after[0].value, after[2].value] == [values[0], values[2]]


def test_another_execution_has_entries_of_its_own(shown: Shown) -> None:
    before = shown.show(entry(1), entry(2))
    after = shown.show(entry(1), of=OTHER)
    assert not set(after) & set(before)
    assert all(one.comm is None for one in before)
    shown.list.show(None, (), has_older=False)
    assert shown.widgets == []
    assert shown.box.layout.display == "none"


def test_without_ids_each_is_an_entry(shown: Shown) -> None:
    nameless = [TranscriptEntry("note", "Note", Excerpt(text)) for text in ("one", "two")]
    assert len(shown.show(*nameless)) == 2
    assert words(shown.box) == "Note one Note two"


def test_entries_with_the_same_id_are_all_shown(shown: Shown) -> None:
    again = entry(1, "said again")
    before = shown.show(entry(1), entry(2), again)
    assert shown.notes == ["note 1", "note 2", "said again"]
    assert shown.show(entry(1), entry(2), again) == before


@pytest.mark.parametrize("nameless", [False, True])
def test_entries_stand_in_the_order_in_which_they_came_last(shown: Shown, nameless: bool) -> None:
    first, moved = entry(1), entry(2)
    moved = replace(moved, activity_id="") if nameless else moved
    shown.show(first, moved, entry(3))
    shown.show(entry(3), moved)
    assert shown.notes == ["note 3", "note 2"]
    shown.show(entry(3), moved, entry(4))
    assert shown.notes == ["note 3", "note 2", "note 4"]


def test_the_date_stands_where_it_changes(shown: Shown) -> None:
    first, second = "2026-10-01 (UTC)", "2026-10-02 (UTC)"
    values = [one.value for one in shown.show(entry(1), entry(2), entry(3, day=second))]
    hidden = ["asteroid-form-same-day" in value for value in values]
    assert hidden == [False, True, False]
    assert first in values[1]


def test_for_a_screen_reader_the_region_holds_the_entries_in_sight(shown: Shown) -> None:
    widgets = shown.show(*(entry(number) for number in range(MOST_ENTRIES)))
    widgets = shown.show(*(entry(number) for number in range(MOST_ENTRIES + 2)))
    ids = [one.value.split('id="')[1].split('"')[0] for one in widgets]
    assert len(set(ids)) == MOST_ENTRIES + 2
    owned = " ".join(ids[-MOST_ENTRIES:])
    assert f'role="region" aria-label="Conversation" aria-owns="{owned}"' in markup(shown.box)
