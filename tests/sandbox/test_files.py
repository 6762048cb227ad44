"""The sandbox's files over HTTP: who may have them, and how they fail on order."""

from urllib.parse import urlsplit

import pytest
import requests

from asteroid_magic.sandbox import Sandbox
from tests.support.sandboxes import PATIENCE, asking, assert_error, eventually, running, url


def give(http: requests.Session, box: Sandbox, **files: bytes) -> requests.Response:
    parts = [("files", (name, body)) for name, body in files.items()]
    where = url(box, asking(box), "/context-files")
    return http.post(where, files=parts, timeout=PATIENCE)


def address(http: requests.Session, box: Sandbox) -> str:
    assert give(http, box, a=b"12345678").status_code == 200
    (file,) = http.get(url(box, asking(box), "/context-files"), timeout=PATIENCE).json()
    answer = http.get(file["downloadUrl"], allow_redirects=False, timeout=PATIENCE)
    assert answer.status_code == 303
    assert answer.headers["Location"] == file["signedUrl"]
    return str(file["signedUrl"])


def test_the_storage_is_another_host_that_needs_no_key(
    http: requests.Session, box: Sandbox
) -> None:
    where = address(http, box)
    assert urlsplit(where).netloc != urlsplit(box.base_url).netloc
    assert requests.get(where, timeout=PATIENCE).content == b"12345678"
    refused = http.get(where, timeout=PATIENCE)
    assert refused.status_code == 400
    assert box.api_key not in refused.text
    assert requests.get(f"{where}0", timeout=PATIENCE).status_code == 404


@pytest.mark.parametrize("rest", ["/files", "/context-files", "/files/x/download"])
def test_without_the_key_nothing_is_served(box: Sandbox, rest: str) -> None:
    answer = requests.get(url(box, asking(box), rest), timeout=PATIENCE)
    assert_error(answer, 401, "is missing")


def test_without_the_key_no_body_is_held(box: Sandbox) -> None:
    where = url(box, asking(box), "/context-files")
    with requests.Session() as stranger:
        assert_error(give(stranger, box, a=b"1"), 401, "is missing")
    assert where
    assert box.files(asking(box)) == {}


@pytest.mark.parametrize("body", [b"", b"{}", b"--x\r\n"])
def test_what_is_no_form_with_files_is_refused(
    http: requests.Session, box: Sandbox, body: bytes
) -> None:
    for kind in ("application/json", "multipart/form-data; boundary=x", "multipart/form-data"):
        answer = http.post(
            url(box, asking(box), "/context-files"),
            data=body,
            headers={"Content-Type": kind},
            timeout=PATIENCE,
        )
        assert answer.status_code == 400
    assert box.files(asking(box)) == {}


def test_an_upload_of_many_megabytes_is_taken(http: requests.Session, box: Sandbox) -> None:
    body = bytes(30_000_000)
    assert give(http, box, big=body).status_code == 200
    assert box.files(asking(box)) == {"big": body}


def test_the_running_agent_saves_a_file(http: requests.Session, box: Sandbox) -> None:
    eventually(lambda: box.files(running(box)))
    listed = http.get(url(box, running(box), "/files"), timeout=PATIENCE).json()
    (file,) = listed["directories"]["downloads"]
    assert file["fileName"] == "invoices.csv"


def test_faults_of_uploads_are_apart_from_those_of_messages(
    http: requests.Session, box: Sandbox
) -> None:
    box.fail_next(503, of="upload")
    assert_error(give(http, box, a=b"1"), 503, "ordered")
    for drop in ("before", "after"):
        box.fail_next(drop=drop, of="upload")
        with pytest.raises(requests.ConnectionError):
            give(http, box, **{drop: b"1"})
    assert box.files(asking(box)) == {"after": b"1"}
    with pytest.raises(ValueError, match="message"):
        box.fail_next(503, of="everything")  # type: ignore[arg-type]


def test_downloads_fail_on_order(http: requests.Session, box: Sandbox) -> None:
    where = address(http, box)

    def get() -> requests.Response:
        return requests.get(where, timeout=PATIENCE, allow_redirects=False)

    for how, status, size in (("short", 200, 4), ("longer", 200, 9), ("refused", 403, 0)):
        box.spoil_next_download(how)
        assert (get().status_code, len(box_answer(box, how, get))) == (status, size)
    for how, target in (("loop", where), ("insecure", "http://storage.example/file")):
        box.spoil_next_download(how)
        location = get().headers["Location"]
        assert location in {target, urlsplit(target).path}
    box.spoil_next_download("cut")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        get()
    assert get().content == b"12345678"
    with pytest.raises(ValueError, match="how must be one of"):
        box.spoil_next_download("slowly")


def box_answer(box: Sandbox, how: str, get: object) -> bytes:
    box.spoil_next_download(how)
    return get().content  # type: ignore[operator, no-any-return]
