"""The reply to a message: as `%asteroid_watch` tells it, without any further request."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from asteroid_magic import AsteroidClient, Delivery
from asteroid_magic.monitor import Monitor, ReplyState
from asteroid_magic.sandbox import Sandbox
from tests.render.test_transcript import action, payload
from tests.support.monitors import KEY, OTHER, SteppedMonitor, stepped
from tests.support.outcomes import ID
from tests.support.records import RecordServer
from tests.support.sandboxes import eventually

from .test_conversation import ASKS, OVER, RUNNING, WORK

SAYS = action("completed", "Done.", actionName="util_send_user_message")
BEGINS = action("started", "Do", actionName="util_send_user_message", action_id="a")
ENDS = action("completed", "Done.", actionName="util_send_user_message", action_id="a")


def delivered(monitor: SteppedMonitor, message: str = "hello", to: str = ID) -> Delivery:
    return Delivery(
        execution_id=to,
        message=message,
        status_code=201,
        server_text="User message added.",
        attempts=1,
        sent_at=monitor.start + timedelta(seconds=monitor.time),
        elapsed=0.1,
    )


def reply(monitor: Monitor) -> ReplyState:
    return monitor.state.replies[-1]


@pytest.mark.parametrize(("says", "ending"), [(SAYS, "spoke"), (ASKS, "asks"), (OVER, "over")])
def test_it_ends_when_the_agent_answers(
    server: RecordServer, says: dict[str, object], ending: str
) -> None:
    # What was said before the message is no answer to it.
    server.happen(ID, SAYS, ago=30)
    with stepped(server) as (monitor, log):
        monitor.open()
        delivery = delivered(monitor)
        server.accept(ID, "hello")
        server.happen(ID, RUNNING)
        monitor.sent(delivery)
        monitor.run(10)
        assert reply(monitor).result is None
        assert [one.status for one in reply(monitor).activities] == ["running"]
        server.happen(ID, WORK)
        server.happen(ID, says)
        log.requests.clear()
        monitor.run(10)
        heard = reply(monitor).result
        assert heard is not None
        assert heard.ending == ending
        assert reply(monitor).delivery is delivery
        assert len(replace(delivery, heard=heard).reply) == 3
        # The reply is part of the conversation, and costs no request of its own.
        assert len([path for _, path in log.requests if "activities" in path]) <= 6


def test_an_earlier_message_with_the_same_words_is_not_taken_for_it(server: RecordServer) -> None:
    server.accept(ID, "hello", ago=600)
    server.happen(ID, SAYS, ago=590)
    with stepped(server) as (monitor, _):
        monitor.open()
        monitor.sent(delivered(monitor))
        monitor.run(20)
        assert reply(monitor).activities == ()
        server.accept(ID, "hello")
        server.happen(ID, SAYS)
        monitor.run(10)
        assert len(reply(monitor).activities) == 1
        assert reply(monitor).result is not None


@pytest.mark.parametrize("has_id", [True, False])
def test_a_message_that_was_listed_before_the_send_had_returned_is_found(
    server: RecordServer, *, has_id: bool
) -> None:
    with stepped(server) as (monitor, _):
        monitor.open()
        delivery = delivered(monitor)
        server.accept(ID, "hello")
        if has_id:
            activity_id = server._activities[-1]["id"]
            delivery = replace(delivery, activity_id=activity_id, confirmed_by="activities")
        server.happen(ID, WORK)
        assert len(monitor.shown(5).activities) == 2
        monitor.sent(delivery)
        monitor.run(5)
        assert [one.kind for one in reply(monitor).activities] == ["reasoning"]


def test_it_is_found_with_the_key_in_it_masked(server: RecordServer) -> None:
    with stepped(server) as (monitor, _):
        monitor.open()
        server.accept(ID, f"my key is {KEY}")
        monitor.sent(delivered(monitor, f"my key is {KEY}"))
        server.happen(ID, SAYS)
        monitor.run(10)
        assert len(reply(monitor).activities) == 1


def test_words_that_have_only_begun_are_waited_for(server: RecordServer) -> None:
    with stepped(server) as (monitor, _):
        monitor.open()
        monitor.sent(delivered(monitor))
        server.accept(ID, "hello")
        monitor.run(5)
        server.happen(ID, BEGINS)
        server.shape = lambda listed: listed
        monitor.run(1.5)
        server.happen(ID, ENDS)
        monitor.run(20)
        result = reply(monitor).result
        assert result is not None
        assert [one.kind for one in result.activities] == ["action_started", "action_completed"]


def test_it_ends_after_two_minutes_even_when_the_looks_have_stopped(server: RecordServer) -> None:
    with stepped(server, stops_after=60) as (monitor, log):
        monitor.open()
        monitor.sent(delivered(monitor))
        monitor.run(119)
        assert reply(monitor).result is None
        assert not [at for at in log.times if at > 60]
        monitor.run(2)
        result = reply(monitor).result
        assert result is not None
        assert (result.ending, result.elapsed) == ("time", 120)


@pytest.mark.parametrize("way", ["stop", "choose", "close"])
def test_the_user_can_stop_waiting_and_what_was_heard_stays(server: RecordServer, way: str) -> None:
    with stepped(server) as (monitor, _):
        monitor.open()
        monitor.sent(delivered(monitor))
        server.accept(ID, "hello")
        server.happen(ID, WORK)
        monitor.run(5)
        if way == "stop":
            monitor.stop_waiting()
        elif way == "choose":
            monitor.choose(OTHER)
        else:
            monitor.close()
        monitor.run(5)
        result = reply(monitor).result
        assert result is not None
        assert result.ending == "interrupted"
        assert len(result.activities) == 1


def test_a_message_to_another_execution_gets_no_reply(server: RecordServer) -> None:
    with stepped(server) as (monitor, _):
        monitor.open()
        monitor.sent(delivered(monitor, to=OTHER))
        monitor.run()
        assert reply(monitor).result is not None


def test_two_messages_each_get_their_reply(server: RecordServer) -> None:
    with stepped(server) as (monitor, _):
        monitor.open()
        monitor.sent(delivered(monitor, "one"))
        server.accept(ID, "one")
        monitor.run(3)
        monitor.sent(delivered(monitor, "two"))
        server.accept(ID, "two")
        server.happen(ID, SAYS)
        monitor.run(10)
        first, second = (one.result for one in monitor.state.replies)
        assert first is not None
        assert second is not None
        assert [len(one.activities) for one in (first, second)] == [2, 1]


def test_while_it_waits_it_looks_often_within_the_limit(server: RecordServer) -> None:
    with stepped(server) as (monitor, log):
        monitor.open()
        monitor.sent(delivered(monitor))
        for _ in range(115):
            monitor.run(1)
            server.happen(ID, WORK)
        assert reply(monitor).result is None
        assert 30 < log.most_in_a_minute() <= 55
        gaps = [b - a for a, b in zip(log.times, log.times[1:], strict=False)]
        assert max(gaps) <= 5


def test_it_ends_if_it_is_refused_and_lasts_if_the_network_is_lost(server: RecordServer) -> None:
    with stepped(server) as (monitor, log):
        monitor.open()
        monitor.sent(delivered(monitor))
        log.answer = 0, {}
        monitor.run(30)
        assert reply(monitor).result is None
        log.answer = 404, {}
        monitor.run(60)
        result = reply(monitor).result
        assert result is not None
        assert (result.ending, result.trouble) == ("unreadable", "No execution has this ID")


def test_only_the_last_ten_messages_are_kept(server: RecordServer) -> None:
    with stepped(server) as (monitor, _):
        monitor.open()
        for number in range(12):
            monitor.sent(delivered(monitor, str(number)))
        assert [one.delivery.message for one in monitor.run().replies][::9] == ["2", "11"]


def test_a_real_agent_is_heard(box: Sandbox) -> None:
    running = box.executions[1].id
    with AsteroidClient(box.api_key, box.base_url) as client:
        monitor = Monitor(lambda _state: None, client)
        monitor.choose(running)
        eventually(lambda: monitor.state.conversation and monitor.state.conversation.updated_at)
        monitor.sent(client.send(running, "Skip the last one."))
        eventually(lambda: monitor.state.replies and reply(monitor).result)
        monitor.close()
    result = reply(monitor).result
    assert result is not None
    assert result.ending == "spoke"
    assert any("Skip the last one." in one.text for one in result.activities)
    sent_at = reply(monitor).delivery.sent_at
    assert sent_at is not None
    assert datetime.now(UTC) >= sent_at


@pytest.mark.parametrize("fails", [False, True])
def test_the_end_of_a_stream_ends_the_waiting_only_if_the_execution_is_over(
    server: RecordServer, fails: bool
) -> None:
    stream_ends = payload("terminal", reason="unsubscribe")
    server.happen(ID, RUNNING, ago=60)
    server.listed = [{"id": ID, "status": "running"}]
    with stepped(server) as (monitor, _):
        monitor.open()
        server.accept(ID, "hello")
        monitor.sent(delivered(monitor))
        monitor.run(5)
        server.happen(ID, stream_ends)
        monitor.run(15)
        assert reply(monitor).result is None
        refused: list[str] = []

        def refuse(path: str) -> tuple[int, dict[str, str]] | None:
            # The first time it is asked whether it is over, it does not say.
            is_first = fails and path.endswith(ID) and not refused
            refused.extend([path] if is_first else [])
            return (400, {}) if is_first else None

        server.refuse = refuse
        server.execution = {"status": "completed"}
        server.happen(ID, stream_ends)
        monitor.run(30)
        heard = reply(monitor).result
        assert heard is not None
        assert heard.ending == "over"
        assert bool(refused) == fails
