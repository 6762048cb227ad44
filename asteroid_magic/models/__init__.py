"""The records that the package sends and returns; they do no I/O."""

from typing import TYPE_CHECKING

from ..exports import lazy_exports

if TYPE_CHECKING:
    from .activities import Activities, Activity, Option, Question
    from .delivery import Delivery, DryRun, StatusChange
    from .executions import Execution, Executions
    from .files import File, Files, Upload, UploadedFile
    from .report import Report
    from .watch import Listing, Transcript, WatchResult

__all__ = [
    "Activities",
    "Activity",
    "Delivery",
    "DryRun",
    "Execution",
    "Executions",
    "File",
    "Files",
    "Listing",
    "Option",
    "Question",
    "Report",
    "StatusChange",
    "Transcript",
    "Upload",
    "UploadedFile",
    "WatchResult",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "activities": ("Activities", "Activity", "Option", "Question"),
        "delivery": ("Delivery", "DryRun", "StatusChange"),
        "executions": ("Execution", "Executions"),
        "files": ("File", "Files", "Upload", "UploadedFile"),
        "report": ("Report",),
        "watch": ("WatchResult", "Listing", "Transcript"),
    },
)
