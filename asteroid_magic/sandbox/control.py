"""Pausing, resuming and cancelling an execution, and waiting until it is over."""

from .executions import PHASES
from .filters import whole_number
from .handlers import ApiHandler, worded_for_http
from .problems import Problem

LONGEST_SYNC = 25
"""How many seconds ``/sync`` waits at most, and by default."""

GLANCE = 0.02
"""Seconds between two looks at an execution while ``/sync`` waits."""


class Control(ApiHandler):
    """A path that changes the status: POST without a body."""

    def change(self, execution_id: str) -> str:
        """Make the change, and return the new status."""
        raise NotImplementedError

    def post(self, execution_id: str) -> None:
        """Change the status, and answer with it."""
        self.check_id(execution_id)
        with worded_for_http():
            status = self.change(execution_id)
        self.send_json({"executionId": execution_id.lower(), "status": status})


class Pause(Control):
    """``POST /executions/{executionId}/pause``."""

    def change(self, execution_id: str) -> str:
        """Pause."""
        return self.service.pause(execution_id)


class Resume(Control):
    """``POST /executions/{executionId}/resume``."""

    def change(self, execution_id: str) -> str:
        """Resume."""
        return self.service.resume(execution_id)


class Cancel(Control):
    """``POST /executions/{executionId}/cancel``."""

    def change(self, execution_id: str) -> str:
        """Cancel."""
        return self.service.cancel(execution_id)


class Sync(ApiHandler):
    """``GET /executions/{executionId}/sync``."""

    async def get(self, execution_id: str) -> None:
        """Answer 200 once the execution is over, 202 if the time runs out first."""
        self.check_id(execution_id)
        seconds = whole_number(self.arguments, "timeoutSeconds", LONGEST_SYNC)
        if seconds > LONGEST_SYNC:
            why = f"timeoutSeconds must be from 1 to {LONGEST_SYNC}"
            raise Problem(400, why, "timeoutSeconds")
        with self.service.answering():
            for _ in range(round(seconds / GLANCE)):
                with worded_for_http():
                    described = self.service.world.describe(execution_id)
                is_over = PHASES[described["status"]] == "terminal"
                if is_over or not await self.service.delay(GLANCE):
                    break
        told = {"executionId": described["id"], "status": described["status"]}
        if "executionResult" in described:
            told["executionResult"] = described["executionResult"]
        self.set_status(200 if is_over else 202)
        self.send_json(told)
