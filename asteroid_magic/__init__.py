"""Send messages to running Asteroid agents from a notebook, and see the outcome.

In a notebook, ``%load_ext asteroid_magic``, then ``%asteroid_send EXECUTION message``. In a
program, ``AsteroidClient().send(execution_id, message)``. Every public name is imported on first
use, so that neither the import nor ``%load_ext`` waits for requests.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from .display import set_bar_loader, set_renderer_loader
from .exports import lazy_exports

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .batch.batch import send_many
    from .client.client import AsteroidClient
    from .errors import (
        ApiError,
        AsteroidError,
        BadRequest,
        BatchFailed,
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
    from .form.form import SendForm
    from .models.activities import Activities, Activity, Option, Question
    from .models.delivery import Delivery, DryRun, StatusChange
    from .models.executions import Execution, Executions
    from .models.files import File, Files, Upload, UploadedFile
    from .models.identity import Identity
    from .models.report import Report
    from .panel.panel import ChatPanel
    from .version import __version__

__all__ = [
    "Activities",
    "Activity",
    "ApiError",
    "AsteroidClient",
    "AsteroidError",
    "BadRequest",
    "BatchFailed",
    "ChatPanel",
    "ConfigurationError",
    "ConnectionFailed",
    "Delivery",
    "DeliveryUnknown",
    "DryRun",
    "Execution",
    "Executions",
    "File",
    "Files",
    "Forbidden",
    "Identity",
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
    "Upload",
    "UploadedFile",
    "__version__",
    "send_many",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "batch.batch": ("send_many",),
        "client.client": ("AsteroidClient",),
        "errors": (
            "ApiError",
            "AsteroidError",
            "BadRequest",
            "BatchFailed",
            "ConfigurationError",
            "ConnectionFailed",
            "DeliveryUnknown",
            "Forbidden",
            "Interrupted",
            "InvalidInput",
            "JournalError",
            "NoAnswer",
            "NotFound",
            "RateLimited",
            "SendInterrupted",
            "ServerError",
            "Unauthorized",
            "UnexpectedAnswer",
        ),
        "form.form": ("SendForm",),
        "models.activities": ("Activities", "Activity", "Option", "Question"),
        "models.delivery": ("Delivery", "DryRun", "StatusChange"),
        "models.executions": ("Execution", "Executions"),
        "models.files": ("File", "Files", "Upload", "UploadedFile"),
        "models.identity": ("Identity",),
        "models.report": ("Report",),
        "panel.panel": ("ChatPanel",),
        "version": ("__version__",),
    },
)
set_renderer_loader(lambda: import_module(".render.renderer", __name__))
set_bar_loader(lambda: import_module(".render.progress.progress_bar", __name__).TransferBar)


def load_ipython_extension(shell: "InteractiveShell") -> None:
    """Register the magics; called by ``%load_ext asteroid_magic``."""
    from .magics.extension import load  # noqa: PLC0415 (the package must import without IPython)

    load(shell)


def unload_ipython_extension(shell: "InteractiveShell") -> None:
    """Remove everything that loading added; called by ``%unload_ext``."""
    from .magics.extension import unload  # noqa: PLC0415 (as above)

    unload(shell)
