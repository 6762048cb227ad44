"""The time until the quickstart delivers its first message; `first_minute.sh` runs this.

Run ``python benchmarks/first_send.py notebooks/quickstart.ipynb`` in an environment with only the
extra ``demo``. It starts JupyterLab as the README does, but without a browser, and runs the
notebook's cells in a new kernel until one shows a delivery. It prints seconds.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from jupyter_client.manager import start_new_kernel
from jupyter_server.serverapp import list_running_servers

LONGEST_WAIT = 120


def lap(what: str, began: float) -> float:
    """Print the time from `began` until now, and return now."""
    now = time.perf_counter()
    print(f"{what:42} {now - began:6.2f}", flush=True)
    return now


def serves(lab: subprocess.Popen[bytes]) -> bool:
    """Return True if this JupyterLab answers; it publishes its address before it listens."""
    try:
        server = next(server for server in list_running_servers() if server["pid"] == lab.pid)
        with urlopen(f"{server['url']}lab?token={server['token']}") as page:  # noqa: S310 (its own address)
            page.read()
    except (StopIteration, ValueError, URLError):  # no file, half a file, not listening
        return False
    return True


def wait_for_lab(notebook: str) -> None:
    """Start ``jupyter lab``, wait until it serves its page, and stop it."""
    command = ["jupyter", "lab", "--allow-root", "--no-browser", "--ServerApp.port=0", notebook]
    lab = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        give_up = time.perf_counter() + LONGEST_WAIT
        while time.perf_counter() < give_up and lab.poll() is None:
            if serves(lab):
                return
            time.sleep(0.02)
        raise SystemExit("jupyter lab did not start")
    finally:
        lab.terminate()
        lab.wait()


def shown_by(client: Any, source: str) -> str:
    """Run a cell and return its output as plain text; exit if the cell fails."""
    texts: list[str] = []

    def keep(message: dict[str, Any]) -> None:
        content = message["content"]
        texts.append(content.get("data", {}).get("text/plain", "") + content.get("text", ""))

    reply = client.execute_interactive(source, timeout=LONGEST_WAIT, output_hook=keep)
    if reply["content"]["status"] != "ok":
        raise SystemExit(f"A cell failed: {source}")
    return "".join(texts)


def main() -> None:
    """Time Lab, the kernel, and each cell until the first delivery."""
    (path,) = sys.argv[1:]
    cells = json.loads(Path(path).read_text())["cells"]
    began = time.perf_counter()
    wait_for_lab(path)
    began = lap("jupyter lab, until its page is served", began)
    manager, client = start_new_kernel()
    try:
        began = lap("kernel", began)
        for cell in cells:
            source = "".join(cell["source"])
            if cell["cell_type"] == "code":
                shown = shown_by(client, source)
                began = lap(source.partition("\n")[0][:42], began)
                if "✓ Delivered" in shown:
                    return
        raise SystemExit("No message was delivered.")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


if __name__ == "__main__":
    main()
