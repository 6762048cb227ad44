"""Asks the server whose the API key is."""

from ...deadline import Timeout
from ...errors import READ, ConfigurationError, NotFound
from ...models.identity import Identity, read_identity
from ..requester import Call, Requester
from ..retry import READ_REQUEST
from ..transport.request import Request
from ..transport.response import json_of
from .executions import not_expected, read

BASE_PATH = "/agents/v2"
WHOAMI_PATH = "/users/v2/whoami"


def whoami(requester: Requester, timeout: Timeout) -> Identity:
    """Return whose the key is; the server says it beside the base URL, not below it."""

    def work(call: Call) -> Identity:
        base_url = requester.base_url
        if not base_url.endswith(BASE_PATH):
            raise ConfigurationError(
                f"The base URL does not end in {BASE_PATH}, so it is unknown where this server "
                "says whose a key is.",
                title="The key cannot be checked",
                hint="Send a message or list the executions to see if the key works.",
                operation=READ,
            )
        url = base_url.removesuffix(BASE_PATH) + WHOAMI_PATH
        request = Request(READ, "GET", url, whole=True)
        try:
            answer = requester.request(call, request, requester.read_policy or READ_REQUEST)
        except NotFound as error:
            error.title = "This server does not say whose a key is"
            error.hint = "Send a message or list the executions to see if the key works."
            raise
        try:
            body = json_of(answer.body, call.key)
        except ValueError:
            body = None
        if not (isinstance(body, dict) and isinstance(body.get("kind"), str)):
            raise not_expected("a description of the owner of the key", call)
        return read_identity(body)

    return read(requester, timeout, None, work)
