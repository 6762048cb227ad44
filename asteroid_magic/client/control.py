"""How an execution is paused, resumed and cancelled: asked for once, never again on a guess."""

from ..deadline import Timeout
from ..errors import AsteroidError, ConfigurationError, UnexpectedAnswer
from ..models import coerce
from ..models.delivery import StatusChange
from ..models.message import Request
from ..purposes import Purpose
from .requester import Call, Caller, guarded, once
from .transport.error_mapping import Answer
from .transport.response import json_of


def control(
    caller: Caller, purpose: Purpose, execution_id: str, timeout: Timeout
) -> StatusChange | AsteroidError:
    """Ask for the change that `purpose` names, and return what the server said to it."""
    call = caller.begin(purpose, timeout)
    if isinstance(call, ConfigurationError):
        return call
    url = f"{caller.base_url}/executions/{execution_id}/{purpose.name}"
    request = Request(purpose, "POST", url)

    def work() -> StatusChange | AsteroidError:
        answer = caller.ask(call, request, once)
        if not isinstance(answer, Answer):
            return answer
        return _change(call, execution_id, answer)

    return guarded(call, work)


def _change(call: Call, execution_id: str, answer: Answer) -> StatusChange | AsteroidError:
    try:
        body = json_of(answer.text.encode(), call.key)
    except ValueError:
        body = None
    status = coerce.text((coerce.members(body) or {}).get("status"))
    if status is not None:
        return StatusChange(execution_id=execution_id, asked=call.purpose.name, status=status)
    # A login page, say, or an answer that broke off: it may have been done.
    return UnexpectedAnswer(
        f"It answered {answer.status}, and what it said names no status.",
        status_code=answer.status,
        server_text=answer.text,
        outcome="unknown",
        purpose=call.purpose,
    ).about(None, None, call.attempts)
