"""What the user set in this process: `%config`, `%asteroid_login`, `%asteroid_sandbox`.

A module apart from `settings`, because `%load_ext` imports it and must stay fast.
"""

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from .api_key import ApiKey


class Session:
    """The settings of this session; None means not set.

    `timeout` and `confirm_grace` are in seconds, `max_upload_mb` in megabytes. `sandbox` is the
    base URL and the key of the running sandbox, which override `base_url` and `key`. `seen` maps
    the IDs of the executions that this session has seen, newest last, to their workflow names
    (``""`` if unknown).

    The session calls its `listeners` after each change of a setting.
    """

    listeners: ClassVar["list[Callable[[], None]]"] = []

    def __init__(self) -> None:
        self.base_url: str | None = None
        self.timeout: float | None = None
        self.confirm_grace: float | None = None
        self.max_upload_mb: float | None = None
        self.key: ApiKey | None = None
        self.sandbox: tuple[str, ApiKey] | None = None
        self.seen: dict[str, str] = {}

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        # A listener may leave at any moment, on its own thread.
        for listener in tuple(self.listeners):
            listener()

    def remember(self, execution_id: str, workflow_name: str = "") -> None:
        """Add an execution to `seen` as the newest; keep a name that is known."""
        execution_id = execution_id.lower()
        known = self.seen.pop(execution_id, "")
        self.seen[execution_id] = workflow_name or known

    def clear(self) -> None:
        """Reset everything."""
        self.base_url = self.timeout = self.confirm_grace = self.max_upload_mb = None
        self.key = self.sandbox = None
        self.seen.clear()


session = Session()
