"""``…/files`` and ``…/context-files``: the operations with which files come and go."""

from datetime import UTC, datetime
from typing import Any

from tornado.httputil import HTTPFile, parse_body_arguments
from tornado.web import stream_request_body

from ..executions import stamp
from ..file_store import CONTEXT, DIRECTORIES, StoredFile
from ..handlers import ApiHandler, worded_for_http
from ..messages import UserMessages
from ..problems import Problem
from ..service import Service

LARGEST_UPLOAD = 128 * 1024 * 1024
"""Bytes of a request with files; the contract has no limit."""


class _OfExecution(ApiHandler):
    """A path below an execution of this account."""

    def files(self, execution_id: str) -> list[StoredFile]:
        """Return the files of an execution; raises :class:`Problem`."""
        self.check_id(execution_id)
        with worded_for_http():
            self.service.world.describe(execution_id)
        return self.service.world.files.of(execution_id)

    @property
    def base_url(self) -> str:
        """The base URL by which the client has asked."""
        before, _, _ = self.request.path.partition("/executions/")
        return f"{self.request.protocol}://{self.request.host}{before}"


class AgentFiles(_OfExecution):
    """``GET /executions/{executionId}/files``."""

    def get(self, execution_id: str) -> None:
        """List the files by directory."""
        files, store = self.files(execution_id), self.service.world.files
        directories = {
            name: [store.describe(one, self.base_url) for one in files if one.directory == name]
            for name in DIRECTORIES
        }
        answer = {"directories": directories, "lastUpdated": stamp(datetime.now(UTC))}
        self.send_json(answer)


class FileDownload(_OfExecution):
    """``GET /executions/{executionId}/files/{fileId}/download``, and below ``context-files``."""

    def get(self, execution_id: str, kind: str, file_id: str) -> None:
        """Redirect to the address of the file on another host."""
        files, store = self.files(execution_id), self.service.world.files
        found = next((one for one in files if one.id == file_id), None)
        if found is None or (kind == "context-files") != (found.directory == CONTEXT):
            raise Problem(404, "file not found")
        self.redirect(store.signed_url(found), status=303)


@stream_request_body
class ContextFiles(UserMessages, _OfExecution):
    """``GET`` and ``POST /executions/{executionId}/context-files``."""

    def initialize(self, service: Service) -> None:
        """Take what the application passes to every handler."""
        super().initialize(service)
        self.received = bytearray()
        self.faults = service.upload_faults

    def prepare(self) -> None:
        """Check the key before a body is held."""
        self.check_key()
        connection: Any = self.request.connection
        connection.set_max_body_size(LARGEST_UPLOAD)

    def data_received(self, chunk: bytes) -> None:
        """Take a piece of the body."""
        self.received += chunk

    def get(self, execution_id: str) -> None:
        """List what users gave to the execution."""
        store = self.service.world.files
        given = [one for one in self.files(execution_id) if one.directory == CONTEXT]
        self.send_json([store.describe(one, self.base_url) for one in given])

    def add_message(self, execution_id: str) -> None:
        """Store the files of the request; raises :class:`Problem`."""
        self.files(execution_id)
        with worded_for_http():
            workflow_id = self.service.world.accepting(execution_id)
        now = datetime.now(UTC)
        files = [
            StoredFile(
                execution_id=execution_id.lower(),
                workflow_id=workflow_id,
                directory=CONTEXT,
                name=one.filename,
                body=one.body,
                created_at=now,
                created_by="user",
            )
            for one in self._parts()
        ]
        self.service.world.files.add(*files)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.write("Files uploaded.")

    def _parts(self) -> list[HTTPFile]:
        found: dict[str, list[HTTPFile]] = {}
        kind = self.request.headers.get("Content-Type", "")
        try:
            if kind.startswith("multipart/form-data"):
                parse_body_arguments(kind, bytes(self.received), {}, found)
        except Exception as error:
            raise Problem(400, "the request body is not multipart/form-data") from error
        parts = found.get("files", [])
        if not parts:
            raise Problem(400, "the request has no part named files", "files")
        return parts
