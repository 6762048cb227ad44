"""`AsteroidClient`: sends to running executions, knows what arrived, reads and controls them.

`messages` does the sending, `executions` the reading and controlling.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self
from uuid import UUID

from ..config.settings import resolve
from ..deadline import Timeout
from ..display import TransferBars
from ..errors import (
    CANCEL,
    PAUSE,
    READ,
    RESUME,
    ConfigurationError,
    InvalidInput,
    Operation,
)
from ..models.activities import Activities, Activity, Question
from ..models.delivery import Delivery, DryRun, StatusChange
from ..models.executions import Execution, Executions
from ..models.files import File, Files, Upload
from ..models.identity import Identity
from ..models.message import ExecutionRef, checked_id, prepare, text_of_id
from .boundary import public
from .files import downloads, listings, uploads
from .files.multipart import TransferProgress
from .files.sources import FileInput
from .reading import executions, search, whoami
from .requester import Requester
from .sending import confirmation, messages


class AsteroidClient:
    """Sends to executions and reads them; one client serves many threads over one pool.

    What you do not pass comes from the session, the environment or the keyring, in the order that
    `asteroid_magic.config.settings` states. `timeout` (seconds, 30 by default) is one deadline for
    a whole call: connecting, retries, waiting, reading. Plain http goes to this machine only,
    unless you set `allow_insecure`. Each call takes its own `timeout`: seconds, or a `Deadline`,
    which another thread may cancel; the call then ends as if interrupted.

    Every failed call raises an `AsteroidError`. The client retries reads until the deadline,
    after connection errors and server errors. It retries a message or a status change only if the
    server provably did nothing. If a delivery stays unknown, it looks for the message among the
    activities of the execution, for `confirm_grace` seconds (5 by default; 0 turns this off)
    beyond the deadline. `max_upload_mb` is the largest file to upload, in megabytes (100 by
    default).

    Raises `ConfigurationError` for a malformed key, base URL or timeout, and in Pyodide, where
    Python cannot connect to a server.
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
        max_upload_mb: float | None = None,
    ) -> None:
        self._settings = resolve(
            api_key,
            base_url,
            timeout,
            allow_insecure=allow_insecure,
            confirm_grace=confirm_grace,
            max_upload_mb=max_upload_mb,
        )
        self._requester = Requester(self._settings)

    @property
    def base_url(self) -> str:
        """The base URL of all requests."""
        return self._settings.base_url

    @property
    def timeout(self) -> float:
        """The default deadline of a call, in seconds."""
        return self._settings.timeout

    @property
    def key_source(self) -> str | None:
        """Where the API key comes from, in words; None if there is no key."""
        return None if self._settings.key is None else self._settings.key.source

    @property
    def requester(self) -> Requester:
        """The `Requester` that makes this client's calls, for other parts of the package."""
        return self._requester

    @public
    def send(
        self,
        execution_id: ExecutionRef,
        message: str,
        *,
        timeout: Timeout = None,
        once: bool = False,
    ) -> Delivery:
        """Send `message` to the execution, exactly as it is, and return the `Delivery`.

        Every failure raises an `AsteroidError`; its `outcome` says what is known about the
        message. The client retries only if the message provably was not sent, or after a 429
        whose Retry-After fits in `timeout` (seconds; the client's, if None): three requests at
        most. Source: the contract's `ExecutionUserMessagesAdd`.

        If the answer is lost and the activities confirm the delivery, `confirmed_by` says so.
        After an interrupt the error is raised even then, with the outcome ``"delivered"``.

        `execution_id` is the ID, or an object with an `execution_id` or an `id`. With `once`,
        nothing is sent if the activities show this text from a user already, or in other line
        ends, Unicode form or outer white space: then `attempts` is 0 and `sent_at` is when that
        message arrived. If they cannot be read to their beginning, nothing is sent either, and
        the error says so.
        """
        outgoing = prepare(execution_id, message)
        grace = self._settings.confirm_grace
        send = messages.send_once if once else messages.send
        return send(self._requester, outgoing, timeout, grace)

    @public
    def find_delivery(
        self,
        execution_id: ExecutionRef,
        message: str,
        since: datetime | None,
        *,
        accounted: int = 0,
        timeout: Timeout = None,
    ) -> Activity | None:
        """Return the activity that shows that a message arrived; None: it may still have arrived.

        For a message whose delivery was still unknown when its process ended. The message was
        sent at `since`, by the `server_clock`, or later; `accounted` other messages with the same
        text are known to have arrived since then. A process gets no activity twice.
        """
        outgoing = prepare(execution_id, message)
        if not isinstance(accounted, int) or accounted < 0:
            why = "accounted must be a whole number from 0 up."
            raise InvalidInput(why, hint="0 if you know of no others.", operation=READ)
        return confirmation.find(self._requester, outgoing, since, accounted, timeout)

    def server_clock(self) -> datetime | None:
        """Return a time that the server's clock has already passed, by seconds at most.

        It comes from the latest answer to this client; None if no answer gave a time.
        """
        clock = self._requester.clock
        return None if clock is None else clock.earliest(time.monotonic())

    @public
    def dry_run(self, execution_id: ExecutionRef, message: str) -> DryRun:
        """Return the request that `send` would make, with the key masked; sends nothing.

        Raises `InvalidInput` as `send` does.
        """
        outgoing = prepare(execution_id, message)
        return messages.dry_run(self._settings, outgoing)

    @public
    def executions(  # noqa: PLR0913 (each is a filter of the contract)
        self,
        phase: str | Iterable[str] | None = None,
        status: str | Iterable[str] | None = None,
        workflow_id: str | UUID | None = None,
        limit: int | None = 50,
        *,
        since: str | timedelta | datetime | None = None,
        workflow: str | UUID | None = None,
        metadata: Mapping[str, str | int] | None = None,
        outcome: str | None = None,
        timeout: Timeout = None,
    ) -> Executions:
        """Return the account's executions, newest first, at most `limit` of them; None for all.

        `phase` (pending, active, terminal) and `status` take one word or several; an execution
        needs to match only one of several. Each execution is listed once, even if others are
        created meanwhile.

        `since` is a duration such as ``"30m"``, ``"24h"``, ``"7d"`` or ``"1d12h"``, a timedelta in
        whole minutes, or a datetime with its time zone. `metadata` maps names to texts, and
        all must match; `outcome` is a part of the outcome, in any case. `workflow` is the ID of
        a workflow, or its name, in any case: the contract has no filter for names, so this reads
        the list until `limit` executions have that name. Raises `InvalidInput` for other values.
        """
        more, name = search.filters_of(since, workflow, metadata, outcome)
        if workflow is not None and workflow_id is not None:
            why = "workflow and workflow_id are both given."
            raise InvalidInput(why, hint="Give one of them.", operation=READ)
        filters: dict[str, Any] = {
            "phase": phase,
            "status": status,
            # None for several of them.
            "workflowId": text_of_id(workflow_id) or workflow_id,
            **more,
        }
        return search.listed(self._requester, filters, name, limit, timeout).found

    @public
    def find_execution(self, beginning: str, *, timeout: Timeout = None) -> Execution:
        """Return the only execution whose ID starts with `beginning`, 8 or more characters.

        The other calls take whole IDs only: ``client.send(client.find_execution("8b078c8b"), …)``.
        Raises `InvalidInput` if there is none or if there are several, which its hint lists, and
        `UnexpectedAnswer` if the server's list cannot be read to its end.
        """
        return search.find(self._requester, beginning, timeout)

    @public
    def whoami(self, *, timeout: Timeout = None) -> Identity:
        """Return whose the API key is.

        Raises `Unauthorized` for a key that the server does not accept, `NotFound` if the server
        does not tell, and `ConfigurationError` if the base URL does not end in ``/agents/v2``.
        """
        return whoami.whoami(self._requester, timeout)

    @public
    def execution(self, execution_id: ExecutionRef, *, timeout: Timeout = None) -> Execution:
        """Return one execution as it is now."""
        checked = checked_id(execution_id, READ)
        return executions.execution(self._requester, checked, timeout)

    @public
    def activities(
        self,
        execution_id: ExecutionRef,
        limit: int | None = None,
        order: str = "asc",
        *,
        timeout: Timeout = None,
    ) -> Activities:
        """Return what happened in an execution, oldest first, or newest first with ``"desc"``.

        `limit` counts from the front of that order; None reads everything, up to 32 MiB.
        """
        checked = checked_id(execution_id, READ)
        return executions.activities(self._requester, checked, limit, order, timeout)

    @public
    def question(
        self, execution_id: ExecutionRef, *, timeout: Timeout = None
    ) -> tuple[Question, ...]:
        """Return what an execution waits for you to answer or confirm; () for nothing.

        If it waits without a question of its own, its reason is the question. Once a message has
        reached it, the question counts as answered.
        """
        checked = checked_id(execution_id, READ)
        return executions.question(self._requester, checked, timeout)

    @public
    def pause(self, execution_id: ExecutionRef, *, timeout: Timeout = None) -> StatusChange:
        """Pause an execution and return its new status.

        An error whose `outcome` is ``"unknown"`` means that it may have been paused.
        """
        return self._control(PAUSE, execution_id, timeout)

    @public
    def resume(self, execution_id: ExecutionRef, *, timeout: Timeout = None) -> StatusChange:
        """Resume a paused execution; otherwise as `pause`."""
        return self._control(RESUME, execution_id, timeout)

    @public
    def cancel(self, execution_id: ExecutionRef, *, timeout: Timeout = None) -> StatusChange:
        """Cancel an execution for good; otherwise as `pause`."""
        return self._control(CANCEL, execution_id, timeout)

    @public
    def upload(
        self,
        execution_id: ExecutionRef,
        *files: FileInput,
        timeout: Timeout = None,
        progress: TransferProgress | None = None,
    ) -> Upload:
        """Give files to an execution, and return an `Upload` that says that it has all of them.

        A file is a path, or a pair: a name, and its contents as bytes. All are checked before the
        first byte leaves: `InvalidInput` for one that is missing, unreadable, empty, a folder, over
        `max_upload_mb`, or whose name servers might read as another.

        Each file is one request. The first that is not delivered ends the upload: its error is
        raised, and the `upload` of the error says which files arrived. A file whose answer is lost
        is looked for among the files of the execution, and never sent again on a guess. Source: the
        vendor's ``POST /executions/{id}/context-files``.

        Without a `timeout`, each file may take as long as it moves 10 kB a second; the client's
        timeout limits how long it stands still. A `timeout` limits the whole upload. Files above
        5 MB show a bar; instead, `progress` is called with the name of each file, the bytes sent so
        far, and its size.
        """
        with TransferBars("Uploading") as bars:
            shown = progress or bars
            return uploads.upload(self._requester, execution_id, files, timeout, shown)

    @public
    def files(self, execution_id: ExecutionRef, *, timeout: Timeout = None) -> Files:
        """Return the files of an execution, newest first: those of the agent and those given to it.

        Each is a `File`, which `download` takes.
        """
        checked = checked_id(execution_id, READ)
        return listings.list_files(self._requester, checked, timeout)

    @public
    def download(
        self,
        file: File,
        to: str | PathLike[str] = ".",
        *,
        timeout: Timeout = None,
        progress: TransferProgress | None = None,
    ) -> Path:
        """Save a file of `files` in the folder `to`, and return its path.

        It gets its own name, changed where the name could leave the folder or mean a device; if
        there is such a file, a number is added: no file is overwritten. A missing folder is
        created. The bytes come from the address that Asteroid names, without the API key. A file
        that does not have its whole size is not kept; after an interrupt, no part of it either.

        `timeout` and `progress` are as in `upload`.
        """
        with TransferBars("Downloading") as bars:
            return downloads.download(self._requester, file, to, timeout, progress or bars)

    def _control(
        self, operation: Operation, execution_id: ExecutionRef, timeout: Timeout
    ) -> StatusChange:
        checked = checked_id(execution_id, operation)
        return executions.control(self._requester, operation, checked, timeout)

    def close(self) -> None:
        """Close the connections; the client can make no more calls."""
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
        raise TypeError("A client holds a key and connections. Create one in each process.")


@contextmanager
def connected(client: AsteroidClient | None) -> Iterator[AsteroidClient]:
    """Yield `client`; if None, yield a client with the current settings and close it afterwards."""
    if client is not None:
        if not isinstance(client, AsteroidClient):
            raise ConfigurationError(
                f"The client is of type {type(client).__name__}, not AsteroidClient.",
                hint="Give an AsteroidClient, or none.",
            )
        yield client
        return
    with AsteroidClient() as own:
        yield own
