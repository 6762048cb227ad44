"""The cost of the extension for a cell without our magics: the time IPython takes to transform it.

``python benchmarks/transform.py`` transforms an ordinary cell of fifty lines with and without the
extension, in turns, and prints the medians and their ratio.
"""

import statistics
import time

from IPython.core.interactiveshell import InteractiveShell

ROUNDS = 400
# Promised: the time with the extension, as a ratio to the time without it.
PROMISE = 1.05
CELL = "\n".join(
    [
        "import pandas as pd",
        "%matplotlib inline",
        *(
            f"frame_{number} = pd.read_csv('data/{number}.csv', sep=';')  # month {number}\n"
            f"for column, values in frame_{number}.items():\n"
            f"    if column.startswith('x') and values.mean() > {number}:\n"
            f"        print(f'{{column}}: {{values.sum():.2f}}')"
            for number in range(12)
        ),
    ]
)


def transform(shell: InteractiveShell) -> float:
    """Return the seconds for one transformation."""
    began = time.perf_counter()
    shell.input_transformer_manager.transform_cell(CELL)
    return time.perf_counter() - began


def main() -> None:
    """Measure and print the ratio."""
    shell = InteractiveShell.instance()
    assert CELL.count("\n") + 1 == 50
    without: list[float] = []
    loaded: list[float] = []
    for _ in range(ROUNDS):
        without.append(transform(shell))
        shell.run_line_magic("load_ext", "asteroid_magic")
        loaded.append(transform(shell))
        shell.run_line_magic("unload_ext", "asteroid_magic")
    plain, ours = statistics.median(without), statistics.median(loaded)
    print(f"without {plain * 1e6:7.0f} µs, loaded {ours * 1e6:7.0f} µs: ", end="")
    print(f"{ours / plain:.3f} times as long (promised: at most {PROMISE})")
    if shell.history_manager is not None:
        shell.history_manager.end_session()


if __name__ == "__main__":
    main()
