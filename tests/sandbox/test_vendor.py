"""The vendor's own, unmodified client judges the sandbox: all it answers must fit their models."""

import time
import uuid
from collections.abc import Iterator
from typing import Any

import asteroid_odyssey as vendor
import pytest
from asteroid_odyssey import exceptions

from asteroid_magic import Activity, AsteroidClient
from asteroid_magic.sandbox import Sandbox
from asteroid_magic.sandbox.endings import ENDINGS, Ending
from tests.support.sandboxes import PATIENCE


@pytest.fixture
def api(box: Sandbox) -> Iterator[vendor.ExecutionApi]:
    yield from connected(box, box.api_key)


def connected(
    box: Sandbox, key: str, header: str = "X-Asteroid-Agents-Api-Key"
) -> Iterator[vendor.ExecutionApi]:
    # Not Configuration(api_key=...): 1.9.167 sends that one as X-Api-Key, which the contract
    # does not know. A default header is the client's own public way to send the contract's.
    configuration = vendor.Configuration(host=box.base_url)
    with vendor.ApiClient(configuration, header_name=header, header_value=key) as client:
        yield vendor.ExecutionApi(client)
        client.rest_client.pool_manager.clear()


def message(text: str) -> vendor.AgentsExecutionUserMessagesAddTextBody:
    return vendor.AgentsExecutionUserMessagesAddTextBody(message=text)


def told(activity: vendor.AgentsExecutionActivity) -> Any:
    # One of nineteen models: Any, since the test knows which one it expects.
    return activity.payload.actual_instance


def completed(api: vendor.ExecutionApi, execution_id: str) -> vendor.AgentsExecutionListItem:
    deadline = time.monotonic() + PATIENCE
    while True:
        execution = api.execution_get(execution_id)
        if execution.status == vendor.AgentsExecutionStatus.COMPLETED:
            return execution
        assert time.monotonic() < deadline, f"still {execution.status}"


def test_a_message_is_sent(box: Sandbox, api: vendor.ExecutionApi) -> None:
    text = "Friday 21:15 \u2028 e\u0301 🍝"
    answer = api.execution_user_messages_add_with_http_info(box.executions[1].id, message(text))
    assert (answer.status_code, answer.data) == (201, "User message added.")
    assert box.messages(box.executions[1].id) == [text]


def assert_refused(
    api: vendor.ExecutionApi,
    execution_id: str,
    error: type[exceptions.ApiException],
    body: type[Any],
) -> None:
    with pytest.raises(error) as refusal:
        api.execution_user_messages_add(execution_id, message("hello"))
    data: Any = refusal.value.data
    assert isinstance(data, body)
    assert data.code == data.status == refusal.value.status
    assert data.message == data.detail
    assert data.instance == f"/agents/v2/executions/{execution_id}/user-messages"


def test_every_refusal_fits_its_model(box: Sandbox, api: vendor.ExecutionApi) -> None:
    bad = (exceptions.BadRequestException, vendor.CommonBadRequestErrorBody)
    assert_refused(api, "no-uuid", *bad)
    assert_refused(api, box.executions[2].id, *bad)
    missing = (exceptions.NotFoundException, vendor.CommonNotFoundErrorBody)
    assert_refused(api, str(uuid.uuid4()), *missing)
    foreign = (exceptions.ForbiddenException, vendor.CommonForbiddenErrorBody)
    assert_refused(api, box.foreign_execution_id, *foreign)
    box.fail_next(500)
    broken = (exceptions.ServiceException, vendor.CommonInternalServerErrorBody)
    assert_refused(api, box.executions[1].id, *broken)


@pytest.mark.parametrize("header", ["X-Asteroid-Agents-Api-Key", "X-Api-Key"])
def test_a_wrong_or_missing_key_is_unauthorized(box: Sandbox, header: str) -> None:
    key = "wrong" if header == "X-Asteroid-Agents-Api-Key" else box.api_key
    for api in connected(box, key, header):
        unauthorized = (exceptions.UnauthorizedException, vendor.CommonUnauthorizedErrorBody)
        assert_refused(api, box.executions[1].id, *unauthorized)


def test_the_parameter_at_fault_is_named(api: vendor.ExecutionApi) -> None:
    with pytest.raises(exceptions.BadRequestException) as refusal:
        api.execution_get("no-uuid")
    data: Any = refusal.value.data
    [fault] = data.errors
    assert (fault.parameter, fault.detail) == ("executionId", data.message)


def test_executions_are_listed(box: Sandbox, api: vendor.ExecutionApi) -> None:
    listed = api.executions_list()
    assert (listed.page, listed.page_size, listed.total) == (1, 20, 3)
    seen = [(item.id, item.workflow_name, item.status.value) for item in listed.items]
    assert seen == [(each.id, each.workflow_name, each.status) for each in box.executions]
    assert listed.items[2].execution_result is not None
    assert listed.items[2].duration == 94


def test_the_list_is_filtered_and_paged(box: Sandbox, api: vendor.ExecutionApi) -> None:
    asking, running, finished = (execution.id for execution in box.executions)
    status, phase = vendor.AgentsExecutionStatus, vendor.AgentsExecutionPhase

    def ids(listed: vendor.ExecutionsList200Response) -> list[str]:
        return [item.id for item in listed.items]

    assert ids(api.executions_list(page=2, page_size=2)) == [finished]
    assert ids(api.executions_list(status=[status.PAUSED_BY_AGENT])) == [asking]
    some = api.executions_list(status=[status.RUNNING, status.COMPLETED])
    assert ids(some) == [running, finished]
    assert ids(api.executions_list(phase=[phase.ACTIVE], sort="created_at:asc")) == [
        running,
        asking,
    ]
    assert ids(api.executions_list(created_within="1h30m")) == [asking, running]
    workflow_id = api.execution_get(running).workflow_id
    assert ids(api.executions_list(workflow_id=workflow_id)) == [running]
    for value in status:
        listed = api.executions_list(status=[value])
        assert listed.total == len([each for each in box.executions if each.status == value.value])


def test_an_execution_is_described(box: Sandbox, api: vendor.ExecutionApi) -> None:
    for snapshot in box.executions:
        execution = api.execution_get(snapshot.id)
        assert execution.id == snapshot.id
        assert execution.status.value == snapshot.status
        assert execution.created_at.tzinfo is not None
    for execution_id, error in [
        (str(uuid.uuid4()), exceptions.NotFoundException),
        (box.foreign_execution_id, exceptions.ForbiddenException),
    ]:
        with pytest.raises(error):
            api.execution_get(execution_id)
        with pytest.raises(error):
            api.execution_activities_get(execution_id)


def test_activities_fit_their_models_in_both_orders(box: Sandbox, api: vendor.ExecutionApi) -> None:
    for snapshot in box.executions:
        ascending = api.execution_activities_get(snapshot.id, order="asc")
        descending = api.execution_activities_get(snapshot.id, order="desc")
        assert len(ascending) >= 5
        assert [each.id for each in descending] == [each.id for each in ascending][::-1]
        assert all(each.execution_id == snapshot.id for each in ascending)
        limited = api.execution_activities_get(snapshot.id, order="desc", limit=3)
        assert [each.id for each in limited] == [each.id for each in descending[:3]]
    with pytest.raises(exceptions.BadRequestException):
        api.execution_activities_get(snapshot.id, order="sideways")


def test_the_question_and_the_answered_story_fit_their_models(
    box: Sandbox, api: vendor.ExecutionApi
) -> None:
    execution_id = box.executions[0].id
    [paused] = api.execution_activities_get(execution_id, order="desc", limit=1)
    [question] = told(paused).paused_payload.question.questions
    answer = question.options[1].label
    api.execution_user_messages_add(execution_id, message(answer))
    result: Any = completed(api, execution_id).execution_result
    assert result.result["booked"] == answer
    payloads = [told(each) for each in api.execution_activities_get(execution_id)]
    kinds = {type(payload) for payload in payloads}
    assert vendor.AgentsExecutionActivityUserMessageReceivedPayload in kinds
    assert vendor.AgentsExecutionTerminalPayload in kinds
    assert vendor.AgentsExecutionActivityTodosUpdatedPayload in kinds
    assert payloads[-2].completed_payload.result["booked"] == answer


def test_our_executions_agree_with_theirs_field_by_field(
    box: Sandbox, api: vendor.ExecutionApi
) -> None:
    box.add_waiting(kind="choices")
    with AsteroidClient(box.api_key, box.base_url) as client:
        ours = client.executions(limit=None)
        theirs = api.executions_list(page_size=100).items
        assert len(ours) == len(theirs) == 4
        assert ours == tuple(client.execution(each.id) for each in theirs)
    for mine, other in zip(ours, theirs, strict=True):
        same = "id workflow_id workflow_name created_at started_at terminal_at duration inputs"
        for name in (*same.split(), "metadata", "live_view_url", "recording_url", "profile_name"):
            assert getattr(mine, name) == getattr(other, name), name
        assert mine.status == other.status.value
        result = other.execution_result
        assert mine.outcome == (result and result.outcome)
        assert mine.reasoning == (result and result.reasoning)
        assert mine.result == (result and result.result)
        known = {field.alias or name for name, field in type(other).model_fields.items()}
        assert mine.data.keys() <= known


def test_our_activities_agree_with_theirs_field_by_field(
    box: Sandbox, api: vendor.ExecutionApi
) -> None:
    asking = box.executions[0].id
    api.execution_user_messages_add(asking, message("Friday 21:15"))
    completed(api, asking)
    box.add_waiting(kind="choices")
    box.add_waiting(kind="confirmation")
    with AsteroidClient(box.api_key, box.base_url) as client:
        for snapshot in box.executions:
            if snapshot.status == "running":
                client.pause(snapshot.id)
            ours = client.activities(snapshot.id, order="desc")
            theirs = api.execution_activities_get(snapshot.id, order="desc")
            for mine, other in zip(ours, theirs, strict=True):
                assert (mine.id, mine.execution_id, mine.timestamp) == (
                    other.id,
                    other.execution_id,
                    other.timestamp,
                )
                members = told(other).to_dict()
                assert mine.kind == members.pop("activityType")
                assert mine.data == members
                assert_same_questions(mine, told(other))


def assert_same_questions(mine: Activity, other: Any) -> None:
    paused = getattr(other, "paused_payload", None)
    asked = paused.question.questions if paused and paused.question else []
    for question, theirs in zip(mine.question, asked, strict=True):
        assert (question.question, question.header) == (theirs.question, theirs.header)
        assert question.multi_select == theirs.multi_select
        labels = [(option.label, option.description) for option in theirs.options]
        assert list(question.options) == labels


def test_their_client_pauses_resumes_cancels_and_waits(
    box: Sandbox, api: vendor.ExecutionApi
) -> None:
    run = box.executions[1].id
    assert api.execution_pause(run).status == "paused"
    assert api.execution_resume(run).status == "running"
    assert api.execution_sync_get(run, timeout_seconds=1).status.value == "running"
    assert api.execution_cancel(run).status == "cancelled"
    assert api.execution_sync_get(run, timeout_seconds=1).status.value == "cancelled"


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_ending_fits_its_models(
    box: Sandbox, api: vendor.ExecutionApi, ending: Ending
) -> None:
    ended = box.add_ended(ending)
    execution = api.execution_get(ended.id)
    assert execution.status.value == ended.status
    payloads = [told(each) for each in api.execution_activities_get(ended.id)]
    if ending == "purged":
        assert execution.purged_at is not None
        assert (payloads, execution.inputs) == ([], {})
        return
    changed, last = payloads[-2:]
    assert isinstance(last, vendor.AgentsExecutionTerminalPayload)
    system = vendor.AgentsExecutionActivityPresentationLevel.SYSTEM
    assert [each.display.presentation_level for each in payloads[1:-2]] == [system]
    if ending == "failed":
        assert changed.failed_payload.os_error.message == "No space left on device"
    else:
        assert changed.cancelled_payload.reason.value == ending


def test_what_a_user_cancels_fits_its_models(box: Sandbox, api: vendor.ExecutionApi) -> None:
    run = box.executions[1].id
    api.execution_cancel(run)
    changed, last = [told(each) for each in api.execution_activities_get(run)][-2:]
    assert changed.cancelled_payload.reason.value == "user_requested"
    assert last.reason == "complete"


def test_links_and_summaries_fit_their_models(box: Sandbox, api: vendor.ExecutionApi) -> None:
    asking, running, finished = (api.execution_get(each.id) for each in box.executions)
    for active in (asking, running):
        assert active.live_view_url
        assert active.recording_url is None
    assert finished.recording_url
    assert finished.live_view_url is None
    assert all(each.platform_url for each in (asking, running, finished))
    payloads = [told(each) for each in api.execution_activities_get(finished.id)]
    [node] = [one for one in payloads if getattr(one, "from_node_summary", None)]
    assert node.from_node_summary == "Read 9 fares from Turin to Rome."
    [todos] = [one.todos for one in payloads if getattr(one, "todos", None)]
    assert [one.outcome for one in todos][1] == "The 09:10 is the cheapest"


def test_their_client_tells_whose_the_key_is(box: Sandbox, api: vendor.ExecutionApi) -> None:
    whoami = vendor.ContextApi(api.api_client).whoami_get()
    assert whoami.kind == vendor.UsersWhoamiCallerKind.PERSON
    assert whoami.person is not None
    assert whoami.person.email == "you@sandbox.invalid"
    assert whoami.organization_id == api.executions_list().items[0].organization_id
    for other in connected(box, "wrong"):
        with pytest.raises(exceptions.UnauthorizedException) as refusal:
            vendor.ContextApi(other.api_client).whoami_get()
        body: Any = refusal.value.data
        assert isinstance(body, vendor.CommonUnauthorizedErrorBody)


def test_their_client_filters_the_list_in_every_way(box: Sandbox, api: vendor.ExecutionApi) -> None:
    asking, running, finished = (execution.id for execution in box.executions)
    created = api.execution_get(running).created_at
    checks: list[tuple[dict[str, Any], list[str]]] = [
        ({"execution_id": asking[3:15].upper()}, [asking]),
        ({"created_after": created}, [asking, running]),
        ({"created_before": created}, [running, finished]),
        ({"metadata": ["customer=4711", "team=office"]}, [asking]),
        ({"inputs_key": "to", "inputs_value": "rome"}, [finished]),
        ({"outcome_label": "success"}, [finished]),
        ({"trigger_source": ["api", "ui"]}, [asking, running, finished]),
        ({"profile_ids": [str(api.execution_get(running).profile_id)]}, [running]),
        ({"batch_id": str(uuid.uuid4())}, []),
        ({"workflow_version": 1, "sort": "started_at:asc"}, [finished, running, asking]),
    ]
    for filters, expected in checks:
        listed = api.executions_list(**filters)
        assert [item.id for item in listed.items] == expected, filters
    with pytest.raises(exceptions.BadRequestException):
        api.executions_list(created_within="soon")
    with pytest.raises(exceptions.BadRequestException):
        api.executions_list(inputs_key="to")
    with pytest.raises(exceptions.BadRequestException):
        api.executions_list(metadata=["customer"])


def test_every_scene_of_every_agent_fits_their_models(
    box: Sandbox, api: vendor.ExecutionApi
) -> None:
    asking, running, _ = box.executions
    added = [*box.add_waiting(2), *box.add_waiting(2, "choices")]
    added += box.add_waiting(2, "confirmation")
    for one in (asking, running, *added[::2]):
        api.execution_user_messages_add(one.id, message("Go on."))
    for one in (asking, *added[::2]):
        completed(api, one.id)
    api.execution_pause(running.id)
    api.execution_resume(running.id)
    for one in (running, *added[1::2]):
        api.execution_cancel(one.id)
    seen: set[str] = set()
    for item in api.executions_list(page_size=100).items:
        assert api.execution_get(item.id) == item
        seen |= {told(each).activity_type for each in api.execution_activities_get(item.id)}
        [ended] = api.execution_activities_get(item.id, order="desc", limit=1)
        assert told(ended).reason == "complete"
    assert len(seen) >= 9
    [_, cancelled] = api.execution_activities_get(running.id, order="desc", limit=2)
    assert told(cancelled).cancelled_payload.reason.value == "user_requested"
