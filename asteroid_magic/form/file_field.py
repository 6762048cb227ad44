"""The button of a form that attaches files, and what is attached."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ipywidgets import FileUpload
from traitlets import CBool

from ..monitor.attachments import Attachment
from .comms import Field

# A larger message of a browser ends its connection to the server, and nothing says so.
TOOLTIP = "They go before the message. For larger ones, use %asteroid_send --attach FILE"


class FileField(Field, FileUpload):  # type: ignore[misc]
    """A button that attaches files; ipywidgets 7 and 8 hold their contents in different ways."""

    # A choice can freeze it: the browser sends the number of the choice.
    disabled = CBool(False).tag(sync=True)

    def __init__(self) -> None:
        # Before version 8, there is no tooltip.
        named: dict[str, Any] = {"tooltip": TOOLTIP} if self.has_trait("tooltip") else {}
        super().__init__(
            description="Attach files up to 10 MB",
            multiple=True,
            icon="",
            layout={"width": "auto"},
            **named,
        )

    @property
    def files(self) -> tuple[Attachment, ...]:
        """What is attached: the name and the contents of each file."""
        held: Any = self.value
        if isinstance(held, dict):
            return tuple((name, bytes(one["content"])) for name, one in held.items())
        return tuple((one["name"], bytes(one["content"])) for one in held)

    def hold(self, files: Sequence[Attachment]) -> None:
        """Attach these files, and no others."""
        if tuple(files) == self.files:
            return
        now, held = datetime.now(UTC), self.trait_values()["value"]
        if not isinstance(held, dict):
            self.value = tuple(
                {
                    "name": name,
                    "type": "",
                    "size": len(contents),
                    "last_modified": now,
                    "content": memoryview(contents),
                }
                for name, contents in files
            )
            return
        # The value follows the counter, from what the other two hold.
        self._counter = 0
        self.metadata = [
            {"name": name, "type": "", "size": len(contents), "lastModified": 0}
            for name, contents in files
        ]
        self.data = [contents for _, contents in files]
        self._counter = len(files)
        if not files:
            self.set_trait("value", {})
