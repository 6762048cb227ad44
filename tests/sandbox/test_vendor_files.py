"""The vendor's own, unmodified client gives files and takes them."""

from collections.abc import Iterator
from typing import Any

import asteroid_odyssey as vendor
import pytest
import urllib3
from asteroid_odyssey import exceptions

from asteroid_magic import AsteroidClient
from asteroid_magic.sandbox import Sandbox
from tests.support.sandboxes import asking, eventually, finished, running

KEY_HEADER = "X-Asteroid-Agents-Api-Key"


@pytest.fixture
def api(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[vendor.FilesApi]:
    # Without this, urllib3 carries the header with the key to every host of a redirect, and the
    # storage refuses it: see the last test.
    kept_back = urllib3.Retry(3, remove_headers_on_redirect=[KEY_HEADER])
    # Before its release 2.5, urllib3 does not heed what a pool is given.
    monkeypatch.setattr(urllib3.Retry, "DEFAULT", kept_back)
    yield from connected(box, retries=kept_back)


def connected(box: Sandbox, **options: Any) -> Iterator[vendor.FilesApi]:
    # The paths of these operations begin with /agents/v2, unlike those of executions.
    host = box.base_url.removesuffix("/agents/v2")
    configuration = vendor.Configuration(host=host, **options)
    with vendor.ApiClient(configuration, KEY_HEADER, box.api_key) as client:
        yield vendor.FilesApi(client)
        client.rest_client.pool_manager.clear()


def test_files_are_given_listed_and_downloaded(box: Sandbox, api: vendor.FilesApi) -> None:
    run = asking(box)
    files = [("ünï.csv", b"1,2"), ("b.bin", bytes(range(256)))]
    assert api.execution_context_files_upload(run, files) == "Files uploaded."  # type: ignore[arg-type]
    listed = api.execution_context_files_get(run)
    assert [(one.file_name, one.file_size) for one in listed] == [("ünï.csv", 3), ("b.bin", 256)]
    first = listed[0]
    assert (first.execution_id, first.file_ext, first.mime_type) == (run, ".csv", "text/csv")
    for one, (_, body) in zip(listed, files, strict=True):
        got = api.execution_context_file_download_redirect_with_http_info(run, one.id)
        assert (got.status_code, got.raw_data) == (200, body)


def test_the_agents_file_is_listed_and_downloaded(box: Sandbox, api: vendor.FilesApi) -> None:
    run = running(box)
    (saved,) = eventually(lambda: api.execution_files_get(run).directories.downloads or [])
    assert (saved.file_name, saved.created_by, saved.directory) == (
        "invoices.csv",
        vendor.AgentsFilesAgentFileCreatedBy.AGENT,
        vendor.AgentsFilesAgentFileDirectory.DOWNLOADS,
    )
    got = api.execution_file_download_redirect_with_http_info(run, saved.id)
    assert got.raw_data == box.files(run)["invoices.csv"]
    assert len(got.raw_data) == saved.file_size


def test_its_activity_fits_its_model(box: Sandbox) -> None:
    run = running(box)
    eventually(lambda: box.files(run))
    configuration = vendor.Configuration(host=box.base_url)
    with vendor.ApiClient(configuration, KEY_HEADER, box.api_key) as client:
        activities = vendor.ExecutionApi(client).execution_activities_get(run)
        client.rest_client.pool_manager.clear()
    payloads: list[Any] = [each.payload.actual_instance for each in activities]
    kind = vendor.AgentsExecutionActivityFileAddedPayload
    (added,) = [one for one in payloads if isinstance(one, kind)]
    assert (added.file_name, added.file_size) == (
        "invoices.csv",
        len(box.files(run)[added.file_name]),
    )


def test_our_files_agree_with_theirs_field_by_field(box: Sandbox, api: vendor.FilesApi) -> None:
    run = running(box)
    eventually(lambda: box.files(run))
    with AsteroidClient(box.api_key, box.base_url) as client:
        client.upload(run, ("given.txt", b"1"))
        ours = {one.id: one for one in client.files(run)}
    listing = api.execution_files_get(run).directories
    theirs: list[Any] = [*(listing.downloads or []), *api.execution_context_files_get(run)]
    assert ours.keys() == {one.id for one in theirs}
    for other in theirs:
        mine = ours[other.id]
        assert (mine.name, mine.size) == (other.file_name, other.file_size)
        assert (mine.mime_type, mine.created_at) == (other.mime_type, other.created_at)
        assert mine.execution_id == other.execution_id


def test_refusals_are_theirs(box: Sandbox, api: vendor.FilesApi) -> None:
    missing = "123e4567-e89b-12d3-a456-426614174000"
    for ask in (
        lambda: api.execution_files_get(missing),
        lambda: api.execution_context_files_get(missing),
        lambda: api.execution_file_download_redirect(running(box), missing),
        lambda: api.execution_context_file_download_redirect(running(box), missing),
        lambda: api.execution_context_files_upload(missing, [("a", b"1")]),
    ):
        with pytest.raises(exceptions.NotFoundException):
            ask()
    with pytest.raises(exceptions.BadRequestException):
        api.execution_context_files_upload(finished(box), [("a", b"1")])


def test_the_storage_refuses_a_request_with_the_key(box: Sandbox) -> None:
    for api in connected(box):
        api.execution_context_files_upload(asking(box), [("a", b"1")])
        (file,) = api.execution_context_files_get(asking(box))
        with pytest.raises(exceptions.BadRequestException) as refused:
            api.execution_context_file_download_redirect(asking(box), file.id)
        assert f"must not get the header {KEY_HEADER}" in str(refused.value)
