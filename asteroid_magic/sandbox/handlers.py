"""The contract over HTTP: what all answers have in common, and the paths that only read."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from tornado import web

from . import queries
from .links import with_links
from .problems import Problem, error_body, title
from .service import Service
from .world import (
    FinishedExecutionError,
    ForeignExecutionError,
    UnknownExecutionError,
    WrongStatusError,
)

KEY_HEADER = "X-Asteroid-Agents-Api-Key"
UUID_PATTERN = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@contextmanager
def worded_for_http() -> Iterator[None]:
    """Turn the errors of :class:`World` into :class:`Problem` with 404, 403 or 400."""
    try:
        yield
    except UnknownExecutionError as error:
        raise Problem(404, "execution not found") from error
    except ForeignExecutionError as error:
        raise Problem(403, "this execution belongs to another organization") from error
    except FinishedExecutionError as error:
        why = f"execution is {error} and accepts no more messages (an assumption of the sandbox)"
        raise Problem(400, why) from error
    except WrongStatusError as error:
        why = f"execution is {error}, which does not allow this (an assumption of the sandbox)"
        raise Problem(400, why) from error


class JsonHandler(web.RequestHandler):
    """What all answers have in common: JSON, also for errors, and no log."""

    service: Service

    def initialize(self, service: Service) -> None:
        """Take what the application passes to every handler."""
        self.service = service

    def send_json(self, value: Any) -> None:
        """Finish with a value as JSON."""
        self.send_bytes(json.dumps(value).encode(), "application/json; charset=UTF-8")

    def send_bytes(self, body: bytes, content_type: str) -> None:
        """Finish with a body as it is."""
        self.set_header("Content-Type", content_type)
        self.finish(body)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer with the contract's error body."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        message, parameter = title(status_code), None
        if isinstance(error, Problem):
            message, parameter = error.message, error.parameter
        body = error_body(status_code, message, self.request.path, parameter)
        self.send_bytes(body, "application/json; charset=UTF-8")

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log only unexpected errors.

        Tornado logs a warning for every refused request, and it would show in the notebook.
        """
        if not isinstance(value, web.HTTPError):
            super().log_exception(typ, value, tb)


class UnknownPath(JsonHandler):
    """Everything that is not part of the sandbox."""

    def prepare(self) -> None:
        """Refuse."""
        raise Problem(404, f"the sandbox serves nothing at {self.request.path}")


class ApiHandler(JsonHandler):
    """A path of the API: the key is checked before anything else."""

    def prepare(self) -> None:
        """Check the key."""
        self.check_key()

    def check_key(self) -> None:
        """Raise :class:`Problem` with 401 unless the request carries the sandbox's key."""
        given = self.request.headers.get(KEY_HEADER)
        if given is None:
            raise Problem(401, f"the header {KEY_HEADER} is missing")
        if not self.service.knows_key(given):
            raise Problem(401, f"the key in {KEY_HEADER} is not this sandbox's key")

    def check_id(self, execution_id: str) -> None:
        """Raise :class:`Problem` with 400 unless the ID is a UUID."""
        if not UUID_PATTERN.fullmatch(execution_id):
            raise Problem(400, "executionId must be a UUID", "executionId")

    @property
    def origin(self) -> str:
        """The sandbox's own origin, as the request names it."""
        return f"{self.request.protocol}://{self.request.host}"

    def arguments(self, name: str) -> list[str]:
        """Return the values of a query parameter as they were sent."""
        return self.get_query_arguments(name, strip=False)


class ExecutionList(ApiHandler):
    """``GET /executions``."""

    def get(self) -> None:
        """List the account's executions."""
        executions = self.service.world.describe_all()
        page = queries.page_of_executions(executions, self.arguments)
        page["items"] = [with_links(one, self.origin) for one in page["items"]]
        self.send_json(page)


class ExecutionDetail(ApiHandler):
    """``GET /executions/{executionId}``."""

    def get(self, execution_id: str) -> None:
        """Describe one execution."""
        self.check_id(execution_id)
        with worded_for_http():
            described = self.service.world.describe(execution_id)
        self.send_json(with_links(described, self.origin))


class ActivityList(ApiHandler):
    """``GET /executions/{executionId}/activities``."""

    def get(self, execution_id: str) -> None:
        """List what an execution did."""
        self.check_id(execution_id)
        with worded_for_http():
            activities = self.service.world.activities(execution_id)
        self.send_json(queries.ordered_activities(activities, self.arguments))
