"""Finds at Asteroid the execution of a magic that the session does not know."""

from ..client.client import AsteroidClient
from ..client.reading.search import named, waiting
from ..client.sending.messages import unsent
from ..client.session_client import session_client
from ..config.session import session
from ..deadline import Deadline
from ..errors import READ, AsteroidError, Interrupted, InvalidInput, SendInterrupted
from ..models.executions import WAITING, Execution, Executions

NOT_FOUND = "Nothing was sent: the execution could not be looked up"


class LookUp:
    """Reads executions within one deadline, which what follows shares.

    `deadline` is None until something was looked up.
    """

    def __init__(self, base_url: str | None = None, timeout: float | None = None) -> None:
        self._base_url, self._timeout = base_url, timeout
        self.deadline: Deadline | None = None

    def begun(self, beginning: str) -> str:
        """Return the ID of the only execution whose ID starts so."""
        with session_client(base_url=self._base_url, timeout=self._timeout) as client:
            self.deadline = Deadline(client.timeout)
            found = client.find_execution(beginning, timeout=self.deadline)
        session.remember(found.id, found.workflow_name)
        return found.id

    def waiting(self) -> str:
        """Return the ID of the only execution that waits for an answer."""
        with session_client(base_url=self._base_url, timeout=self._timeout) as client:
            self.deadline = Deadline(client.timeout)
            found = waiting(client.requester, self.deadline)
            asking, answered = self._asking(client, found)
        for one in reversed(found):
            session.remember(one.id, one.workflow_name)
        if len(asking) == 1:
            return asking[0].id
        raise _several(asking) if asking else _none(answered, found)

    def _asking(
        self, client: AsteroidClient, found: Executions
    ) -> tuple[list[Execution], list[Execution]]:
        """Return those that ask, and those that keep the status although a message has come."""
        asking: list[Execution] = []
        answered: list[Execution] = []
        for one in found:
            if WAITING[one.status] != "asks":
                continue
            # Two are too many already, whether the others ask or not.
            asks = len(asking) > 1 or client.question(one.id, timeout=self.deadline)
            (asking if asks else answered).append(one)
        return asking, answered


def _several(asking: list[Execution]) -> InvalidInput:
    return InvalidInput(
        # Each on a line of its own, to copy.
        named(asking, "\n"),
        title=f"Nothing was sent: {len(asking):,} executions wait for an answer",
        hint="In the place of --waiting, give the one you mean; %asteroid_executions lists them.",
    )


def _none(answered: list[Execution], found: Executions) -> InvalidInput:
    why = ""
    if answered:
        why = (
            f"The activities of {named(answered)} show no open question: a message may have "
            "reached it already."
        )
    confirming = [one for one in found if WAITING[one.status] == "confirm"]
    if confirming:
        why += (
            f" These wait for a confirmation, which --waiting does not send: {named(confirming)}."
        )
    return InvalidInput(
        why.strip(),
        title="Nothing was sent: no execution waits for an answer",
        hint="In the place of --waiting, give an execution; %asteroid_executions lists them.",
    )


def not_sent(error: AsteroidError) -> AsteroidError:
    """Return the error of a look-up before a send as one that says that nothing was sent."""
    if isinstance(error, Interrupted):
        return SendInterrupted(outcome="not_delivered")
    if error.operation is READ:
        return unsent(error, NOT_FOUND)
    return error
