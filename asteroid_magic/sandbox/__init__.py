"""A small Asteroid on this machine, with agents that answer, for trying everything.

``with Sandbox() as box:`` serves the contract on loopback until the block ends. Needs tornado,
which the extra ``sandbox`` installs; without it, importing this package raises
:class:`ImportError`.
"""

try:
    from .box import Sandbox
    from .executions import ExecutionSnapshot
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "tornado":
        raise
    raise ImportError(
        "The sandbox needs tornado, which is not installed here. "
        'Install it with: pip install "asteroid-magic[sandbox]"',
    ) from error

__all__ = ["ExecutionSnapshot", "Sandbox"]
