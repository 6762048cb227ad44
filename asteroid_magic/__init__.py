"""Send messages to running Asteroid agents from a notebook, and see what became of them.

In a notebook, ``%load_ext asteroid_magic``, then ``%asteroid_send EXECUTION message``. In a
program, ``AsteroidClient().send(execution_id, message)``. Every public name is loaded when it
is first used, so that neither the import nor ``%load_ext`` waits for requests.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import display
from .version import __version__

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .activities import Activities, Activity, Option, Question
    from .batch import send_many
    from .client import AsteroidClient
    from .errors import (
        ApiError,
        AsteroidError,
        BadRequest,
        ConfigurationError,
        ConnectionFailed,
        DeliveryUnknown,
        Forbidden,
        Interrupted,
        InvalidInput,
        JournalError,
        NoAnswer,
        NotFound,
        RateLimited,
        SendInterrupted,
        ServerError,
        Unauthorized,
        UnexpectedAnswer,
    )
    from .executions import Execution, Executions
    from .form import SendForm
    from .records import Delivery, DryRun, StatusChange
    from .report import Report

__all__ = [
    "Activities",
    "Activity",
    "ApiError",
    "AsteroidClient",
    "AsteroidError",
    "BadRequest",
    "ConfigurationError",
    "ConnectionFailed",
    "Delivery",
    "DeliveryUnknown",
    "DryRun",
    "Execution",
    "Executions",
    "Forbidden",
    "Interrupted",
    "InvalidInput",
    "JournalError",
    "NoAnswer",
    "NotFound",
    "Option",
    "Question",
    "RateLimited",
    "Report",
    "SendForm",
    "SendInterrupted",
    "ServerError",
    "StatusChange",
    "Unauthorized",
    "UnexpectedAnswer",
    "__version__",
    "send_many",
]

_ROOMS = {
    "AsteroidClient": "client",
    "Report": "report",
    "send_many": "batch",
    "SendForm": "form",
    **dict.fromkeys(("Delivery", "DryRun", "StatusChange"), "records"),
    **dict.fromkeys(("Execution", "Executions"), "executions"),
    **dict.fromkeys(("Activities", "Activity", "Option", "Question"), "activities"),
}


display.set_renderer_loader(lambda: import_module(".renderer", __name__))


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_ROOMS.get(name, 'errors')}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: "InteractiveShell") -> None:
    """Register the magics; called by ``%load_ext asteroid_magic``."""
    from .loading import load  # noqa: PLC0415 (importing the package must not need IPython)

    load(shell)


def unload_ipython_extension(shell: "InteractiveShell") -> None:
    """Take everything back that loading has put in place; called by ``%unload_ext``."""
    from .loading import unload  # noqa: PLC0415 (as above)

    unload(shell)
