"""`Sandbox`: runs the server in a thread with a loop of its own, and shows what happened in it."""

import asyncio
import math
import secrets
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any, Literal, Self

from . import listing
from .endings import Ending
from .executions import ExecutionSnapshot
from .faults import Fault, Faults, checked_fault, checked_spoiled
from .scenes import Waiting
from .server import BASE_PATH, serve
from .service import Service
from .world import World

HOST = "127.0.0.1"
HIGHEST_PORT = 65_535
BACKLOG = 128


class Sandbox:
    """A small Asteroid on loopback, with agents that answer.

    Use it in ``with``, or call `start` and `stop`. Every start begins again with new executions;
    the key stays. After the stop, you can still see what happened. You may call every method from
    any thread, even while you run an event loop of your own.

    Parameters
    ----------
    pace : float, default 1.0
        Multiplies every delay of the agents: 0.02 makes them fifty times as fast.
    port : int, default 0
        The port to open at every start, 0 for a free one.

    Raises
    ------
    ValueError
        If the pace is not a number above 0, or the port not one from 0 to 65,535.

    Examples
    --------
    >>> with Sandbox() as box, AsteroidClient(box.api_key, box.base_url) as client:
    ...     delivery = client.send(box.executions[0], "The second one.")
    """

    def __init__(self, *, pace: float = 1.0, port: int = 0) -> None:
        if not (math.isfinite(pace) and pace > 0):
            raise ValueError(f"pace must be a number above 0, not {pace!r}. Try pace=0.1.")
        if port not in range(HIGHEST_PORT + 1):
            raise ValueError(f"port must be a number from 0 to {HIGHEST_PORT:,}, not {port!r}.")
        self._pace, self._asked_port = pace, port
        self._key = f"sandbox-{secrets.token_hex(16)}"
        self._faults: Faults[Fault] = Faults()
        self._lock = threading.Lock()
        self._port = 0
        self._service: Service | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Open the sandbox; does nothing if it is open.

        Returns
        -------
        Sandbox
            This sandbox.

        Raises
        ------
        OSError
            If the port, or every port, is taken.
        """
        with self._lock:
            if self._thread is not None:
                return self
            # Closes the socket if the port is taken, as tornado's bind_sockets does not.
            listening = socket.create_server((HOST, self._asked_port), backlog=BACKLOG)
            storing = socket.create_server((HOST, 0), backlog=BACKLOG)
            for each in (listening, storing):
                each.setblocking(False)
            service = Service(self._key, self._pace, self._faults)
            storage_port = storing.getsockname()[1]
            service.world.files.storage_url = f"http://{HOST}:{storage_port}"
            loop = asyncio.new_event_loop()

            def live() -> None:
                with asyncio.Runner(loop_factory=lambda: loop) as runner:
                    runner.run(serve([listening], [storing], service))

            self._port = listening.getsockname()[1]
            self._service, self._loop = service, loop
            # A daemon, so that a forgotten sandbox does not keep its process alive.
            self._thread = threading.Thread(target=live, name="asteroid-sandbox", daemon=True)
            self._thread.start()
        return self

    def stop(self) -> None:
        """Close the sandbox with its port, connections, agents and thread; may be called twice."""
        with self._lock:
            if self._thread is None or self._loop is None or self._service is None:
                return
            # The loop is already closed if serving broke down.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._service.close)
            self._thread.join()
            self._thread = self._loop = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        # The key stays out: a repr ends up in notebooks and logs.
        where = self.base_url if self._thread is not None else "stopped"
        return f"<Sandbox {where}>"

    def _repr_html_(self) -> str | None:
        return listing.as_html(self.base_url, self.executions) if self._thread else None

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self) if cycle else self._as_text())

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        # With it, `%load_ext rich` adds no empty output (hazard 41).
        return {"text/plain": self._as_text()}

    def _as_text(self) -> str:
        is_running = self._thread is not None
        return listing.as_text(self.base_url, self.executions) if is_running else repr(self)

    @property
    def is_running(self) -> bool:
        """Return True if it is open."""
        return self._thread is not None

    @property
    def base_url(self) -> str:
        """The URL that the sandbox serves, or last served, as ``http://127.0.0.1:PORT/agents/v2``.

        Before the first start, this raises `RuntimeError`, and so does all that shows executions.
        """
        self._world()
        return f"http://{HOST}:{self._port}{BASE_PATH}"

    @property
    def api_key(self) -> str:
        """The only key that this sandbox accepts, which is random and useless anywhere else."""
        return self._key

    @property
    def executions(self) -> tuple[ExecutionSnapshot, ...]:
        """The account's executions as they are now.

        Always in this order: the one that asks a question, the running one, the finished one, then
        those that you added.
        """
        return self._world().snapshots()

    @property
    def foreign_execution_id(self) -> str:
        """The ID of an execution of another account, for which the sandbox answers 403."""
        return self._world().foreign_id()

    def add_waiting(
        self, count: int = 1, kind: Waiting = "question"
    ) -> tuple[ExecutionSnapshot, ...]:
        """Add executions that wait for the user; their agents take the first message and finish.

        Parameters
        ----------
        count : int, default 1
            How many; 1,000 take under a second.
        kind : {"question", "choices", "confirmation"}, default "question"
            What they wait for: an answer to a question with one choice or with several, or a
            confirmation.

        Returns
        -------
        tuple of ExecutionSnapshot
            The new executions.

        Raises
        ------
        ValueError
            If the count is below 1.
        RuntimeError
            If the sandbox is not open.
        """
        if count < 1:
            raise ValueError(f"count must be at least 1, not {count!r}.")
        with self._lock:
            if self._service is None or self._loop is None:
                raise RuntimeError("This sandbox is not open. Use it in `with`, or start() it.")
            adding = self._service.add_waiting(count, kind)
            return asyncio.run_coroutine_threadsafe(adding, self._loop).result()

    def add_ended(self, ending: Ending) -> ExecutionSnapshot:
        """Add an execution that has ended.

        Parameters
        ----------
        ending : str
            ``"failed"``; ``"purged"``, if it finished and its activities were deleted; or one of
            Asteroid's reasons to cancel it: ``"timeout"``, ``"max_steps"``, ``"user_requested"``,
            ``"script_failed"``, ``"no_activity"``, ``"budget_exceeded"``,
            ``"no_warm_environment"``, ``"worker_lost"``.

        Returns
        -------
        ExecutionSnapshot
            The new execution.

        Raises
        ------
        ValueError
            If there is no such ending.
        RuntimeError
            If the sandbox is not open.
        """
        with self._lock:
            if self._service is None or self._loop is None:
                raise RuntimeError("This sandbox is not open. Use it in `with`, or start() it.")
            adding = self._service.add_ended(ending)
            return asyncio.run_coroutine_threadsafe(adding, self._loop).result()

    def messages(self, execution_id: object) -> list[str]:
        """Return the exact texts that arrived at an execution.

        Parameters
        ----------
        execution_id : str or object
            The ID, or an object with an `execution_id` or an `id`, such as one of `executions`.

        Returns
        -------
        list of str
            The texts, oldest first.

        Raises
        ------
        LookupError
            If there is no such execution.
        RuntimeError
            Before the first start.
        """
        return self._world().messages(_text_of(execution_id))

    def fail_next(
        self,
        status: int | None = None,
        *,
        retry_after: float | str | None = None,
        delay: float = 0.0,
        drop: Literal["before", "after"] | None = None,
        body: bytes | str | None = None,
        times: int = 1,
        of: Literal["message", "upload"] = "message",
    ) -> None:
        """Make the next messages, or uploads, fail, after the faults ordered before.

        Only requests with the key meet a fault, and use it up.

        Parameters
        ----------
        status : int, optional
            Answer with this HTTP status, 200 to 599, and do not store the message.
        retry_after : float or str, optional
            The header ``Retry-After`` of that answer, in seconds or literally.
        delay : float, default 0.0
            Wait so many seconds first. Alone it only delays, and then the sandbox processes the
            message even if the client has gone.
        drop : {"before", "after"}, optional
            Close the connection without an answer, before the sandbox processes the message or
            after.
        body : bytes or str, optional
            The body of that answer, whose first character decides whether it is JSON, HTML or plain
            text; if None, the contract's error body.
        times : int, default 1
            How many requests fail so.
        of : {"message", "upload"}, default "message"
            Which requests; uploads only of a sandbox that was started.

        Raises
        ------
        ValueError
            If values are impossible or contradict each other.
        RuntimeError
            If uploads of a sandbox that was never started should fail.
        """
        fault = checked_fault(status, retry_after, delay, drop, body)
        if of not in ("message", "upload"):
            raise ValueError(f'of must be "message" or "upload", not {of!r}.')
        faults = self._faults if of == "message" else self._running().upload_faults
        faults.add(fault, times)

    def spoil_next_download(self, how: str, *, times: int = 1) -> None:
        """Make the next downloads of a file fail.

        Parameters
        ----------
        how : {"short", "longer", "cut", "loop", "insecure", "refused", "broken"}
            The file has fewer bytes than its list says, or more; the connection ends before the
            length that the answer states; one redirect follows the other (order it for each of
            them); a redirect leads to another host, without encryption; the storage answers 403,
            or 503.
        times : int, default 1
            How many downloads fail so.

        Raises
        ------
        ValueError
            If there is no such word, or the number is below 1.
        RuntimeError
            Before the first start.
        """
        self._running().download_faults.add(checked_spoiled(how), times)

    def files(self, execution_id: object) -> dict[str, bytes]:
        """Return the files of an execution, the latest of each name.

        Parameters
        ----------
        execution_id : str or object
            As in `messages`.

        Returns
        -------
        dict of str to bytes
            The contents of the files by name; empty if there is no such execution.

        Raises
        ------
        LookupError
            If the ID of the object cannot be read.
        RuntimeError
            Before the first start.
        """
        files = self._world().files.of(_text_of(execution_id))
        return {one.name: one.body for one in files}

    def _world(self) -> World:
        return self._running().world

    def _running(self) -> Service:
        if self._service is None:
            raise RuntimeError(
                "This sandbox has not been started. Use it in `with`, or start() it."
            )
        return self._service


def _text_of(execution_id: object) -> str:
    try:
        own = getattr(execution_id, "id", execution_id)
        return str(getattr(execution_id, "execution_id", own))
    except Exception as error:
        raise LookupError("Reading this execution failed.") from error
