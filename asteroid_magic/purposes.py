"""What a call is for: to send a message, to read, to pause; and the words its errors use for it.

The same fault means different things: a message that got no answer may have been delivered, while
of something that was only to be read nothing can have been done.
"""

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["delivered", "not_delivered", "not_done", "unknown"]


@dataclass(frozen=True)
class Purpose:
    """What a call is for, in words that fit the sentences of the errors.

    `expected` is the status of success, `failed` the outcome of a call that did nothing; `changes`
    says that a call without an answer may have done something all the same.
    """

    name: str
    call: str
    thing: str
    done: str
    may: str
    again: str
    check: str
    stopped: str
    unknown: str
    expected: int = 200
    failed: Outcome = "not_done"
    changes: bool = True

    def outcome(self, outcome: Outcome) -> Outcome:
        """Return what is known after a fault that leaves a message with `outcome`."""
        return "unknown" if outcome == "unknown" and self.changes else self.failed

    def words(self, sentence: str) -> str:
        """Return the sentence with the words of this purpose in place of ``{their names}``."""
        return sentence.format_map(vars(self)) if "{" in sentence else sentence


SEND = Purpose(
    name="send",
    call="send",
    thing="message",
    done="sent",
    may="send to this execution",
    again="send it again",
    check="Check the message, and whether the execution still runs: "
    "one that has ended takes no messages.",
    stopped="The agent has not got the message. Send it again when you are ready.",
    unknown="The agent may have the message. Look at the execution, as with "
    "%asteroid_activities, before you send it again: "
    "a second send may deliver it twice.",
    expected=201,
    failed="not_delivered",
)
READ = Purpose(
    name="read",
    call="reading",
    thing="request",
    done="read",
    may="read this",
    again="try again",
    check="Check the execution and the filters that were asked for.",
    stopped="Nothing was changed. Read again when you like.",
    unknown="",
    changes=False,
)


def _control(name: str, call: str, done: str) -> Purpose:
    return Purpose(
        name=name,
        call=call,
        thing="request",
        done=done,
        may=f"{name} this execution",
        again="try again",
        check="Look at its status with %asteroid_activities: one that has ended stays as it is, "
        "and one that asks goes on when it is answered, with %asteroid_send.",
        stopped=f"The execution was not {done}. Try again when you are ready.",
        unknown=f"The execution may have been {done}. Look at its status before you try again.",
    )


PAUSE = _control("pause", "pausing", "paused")
RESUME = _control("resume", "resuming", "resumed")
CANCEL = _control("cancel", "cancelling", "cancelled")
