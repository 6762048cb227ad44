"""The links of an execution; they lead to the pages of `views`."""

from .activities import Payload
from .executions import PHASES


def with_links(described: Payload, origin: str) -> Payload:
    """Return an execution with its links; ``origin`` is the sandbox's own, with scheme and port.

    Like Asteroid, it shows a live view while the agent is active, and a recording afterwards,
    until that is deleted.
    """
    phase, is_purged = PHASES[described["status"]], "purgedAt" in described
    kinds = {"platformUrl": "run"}
    if phase == "active":
        kinds["liveViewUrl"] = "live"
    elif phase == "terminal" and not is_purged:
        kinds["recordingUrl"] = "recording"
    links = {name: f"{origin}/view/{kind}/{described['id']}" for name, kind in kinds.items()}
    return described | links
