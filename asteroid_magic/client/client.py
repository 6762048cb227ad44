"""`AsteroidClient`: speaks to running executions, and knows what became of what it sent.

How it sends is in `messages`, how it reads and controls executions in `executions`.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import NoReturn, Self
from uuid import UUID

from ..config.settings import resolve
from ..deadline import Timeout
from ..errors import CANCEL, PAUSE, READ, RESUME, Operation
from ..models.activities import Activities, Activity, Question
from ..models.delivery import Delivery, DryRun, StatusChange
from ..models.executions import Execution, Executions
from ..models.message import checked_id, prepare
from . import confirmation, executions, messages
from .boundary import public
from .requester import Requester


class AsteroidClient:
    """Sends to executions and reads them; one client serves many threads over one pool.

    What is not given comes from the session, the environment or the keyring, in the order that
    `asteroid_magic.settings` states. `timeout` (seconds, 30 unless set) is one deadline for a
    whole call: connecting, retries, waiting, reading. Plain http goes to this machine only,
    unless `allow_insecure`. A call takes a `timeout` of its own: seconds, or a `Deadline`, which
    another thread may cancel; the call then ends as an interrupt does.

    Every failure of a call raises an `AsteroidError`. What only reads is tried again, within the
    deadline, where the connection broke or the server was at fault; what may be done only once
    is tried again only where provably nothing was done. Where a delivery stays unknown, the
    message is looked for among the activities of its execution, for `confirm_grace` seconds (5
    unless set; 0 turns it off) beyond the deadline.

    Raises `ConfigurationError` for a malformed key, base URL or timeout.
    """

    @public
    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: float | None = None,
        *,
        allow_insecure: bool = False,
        confirm_grace: float | None = None,
    ) -> None:
        self._settings = resolve(
            api_key,
            base_url,
            timeout,
            allow_insecure=allow_insecure,
            confirm_grace=confirm_grace,
        )
        self._requester = Requester(self._settings)

    @property
    def base_url(self) -> str:
        """The URL that all requests begin with."""
        return self._settings.base_url

    @property
    def timeout(self) -> float:
        """The deadline of a call, in seconds, where the call names none."""
        return self._settings.timeout

    @property
    def key_source(self) -> str | None:
        """Where the API key comes from, in words; None where there is none."""
        return None if self._settings.key is None else self._settings.key.source

    @property
    def requester(self) -> Requester:
        """What makes the calls of this client, for the parts of the package that make many."""
        return self._requester

    @public
    def send(self, execution_id: str | UUID, message: str, *, timeout: Timeout = None) -> Delivery:
        """Send `message` to the execution, exactly as it is, and return the `Delivery`.

        Every failure raises an `AsteroidError`, whose `outcome` says what is known of the
        message. Tried again is only what provably was not sent, and a 429 or 503 whose
        Retry-After fits in the deadline (seconds; the client's, if None). Source: the
        contract's `ExecutionUserMessagesAdd`.

        Where no answer tells of the delivery and the activities do, `confirmed_by` says so. The
        error of an interrupt is raised even then, with the outcome ``"delivered"``.
        """
        outgoing = prepare(execution_id, message)
        grace = self._settings.confirm_grace
        return messages.send(self._requester, outgoing, timeout, grace)

    @public
    def find_delivery(
        self,
        execution_id: str | UUID,
        message: str,
        since: datetime | None,
        *,
        accounted: int = 0,
        timeout: Timeout = None,
    ) -> Activity | None:
        """Return the activity that shows that a message has arrived; None proves nothing.

        For a message whose delivery was still unknown when its process ended. It was sent at
        `since`, by the `server_clock`, or later; `accounted` others with the same text since
        then are known to have arrived. No activity is returned twice, in this process.
        """
        outgoing = prepare(execution_id, message)
        return confirmation.find(self._requester, outgoing, since, accounted, timeout)

    def server_clock(self) -> datetime | None:
        """Return a moment that the server's clock has passed by now, by no more than seconds.

        It is what the latest answer to this client told; None where none has told.
        """
        clock = self._requester.clock
        return None if clock is None else clock.earliest(time.monotonic())

    @public
    def dry_run(self, execution_id: str | UUID, message: str) -> DryRun:
        """Return the request that `send` would make, the key masked; nothing is sent.

        Raises `InvalidInput` as `send` does.
        """
        outgoing = prepare(execution_id, message)
        return messages.dry_run(self._settings, outgoing)

    @public
    def executions(
        self,
        phase: str | Iterable[str] | None = None,
        status: str | Iterable[str] | None = None,
        workflow_id: str | UUID | None = None,
        limit: int | None = 50,
        *,
        timeout: Timeout = None,
    ) -> Executions:
        """Return the account's executions, newest first, at most `limit` of them; None for all.

        `phase` (pending, active, terminal) and `status` may be one word or several, of which any
        may hold. Each execution comes once, also where others are created meanwhile.
        """
        filters = {
            "phase": phase,
            "status": status,
            "workflowId": str(workflow_id) if isinstance(workflow_id, UUID) else workflow_id,
        }
        return executions.executions(self._requester, filters, limit, timeout)

    @public
    def execution(self, execution_id: str | UUID, *, timeout: Timeout = None) -> Execution:
        """Return one execution as it is now."""
        checked = checked_id(execution_id, READ)
        return executions.execution(self._requester, checked, timeout)

    @public
    def activities(
        self,
        execution_id: str | UUID,
        limit: int | None = None,
        order: str = "asc",
        *,
        timeout: Timeout = None,
    ) -> Activities:
        """Return what happened in an execution, oldest first, or newest first with ``"desc"``.

        `limit` counts from the front of that order; None is everything, up to 32 MiB of it.
        """
        checked = checked_id(execution_id, READ)
        return executions.activities(self._requester, checked, limit, order, timeout)

    @public
    def question(
        self, execution_id: str | UUID, *, timeout: Timeout = None
    ) -> tuple[Question, ...]:
        """Return what an execution waits for a person to answer or confirm; () for nothing.

        Where it waits without a question of its own, the reason it gives stands for one. Once a
        message has reached it, the question counts as answered.
        """
        checked = checked_id(execution_id, READ)
        return executions.question(self._requester, checked, timeout)

    @public
    def pause(self, execution_id: str | UUID, *, timeout: Timeout = None) -> StatusChange:
        """Pause an execution, and return its status since then.

        An error whose `outcome` is ``"unknown"`` says that it may have been paused.
        """
        return self._control(PAUSE, execution_id, timeout)

    @public
    def resume(self, execution_id: str | UUID, *, timeout: Timeout = None) -> StatusChange:
        """Let a paused execution go on; otherwise as `pause`."""
        return self._control(RESUME, execution_id, timeout)

    @public
    def cancel(self, execution_id: str | UUID, *, timeout: Timeout = None) -> StatusChange:
        """End an execution for good; otherwise as `pause`."""
        return self._control(CANCEL, execution_id, timeout)

    def _control(
        self, operation: Operation, execution_id: str | UUID, timeout: Timeout
    ) -> StatusChange:
        checked = checked_id(execution_id, operation)
        return executions.control(self._requester, operation, checked, timeout)

    def close(self) -> None:
        """Close the connections; the client sends no more."""
        self._requester.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        key = "with a key" if self._settings.key else "without a key"
        return f"<AsteroidClient {self.base_url}, {key}, timeout {self.timeout:g} s>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A client holds a key and connections; make one in each process.")


@contextmanager
def connected(client: AsteroidClient | None) -> Iterator[AsteroidClient]:
    """Give the client, or where there is none one of the settings in force, closed afterwards.

    With one of its own, each call has a new connection: one that was kept open may have gone
    stale while a person thought, and what is sent on a stale one may or may not arrive.
    """
    if client is not None:
        yield client
        return
    with AsteroidClient() as own:
        yield own
