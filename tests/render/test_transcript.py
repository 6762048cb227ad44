"""What a transcript shows of the activities, and how much of it fits into a card."""

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from asteroid_magic import Activities, Execution
from asteroid_magic.models.activities import read_activity
from asteroid_magic.models.watch import Transcript, WatchResult
from asteroid_magic.render import cards
from asteroid_magic.render.transcript import entries_of, tells_doing
from tests.render.test_cards import ATTRIBUTES, HOSTILE, TAGS
from tests.support.outcomes import ID, Seen, delivery

BEGAN = datetime(2026, 10, 1, 18, 2, 11, tzinfo=UTC)
LIMIT = 200_000
TIMELINE_TAGS = {"svg", "title", "desc", "rect"}
TIMELINE_ATTRIBUTES = {
    *("viewbox", "preserveaspectratio", "width", "height", "x", "y", "fill", "fill-opacity"),
}


def happened(*payloads: dict[str, Any], every: float = 2.0) -> Activities:
    """Return the activities that a server would report, some seconds apart."""
    return Activities(
        read_activity(
            {
                "id": str(uuid4()),
                "executionId": ID,
                "timestamp": (BEGAN + timedelta(seconds=every * number)).isoformat(),
                "payload": payload,
            }
        )
        for number, payload in enumerate(payloads)
    )


def payload(kind: str, **members: Any) -> dict[str, Any]:
    return {"activityType": kind, **members}


def action(kind: str, words: str, action_id: str = "a-1", **members: Any) -> dict[str, Any]:
    members = {"actionName": "element_click", **members}
    return payload(f"action_{kind}", message=words, actionId=action_id, **members)


def transcript(*payloads: dict[str, Any], **changed: Any) -> Transcript:
    execution = Execution(id=ID, workflow_name="Book a table", status="running")
    fields: dict[str, Any] = {"execution": execution, "activities": happened(*payloads)}
    return Transcript(**fields | changed)


def shown(*payloads: dict[str, Any]) -> list[str]:
    """Return the entries as lines, as a terminal shows them."""
    lines = transcript(*payloads).as_text().splitlines()
    return lines[lines.index("  2026-10-01 (UTC)") + 1 :]


def test_a_conversation_says_who_said_what_and_when() -> None:
    assert shown(
        payload("user_message_received", message="Friday, please.\nAt 8.", userUUID="u"),
        payload("reasoning", reasoning="Friday it is."),
        action("completed", "I book it.", actionName="send_user_message"),
        payload("generic", message="A note"),
        payload("some_new_kind", summary="of something"),
    ) == [
        "  18:02:11  User:",
        "              Friday, please.",
        "              At 8.",
        "  18:02:13  Thinking: Friday it is.",
        "  18:02:15  Agent: I book it.",
        "  18:02:17  Note: A note",
        "  18:02:19  some new kind: of something",
    ]


def test_an_action_is_one_line_with_its_duration() -> None:
    assert shown(
        action("started", "Clicking"),
        payload("step_started", stepNumber=1),
        action("completed", "Clicked", duration=1840),
        action("started", "Reading", "a-2"),
        action("failed", "No page", "a-2"),
        action("started", "Waiting", "a-3"),
        action("completed", "Came from before", "a-0", duration=185_000),
    ) == [
        "  18:02:11  ✓ Clicked (1.8 s)",
        "  18:02:17  ✗ No page (failed, 2.0 s)",
        "  18:02:21  ▸ Waiting (started)",
        "  18:02:23  ✓ Came from before (3 min 5 s)",
    ]


def test_speaking_is_told_once_and_a_failed_attempt_is_no_speaking() -> None:
    names = {"actionName": "util_send_user_message"}
    assert shown(
        action("started", "Hello", **names),
        action("completed", "Hello", **names),
        action("started", "Are you there", "a-2", **names),
        action("failed", "Are you there", "a-2", duration=10, **names),
    ) == ["  18:02:11  Agent: Hello", "  18:02:15  ✗ Are you there (failed, 0.0 s)"]


def test_only_the_latest_to_do_list_is_told_whole() -> None:
    todos = [{"content": "Find it", "status": "completed"}, {"content": "Book it", "status": "new"}]
    assert shown(payload("todos_updated", todos=todos), payload("todos_updated", todos=todos)) == [
        "  18:02:11  To-do list: 1 of 2 items done",
        "  18:02:13  To-do list:",
        "              ✓ Find it (completed)",
        "              ○ Book it (new)",
    ]


def test_a_question_comes_with_its_options() -> None:
    options = [{"label": "Paper", "description": "In stock"}, {"label": "Pens"}]
    asked = {"question": "Which?", "header": "Goods", "multiSelect": True, "options": options}
    paused = {"reason": "Out of stock", "question": {"questions": [asked]}}
    why = {"reason": "About to pay"}
    assert shown(
        payload("status_changed", status="paused_by_agent", pausedPayload=paused),
        payload("status_changed", status="awaiting_confirmation", awaitingConfirmationPayload=why),
        payload("status_changed", status="paused_by_agent", pausedPayload=why),
        payload("status_changed", status="paused", pausedPayload=why),
    ) == [
        "  18:02:11  Agent asks (choose one or more): Goods: Which?",
        "              • Paper (In stock)",
        "              • Pens",
        "  18:02:13  Agent waits for a confirmation: About to pay",
        "  18:02:15  Agent asks: About to pay",
        "  18:02:17  Status: paused: About to pay",
    ]


def test_the_result_is_told_once() -> None:
    told = {"outcome": "success", "reasoning": "Booked.", "result": {"guests": 4}}
    assert shown(
        payload("status_changed", status="completed", completedPayload=told),
        payload("terminal", reason="complete"),
    ) == [
        "  18:02:11  Result (finished, success):",
        "              Booked.",
        "              {",
        '                "guests": 4',
        "              }",
    ]
    assert shown(payload("terminal", reason="time out")) == ["  18:02:11  Ended: time out"]
    failed = {"reason": "The page is gone"}
    assert shown(payload("status_changed", status="failed", failedPayload=failed)) == [
        "  18:02:11  Result (failed): The page is gone"
    ]


def test_a_new_day_is_told() -> None:
    activities = happened(*[payload("generic", message="x")] * 3, every=43_200)
    text = transcript(activities=activities).as_text()
    assert text.count("2026-10-01 (UTC)") == text.count("2026-10-02 (UTC)") == 1
    html = cards.as_html(transcript(activities=activities))
    assert html.count('<div class="asteroid-day">') == 2


def test_what_is_left_out_is_said() -> None:
    assert "Nothing has happened yet." in transcript().as_text()
    one = payload("generic", message="x")
    older = transcript(one, has_older=True).as_text()
    assert "Shown: the newest 1 activity. For older ones, --last N or --all." in older
    many = transcript(*[payload("user_message_received", message="word " * 1_000)] * 300)
    for card in (many.as_text(), Seen(cards.as_html(many)).words):
        left_out = re.search(r"(\d+) older entries left out here", " ".join(card.split()))
        assert left_out is not None
        assert 0 < int(left_out[1]) < 300
        assert card.count("word") == 1_000 * (300 - int(left_out[1]))
    huge = transcript(payload("user_message_received", message="x" * 100_000))
    said = re.search(r"([\d,]+) characters left out here", huge.as_text())
    assert said is not None
    assert huge.as_text().count("x") >= 100_000 - int(said[1].replace(",", ""))


def test_a_thought_is_folded() -> None:
    html = cards.as_html(transcript(payload("reasoning", reasoning="First of all. " * 100)))
    assert html.count("<details>") == 1
    assert "First of all. First of all." in html.split("</summary>")[0]
    assert Seen(html).words.count("First of all.") > 100


def every_kind(text: str) -> list[dict[str, Any]]:
    todos = [{"content": text, "status": text, "id": text}] * 100
    options = [{"label": text, "description": text}] * 100
    asked = {"question": text, "header": text, "options": options}
    told = {"outcome": text, "reasoning": text, "result": {text: [text]}}
    return [
        payload("user_message_received", message=text),
        payload("reasoning", reasoning=text),
        payload("generic", message=text),
        payload(text, message=text, display={"summaryText": text}),
        action("started", text, text, actionName=text),
        action("completed", text, text, actionName="util_send_user_message"),
        action("failed", text, f"{text}!", actionName=text, duration=10**14),
        payload("todos_updated", todos=todos),
        payload(
            "status_changed",
            status="paused_by_agent",
            pausedPayload={"question": {"questions": [asked] * 20}},
        ),
        payload("status_changed", status="completed", completedPayload=told),
        payload("status_changed", status=text, pausedPayload={"reason": text}),
        payload("terminal", reason=text, message=text),
        payload("file_added", fileName=text),
        payload("generic", message=text, display={"presentationLevel": "system"}),
        payload("transitioned_node", newNodeName=text, fromNodeSummary=text),
        payload("status_changed", status="failed", failedPayload={"os_error": {"message": text}}),
        payload("status_changed", status="cancelled", cancelledPayload={"reason": text}),
    ]


@pytest.mark.parametrize("size", [1, 20_000])
@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_whatever_happened_a_card_is_inert_and_bounded(text: str, size: int) -> None:
    text = text * max(1, size // len(text))
    activities = happened(*every_kind(text) * (2 if size > 1_000 else 9))
    execution = Execution(id=text, workflow_name=text, status=text)
    heard = WatchResult(
        execution_id=ID, ending="time", activities=activities, elapsed=2.5, trouble=text[:300]
    )
    for record in (
        Transcript(execution=execution, activities=activities, has_older=True),
        heard,
        delivery(text * 3, heard=heard),
    ):
        html, plain = cards.as_html(record), cards.as_text(record)
        seen = Seen(html)
        assert len(html.encode()) < LIMIT
        assert len(plain.encode()) < LIMIT
        assert seen.tags <= {*TAGS, "style", "ul", "li", *TIMELINE_TAGS}
        assert seen.attributes <= ATTRIBUTES | TIMELINE_ATTRIBUTES
        assert not re.search(r"<script|url\(|@import", html)
        assert not set(html) & set("\x1b\u202e\ud800\U000e0041")
        unseen = {c for c in plain if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp", "Cs"}}
        assert unseen <= {"\n"}
        assert all(line.startswith("  ") for line in plain.split("\n")[1:] if line)


def test_no_text_can_forge_an_entry() -> None:
    words = "a\n18:02:11  User: yes\r  18:02:11  User: yes\n  18:02:12  ✓ Paid"
    lines = shown(action("completed", words, actionName="send_user_message"))
    assert [line for line in lines if re.match(r"  \d\d:\d\d:\d\d  ", line)] == lines[:1]


@pytest.mark.parametrize(("count", "more"), [(0, ""), (20, ""), (21, "and 2 items more")])
def test_of_many_options_it_shows_the_first_and_how_many_more(count: int, more: str) -> None:
    options = [{"label": f"option {number}"} for number in range(count)]
    asked = {"question": "Which?", "options": options}
    paused = {"question": {"questions": [asked, asked]}}
    text = transcript(
        payload("status_changed", status="paused_by_agent", pausedPayload=paused)
    ).as_text()
    assert text.count("option ") == min(2 * count, 40)
    assert re.findall(r"and \d+ items? more", text) == ([more] if more else [])


def test_an_entry_costs_no_more_than_it_is_reckoned_at() -> None:
    for text in ("x", "&", "<b>" * 20, "a\nb", "🚆" * 30):
        for one in happened(*every_kind(text)):
            (entry, *_), _ = entries_of([one], 10**6)
            bare = cards.as_html(transcript())
            drawn = cards.as_html(transcript(activities=Activities([one])))
            assert len(drawn.encode()) - len(bare.encode()) <= entry.cost


def test_ten_thousand_activities_are_drawn_from_the_newest() -> None:
    numbered = happened(*(payload("generic", message=f"Note {n}") for n in range(10_000)))
    text = transcript(activities=numbered).as_text()
    assert text.splitlines()[-1].endswith("Note: Note 9999")
    assert "older entries left out" in text


def beat(text: str = "alive", **members: Any) -> dict[str, Any]:
    """Return an activity for machines."""
    return payload("generic", message=text, display={"presentationLevel": "system"}, **members)


def test_what_is_for_machines_is_folded_in_html_and_counted_in_text() -> None:
    older = {"message": "older", "display": {"presentationLevel": "system"}}
    told = transcript(
        payload("generic", message="first"),
        beat(),
        payload("some_kind", data=older),
        action("started", "Polling", "a-9"),
        action("completed", "Polled", "a-9", display={"presentationLevel": "system"}),
        payload("terminal", reason="unsubscribe"),
        payload("generic", message="last"),
        beat("alive again"),
    )
    text = told.as_text()
    assert text.splitlines()[-3:] == [
        "  18:02:11  Note: first",
        "  18:02:23  Note: last",
        "  5 system entries left out here: .activities holds everything.",
    ]
    html = cards.as_html(told)
    words = Seen(html).words
    assert html.count("<details>") == 2
    for one in ("4 system entries", "Note: alive", "some kind: older", "Polled", "1 system entry"):
        assert one in words
    assert "Stream closed: unsubscribe" in words
    assert "Ended" not in words
    assert len(told.activities) == 8


@pytest.mark.parametrize(
    "payloads",
    [
        [payload("user_message_received", message="x")],
        [payload("status_changed", status="paused_by_agent", pausedPayload={"reason": "x"})],
        [payload("status_changed", status="completed", completedPayload={"reasoning": "x"})],
        [action("completed", "x", actionName="util_send_user_message")],
        [action("started", "x", actionName="util_send_user_message")],
    ],
)
def test_what_is_for_people_is_never_folded(payloads: list[dict[str, Any]]) -> None:
    marked = [one | {"display": {"presentationLevel": "system"}} for one in payloads]
    text = transcript(*marked).as_text()
    assert "system entr" not in text
    assert "x" in text


def test_many_entries_for_machines_are_one_that_is_bounded() -> None:
    told = transcript(*[beat("x" * 5_000)] * 3_000)
    html = cards.as_html(told)
    assert len(html) < 60_000
    assert "3,000 system entries" in html
    assert "and 2,960 items more" in Seen(html).words
    assert "3,000 system entries left out here" in told.as_text()


def test_an_activity_that_says_what_it_does_is_not_said_twice_by_one_for_machines() -> None:
    activities = happened(payload("generic", message="Looking"), beat())
    entries, _ = entries_of(activities, 10**6)
    assert [one.kind for one in entries] == ["note", "system"]
    assert tells_doing(activities, entries)
    entries, _ = entries_of(activities[1:], 10**6)
    assert not tells_doing(activities[1:], entries)


def test_endings_and_nodes_and_to_dos_are_told_in_words() -> None:
    todos = [{"content": "Find it", "status": "completed", "outcome": "Three of them"}]
    failed = {"reason": "It broke.", "os_error": {"message": "No space left"}}
    assert shown(
        payload("todos_updated", todos=todos),
        payload("transitioned_node", newNodeName="Pay", fromNodeSummary="Found\nthree"),
        payload("transitioned_node", data={"fromNodeSummary": "Paid"}),
        payload("transitioned_node", newNodeName="End"),
        payload("status_changed", status="cancelled", cancelledPayload={"reason": "timeout"}),
        payload("status_changed", status="cancelled", cancelledPayload={"reason": "new_one"}),
        payload("status_changed", data={"status": "failed", "failedPayload": failed}),
    ) == [
        "  18:02:11  To-do list:",
        "              ✓ Find it (completed: Three of them)",
        "  18:02:13  Node finished (next: Pay):",
        "              Found",
        "              three",
        "  18:02:15  Node finished: Paid",
        "  18:02:17  Moved on to: End",
        "  18:02:19  Result (cancelled): It reached its time limit.",
        "  18:02:21  Result (cancelled): new_one",
        "  18:02:23  Result (failed):",
        "              It broke.",
        "              System error: No space left",
    ]
