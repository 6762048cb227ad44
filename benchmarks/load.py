"""The cost of `%load_ext asteroid_magic` in a running kernel: the median of five new kernels.

Run ``python benchmarks/load.py``. For comparison, it also times what alternatives import at once,
in the same kernels: requests, ipywidgets and jinja2.
"""

import statistics

from jupyter_client.manager import start_new_kernel

KERNELS = 5
CELL = """
import time as _time
_began = _time.perf_counter()
get_ipython().run_line_magic("load_ext", "asteroid_magic")
_loaded = _time.perf_counter()
import requests, ipywidgets, jinja2
_imported = _time.perf_counter()
print((_loaded - _began) * 1e3, (_imported - _loaded) * 1e3)
"""


def measure() -> tuple[float, float]:
    """Return the milliseconds for loading and for the imports, in one new kernel."""
    manager, client = start_new_kernel()
    texts: list[str] = []
    try:
        client.execute_interactive("1", output_hook=lambda _message: None)
        client.execute_interactive(
            CELL, output_hook=lambda message: texts.append(message["content"].get("text", ""))
        )
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    loading, importing = "".join(texts).split()
    return float(loading), float(importing)


def main() -> None:
    """Measure and print the medians."""
    loading, importing = zip(*(measure() for _ in range(KERNELS)), strict=True)
    ours, theirs = statistics.median(loading), statistics.median(importing)
    print(f"%load_ext asteroid_magic          {ours:7.1f} ms (promised: under 10)")
    print(
        f"import requests, ipywidgets, jinja2 {theirs:5.1f} ms ({theirs / ours:.0f} times as long)"
    )


if __name__ == "__main__":
    main()
