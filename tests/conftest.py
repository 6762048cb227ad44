"""What every test stands on: a clean environment, and a sandbox where one is asked for."""

import atexit
import gc
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

from asteroid_magic import AsteroidClient, Report, send_many
from asteroid_magic.client.retry import READ_REQUEST, Backoff, RetryPolicy
from asteroid_magic.config.api_key import ApiKey
from asteroid_magic.config.session import session
from asteroid_magic.sandbox import Sandbox
from tests.support.batches import Send
from tests.support.shells import Notebook

SLOW_PLACES = (
    "tests/live/",
    "tests/docs/test_reference.py",
    "tests/docs/test_site.py",
    "tests/test_distribution.py",
)
VARIABLES = (
    "ASTEROID_API_KEY",
    "ASTEROID_BASE_URL",
    # Those of the terminal in which the tests run; pytest-xdist hands them on.
    "COLUMNS",
    "CURL_CA_BUNDLE",
    "LINES",
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
        monkeypatch.setenv("TZ", "UTC")
        time.tzset()
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.setenv("IPYTHONDIR", str(home / "ipython"))
        monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
        # A shell lets what it runs in the background ignore interrupts, as would what this starts.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        yield home
        signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def clean_session() -> Iterator[None]:
    """No test finds what another has set, and a lost message is looked for only where one asks."""
    session.clear()
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("asteroid_magic.config.settings.DEFAULT_CONFIRM_GRACE_S", 0.0)
        yield
    session.clear()


@pytest.fixture(autouse=True)
def short_waits() -> Iterator[None]:
    """The client waits less between two tries; `tests/client/test_retry.py` has the rules."""
    reads = RetryPolicy((0.01, 0.02, 0.03, 0.04), READ_REQUEST.busy)
    with pytest.MonkeyPatch.context() as monkeypatch:
        for module in ("reading.whoami", "reading.executions", "files.downloads"):
            monkeypatch.setattr(f"asteroid_magic.client.{module}.READ_REQUEST", reads)
        monkeypatch.setattr("asteroid_magic.batch.reconcile.RECONCILIATION", Backoff(0.05, 0.2))
        yield


@pytest.fixture
def collected() -> Iterator[None]:
    """Collect what a test leaves behind while it still counts as a fault of that test."""
    yield
    gc.collect()


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine is in Berlin."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A sandbox whose agents hurry."""
    with Sandbox(pace=0.02) as sandbox:
        yield sandbox


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    InteractiveShell.clear_instance()
    # The history stays in memory: shells that share a file wait for each other's lock, and go on
    # without the file if that takes long.
    made = InteractiveShell.instance(config=Config(HistoryManager={"hist_file": ":memory:"}))
    yield made
    with capture_output():
        made.run_line_magic("unload_ext", "asteroid_magic")
    end_history(made)
    InteractiveShell.clear_instance()


def end_history(shell: InteractiveShell) -> None:
    """Close the history of a shell, which would stay open until the tests end."""
    history: Any = shell.history_manager
    history.end_session()
    history.db.close()
    # Otherwise the end of the program would write to it.
    atexit.unregister(shell.atexit_operations)


@pytest.fixture
def notebook(shell: InteractiveShell, box: Sandbox) -> Notebook:
    session.key = ApiKey(box.api_key, "the test")
    # As in the user's configuration: `%config` would load every lazy magic of IPython each time.
    shell.config.AsteroidMagics.base_url = box.base_url
    shell.run_line_magic("load_ext", "asteroid_magic")
    shell.user_ns.update(run_id=box.executions[1].id, run=box.executions[1])
    return Notebook(shell)


@pytest.fixture
def run_id(box: Sandbox) -> str:
    return box.executions[1].id


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what needs a kernel, a browser or a build, and what `slow.txt` names."""
    measured = set(Path(__file__).with_name("slow.txt").read_text().splitlines())
    for item in items:
        if item.nodeid.startswith(SLOW_PLACES) or item.nodeid.partition("[")[0] in measured:
            item.add_marker("slow")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even read, in the quick loop, what is slow as a whole: that takes seconds as well."""
    is_quick = config.option.markexpr == "not slow"
    place = collection_path.relative_to(config.rootpath).as_posix()
    return True if is_quick and f"{place}/".startswith(SLOW_PLACES) else None


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the pictures of the pages be made again: ``pytest --pictures docs/images``."""
    parser.addoption("--pictures", help="put the pictures that the browser tests take here")
    parser.addoption(
        "--renew-pictures", action="store_true", help="keep the pictures of today to compare with"
    )


@pytest.fixture
def send(box: Sandbox) -> Iterator[Send]:
    """`send_many` to the sandbox, quietly, and with little patience for what is lost."""
    with AsteroidClient(box.api_key, box.base_url, confirm_grace=0.3) as client:

        def sending(rows: Any, **options: Any) -> Report:
            usual: dict[str, Any] = {"client": client, "workers": 8, "progress": False}
            return send_many(rows, **usual | options)

        yield sending
