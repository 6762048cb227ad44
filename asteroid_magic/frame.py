"""Records as a pandas data frame, if pandas is installed."""

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any


def to_frame(rows: Iterable[Sequence[Any]], columns: Sequence[str]) -> Any:
    """Return a `pandas.DataFrame`; raises `ImportError` if pandas is not installed."""
    try:
        pandas = import_module("pandas")
    except ModuleNotFoundError:
        pandas = None
    if pandas is None:
        raise ImportError("to_frame() needs pandas. Install it with: pip install pandas")
    return pandas.DataFrame(rows, columns=columns)
