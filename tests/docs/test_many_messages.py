"""``docs/guide/many-messages.md`` agrees with the code."""

import inspect
import re

from asteroid_magic import send_many
from tests.support.documents import page


def test_its_arguments_are_those_of_the_function() -> None:
    cells = page("docs/guide/many-messages.md").first_cells("In Python")
    arguments = inspect.signature(send_many).parameters
    assert set(re.findall(r"`(\w+)`", cells)) == set(arguments) - {"rows"}
    assert arguments["workers"].default == 16
    assert arguments["absent_after"].default == 60
