"""A front end of the panel without a browser: what it is told, and what it says."""

import json
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from asteroid_magic.client.client import AsteroidClient
from asteroid_magic.config.api_key import ApiKey
from asteroid_magic.config.session import session
from asteroid_magic.form import open_views
from asteroid_magic.panel import ChatPanel
from asteroid_magic.sandbox import Sandbox
from tests.support.monitors import shorten_pauses
from tests.support.records import RecordServer
from tests.support.waiting import until

OURS = "asteroid-magic "
KEY = "key-4711-secret"


class Page:
    """One view of a panel in a page; `told` are the messages of the kernel, as JSON brings them.

    `entries` are those that the page knows of its conversation, as ``panel.js`` keeps them.
    """

    def __init__(self, panel: ChatPanel) -> None:
        self.panel = panel
        self.told: list[dict[str, Any]] = []
        self.entries: dict[str, dict[str, Any]] = {}
        self._chosen = ""
        self._pings = 0
        before = panel.send

        def send(content: Any, buffers: Any = None) -> None:
            # As the kernel packs it.
            packed = json.dumps(content, ensure_ascii=False, allow_nan=False).encode()
            self.take(json.loads(packed))
            before(content, buffers)

        panel.send = send

    def take(self, content: dict[str, Any]) -> None:
        self.told.append(content)
        if content["type"] != "view":
            return
        if content["chosen"] != self._chosen:
            self._chosen = content["chosen"]
            self.entries.clear()
        found = content["conversation"]
        if found is not None:
            self.entries |= {one["key"]: one for one in found["entries"]}
            self.entries = {key: self.entries[key] for key in found["order"]}

    def say(self, kind: object, *buffers: bytes, **content: object) -> None:
        """Send a message of the page to the kernel."""
        views = [memoryview(one) for one in buffers]
        self.panel._handle_custom_msg({"type": kind, "view": "page", **content}, views)

    def ping(self, *, seen: bool = True) -> None:
        self._pings += 1
        self.say("ping", number=str(self._pings), **({"seen": "1"} if seen else {}))

    def press(
        self,
        text: object,
        press: str = "",
        execution: str | None = None,
        files: Sequence[tuple[str, bytes]] = (),
    ) -> str:
        """Press Send; return the number of the press."""
        press = press or f"press-{len(self.told)}-{len(self.panel._outbox.presses)}"
        where = self.panel.execution if execution is None else execution
        for at, (name, contents) in enumerate(files):
            for start in range(0, max(1, len(contents)), 100):
                piece = contents[start : start + 100]
                self.say("piece", piece, press=press, at=str(at), name=name)
        sizes = ",".join(str(len(contents)) for _, contents in files)
        self.say("send", press=press, execution=where, text=text, files=sizes)
        return press

    @property
    def views(self) -> list[dict[str, Any]]:
        return [one for one in self.told if one["type"] == "view"]

    @property
    def shown(self) -> dict[str, Any]:
        """The latest view."""
        return self.views[-1]

    @property
    def inbox(self) -> dict[str, Any]:
        found: dict[str, Any] = self.shown["inbox"]
        return found

    @property
    def conversation(self) -> dict[str, Any]:
        """The latest conversation; empty if none is shown."""
        return self.shown["conversation"] or {}

    def bubble(self, press: str) -> dict[str, Any]:
        """Return what the latest view says of a press; empty if nothing."""
        found = (one for one in self.shown["presses"] if one["press"] == press)
        return next(found, {})

    def stages(self, press: str) -> list[str]:
        """Return the stages in which a press was shown, each once in a row."""
        stages: list[str] = []
        for view in self.views:
            for one in view["presses"]:
                if one["press"] == press and stages[-1:] != [one["stage"]]:
                    stages.append(one["stage"])
        return stages

    def done(self, press: str) -> dict[str, Any]:
        """Return what is shown of a press once its outcome is known."""
        until(lambda: self.bubble(press).get("stage") == "done")
        return self.bubble(press)

    def texts(self) -> list[str]:
        return [one["text"] for one in self.entries.values()]

    def read(self) -> "Page":
        """Return the page once the conversation has been read."""
        until(lambda: self.conversation.get("isRead"))
        return self


@pytest.fixture
def account(box: Sandbox) -> Sandbox:
    """A sandbox, with the settings pointing to it."""
    use(box.base_url, box.api_key)
    return box


@pytest.fixture
def server() -> Iterator[RecordServer]:
    with RecordServer() as made:
        use(made.base_url)
        yield made


@pytest.fixture(autouse=True)
def nothing_left(shell: InteractiveShell) -> Iterator[None]:
    """Close every panel after each test, and wait for their threads to end."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        shorten_pauses(monkeypatch)
        yield
    open_views.close_all()
    until(lambda: not threads())
    assert not shell.events.callbacks["post_run_cell"]


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What panels put into the notebook: each with its data and whether it is an update."""
    published: list[dict[str, Any]] = []

    def publish(data: Any, _metadata: Any, **options: Any) -> None:
        published.append({"data": data, "update": False, "transient": {}, **options})

    monkeypatch.setattr("asteroid_magic.panel.panel.publish_display_data", publish)
    return published


def use(base_url: str, key: str = KEY) -> None:
    session.base_url, session.key = base_url, ApiKey(key, "the test")


def threads() -> set[str]:
    """Return what the threads of panels do."""
    names = [one.name for one in threading.enumerate()]
    return {one.removeprefix(OURS) for one in names if one.startswith(OURS)}


def opened(execution: object = None, client: AsteroidClient | None = None) -> Page:
    """Make a panel and a page that shows it."""
    page = Page(ChatPanel(execution, client))
    page.say("hello")
    return page
