"""Qt console, without a screen: it shows text, and never updates an output."""

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from asteroid_magic.sandbox import Sandbox
from tests.support.hosts import needed

PATIENCE = 60.0


class QtConsole:
    """A window of Qt console with a kernel of its own."""

    def __init__(self, environment: dict[str, str]) -> None:
        from qtconsole.manager import QtKernelManager  # noqa: PLC0415 (not everywhere installed)
        from qtconsole.rich_jupyter_widget import RichJupyterWidget  # noqa: PLC0415 (as above)
        from qtpy.QtWidgets import QApplication  # noqa: PLC0415 (as above)

        self._application = QApplication([])
        self._manager = QtKernelManager(kernel_name="python3")
        self._manager.start_kernel(env=environment)
        self._client = self._manager.client()
        self._client.start_channels()
        self._widget: Any = RichJupyterWidget()
        self._widget.kernel_manager, self._widget.kernel_client = self._manager, self._client
        self._count = 1
        self._wait(lambda: "In [1]:" in self._text())

    def run(self, cell: str, shows: str = "") -> str:
        """Run a cell; return what the window shows of it, once it has shown these words.

        The next prompt may come before the last output.
        """
        before = len(self._text())
        self._widget.execute(cell)
        self._count += 1
        awaited = (f"In [{self._count}]:", shows)
        self._wait(lambda: all(words in self._text()[before:] for words in awaited))
        return self._text()[before:]

    def close(self) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._widget.close()
        self._application.quit()

    def _text(self) -> str:
        return str(self._widget._control.toPlainText())

    def _wait(self, is_done: Callable[[], bool]) -> None:
        until = time.monotonic() + PATIENCE
        while not is_done():
            assert time.monotonic() < until, self._text()
            self._application.processEvents()
            time.sleep(0.01)


@pytest.fixture
def console(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[QtConsole]:
    needed("qtconsole", "PyQt5")
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    made = QtConsole(
        {**os.environ, "ASTEROID_API_KEY": box.api_key, "ASTEROID_BASE_URL": box.base_url}
    )
    made.run("%load_ext asteroid_magic")
    yield made
    made.close()


@pytest.mark.filterwarnings("default")  # those of Qt
def test_the_magics_show_text_and_no_stale_line(console: QtConsole, box: Sandbox) -> None:
    asking, running = (execution.id for execution in box.executions[:2])
    sent = console.run(f"%asteroid_send {running} It's $5, are you done?", "✓ Delivered")
    assert sent.count("It's $5, are you done?") == 2
    refused = console.run(
        "%asteroid_send nobody Please do not lose this.", "InvalidInput: not delivered (see above)"
    )
    assert "your message  nobody Please do not lose this." in refused
    assert "Traceback" not in refused
    console.run("%asteroid_form", "%asteroid_send EXECUTION message")
    booked = "I booked what you said: “Friday”"
    waited = console.run(f"%asteroid_send --wait 30 {asking} Friday", booked)
    assert "This cell waits for the agent, 30 s at most." in waited
    assert "Waiting for the agent" not in waited, "it would stay for ever"
    console.run(f"rows = [{{'execution_id': {running!r}, 'n': n}} for n in range(2)]")
    console.run("%%asteroid_send --each rows\nNumber {n}?", "2 delivered")
    assert sorted(box.messages(running)) == ["It's $5, are you done?", "Number 0?", "Number 1?"]
