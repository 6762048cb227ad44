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
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import nbformat
import requests
from nbformat import NotebookNode
from playwright.sync_api import Browser, Page, Route

from tests.support.waiting import until

TOKEN = "a-token-of-the-tests"
PATIENCE = 60.0
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
WITHOUT_SUBSHELLS = {
    **SETTINGS,
    "@jupyterlab/apputils-extension:kernels-settings": {"commsOverSubshells": "disabled"},
}
# Lab's own words for a notebook that can be used: restored, its kernel connected.
READY = """async () => {
  const app = window.jupyterapp;
  await app.restored;
  let panel = null;
  for (;;) {
    panel = app.shell.currentWidget;
    if (panel && panel.sessionContext) break;
    await new Promise(done => setTimeout(done, 50));
  }
  await panel.context.ready;
  await panel.sessionContext.ready;
  for (;;) {
    const kernel = panel.sessionContext.session?.kernel;
    if (kernel && kernel.connectionStatus === 'connected') return;
    await new Promise(done => setTimeout(done, 50));
  }
}"""


def chromium() -> str | None:
    """Return the Chromium of this machine, if it has one."""
    found = (shutil.which(name) for name in CHROMIUMS)
    return next(filter(None, found), None)


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
        self.page.evaluate(run if wait else f"() => void {run}")

    def run_code(self, code: str, *, wait: bool = True) -> None:
        """Run code in the kernel as a cell would, and wait for its end if asked to."""
        script = """async ([code, wait]) => {
          const { sessionContext } = window.jupyterapp.shell.currentWidget;
          const future = sessionContext.session.kernel.requestExecute({ code });
          if (wait) await future.done;
        }"""
        self.page.evaluate(script, [code, wait])

    def reload(self) -> None:
        """Load the page again, as a user would; the kernel stays."""
        self.page.reload()
        self.page.wait_for_function("window.jupyterapp !== undefined")
        self.page.evaluate(READY)

    def check(self, expression: str) -> None:
        """Expect an expression to be true in the kernel, now or soon."""
        script = """async code => {
          const { sessionContext } = window.jupyterapp.shell.currentWidget;
          const future = sessionContext.session.kernel.requestExecute({ code });
          return (await future.done).content.status;
        }"""
        code = f"assert {expression}"
        until(lambda: self.page.evaluate(script, code) == "ok")

    def save(self) -> str:
        """Save the notebook, and return the text of its file."""
        self.page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
        return self._jupyter.read(self.name)


@contextlib.contextmanager
def loopback_only(browser: Browser, *, asks: tuple[str, ...] = (), **look: Any) -> Iterator[Page]:
    """Give a new page from which no request may leave this machine, nor does.

    A page that is not ours may ask the hosts in `asks`, and gets no answer. `look` is what a
    context of Playwright takes, such as a size or a colour scheme.
    """
    context = browser.new_context(**look)
    context.set_default_timeout(PATIENCE * 1000)
    abroad: list[str] = []

    def watch(route: Route) -> None:
        if urlsplit(route.request.url).hostname in {"127.0.0.1", "localhost"}:
            route.continue_()
        else:
            route.abort()
            if urlsplit(route.request.url).hostname not in asks:
                abroad.append(route.request.url)

    try:
        page = context.new_page()
        page.route(lambda url: url.startswith("http") and "://127.0.0.1:" not in url, watch)
        yield page
    finally:
        context.close()
    assert abroad == []


@contextlib.contextmanager
def opened(
    browser: Browser,
    jupyter: Jupyter,
    name: str,
    *,
    host: str = "lab",
    kernel: bool = True,
    **look: Any,
) -> Iterator[Notebook]:
    """Open a notebook in a new page of JupyterLab (``lab``) or Notebook 7 (``notebooks``)."""
    session_id = jupyter.start_kernel(name) if kernel else None
    try:
        with loopback_only(browser, **look) as page:
            path = f"doc/workspaces/{uuid.uuid4().hex[:8]}/tree/{name}"
            if host == "notebooks":
                path = f"notebooks/{name}"
            page.goto(f"{jupyter.url}/{path}?token={TOKEN}")
            page.wait_for_function("window.jupyterapp !== undefined")
            if kernel:
                page.evaluate(READY)
            yield Notebook(page, jupyter, name)
    finally:
        if session_id is not None:
            jupyter.stop_kernel(session_id)
