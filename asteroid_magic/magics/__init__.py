"""The magics, and the code that registers them with IPython."""

from typing import TYPE_CHECKING

from ..exports import lazy_exports

if TYPE_CHECKING:
    from .execution_magics import AsteroidExecutionMagics
    from .extension import load, unload
    from .send_magics import AsteroidMagics

__all__ = ["AsteroidExecutionMagics", "AsteroidMagics", "load", "unload"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "execution_magics": ("AsteroidExecutionMagics",),
        "extension": ("load", "unload"),
        "send_magics": ("AsteroidMagics",),
    },
)
