"""Lists the files of an execution: its directories, and what users gave to it."""

from datetime import UTC, datetime

from ...deadline import Timeout
from ...models import coerce
from ...models.files import File, Files, read_context_files, read_files
from ..reading.executions import get_json, not_expected, read
from ..requester import Call, Requester

BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


def list_files(requester: Requester, execution_id: str, timeout: Timeout) -> Files:
    """Return all files of an execution, newest first."""

    def work(call: Call) -> Files:
        body = get_json(requester, call, f"/executions/{execution_id}/files", call.key)
        if coerce.members((coerce.members(body) or {}).get("directories")) is None:
            raise not_expected("a list of files", call)
        given = list_context_files(requester, call, execution_id)
        known = {one.id for one in given if one.id}
        # A file that the agent finds among its uploads may be listed twice.
        found = [one for one in read_files(body, execution_id) if one.id not in known]
        found += given
        found.sort(key=lambda one: one.created_at or BEFORE_ALL, reverse=True)
        return Files(found, execution_id)

    return read(requester, timeout, execution_id, work)


def list_context_files(requester: Requester, call: Call, execution_id: str) -> list[File]:
    """Return the files that users gave to an execution, as part of a call."""
    body = get_json(requester, call, f"/executions/{execution_id}/context-files", call.key)
    if not isinstance(body, list):
        raise not_expected("a list of files", call)
    return list(read_context_files(body, execution_id))
