"""The chat panel in a real Chromium and JupyterLab, and beside it the form of ipywidgets.

``python benchmarks/chat.py`` prints medians, and what is promised:

- how soon the panel and the form are visible after their cell is run, in new kernels and again;
- from the keys Ctrl+Enter to the arrival of the request at the server (for the form, from the click
  on Send): the browser's stamp of the event, and this machine's clock at the server;
- 500 entries, and one more entry, from the arrival of the kernel's message in the page: the work
  until they are painted, and the time until the frame that shows them;
- how soon a conversation is shown after a click, with 10 activities and with 10,000;
- what ``import anywidget`` and ``%load_ext`` take in a new kernel;
- how many requests a minute a panel in view makes (in real time, so this takes four minutes;
  ``--quick`` leaves it out).

Takes six minutes; needs Chromium and the extra ``[test]``.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from jupyter_client.manager import start_new_kernel
from playwright.sync_api import Browser, Page, expect, sync_playwright

from asteroid_magic.sandbox.activities import reasoning, said, status_changed
from tests.support.chats import ChatPage
from tests.support.jupyter import FLAGS, Jupyter, Notebook, SharedPages, chromium
from tests.support.pages import FormPage
from tests.support.records import RecordServer
from tests.support.waiting import until

SHORT, LONG = (f"00000000-0000-4000-8000-{number:012}" for number in (1, 2))
NAMES = {SHORT: "Short", LONG: "Long"}
PASTS = {SHORT: 10, LONG: 10_000}
KERNELS, SENDS, DRAWS, OPENS = 5, 30, 15, 8
ENTRIES = 500
NEWS_S, SETTLING_S, QUIET_S = 5.0, 60.0, 120.0
PANEL, FORM = ".ac-chat", ".asteroid-form textarea"

# Notes when a large message of the kernel arrives, and tells how long the page works on it.
PAGE = """
window.bench = { arrived: 0, pressed: 0 };
const setter = Object.getOwnPropertyDescriptor(WebSocket.prototype, 'onmessage');
Object.defineProperty(WebSocket.prototype, 'onmessage', { ...setter, set(take) {
  setter.set.call(this, take && function (event) {
    const size = event.data.byteLength ?? event.data.length;
    if (size > 10_000) window.bench.arrived = performance.now();
    return take.call(this, event);
  });
} });
const stamp = event => { window.bench.pressed = performance.timeOrigin + event.timeStamp; };
addEventListener('keydown', event => { if (event.key === 'Enter') stamp(event); }, true);
addEventListener('click', stamp, true);
window.bench.watch = () => {
  window.bench.drawing = new Promise(resolve => {
    const watcher = new MutationObserver(() => {
      watcher.disconnect();
      const { arrived } = window.bench;
      const drawn = performance.now();
      requestAnimationFrame(() => {
        const framed = performance.now();
        const after = new MessageChannel();
        after.port1.onmessage = () => {
          const painted = performance.now();
          resolve({ script: drawn - arrived, work: drawn - arrived + painted - framed,
            frame: painted - arrived });
        };
        after.port2.postMessage(0);
      });
    });
    watcher.observe(document.querySelector('.ac-log'), { childList: true, subtree: true });
  });
};
"""
# Runs a cell, and returns the milliseconds until the frame in which its new output is visible.
RUN = """async ([at, selector]) => {
  const panel = window.jupyterapp.shell.currentWidget;
  const cell = panel.content.widgets[at];
  const old = new Set(cell.node.querySelectorAll(selector));
  const isNew = one => !old.has(one) && one.offsetHeight > 0;
  panel.content.activeCellIndex = at;
  const began = performance.now();
  window.jupyterapp.commands.execute('notebook:run-cell');
  while (!Array.from(cell.node.querySelectorAll(selector)).some(isNew)) {
    await new Promise(requestAnimationFrame);
  }
  return performance.now() - began;
}"""
# Clicks, and returns the milliseconds until the frame in which the conversation shows the words.
OPEN = """async ([name, words]) => {
  const row = Array.from(document.querySelectorAll('.ac-execution'))
    .find(one => one.textContent.includes(name));
  const began = performance.now();
  row.click();
  while (!document.querySelector('.ac-log').textContent.includes(words)) {
    await new Promise(requestAnimationFrame);
  }
  return performance.now() - began;
}"""
# A panel without a key reads nothing, so that only what this sends is drawn.
DRAWING = """
import uuid
from datetime import UTC, datetime
from asteroid_magic.models.activities import Activities, read_activity
from asteroid_magic.monitor import ConversationState, MonitorState
from asteroid_magic.panel import view as view_module
from asteroid_magic.panel.view import View
from asteroid_magic.sandbox.activities import acted, reasoning, said, user_message_received

def payloads(number):
    return [
        acted("file_read", f"Reading page {number}", f"Read page {number}", 800),
        [reasoning(f"The guest wants page {number}. " * 4)],
        [said(f"This is page {number}. Shall I go on?")],
        [user_message_received(f"Yes, go on with page {number + 1}.", "someone")],
    ][number % 4]

def activities(first, last):
    stamp = datetime.now(UTC).isoformat()
    return [
        read_activity({"id": str(uuid.uuid4()), "timestamp": stamp, "payload": payload})
        for number in range(first, last) for payload in payloads(number)
    ]

def show(run):
    state = ConversationState(execution_id=run, activities=Activities(past), access="readable")
    shown = view.of(MonitorState(conversation=state), (), run, key_source="")
    panel.send({"type": "view", **shown, "chosen": run, "problem": "", "note": ""})

def show_list():
    shown = View().of(MonitorState(), (), "", key_source="")
    panel.send({"type": "view", **shown, "chosen": "", "problem": "", "note": ""})

# A kernel keeps fewer, so this takes away its limit.
view_module.BUDGET = 10_000_000
view, past = View(), []
"""
IMPORTED = ("%load_ext", "import ipywidgets", "import anywidget, after it")
IMPORTS = """
import time as _time
_began = _time.perf_counter()
get_ipython().run_line_magic("load_ext", "asteroid_magic")
_loaded = _time.perf_counter()
import ipywidgets
_widgets = _time.perf_counter()
import anywidget
_done = _time.perf_counter()
print((_loaded - _began) * 1e3, (_widgets - _loaded) * 1e3, (_done - _widgets) * 1e3)
"""


class Account:
    """A server with an execution of ten activities and one of ten thousand, and its settings."""

    def __init__(self, server: RecordServer, folder: Path) -> None:
        self.server = server
        # When each message arrived, by the clock of this machine.
        self.arrivals: dict[str, float] = {}
        server.post = self._note
        server.listed = [
            {"id": run, "status": "running", "workflowName": name} for run, name in NAMES.items()
        ]
        long_ago = datetime.now(UTC) - timedelta(hours=5)
        # One by one, the server would sort them each time.
        server._activities += [  # noqa: SLF001
            {
                "id": f"{run}-{number}",
                "executionId": run,
                "timestamp": (long_ago + timedelta(seconds=number)).isoformat(),
                "payload": reasoning(f"Thought {number}. " * 5)
                if number
                else status_changed("running"),
            }
            for run, past in PASTS.items()
            for number in range(past)
        ]
        settings = folder / f"{server.base_url.rpartition(':')[2].partition('/')[0]}.json"
        settings.write_text(
            json.dumps({"ASTEROID_BASE_URL": server.base_url, "ASTEROID_API_KEY": "a-key"})
        )
        self.cell = (
            "import json, os, pathlib\n"
            f"os.environ.update(json.loads(pathlib.Path({str(settings)!r}).read_text()))\n"
            "%load_ext asteroid_magic"
        )

    def _note(self, execution_id: str, text: str) -> int:
        self.arrivals[text] = time.time()
        self.server.happen(execution_id, said(f"Noted: {text}"))
        return 201


class Bench:
    """Opens notebooks in a browser."""

    def __init__(self, browser: Browser, jupyter: Jupyter, account: Account) -> None:
        self.browser, self.jupyter, self.account = browser, jupyter, account

    @contextmanager
    def notebook(self, *cells: str) -> Iterator[Notebook]:
        """Open a notebook of these cells in JupyterLab, and run the first."""
        name = self.jupyter.add(*cells)
        pages = SharedPages(self.browser, self.jupyter)
        with closing(pages), pages.opened(name) as notebook:
            notebook.page.add_init_script(PAGE)
            notebook.reload()
            notebook.run_code(cells[0])
            yield notebook


def visible(bench: Bench) -> dict[str, list[float]]:
    """Return the milliseconds from running a cell until the panel, or the form, is visible."""
    times: dict[str, list[float]] = {}
    ways = {"panel": (1, PANEL), "form": (2, FORM)}
    for number in range(KERNELS):
        with bench.notebook(
            bench.account.cell, f"%asteroid_chat {SHORT}", f"%asteroid_form {SHORT}"
        ) as notebook:
            order = list(ways) if number % 2 else list(ways)[::-1]
            for when, names in (("in a new kernel", order), ("again", order * 2)):
                for name in names:
                    took = notebook.page.evaluate(RUN, ways[name])
                    times.setdefault(f"{name}, {when}", []).append(took)
                    notebook.run_code("None")
    return times


def on_the_wire(bench: Bench) -> dict[str, list[float]]:
    """Return the milliseconds from the press until the request has arrived at the server."""
    cells = (bench.account.cell, f"%asteroid_chat {SHORT}", f"%asteroid_form {SHORT}")
    times: dict[str, list[float]] = {"panel": [], "form": []}
    with bench.notebook(*cells) as notebook:
        page = notebook.page
        page.evaluate(RUN, [1, PANEL])
        page.evaluate(RUN, [2, FORM])
        chat, form = ChatPage(page), FormPage(page)
        expect(chat.log).to_contain_text("Thought 9.")
        presses: dict[str, Callable[[], None]] = {
            "panel": lambda: page.keyboard.press("Control+Enter"),
            "form": form.send.click,
        }
        for number in range(SENDS):
            for name, box in (("panel", chat.message), ("form", form.message)):
                text = f"Message {number} of the {name}."
                box.fill(text)
                if name == "form":
                    expect(form.send).to_be_enabled()
                presses[name]()
                times[name].append(arrival(bench.account, text) - pressed(page))
                # The next one begins when both have heard the answer.
                expect(chat.log).to_contain_text(f"Noted: {text}")
                expect(form.conversation).to_contain_text(f"Noted: {text}")
                expect(box).to_have_value("")
    return times


def arrival(account: Account, text: str) -> float:
    """Return when a message arrived, in milliseconds of this machine's clock."""
    until(lambda: text in account.arrivals)
    return account.arrivals[text] * 1e3


def pressed(page: Page) -> float:
    """Return when the key was pressed, or the button, in milliseconds of this machine's clock."""
    # The page's own clock does not follow if the machine's clock is set.
    script = "window.bench.pressed + Date.now() - performance.timeOrigin - performance.now()"
    return float(page.evaluate(script))


def drawn(bench: Bench) -> dict[str, list[float]]:
    """Return the milliseconds that the page needs for 500 entries, and for one more."""
    times: dict[str, list[float]] = {}
    with bench.notebook("%load_ext asteroid_magic", "panel = %asteroid_chat\npanel") as notebook:
        page = notebook.page
        page.evaluate(RUN, [1, PANEL])
        notebook.run_code(DRAWING)

        def draw(name: str, code: str) -> None:
            page.evaluate("window.bench.watch()")
            notebook.run_code(code)
            for kind, took in page.evaluate("window.bench.drawing").items():
                times.setdefault(f"{name}, {kind}", []).append(took)

        for number in range(DRAWS):
            notebook.run_code(f"view, past = View(), activities(0, {ENTRIES})\nshow_list()")
            page.wait_for_selector(".ac-log", state="hidden")
            draw(f"{ENTRIES} entries", f"show({SHORT!r})")
            assert page.locator(".ac-log .ac-entry").count() == ENTRIES
            past = ENTRIES + number
            draw("one more", f"past += activities({past}, {past + 1})\nshow({SHORT!r})")
            assert page.locator(".ac-log .ac-entry").count() == ENTRIES + 1
    return times


def opening(bench: Bench) -> dict[str, list[float]]:
    """Return the milliseconds from a click until the conversation is shown."""
    times: dict[str, list[float]] = {name: [] for name in NAMES.values()}
    with bench.notebook(bench.account.cell, "%asteroid_chat") as notebook:
        notebook.page.evaluate(RUN, [1, PANEL])
        chat = ChatPage(notebook.page)
        for _ in range(OPENS):
            for run, name in NAMES.items():
                expect(chat.list.get_by_role("button")).to_have_count(len(NAMES))
                words = f"Thought {PASTS[run] - 1}."
                times[name].append(notebook.page.evaluate(OPEN, [name, words]))
                chat.back()
    return times


def imports() -> dict[str, list[float]]:
    """Return the milliseconds for loading and for the imports, in new kernels."""
    times: dict[str, list[float]] = {name: [] for name in IMPORTED}
    for _ in range(KERNELS):
        for name, took in zip(IMPORTED, in_new_kernel(IMPORTS), strict=True):
            times[name].append(took)
    return times


def in_new_kernel(cell: str) -> list[float]:
    """Return the numbers that a cell prints."""
    manager, client = start_new_kernel(stderr=subprocess.DEVNULL)
    texts: list[str] = []
    try:
        client.execute_interactive("1", output_hook=lambda _message: None)
        client.execute_interactive(
            cell, output_hook=lambda message: texts.append(message["content"].get("text", ""))
        )
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return [float(one) for one in "".join(texts).split()]


def requests(bench: Bench, folder: Path) -> dict[str, float]:
    """Return the requests a minute of a panel in view: in a conversation, and in the list."""
    with RecordServer() as listing:
        account = Account(listing, folder)
        with (
            bench.notebook(bench.account.cell, f"%asteroid_chat {SHORT}") as talking,
            bench.notebook(account.cell, "%asteroid_chat") as watching,
        ):
            for notebook in (talking, watching):
                notebook.page.evaluate(RUN, [1, PANEL])
            expect(ChatPage(talking.page).log).to_contain_text("Thought 9.")
            expect(ChatPage(watching.page).list).to_contain_text("Long")
            counts: dict[str, float] = {}
            asked = bench.account.server.asked
            before = len(asked)
            for number in range(int(60 / NEWS_S)):
                bench.account.server.happen(SHORT, reasoning(f"News {number}."))
                talking.page.wait_for_timeout(NEWS_S * 1e3)
            counts[f"conversation, news every {NEWS_S:.0f} s"] = len(asked) - before
            talking.page.wait_for_timeout(SETTLING_S * 1e3)
            before, before_there = len(asked), len(listing.asked)
            talking.page.wait_for_timeout(QUIET_S * 1e3)
            minutes = QUIET_S / 60
            counts["conversation, quiet"] = (len(asked) - before) / minutes
            counts["list, quiet"] = (len(listing.asked) - before_there) / minutes
    return counts


def row(name: str, times: list[float], promised: str = "", to: float | None = None) -> None:
    """Print a line of the table: the median, the most, and the ratio to another median."""
    median = statistics.median(times)
    ratio = "" if to is None else f"{median / to:.2f}"
    print(f"{name:44}{median:9.1f}{max(times):9.1f}{ratio:>7}  {promised}", flush=True)


def report(bench: Bench) -> None:
    """Measure and print what takes place in a page."""
    times = visible(bench)
    for when in ("in a new kernel", "again"):
        form = times[f"form, {when}"]
        row(f"visible: panel, {when}", times[f"panel, {when}"], "300", statistics.median(form))
        row(f"visible: form, {when}", form)
    times = on_the_wire(bench)
    row("Ctrl+Enter to the wire: panel", times["panel"], "30", statistics.median(times["form"]))
    row("click on Send to the wire: form", times["form"])
    times = drawn(bench)
    row(f"{ENTRIES} entries: until they are shown", times[f"{ENTRIES} entries, frame"], "100")
    row(f"{ENTRIES} entries: the page's work", times[f"{ENTRIES} entries, work"])
    row("one more entry: the page's work", times["one more, work"], "16")
    row("one more entry: until it is shown", times["one more, frame"])
    times = opening(bench)
    short = statistics.median(times["Short"])
    row(f"open one with {PASTS[SHORT]:,} activities", times["Short"])
    row(f"open one with {PASTS[LONG]:,} activities", times["Long"], "2000", short)


def main() -> None:
    """Measure and print the tables."""
    heads = ("median", "most", "ratio")
    print(f"{'ms':44}{heads[0]:>9}{heads[1]:>9}{heads[2]:>7}  promised, at most")
    for name, times in imports().items():
        row(f"{name}, in a new kernel", times, "10" if name == "%load_ext" else "")
    with (
        tempfile.TemporaryDirectory() as name,
        Jupyter(Path(name) / "jupyter") as jupyter,
        RecordServer() as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        bench = Bench(browser, jupyter, Account(server, Path(name)))
        report(bench)
        if "--quick" not in sys.argv:
            print("\nrequests a minute")
            for what, count in requests(bench, Path(name)).items():
                promised = {"conversation, quiet": 4, "list, quiet": 2}.get(what, "")
                print(f"{what:44}{count:9.1f}{'':16}  {promised}")
        browser.close()


if __name__ == "__main__":
    main()
