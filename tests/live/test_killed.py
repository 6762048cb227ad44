"""A batch that is killed midway, again and again, loses nothing and doubles nothing."""

from collections import Counter
from pathlib import Path

import pytest

from tests.support.killing import rows, survive


@pytest.mark.parametrize("seed", [1, 2])
def test_a_killed_batch_goes_on_until_every_message_has_arrived_exactly_once(
    tmp_path: Path, seed: int
) -> None:
    """Few rounds of what ``python -m tests.support.killing`` does twenty times with 1,000 rows."""
    arrived, said = survive(160, 4, seed, tmp_path / "answers.db")
    assert arrived == Counter(text for _, text in rows("", 160)), said
    assert "{'delivered': 160}" in said[-1]
