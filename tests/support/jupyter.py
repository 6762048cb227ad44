"""A real JupyterLab, and pages in a real Chromium that hold its notebooks."""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import nbformat
import requests
from nbformat import NotebookNode
from playwright.sync_api import Browser, BrowserContext, Page, Request, ViewportSize

from tests.support.waiting import until

TOKEN = "a-token-of-the-tests"
PATIENCE = 60.0
SIZE: ViewportSize = {"width": 1280, "height": 720}
MEDIA = {"color_scheme": "light", "forced_colors": "none", "reduced_motion": "no-preference"}
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
FOLDERS = {
    "HOME": "home",
    "JUPYTER_CONFIG_DIR": "config",
    "JUPYTER_DATA_DIR": "data",
    "JUPYTER_RUNTIME_DIR": "runtime",
    "JUPYTERLAB_SETTINGS_DIR": "settings",
    "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    "IPYTHONDIR": "ipython",
}
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    "@jupyterlab/apputils-extension:themes": {
        "adaptive-theme": True,
        "preferred-light-theme": "JupyterLab Light",
        "preferred-dark-theme": "JupyterLab Dark",
    },
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}
# Lab opens its launcher once no notebook is left, and sometimes after it has opened the next one.
PAGE = {"disabledExtensions": {"@jupyterlab/launcher-extension:plugin": True}}
WITHOUT_SUBSHELLS = {
    **SETTINGS,
    "@jupyterlab/apputils-extension:kernels-settings": {"commsOverSubshells": "disabled"},
}
# Lab's own words for a notebook that can be seen, in the theme of the machine.
SHOWN = """async name => {
  const app = window.jupyterapp;
  const is = async what => { while (!what()) await new Promise(done => setTimeout(done, 20)); };
  await app.restored;
  await is(() => {
    const is_it = one => one?.context?.path === name;
    // What Lab itself opens meanwhile may come to lie before the notebook.
    const behind = [...app.shell.widgets('main')].find(is_it);
    if (behind && !is_it(app.shell.currentWidget)) app.shell.activateById(behind.id);
    return is_it(app.shell.currentWidget);
  });
  await app.shell.currentWidget.context.ready;
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  await is(() => document.body.dataset.jpThemeLight === String(!dark));
}"""
# And for one whose cells can run.
CONNECTED = """async () => {
  const { sessionContext } = window.jupyterapp.shell.currentWidget;
  await sessionContext.ready;
  while (sessionContext.session?.kernel?.connectionStatus !== 'connected')
    await new Promise(done => setTimeout(done, 20));
}"""
# Open a notebook in a page that has shown another. Notebook 7 would open a new page, if not told
# where; its address then is that of the notebook, as in a page of its own.
OPEN = """async ([name, url]) => {
  window.shown += 1;
  if (url) history.replaceState(null, '', url);
  const options = url ? { ref: '_noref' } : {};
  await window.jupyterapp.commands.execute('docmanager:open', { path: name, options });
}"""
# Count the notebooks of a page that the next test may use. Take the last one out, with what a test
# has left, and tell whether it may be used again: not one that something else has loaded, or that
# has shown so many notebooks that what Notebook 7 leaves of each (a button) adds up.
KEEP = "window.shown = 1"
CLEAN = """() => {
  if (!window.shown || window.shown === 15 || document.querySelector('.jp-Dialog')) return false;
  window.jupyterapp.shell.currentWidget.dispose();
  document.body.removeAttribute('style');
  for (const name of Object.getOwnPropertySymbols(globalThis))
    if (name.description.startsWith('asteroid-magic')) delete globalThis[name];
  return true;
}"""
# Playwright would wait for a promise without end, and so would every test after this one.
IN_TIME = """argument => Promise.race([
  (%s)(argument),
  new Promise((_, fail) => setTimeout(() => fail(new Error('not within %d s')), 1000 * %d)),
])"""


def wait_in(page: Page, script: str, argument: object = None) -> Any:
    """Return what a function of JavaScript promises, which must come within a minute."""
    return page.evaluate(IN_TIME % (script, PATIENCE, PATIENCE), argument)


def chromium() -> str | None:
    """Return the Chromium of this machine, if it has one."""
    found = (shutil.which(name) for name in CHROMIUMS)
    return next(filter(None, found), None)


@contextlib.contextmanager
def busy(notebook: "Notebook", folder: Path) -> Iterator[Callable[[], None]]:
    """Let a cell run while the context lasts, or until what it gives is called."""
    begun, go_on = folder / "begun", folder / "go on"
    cell = f"""import pathlib, time
pathlib.Path({str(begun)!r}).touch()
while not pathlib.Path({str(go_on)!r}).exists(): time.sleep(0.01)"""
    notebook.run_code(cell, wait=False)
    until(begun.exists)
    try:
        yield go_on.touch
    finally:
        go_on.touch()


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Stop a process, such as a kernel, while the context lasts."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


class Jupyter:
    """A Jupyter server on loopback, with folders of its own; it dies with this process.

    Its kernels run in the Python at the path `python`, or without one in this very Python. Lab
    prefers the extensions in the folder `labextensions` to its own.
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, Any] = SETTINGS,
        *,
        python: str = "",
        labextensions: str = "",
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._python, self._labextensions = python, labextensions
        self._kernel = {**KERNEL, "name": "other"} if python else KERNEL
        self.notebooks = folder / "notebooks"
        self.url = ""

    def __enter__(self) -> Self:
        self.notebooks.mkdir(parents=True)
        overrides = self._folder / "config/labconfig/default_setting_overrides.json"
        overrides.parent.mkdir(parents=True)
        overrides.write_text(json.dumps(self._settings))
        (overrides.parent / "page_config.json").write_text(json.dumps(PAGE))
        if self._python:
            self._add_kernel()
        if self._labextensions:
            shutil.copytree(self._labextensions, self._folder / "data/labextensions")
        self._log = (self._folder / "log").open("wb")
        self._process = subprocess.Popen(
            self._command(),
            env=self._environment(),
            cwd=self.notebooks,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 (no threads are in the way: only a system call is made)
        )
        self._wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for session in self._ask("GET", "sessions").json():
            self._ask("DELETE", f"sessions/{session['id']}")
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def add(self, *sources: str) -> str:
        """Write a notebook of these cells; return its name."""
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        return self.write(nbformat.v4.new_notebook(cells=cells))

    def write(self, notebook: NotebookNode) -> str:
        """Write a notebook under a new name, which is returned."""
        name = f"{uuid.uuid4().hex[:8]}.ipynb"
        # With it, Lab does not ask which kernel to use.
        notebook.metadata.kernelspec = dict(self._kernel)
        nbformat.write(notebook, self.notebooks / name)
        return name

    def read(self, name: str) -> str:
        """Return the text of a notebook's file."""
        return (self.notebooks / name).read_text()

    def start_kernel(self, name: str) -> str:
        """Start a notebook's kernel while its page loads; return the ID of the session."""
        kernel = {"name": self._kernel["name"]}
        body = {"path": name, "name": name, "type": "notebook", "kernel": kernel}
        return str(self._ask("POST", "sessions", json=body).json()["id"])

    def stop_kernel(self, session_id: str) -> None:
        """End a session and its kernel."""
        self._ask("DELETE", f"sessions/{session_id}")

    def _add_kernel(self) -> None:
        folder = self._folder / "data/kernels/other"
        folder.mkdir(parents=True)
        command = [self._python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = {
            "argv": command,
            "display_name": "Other",
            "language": "python",
            "env": {"PYTHONPATH": str(Path(__file__).parents[2])},
        }
        (folder / "kernel.json").write_text(json.dumps(spec))

    def _ask(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"token {TOKEN}"}
        return requests.request(
            method, f"{self.url}/api/{path}", headers=headers, timeout=PATIENCE, **options
        )

    def _wait(self) -> None:
        runtime = self._folder / f"runtime/jpserver-{self._process.pid}.json"
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            assert self._process.poll() is None, (self._folder / "log").read_text()
            with contextlib.suppress(OSError, ValueError, requests.RequestException):
                self.url = json.loads(runtime.read_text())["url"].rstrip("/")
                self._ask("GET", "status").raise_for_status()
                return
            time.sleep(0.05)
        raise AssertionError((self._folder / "log").read_text())

    def _environment(self) -> dict[str, str]:
        own = {name: str(self._folder / folder) for name, folder in FOLDERS.items()}
        # What the tests put into these folders comes before what the environment has.
        return {**os.environ, **own, "JUPYTER_PREFER_ENV_PATH": "0"}

    def _command(self) -> list[str]:
        return [
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            "--allow-root",
            "--ServerApp.ip=127.0.0.1",
            "--ServerApp.port=0",
            f"--IdentityProvider.token={TOKEN}",
            f"--ServerApp.root_dir={self.notebooks}",
            "--ServerApp.terminals_enabled=False",
            "--LabApp.expose_app_in_browser=True",
            "--JupyterNotebookApp.expose_app_in_browser=True",
            "--LabApp.extension_manager=readonly",
            "--LanguageServerManager.autodetect=False",
        ]


def _die_with_parent() -> None:
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)


class Voila:
    """One notebook served by Voilà on loopback; it dies with this process."""

    def __init__(self, folder: Path, notebook: NotebookNode) -> None:
        self._folder, self._notebook = folder, notebook
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}/"

    def __enter__(self) -> Self:
        self._folder.mkdir()
        path = self._folder / "page.ipynb"
        self._notebook.metadata.kernelspec = dict(KERNEL)
        nbformat.write(self._notebook, path)
        port = urlsplit(self.url).port
        self._log = (self._folder / "log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "voila", str(path), "--no-browser", f"--port={port}"],
            env={**os.environ, **{name: str(self._folder) for name in FOLDERS}},
            stdout=self._log,
            stderr=subprocess.STDOUT,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 (as above)
        )
        until = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port or 0), timeout=1).close()
                return self
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < until
            time.sleep(0.05)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(30)
        self._log.close()


class Notebook:
    """A notebook open in a page, with a kernel of its own."""

    def __init__(self, page: Page, jupyter: Jupyter, name: str) -> None:
        self.page, self.name, self._jupyter = page, name, jupyter

    def run_all(self, *, wait: bool = True) -> None:
        """Run all cells, and wait for the last to end if asked to."""
        run = "window.jupyterapp.commands.execute('notebook:run-all-cells')"
        wait_in(self.page, f"() => {run}" if wait else f"() => void {run}")

    def run_code(self, code: str, *, wait: bool = True) -> None:
        """Run code in the kernel as a cell would, and wait for its end if asked to."""
        script = """async ([code, wait]) => {
          const { sessionContext } = window.jupyterapp.shell.currentWidget;
          const future = sessionContext.session.kernel.requestExecute({ code });
          if (wait) await future.done;
        }"""
        wait_in(self.page, script, [code, wait])

    def reload(self) -> None:
        """Load the page again, as a user would; the kernel stays."""
        self.page.reload()
        self.page.wait_for_function("window.jupyterapp !== undefined")
        wait_in(self.page, SHOWN, self.name)
        wait_in(self.page, CONNECTED)
        self.page.evaluate(KEEP)

    def reopen(self) -> None:
        """Close the notebook in JupyterLab and open it again, as a user would; the kernel stays."""
        self.page.evaluate("window.jupyterapp.shell.currentWidget.dispose()")
        wait_in(self.page, OPEN, [self.name, ""])
        wait_in(self.page, SHOWN, self.name)
        wait_in(self.page, CONNECTED)

    def check(self, expression: str) -> None:
        """Expect an expression to be true in the kernel, now or soon."""
        script = """async code => {
          const { sessionContext } = window.jupyterapp.shell.currentWidget;
          const future = sessionContext.session.kernel.requestExecute({ code });
          return (await future.done).content.status;
        }"""
        code = f"assert {expression}"
        until(lambda: wait_in(self.page, script, code) == "ok")

    def save(self) -> str:
        """Save the notebook, and return the text of its file."""
        wait_in(self.page, "() => window.jupyterapp.commands.execute('docmanager:save')")
        return self._jupyter.read(self.name)


def note_abroad(context: BrowserContext, abroad: list[str], allowed: Sequence[str] = ()) -> None:
    """Note what the pages of a context ask of other machines, which `FLAGS` keep from it."""
    here = {*allowed, "127.0.0.1", "localhost"}

    def note(request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme.startswith(("http", "ws")) and url.hostname not in here:
            abroad.append(request.url)

    context.on("request", note)


@contextlib.contextmanager
def loopback_only(browser: Browser, *, asks: tuple[str, ...] = (), **look: Any) -> Iterator[Page]:
    """Give a page of a new context, from which no request may leave this machine, nor does.

    A page that is not ours may ask the hosts in `asks`, and gets no answer. `look` is what a
    context of Playwright takes, such as a size or a colour scheme.
    """
    context = browser.new_context(**look)
    context.set_default_timeout(PATIENCE * 1000)
    abroad: list[str] = []
    note_abroad(context, abroad, asks)
    try:
        yield context.new_page()
    finally:
        context.close()
    assert abroad == []


class SharedPages:
    """Pages that tests use one after the other: to load one anew takes seconds of all cores.

    A page of JupyterLab or Notebook 7 stays loaded, and opens the next notebook. One in which a
    test failed is not used again.
    """

    def __init__(self, browser: Browser, jupyter: Jupyter) -> None:
        self.jupyter = jupyter
        self._browser = browser
        # By their device scale factors.
        self._contexts: dict[float, BrowserContext] = {}
        self._kept: dict[tuple[str, float], Page] = {}
        self._abroad: list[str] = []

    def close(self) -> None:
        """Close the pages."""
        for context in self._contexts.values():
            context.close()

    @contextlib.contextmanager
    def opened(
        self,
        name: str,
        *,
        host: str = "lab",
        kernel: bool = True,
        fresh: bool = False,
        viewport: ViewportSize = SIZE,
        device_scale_factor: float = 1,
        **media: Any,
    ) -> Iterator[Notebook]:
        """Open a notebook in JupyterLab (``lab``) or Notebook 7 (``notebooks``).

        A page that is `fresh` is for this notebook alone, such as one that loses its connection.
        `media` is what `Page.emulate_media` takes, such as a colour scheme.
        """
        session_id = self.jupyter.start_kernel(name) if kernel else None
        context = self._context(device_scale_factor)
        kind = host, device_scale_factor
        try:
            # Whoever fails to give it back has spoiled it.
            page = None if fresh else self._kept.pop(kind, None)
            page = page or context.new_page()
            # A page behind another one draws nothing.
            page.bring_to_front()
            page.set_viewport_size(viewport)
            page.emulate_media(**(MEDIA | media))
            self._show(page, name, host)
            wait_in(page, SHOWN, name)
            if kernel:
                wait_in(page, CONNECTED)
            yield Notebook(page, self.jupyter, name)
            page.mouse.move(0, 0)
            if not fresh and page.evaluate(CLEAN):
                self._kept[kind] = page
        finally:
            for other in context.pages:
                if other not in self._kept.values():
                    other.close()
            if session_id is not None:
                self.jupyter.stop_kernel(session_id)
        abroad, self._abroad[:] = self._abroad.copy(), []
        assert abroad == []

    def _context(self, scale: float) -> BrowserContext:
        if scale not in self._contexts:
            made = self._browser.new_context(device_scale_factor=scale)
            made.set_default_timeout(PATIENCE * 1000)
            note_abroad(made, self._abroad)
            self._contexts[scale] = made
        return self._contexts[scale]

    def _show(self, page: Page, name: str, host: str) -> None:
        url = f"{self.jupyter.url}/notebooks/{name}" if host == "notebooks" else ""
        if page.url == "about:blank":
            workspace = f"{self.jupyter.url}/doc/workspaces/{uuid.uuid4().hex[:8]}"
            page.goto(f"{url or f'{workspace}/tree/{name}'}?token={TOKEN}")
            page.wait_for_function("window.jupyterapp !== undefined")
            page.evaluate(KEEP)
        else:
            wait_in(page, OPEN, [name, url])
