"""The gallery lacks nothing that the package can draw."""

from typing import get_args

import asteroid_magic
from asteroid_magic.errors import AsteroidError
from asteroid_magic.models.report import RowState
from asteroid_magic.models.watch import Ending, WatchResult
from asteroid_magic.panel.outbox import Stage
from asteroid_magic.render import as_html
from asteroid_magic.render.cards import card_for
from tests.support.gallery import Card, PanelState, sections

EXHIBITS = [one for section in sections() for one in section.exhibits]
SHOWN = [one.shown for one in EXHIBITS if isinstance(one, Card)]
PANELS = [one.view for one in EXHIBITS if isinstance(one, PanelState)]


def test_it_has_a_card_of_every_result() -> None:
    kinds = {*card_for.registry, *as_html.registry} - {object}
    assert len(kinds) >= 10
    for kind in kinds:
        assert any(isinstance(one, kind) for one in SHOWN), kind


def test_it_has_a_card_of_every_error() -> None:
    public = (getattr(asteroid_magic, name) for name in asteroid_magic.__all__)
    errors = {one for one in public if isinstance(one, type) and issubclass(one, AsteroidError)}
    assert errors - {AsteroidError} <= {type(one) for one in SHOWN}


def test_it_has_every_outcome_and_every_ending() -> None:
    outcomes = {getattr(one, "outcome", "") for one in SHOWN}
    assert {"delivered", "not_delivered", "unknown", "not_done"} <= outcomes
    endings = {one.ending for one in SHOWN if isinstance(one, WatchResult)}
    assert endings == set(get_args(Ending))
    (report,) = (one for one in SHOWN if isinstance(one, asteroid_magic.Report) and one.failed)
    # A row under way is one that may have been delivered.
    assert set(report.counts) == set(get_args(RowState)) - {"under_way"}


def test_it_has_every_state_of_the_panel() -> None:
    presses = [press for view in PANELS for press in view["presses"]]
    assert {press["stage"] for press in presses} == set(get_args(Stage))
    assert {press["outcome"] for press in presses} >= {"delivered", "not_delivered", "unknown"}
    told = [view["conversation"] for view in PANELS if view["conversation"]]
    assert {one["waitsFor"] for one in told} == {"", "asks", "confirm"}
    assert {"unread", "readable", "not_found"} <= {one["access"] for one in told}
    for member in ("isOver", "isPurged", "awaits", "error"):
        assert {bool(one[member]) for one in told} == {True, False}, member
    for member in ("stopped", "problem", "note"):
        assert {bool(one[member]) for one in PANELS} == {True, False}, member


def test_each_exhibit_has_a_name_of_its_own() -> None:
    names = [one.name for one in EXHIBITS]
    assert len(set(names)) == len(names)
