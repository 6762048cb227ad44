"""``docs/guide/finding.md`` agrees with the code."""

import re

from asteroid_magic.input.options import EXECUTIONS
from tests.support.documents import page


def test_its_options_are_those_there_are() -> None:
    cells = page("docs/guide/finding.md").first_cells("In the list")
    assert set(re.findall(r"`(--[a-z-]+)", cells)) == set(EXECUTIONS.options)
