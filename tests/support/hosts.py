"""Hosts whose packages are large: the extra ``hosts`` installs them, for CI and who wants them."""

import importlib.util
import os

import pytest


def needed(*packages: str) -> None:
    """Skip the test if a package is missing; with REQUIRE_HOSTS set, fail."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        absent(f"{', '.join(missing)} is not installed; the extra [hosts] has it.")


def absent(why: str) -> None:
    """Skip the test; with REQUIRE_HOSTS set, fail: a missing host must not count as a pass."""
    (pytest.fail if os.environ.get("REQUIRE_HOSTS") else pytest.skip)(why)
