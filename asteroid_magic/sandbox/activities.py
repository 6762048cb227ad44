"""The payloads of activities, in the newer form: members beside ``activityType``.

Pure functions; each returns a dictionary ready for JSON. The kinds and their members are those of
the vendor's published client.
"""

import uuid
from typing import Any

Payload = dict[str, Any]


def user_message_received(text: str, user_id: str) -> Payload:
    """Report that a user's message has arrived, with its exact text."""
    return {"activityType": "user_message_received", "message": text, "userUUID": user_id}


def reasoning(text: str) -> Payload:
    """Report what the agent is thinking."""
    return {
        "activityType": "reasoning",
        "reasoning": text,
        "display": {"presentationLevel": "secondary"},
    }


def step_started(number: int) -> Payload:
    """Report that a step, counted from 1, has begun."""
    return {"activityType": "step_started", "stepNumber": number}


def step_completed(number: int) -> Payload:
    """Report that a step, counted from 1, is over."""
    return {"activityType": "step_completed", "stepNumber": number}


def action_started(name: str, message: str, action_id: str) -> Payload:
    """Report that an action has begun; ``name`` is one of the vendor's action names."""
    return {
        "activityType": "action_started",
        "message": message,
        "actionName": name,
        "actionId": action_id,
        "display": {"summaryText": message, "presentationLevel": "secondary"},
    }


def action_completed(name: str, message: str, action_id: str, duration: int) -> Payload:
    """Report that an action is done; ``duration`` is in milliseconds."""
    return action_started(name, message, action_id) | {
        "activityType": "action_completed",
        "duration": duration,
    }


def acted(name: str, doing: str, done: str, duration: int) -> list[Payload]:
    """Return the two activities of one finished action; ``duration`` is in milliseconds."""
    action_id = str(uuid.uuid4())
    return [
        action_started(name, doing, action_id),
        action_completed(name, done, action_id, duration),
    ]


def said(text: str) -> Payload:
    """Report what the agent says to the user."""
    payload = action_completed("util_send_user_message", text, str(uuid.uuid4()), 1)
    return payload | {"display": {"presentationLevel": "primary"}}


def file_added(file_id: str, name: str, mime_type: str, size: int, url: str) -> Payload:
    """Report that the agent has saved a file; ``size`` is in bytes."""
    return {
        "activityType": "file_added",
        "fileId": file_id,
        "fileName": name,
        "mimeType": mime_type,
        "fileSize": size,
        "source": "agent",
        "presignedUrl": url,
    }


def todos_updated(**statuses: str) -> Payload:
    """Report the agent's to-do list: content, with ``_`` for a space, and status of each item."""
    todos = [
        {"id": str(number), "content": content.replace("_", " "), "status": status}
        for number, (content, status) in enumerate(statuses.items(), start=1)
    ]
    return {"activityType": "todos_updated", "todos": todos}


def for_machines(text: str) -> Payload:
    """Report something that only machines need to know."""
    display = {"summaryText": text, "presentationLevel": "system"}
    return {"activityType": "generic", "message": text, "display": display}


def transitioned_node(summary: str, following: str) -> Payload:
    """Report what a node of the workflow did, and which one follows."""
    return {
        "activityType": "transitioned_node",
        "newNodeUUID": str(uuid.uuid4()),
        "newNodeName": following,
        "newNodeType": "iris",
        "fromNodeSummary": summary,
    }


def with_outcomes(payload: Payload, *outcomes: str) -> Payload:
    """Return a to-do list with what came of its items, in their order."""
    todos = [
        item | {"outcome": outcome}
        for item, outcome in zip(payload["todos"], outcomes, strict=True)
    ]
    return payload | {"todos": todos}


def status_changed(status: str, **why: Payload) -> Payload:
    """Report a new status; ``why`` is a payload of the contract, such as ``pausedPayload``."""
    return {"activityType": "status_changed", "status": status, **why}


def paused_by_agent(
    reason: str, header: str, question: str, options: dict[str, str], *, several: bool = False
) -> Payload:
    """Report that the agent asks; ``options`` maps each suggested answer to its description.

    With ``several``, the user may choose more than one.
    """
    answers = [{"label": label, "description": text} for label, text in options.items()]
    item = {"question": question, "header": header, "multiSelect": several, "options": answers}
    paused = {"reason": reason, "question": {"questions": [item]}}
    return status_changed("paused_by_agent", pausedPayload=paused)


def terminal(reason: str = "complete", message: str = "Execution completed") -> Payload:
    """Report that no activity will follow."""
    return {"activityType": "terminal", "reason": reason, "message": message}
