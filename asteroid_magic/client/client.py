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

    What you do not pass comes from the session, the environment or the keyring. Use the client in
    ``with``, or `close` it.

    Parameters
    ----------
    api_key : str, optional
        The API key: printable ASCII. Spaces around it are removed.
    base_url : str, optional
        The address of Asteroid; without a path, it gets ``/agents/v2``.
    timeout : float, optional
        The default deadline of a call, in seconds: 30, unless the session has another.
    allow_insecure : bool, default False
        Allow plain http to other machines, which sends the key unencrypted.
    confirm_grace : float, optional
        How long to look for a message whose delivery stays unknown, in seconds beyond the deadline:
        5, unless the session has another; 0 turns this off.
    max_upload_mb : float, optional
        The largest file to upload, in megabytes (1,000,000 bytes each): 100, unless the session has
        another.

    Raises
    ------
    ConfigurationError
        If a setting is malformed; and in Pyodide, where Python cannot connect to a server.

    Notes
    -----
    A timeout is one deadline for a whole call: connecting, retries, waiting, reading. Each call
    takes its own: seconds, or a `Deadline`, which another thread may cancel. The call then ends as
    if interrupted.

    Every failed call raises an `AsteroidError`. The client retries reads until the deadline,
    after connection errors and server errors. It retries a message or a status change only if the
    server provably did nothing.

    The key comes from the argument, from ``%asteroid_sandbox`` or ``%asteroid_login``, from the
    environment variable ``ASTEROID_API_KEY``, from the secrets of Google Colab, or from the
    keyring: the first that has one. The base URL comes from the argument, the session, the variable
    ``ASTEROID_BASE_URL``, or is that of Asteroid.

    Examples
    --------
    >>> with AsteroidClient() as client:
    ...     delivery = client.send(execution_id, "Please skip invoice 2291.")
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
        """Send a message to an execution, exactly as it is.

        Parameters
        ----------
        execution_id : str, UUID or object
            The ID, or an object with an `execution_id` or an `id`.
        message : str
            The text: up to 1,000,000 bytes of UTF-8, more than spaces and line breaks.
        timeout : float or Deadline, optional
            Seconds for the whole call; the client's, if None.
        once : bool, default False
            Send nothing if the activities show this text from a user already, or in other line
            ends, Unicode form or outer white space. If they cannot be read to their beginning,
            send nothing either, and raise an error.

        Returns
        -------
        Delivery
            What is known of the message. If `once` found it there, `attempts` is 0 and `sent_at`
            is when it arrived.

        Raises
        ------
        InvalidInput
            If the ID or the message cannot be sent.
        ConfigurationError
            If there is no API key, or the timeout is unusable.
        SendInterrupted
            If the user interrupts the call, even if the message was delivered.
        AsteroidError
            For any other failure; its `outcome` says what is known about the message.

        Notes
        -----
        The client retries only if the message provably was not sent, or after a 429 whose
        ``Retry-After`` fits in the timeout: three requests at most. If the answer is lost and the
        activities show the message, it was delivered, and `confirmed_by` says how that is known.
        Source: the contract's ``ExecutionUserMessagesAdd``, which has no idempotency key.
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
        """Look for a message whose delivery was still unknown when its process ended.

        Two calls of one process never find the same activity.

        Parameters
        ----------
        execution_id : str, UUID or object
            The ID, or an object with an `execution_id` or an `id`.
        message : str
            The text that was sent.
        since : datetime
            When it was sent, or earlier: an aware time by the server's clock, as `server_clock`
            gave it then.
        accounted : int, default 0
            How many other messages with the same text are known to have arrived since then.
        timeout : float or Deadline, optional
            Seconds for the whole call; the client's, if None.

        Returns
        -------
        Activity or None
            The activity that shows that it arrived. None: it may still have arrived.

        Raises
        ------
        InvalidInput
            If the ID or the message could not have been sent, `since` is not an aware time, or
            `accounted` not a whole number from 0 up.
        AsteroidError
            If the activities cannot be read.
        """
        outgoing = prepare(execution_id, message)
        if not isinstance(accounted, int) or accounted < 0:
            why = "accounted must be a whole number from 0 up."
            raise InvalidInput(why, hint="0 if you know of no others.", operation=READ)
        return confirmation.find(self._requester, outgoing, since, accounted, timeout)

    def server_clock(self) -> datetime | None:
        """Return a time that the server's clock has already passed, by seconds at most.

        Returns
        -------
        datetime or None
            An aware time, from the latest answer to this client; None if no answer gave one.

        Notes
        -----
        It comes from the header ``Date``, which counts whole seconds (RFC 9110, 6.6.1).
        """
        clock = self._requester.clock
        return None if clock is None else clock.earliest(time.monotonic())

    @public
    def dry_run(self, execution_id: ExecutionRef, message: str) -> DryRun:
        """Return the request that `send` would make, with the key masked; sends nothing.

        Parameters
        ----------
        execution_id : str, UUID or object
            The ID, or an object with an `execution_id` or an `id`.
        message : str
            The text, as in `send`.

        Returns
        -------
        DryRun
            The request. It needs no API key.

        Raises
        ------
        InvalidInput
            If the ID or the message cannot be sent.
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
        """Return the account's executions, newest first.

        Each is listed once, even if others are created meanwhile.

        Parameters
        ----------
        phase : str or iterable of str, optional
            ``"pending"``, ``"active"`` or ``"terminal"``. One of several needs to match.
        status : str or iterable of str, optional
            Such as ``"paused_by_agent"``. One of several needs to match.
        workflow_id : str or UUID, optional
            The ID of a workflow; the same as `workflow` with an ID.
        limit : int or None, default 50
            How many to return at most; None for all.
        since : str, timedelta or datetime, optional
            When they were created, or later: a duration such as ``"30m"``, ``"24h"``, ``"7d"`` or
            ``"1d12h"``, a timedelta in whole minutes, or an aware datetime.
        workflow : str or UUID, optional
            The ID of a workflow, or its name, in any case.
        metadata : mapping of str to str or int, optional
            Names and values, which all must match.
        outcome : str, optional
            A part of the outcome, in any case.
        timeout : float or Deadline, optional
            Seconds for the whole call; the client's, if None.

        Returns
        -------
        Executions
            A tuple of `Execution`.

        Raises
        ------
        InvalidInput
            If a filter has none of these forms, or `workflow` and `workflow_id` are both given.
        UnexpectedAnswer
            If the list has over 64 MiB or 250,000 executions, or is no list.
        AsteroidError
            If the list cannot be read.

        Notes
        -----
        The contract has no filter for names of workflows. So this reads the list until `limit`
        executions have that name.
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
        """Return the only execution whose ID starts with these characters.

        Parameters
        ----------
        beginning : str
            8 or more characters of the ID.
        timeout : float or Deadline, optional
            Seconds for the whole call; the client's, if None.

        Returns
        -------
        Execution
            The execution as it is now.

        Raises
        ------
        InvalidInput
            If there is none, or if there are several, which the hint lists.
        UnexpectedAnswer
            If the server's list cannot be read to its end: there may be another.
        AsteroidError
            If the list cannot be read at all.

        Examples
        --------
        The other calls take whole IDs only.

        >>> client.send(client.find_execution("8b078c8b"), "Please skip invoice 2291.")
        """
        return search.find(self._requester, beginning, timeout)

    @public
    def whoami(self, *, timeout: Timeout = None) -> Identity:
        """Return whose the API key is.

        Parameters
        ----------
        timeout : float or Deadline, optional
            Seconds for the whole call; the client's, if None.

        Returns
        -------
        Identity
            The person, the organization or the service.

        Raises
        ------
        Unauthorized
            If the server does not accept the key.
        NotFound
            If the server does not tell.
        ConfigurationError
            If there is no key, or the base URL does not end in ``/agents/v2``.
        AsteroidError
            For any other failure.

        Notes
        -----
        The server answers beside the base URL, at ``/users/v2/whoami``. Source: the vendor's
        client ``asteroid-odyssey``.
        """
        return whoami.whoami(self._requester, timeout)

    @public
    def execution(self, execution_id: ExecutionRef, *, timeout: Timeout = None) -> Execution:
        """Return one execution as it is now.

        Parameters
        ----------
        execution_id : str, UUID or object
            The ID, or an object with an `execution_id` or an `id`.
        timeout : float or Deadline, optional
            Seconds for the whole call; the client's, if None.

        Returns
        -------
        Execution
            The execution; its activities are read by `activities`.

        Raises
        ------
        InvalidInput
            If the ID is not a UUID.
        AsteroidError
            If it cannot be read; `NotFound` if there is none with this ID.
        """
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
        """Return what happened in an execution.

        Parameters
        ----------
        execution_id : str, UUID or object
            The ID, or an object with an `execution_id` or an `id`.
        limit : int or None, optional
            How many to return at most, from the front of the order; None for all, up to 32 MiB.
        order : {"asc", "desc"}, default "asc"
            Oldest first, or newest first.
        timeout : float or Deadline, optional
            Seconds for the whole call; the client's, if None.

        Returns
        -------
        Activities
            A tuple of `Activity`.

        Raises
        ------
        InvalidInput
            If the ID is not a UUID, or the limit or the order has another form.
        AsteroidError
            If they cannot be read.
        """
        checked = checked_id(execution_id, READ)
        return executions.activities(self._requester, checked, limit, order, timeout)

    @public
    def question(
        self, execution_id: ExecutionRef, *, timeout: Timeout = None
    ) -> tuple[Question, ...]:
        """Return what an execution waits for you to answer or confirm.

        If it waits without a question of its own, its reason is the question. Once a message has
        reached it, the question counts as answered.

        Parameters
        ----------
        execution_id : str, UUID or object
            The ID, or an object with an `execution_id` or an `id`.
        timeout : float or Deadline, optional
            Seconds for the whole call; the client's, if None.

        Returns
        -------
        tuple of Question
            The questions; () for nothing.

        Raises
        ------
        InvalidInput
            If the ID is not a UUID.
        AsteroidError
            If the execution cannot be read.
        """
        checked = checked_id(execution_id, READ)
        return executions.question(self._requester, checked, timeout)

    @public
    def pause(self, execution_id: ExecutionRef, *, timeout: Timeout = None) -> StatusChange:
        """Pause an execution.

        Parameters
        ----------
        execution_id : str, UUID or object
            The ID, or an object with an `execution_id` or an `id`.
        timeout : float or Deadline, optional
            Seconds for the whole call; the client's, if None.

        Returns
        -------
        StatusChange
            The new status, as the server answered.

        Raises
        ------
        InvalidInput
            If the ID is not a UUID.
        UnexpectedAnswer
            If the answer names no status; then it may have been paused.
        AsteroidError
            If it was not paused, or, with the outcome ``"unknown"``, may have been paused.
        """
        return self._control(PAUSE, execution_id, timeout)

    @public
    def resume(self, execution_id: ExecutionRef, *, timeout: Timeout = None) -> StatusChange:
        """Resume an execution that a user has paused.

        One that waits for you continues when you answer it with `send`.

        Parameters
        ----------
        execution_id : str, UUID or object
            The ID, or an object with an `execution_id` or an `id`.
        timeout : float or Deadline, optional
            Seconds for the whole call; the client's, if None.

        Returns
        -------
        StatusChange
            The new status, as the server answered.

        Raises
        ------
        InvalidInput
            If the ID is not a UUID.
        UnexpectedAnswer
            If the answer names no status; then it may have been resumed.
        AsteroidError
            If it was not resumed, or, with the outcome ``"unknown"``, may have been resumed.
        """
        return self._control(RESUME, execution_id, timeout)

    @public
    def cancel(self, execution_id: ExecutionRef, *, timeout: Timeout = None) -> StatusChange:
        """Cancel an execution for good.

        Parameters
        ----------
        execution_id : str, UUID or object
            The ID, or an object with an `execution_id` or an `id`.
        timeout : float or Deadline, optional
            Seconds for the whole call; the client's, if None.

        Returns
        -------
        StatusChange
            The new status, as the server answered.

        Raises
        ------
        InvalidInput
            If the ID is not a UUID.
        UnexpectedAnswer
            If the answer names no status; then it may have been cancelled.
        AsteroidError
            If it was not cancelled, or, with the outcome ``"unknown"``, may have been cancelled.
        """
        return self._control(CANCEL, execution_id, timeout)

    @public
    def upload(
        self,
        execution_id: ExecutionRef,
        *files: FileInput,
        timeout: Timeout = None,
        progress: TransferProgress | None = None,
    ) -> Upload:
        """Give files to an execution.

        All are checked before the first byte leaves. Then each is one request, and the first that
        is not delivered ends the upload.

        Parameters
        ----------
        execution_id : str, UUID or object
            The ID, or an object with an `execution_id` or an `id`.
        *files : str, os.PathLike or tuple of (str, bytes)
            Each file: its path, or a pair of a name and the contents.
        timeout : float or Deadline, optional
            Seconds for the whole upload. If None, each file may take as long as it moves 10 kB a
            second, and the client's timeout limits how long it stands still.
        progress : callable, optional
            Called with the name of a file, the bytes sent so far and its size, in bytes. If None,
            files above 5 MB show a bar.

        Returns
        -------
        Upload
            That the execution has all files.

        Raises
        ------
        InvalidInput
            If the ID is not a UUID, or a file is missing, unreadable, empty, a folder, over
            `max_upload_mb`, or has a name that servers might read as another.
        AsteroidError
            The error of the first file that is not delivered; its `upload` says which files
            arrived.

        Notes
        -----
        A file whose answer is lost is looked for among the files of the execution, and never sent
        again on a guess. Source: the vendor's ``POST /executions/{id}/context-files``.
        """
        with TransferBars("Uploading") as bars:
            shown = progress or bars
            return uploads.upload(self._requester, execution_id, files, timeout, shown)

    @public
    def files(self, execution_id: ExecutionRef, *, timeout: Timeout = None) -> Files:
        """Return the files of an execution: those of the agent and those given to it.

        Parameters
        ----------
        execution_id : str, UUID or object
            The ID, or an object with an `execution_id` or an `id`.
        timeout : float or Deadline, optional
            Seconds for the whole call; the client's, if None.

        Returns
        -------
        Files
            A tuple of `File`, newest first; `download` takes each.

        Raises
        ------
        InvalidInput
            If the ID is not a UUID.
        AsteroidError
            If they cannot be read.
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
        """Save a file of an execution in a folder.

        It gets its own name, changed where the name could leave the folder or mean a device. If
        there is such a file, a number is added: no file is overwritten.

        Parameters
        ----------
        file : File
            One of `files`.
        to : str or os.PathLike, default "."
            The folder, created if it is missing; ``~`` is the home.
        timeout : float or Deadline, optional
            Seconds for the whole download. If None, the file may take as long as it moves 10 kB a
            second, and the client's timeout limits how long it stands still.
        progress : callable, optional
            Called with the name of the file, the bytes so far and its size, in bytes. If None, a
            file above 5 MB shows a bar.

        Returns
        -------
        Path
            Where the file is.

        Raises
        ------
        InvalidInput
            If this is no such file, or the folder cannot be used.
        AsteroidError
            If it cannot be read or saved. A file that does not have its whole size is not kept.

        Notes
        -----
        The bytes come from the address that Asteroid names (303), without the API key.
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
