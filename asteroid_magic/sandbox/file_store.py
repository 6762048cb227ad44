"""The files of all executions. Nothing here speaks HTTP; any thread may call it."""

import mimetypes
import secrets
import threading
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .executions import stamp

DIRECTORIES = ("uploads", "downloads", "workspace", "shared", "debug", "tracing")
CONTEXT = "context"
"""The directory of what users gave to an execution."""


@dataclass(frozen=True)
class StoredFile:
    """One file; ``secret`` is the part of its address that nobody can guess."""

    execution_id: str
    workflow_id: str
    directory: str
    name: str
    body: bytes = field(repr=False)
    created_at: datetime
    created_by: str = "agent"
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    @property
    def mime_type(self) -> str:
        """Return the type that the name tells."""
        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"


class FileStore:
    """The files by execution; ``storage_url`` is where their addresses lead."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: list[StoredFile] = []
        self.storage_url = ""

    def add(self, *files: StoredFile) -> None:
        """Keep files."""
        with self._lock:
            self._files.extend(files)

    def of(self, execution_id: str) -> list[StoredFile]:
        """Return the files of an execution, in the order in which they came."""
        with self._lock:
            return [one for one in self._files if one.execution_id == execution_id.lower()]

    def with_secret(self, secret: str) -> StoredFile | None:
        """Return the file whose address has this secret, None if there is none."""
        with self._lock:
            return next((one for one in self._files if one.secret == secret), None)

    def signed_url(self, file: StoredFile) -> str:
        """Return the address of a file, which needs no key."""
        return f"{self.storage_url}/{file.secret}"

    def describe(self, file: StoredFile, base_url: str) -> dict[str, Any]:
        """Return a file as the contract's JSON: an ``AgentFile``, or a ``File`` of the context."""
        kind = "context-files" if file.directory == CONTEXT else "files"
        url = f"{base_url}/executions/{file.execution_id}/{kind}/{file.id}/download"
        described: dict[str, Any] = {
            "id": file.id,
            "executionId": file.execution_id,
            "agentId": file.workflow_id,
            "workflowId": file.workflow_id,
            "filePath": f"/{file.directory}/{file.name}",
            "fileName": file.name,
            "fileSize": len(file.body),
            "mimeType": file.mime_type,
            "createdAt": stamp(file.created_at),
            "downloadUrl": url,
        }
        if file.directory == CONTEXT:
            _, dot, ending = file.name.rpartition(".")
            return described | {
                "fileExt": f"{dot}{ending}" if dot else "",
                "fileType": file.mime_type.partition("/")[0],
                "signedUrl": self.signed_url(file),
            }
        return described | {
            "updatedAt": stamp(file.created_at),
            "directory": file.directory,
            "createdBy": file.created_by,
        }
