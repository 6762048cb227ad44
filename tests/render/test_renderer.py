"""What draws a thing is found by its type."""

import pytest

from asteroid_magic import Execution, Executions
from asteroid_magic.models.watch import Listing
from asteroid_magic.render import renderer
from tests.support.outcomes import ID, delivery


def test_tables_and_cards_are_drawn_by_their_own() -> None:
    listed = Listing([Execution(id=ID, workflow_name="Book a table", status="running")])
    for executions in (listed, Executions(listed)):
        assert "<table" in renderer.as_html(executions)
        assert renderer.as_text(executions).splitlines()[0].startswith("Status")
        assert renderer.as_line(executions).startswith("Status")
    assert "Delivered" in renderer.as_html(delivery())
    assert renderer.as_line(delivery()).startswith("Delivery: Delivered.")


def test_what_nobody_draws_is_an_error() -> None:
    for draw in (renderer.as_html, renderer.as_text, renderer.as_line):
        with pytest.raises(TypeError, match="object"):
            draw(object())
