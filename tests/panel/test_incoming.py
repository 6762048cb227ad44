"""Pieces of files that a page sends: whole files come out, or none."""

import pytest

from asteroid_magic.panel import incoming as incoming_module
from asteroid_magic.panel.incoming import MOST_PRESSES, Incoming


def test_files_come_out_whole_in_their_order_and_once() -> None:
    incoming = Incoming()
    incoming.take("p", "0", "a.txt", [b"one ", memoryview(b"two ")])
    incoming.take("other", "0", "a.txt", [b"1"])
    incoming.take("p", "0", "a.txt", [b"three"])
    incoming.take("p", "1", "a.txt", [b""])
    incoming.take("p", "2", "ü.txt", [b"x"])
    whole = [("a.txt", b"one two three"), ("a.txt", b""), ("ü.txt", b"x")]
    assert incoming.give("p", "13,0,1") == whole
    assert incoming.give("p", "13,0,1") is None
    assert incoming.give("p", "") == []
    assert incoming.give("other", "1") == [("a.txt", b"1")]


@pytest.mark.parametrize(
    "pieces",
    [
        [("1", "a", b"1")],
        [("0", "", b"1")],
        [("0", "a", b"1"), ("2", "b", b"1")],
        [("0", "a", b"1"), ("0", "b", b"1")],
        [("0", "a", b"1"), ("1", "b", b"1"), ("0", "a", b"1")],
        [("-1", "a", b"1")],
        [("", "a", b"1")],
        [("0", "a", b"x" * 60), ("0", "a", b"x" * 41)],
        [("0", "a", b"x" * 60), ("1", "b", b"x" * 41), ("2", "c", b"1")],
    ],
)
def test_what_does_not_fit_together_gives_no_files(
    pieces: list[tuple[str, str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming_module, "MOST_BYTES", 100)
    incoming = Incoming()
    for at, name, contents in pieces:
        incoming.take("p", at, name, [contents])
    sizes: dict[str, int] = {}
    for at, _, contents in pieces:
        sizes[at] = sizes.get(at, 0) + len(contents)
    assert incoming.give("p", ",".join(map(str, sizes.values()))) is None


@pytest.mark.parametrize("sizes", ["", "3", "4,0", "four", "04", "4,"])
def test_files_of_another_size_than_told_are_none(sizes: str) -> None:
    incoming = Incoming()
    incoming.take("p", "0", "a", [b"four"])
    assert incoming.give("p", sizes) is None


def test_what_pages_do_not_finish_does_not_pile_up() -> None:
    incoming = Incoming()
    for number in range(100):
        incoming.take(str(number), "0", "a", [b"x" * 1000])
    given = [incoming.give(str(number), "1000") for number in range(100)]
    assert sum(one is not None for one in given) == MOST_PRESSES
    assert given[-1] == [("a", b"x" * 1000)]
    incoming.take("p", "0", "a", [b"1"])
    incoming.clear()
    assert incoming.give("p", "1") is None
