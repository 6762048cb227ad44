"""What every test stands on: a clean environment, and a sandbox where one is asked for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from asteroid_magic.sandbox import Sandbox
from asteroid_magic.session import session

VARIABLES = (
    "ASTEROID_API_KEY",
    "ASTEROID_BASE_URL",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    *(name for proxy in ("http", "https", "all", "no") for name in (f"{proxy}_proxy",)),
    *(name for proxy in ("HTTP", "HTTPS", "ALL", "NO") for name in (f"{proxy}_PROXY",)),
)


@pytest.fixture(scope="session", autouse=True)
def clean_surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """No setting, proxy, home or keyring of the machine reaches a test or what it starts."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.setenv("IPYTHONDIR", str(home / "ipython"))
        monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
        yield home


@pytest.fixture(autouse=True)
def clean_session() -> Iterator[None]:
    """No test finds what another has set."""
    session.clear()
    yield
    session.clear()


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A sandbox whose agents hurry."""
    with Sandbox(pace=0.02) as sandbox:
        yield sandbox
