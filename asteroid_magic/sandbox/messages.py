"""``POST /executions/{executionId}/user-messages``: the operation this project is about."""

import json
from contextlib import suppress
from typing import Never

from tornado.web import HTTPError

from .faults import BODILESS, Fault, Faults
from .handlers import ApiHandler, worded_for_http
from .problems import Problem, error_body
from .service import Service


class UserMessages(ApiHandler):
    """Takes a message, unless a fault is on order. A request without the key uses up no fault."""

    faults: Faults[Fault]

    def initialize(self, service: Service) -> None:
        """Take what the application passes to every handler."""
        super().initialize(service)
        self.faults = service.faults

    async def post(self, execution_id: str) -> None:
        """Add a user message to an execution."""
        with self.service.answering():
            fault = self.faults.take()
            if fault is None:
                self.add_message(execution_id)
            else:
                await self.suffer(fault, execution_id)

    def add_message(self, execution_id: str) -> None:
        """Do what the contract says.

        The checks come in this order: ID, body, then whether the execution exists, belongs to
        the account and still accepts messages. Raises :class:`Problem`.
        """
        self.check_id(execution_id)
        text = message_of(self.request.body)
        with worded_for_http():
            self.service.receive(execution_id, text)
        self.set_status(201)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.write("User message added.")

    async def suffer(self, fault: Fault, execution_id: str) -> None:
        """Fail as ordered; a delay comes first."""
        if fault.delay and not await self.service.delay(fault.delay):
            self.hang_up()
        elif fault.status is not None:
            self.answer_with(fault, fault.status)
        elif fault.drop == "before":
            self.hang_up()
        elif fault.drop == "after":
            with suppress(HTTPError):
                self.add_message(execution_id)
            self.hang_up()
        else:
            self.add_message(execution_id)

    def hang_up(self) -> None:
        """Close the connection without an answer."""
        self.detach().close()

    def answer_with(self, fault: Fault, status: int) -> None:
        """Answer with the status on order and store nothing."""
        self.set_status(status)
        if fault.retry_after is not None:
            self.set_header("Retry-After", fault.retry_after)
        if status in BODILESS:
            return
        body = fault.body
        if body is None:
            body = error_body(status, "ordered from the sandbox by fail_next", self.request.path)
        self.send_bytes(body, content_type_of(body))


def message_of(body: bytes) -> str:
    """Return the message in a request body, code point for code point.

    Raises :class:`Problem` with 400 unless it is a JSON object whose ``message`` is a string.
    Refuses half a surrogate pair: it is not text, and no reader could show it (an assumption of
    the sandbox; the contract does not say).
    """
    try:
        value = json.loads(body.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Problem(400, "the request body is not JSON in UTF-8") from error
    if not isinstance(value, dict):
        raise Problem(400, "the request body must be a JSON object")
    if "message" not in value:
        raise Problem(400, "message is required", "message")
    text = value["message"]
    if not isinstance(text, str):
        raise Problem(400, "message must be a string", "message")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Problem(400, "message contains half a surrogate pair", "message") from error
    return text


def content_type_of(body: bytes) -> str:
    """Guess the type of a body on order from its first character."""
    match body.lstrip()[:1]:
        case b"{" | b"[":
            return "application/json; charset=UTF-8"
        case b"<":
            return "text/html; charset=utf-8"
        case _:
            return "text/plain; charset=utf-8"


def _refuse_constant(name: str) -> Never:
    # Python reads NaN and Infinity, but they are not JSON.
    raise ValueError(name)
