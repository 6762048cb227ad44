"""What a person has set for this process: `%config`, `%asteroid_login`, `%asteroid_sandbox`.

Apart from `settings`, since `%load_ext` has to import it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .api_key import ApiKey


class Session:
    """The settings of this session; None where nothing has been set.

    `timeout` and `confirm_grace` are in seconds.

    `sandbox` is the base URL and the key of the one that runs; it stands before the others.
    `seen` holds the IDs of the executions that it has met, newest last, each with the name of its
    workflow, ``""`` where that is not known.
    """

    def __init__(self) -> None:
        self.base_url: str | None = None
        self.timeout: float | None = None
        self.confirm_grace: float | None = None
        self.key: ApiKey | None = None
        self.sandbox: tuple[str, ApiKey] | None = None
        self.seen: dict[str, str] = {}

    def remember(self, execution_id: str, workflow_name: str = "") -> None:
        """Keep an execution among those seen, as the newest; a name that is known stays known."""
        execution_id = execution_id.lower()
        known = self.seen.pop(execution_id, "")
        self.seen[execution_id] = workflow_name or known

    def clear(self) -> None:
        """Forget all of it."""
        self.base_url = self.timeout = self.confirm_grace = self.key = self.sandbox = None
        self.seen.clear()


session = Session()
