"""``docs/guide/sending.md`` agrees with the code."""

import inspect
import re

from asteroid_magic import AsteroidClient
from asteroid_magic.input.send_line import OPTIONS
from tests.support.documents import page

PAGE = page("docs/guide/sending.md")


def test_its_options_are_those_there_are() -> None:
    assert set(re.findall(r"`(--[a-z-]+)", PAGE.first_cells("Options"))) == set(OPTIONS)


def test_its_table_of_calls_names_every_method_with_its_arguments() -> None:
    listed = dict(re.findall(r"`([a-z_]+)\((.*?)\)`", PAGE.first_cells("In a program")))
    methods = {
        name
        for name, _ in inspect.getmembers(AsteroidClient, inspect.isfunction)
        if not name.startswith("_")
    }
    assert set(listed) == methods - {"close", "dry_run"}
    for name, arguments in listed.items():
        known = inspect.signature(getattr(AsteroidClient, name)).parameters
        for default in re.findall(r"(\w+)=([^,]+)", arguments):
            assert str(known[default[0]].default) == default[1].strip('"'), name
