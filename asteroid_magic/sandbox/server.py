"""The server on the sandbox's loop: opens, serves, and closes all that it opened."""

import asyncio
import socket
from contextlib import suppress

from tornado.httpserver import HTTPServer
from tornado.web import RequestHandler

from .control import Cancel, Pause, Resume, Sync
from .files.handlers import AgentFiles, ContextFiles, FileDownload
from .files.storage import storage
from .guard import GuardedApplication
from .handlers import ActivityList, ExecutionDetail, ExecutionList, UnknownPath
from .identity import WHOAMI_PATH, WhoAmI
from .messages import UserMessages
from .service import Service
from .views import ViewPage

BASE_PATH = "/agents/v2"
LARGEST_BODY = 16 * 1024 * 1024
"""Bytes of a request body; the contract has no limit."""


async def serve(
    sockets: list[socket.socket], storage_sockets: list[socket.socket], service: Service
) -> None:
    """Serve until the service closes, then close all that was opened.

    Raises the error of an agent that failed, so that a bug in a script does not go unnoticed.
    """
    application = _application(service, sockets[0].getsockname()[1])
    server = HTTPServer(application, max_body_size=LARGEST_BODY)
    server.add_sockets(sockets)
    store = HTTPServer(storage(service.world.files, service.download_faults))
    store.add_sockets(storage_sockets)
    service.open()
    try:
        await service.closed()
    finally:
        for each in (server, store):
            each.stop()
            await each.close_all_connections()
        await service.all_answered()
        scripts = service.scripts()
        for script in scripts:
            script.cancel()
    for script in scripts:
        with suppress(asyncio.CancelledError):
            await script


def _application(service: Service, port: int) -> GuardedApplication:
    shared = {"service": service}
    execution = rf"{BASE_PATH}/executions/([^/]*)"
    return GuardedApplication(
        [
            (WHOAMI_PATH, WhoAmI, shared),
            (f"{BASE_PATH}/executions", ExecutionList, shared),
            (execution, ExecutionDetail, shared),
            (f"{execution}/activities", ActivityList, shared),
            (f"{execution}/user-messages", UserMessages, shared),
            (f"{execution}/pause", Pause, shared),
            (f"{execution}/resume", Resume, shared),
            (f"{execution}/cancel", Cancel, shared),
            (f"{execution}/sync", Sync, shared),
            (r"/view/([a-z]+)/[0-9a-f-]{36}", ViewPage, shared),
            (f"{execution}/files", AgentFiles, shared),
            (f"{execution}/context-files", ContextFiles, shared),
            (f"{execution}/(files|context-files)/([^/]*)/download", FileDownload, shared),
        ],
        service,
        port,
        default_handler_class=UnknownPath,
        default_handler_args=shared,
        log_function=_log_nothing,
    )


def _log_nothing(handler: RequestHandler) -> None:
    """Keep tornado's access log out of the notebook."""
