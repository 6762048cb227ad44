"""A download gets the whole file or nothing, and its storage never gets the key."""

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from asteroid_magic import (
    ApiError,
    AsteroidClient,
    AsteroidError,
    ConnectionFailed,
    File,
    Interrupted,
    InvalidInput,
    NoAnswer,
    NotFound,
    ServerError,
    UnexpectedAnswer,
)
from asteroid_magic.client.files.downloads import MOST_REDIRECTS
from asteroid_magic.client.transport.connections import IS_STOCK
from asteroid_magic.sandbox import Sandbox
from tests.support.servers import Behaviour, FaultServer, answers, drips, silent

KEY = "key-4711-secret"
RUN = "123e4567-e89b-12d3-a456-426614174000"
BODY = b"number,amount\n1,2\n"


@pytest.fixture
def client(box: Sandbox) -> Iterator[AsteroidClient]:
    with AsteroidClient(box.api_key, box.base_url) as made:
        yield made


@pytest.fixture
def file(client: AsteroidClient, run_id: str) -> File:
    client.upload(run_id, ("rates.csv", BODY))
    (found,) = client.files(run_id)
    return found


def a_file(size: int | None = len(BODY), name: str = "a.csv", **other: Any) -> File:
    return File(**{"id": "file-1", "name": name, "size": size, "execution_id": RUN} | other)


def redirect(location: str, status: int = 303) -> bytes:
    head = f"HTTP/1.1 {status} See Other\r\nLocation: {location}\r\nContent-Length: 0\r\n"
    return f"{head}Connection: close\r\n\r\n".encode("latin-1")


def ok(body: bytes = BODY, length: int | None = None, head: str = "") -> bytes:
    size = len(body) if length is None else length
    lines = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {size}\r\n{head}\r\n"
    return lines.encode() + body


class Downloads:
    """Asteroid, and a storage that answers as it is told."""

    def __init__(self, folder: Path, storage: Behaviour) -> None:
        self.folder = folder
        self.storage = FaultServer(storage)
        self.address = self.storage.base_url.removesuffix("/agents/v2") + "/signed?secret=1"
        self.asteroid = FaultServer(lambda one, _: one.sendall(redirect(self.address)))

    def save(self, file: File | None = None, timeout: float = 5, **options: Any) -> Path:
        with (
            self.storage,
            self.asteroid,
            AsteroidClient(KEY, self.asteroid.base_url, timeout) as client,
        ):
            return client.download(file or a_file(), self.folder, **options)

    def save_patiently(self, file: File) -> Path:
        """Save with the client's own timeout, of a second, which renews."""
        with (
            self.storage,
            self.asteroid,
            AsteroidClient(KEY, self.asteroid.base_url, 1.0) as client,
        ):
            return client.download(file, self.folder)

    def fails(self, kind: type[AsteroidError], **options: Any) -> AsteroidError:
        with pytest.raises(kind) as failed:
            self.save(**options)
        assert list(self.folder.iterdir()) == []
        assert failed.value.outcome == "not_done"
        assert KEY.encode() not in b"".join(self.storage.requests)
        assert "secret=1" not in str(failed.value)
        return failed.value


def gets(server: FaultServer) -> list[bytes]:
    """Return the requests; a kernel of another test may knock on a port that it had before."""
    return [one for one in server.requests if one.startswith(b"GET")]


@pytest.fixture
def storing(tmp_path: Path) -> Callable[[Behaviour], Downloads]:
    return lambda storage: Downloads(tmp_path, storage)


Storing = Callable[[Behaviour], Downloads]


def test_a_file_is_listed_and_saved(
    client: AsteroidClient, file: File, run_id: str, tmp_path: Path
) -> None:
    assert (file.name, file.size, file.mime_type) == ("rates.csv", len(BODY), "text/csv")
    assert (file.execution_id, file.directory) == (run_id, "context")
    assert file.created_at is not None
    assert abs((datetime.now(UTC) - file.created_at).total_seconds()) < 60
    assert client.download(file, tmp_path).read_bytes() == BODY
    assert client.download(file, str(tmp_path)) == tmp_path / "rates (1).csv"


def test_what_the_agent_saved_is_listed_first(box: Sandbox, client: AsteroidClient) -> None:
    run = box.executions[1]
    while not (files := client.files(run)):
        threading.Event().wait(0.01)
    (saved,) = files
    assert (saved.name, saved.directory, saved.created_by) == ("invoices.csv", "downloads", "agent")
    client.upload(run, ("later.txt", b"1"))
    assert [one.name for one in client.files(run)] == ["later.txt", "invoices.csv"]


def test_the_storage_gets_neither_key_nor_cookie_nor_referer(storing: Storing) -> None:
    downloads = storing(answers(ok(head="Set-Cookie: a=b\r\n")))
    assert downloads.save().read_bytes() == BODY
    (asked,) = gets(downloads.asteroid)
    assert asked.startswith(
        f"GET /agents/v2/executions/{RUN}/files/file-1/download HTTP/1.1".encode()
    )
    assert asked.count(KEY.encode()) == 1
    (fetched,) = gets(downloads.storage)
    assert fetched.startswith(b"GET /signed?secret=1 HTTP/1.1")
    names = {line.split(b":")[0].lower() for line in fetched.splitlines()[1:] if line}
    assert names == {b"host", b"accept", b"accept-encoding", b"user-agent"}


def test_it_follows_three_more_redirects_and_no_fourth(storing: Storing) -> None:
    for further in (MOST_REDIRECTS, MOST_REDIRECTS + 1):
        left = [redirect(f"/next/{number}", 302) for number in range(further)]
        downloads = storing(lambda one, _, left=left: one.sendall(left.pop() if left else ok()))  # type: ignore[misc]
        if further == MOST_REDIRECTS:
            path = downloads.save()
            path.unlink()
        else:
            assert "more than 3" in downloads.fails(UnexpectedAnswer).detail
        assert not any(KEY.encode() in one for one in downloads.storage.requests)
        assert not any(b"Referer" in one for one in downloads.storage.requests)


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("http://storage.example/a", "leads to storage.example, without encryption"),
        ("http://127.0.0.1.evil.example/a", "without encryption"),
        ("//storage.example/a", "without encryption"),
        ("ftp://127.0.0.1/a", "without encryption"),
        ("file:///etc/passwd", "no usable address"),
        ("javascript:alert(1)", "no usable address"),
        ("https://user:pass@storage.example/a", "user name or password"),
        ("http://127.0.0.1@storage.example/a", "user name or password"),
        ("https://storage.example:99999/", "no usable address"),
        ("https://[::1", "no usable address"),
        ("", "no usable address"),
        (f"https://storage.example/?key={KEY}", "contains the API key"),
        (f"https://{KEY}.example/", "contains the API key"),
        ("https://storage.example/?k=key%2D4711%2Dsecret", "contains the API key"),
    ],
)
@pytest.mark.parametrize("further", [False, True])
def test_an_unsafe_redirect_is_not_followed(
    tmp_path: Path, location: str, words: str, further: bool
) -> None:
    downloads = Downloads(tmp_path, answers(redirect(location, 302)))
    if not further:
        downloads.address = location
    error = downloads.fails(UnexpectedAnswer)
    assert words in error.detail
    assert KEY not in str(error)
    assert len(gets(downloads.storage)) == further


@pytest.mark.parametrize("size", [len(BODY), None])
def test_a_body_that_is_cut_short_is_not_kept(storing: Storing, size: int | None) -> None:
    downloads = storing(answers(ok(length=len(BODY) + 5)))
    downloads.fails(NoAnswer, file=a_file(size and size + 5), timeout=0.4)
    # As every read, it was tried again.
    assert len(gets(downloads.storage)) > 1
    assert len(gets(downloads.storage)) == len(gets(downloads.asteroid))


def test_after_a_failure_it_begins_again_with_a_new_address(storing: Storing) -> None:
    left = [b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", ok(length=99), b""]
    downloads = storing(lambda one, _: one.sendall(left.pop() if left else ok()))
    assert downloads.save(a_file(None)).read_bytes() == BODY
    assert len(gets(downloads.asteroid)) == 4


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"


def chunks(*pieces: bytes, is_whole: bool = True) -> bytes:
    sent = b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in pieces)
    return CHUNKED + sent + (b"0\r\n\r\n" if is_whole else b"")


@pytest.mark.parametrize("size", [len(BODY), None])
def test_a_chunked_body_is_taken_if_it_is_whole(storing: Storing, size: int | None) -> None:
    downloads = storing(answers(chunks(BODY[:5], BODY[5:])))
    path = downloads.save(a_file(size))
    assert path.read_bytes() == BODY
    path.unlink()
    storing(answers(chunks(BODY[:5], is_whole=False))).fails(
        NoAnswer, file=a_file(size), timeout=0.3
    )


@pytest.mark.parametrize(
    ("answer", "size"),
    [
        (ok(), len(BODY) + 1),
        (ok(), len(BODY) - 1),
        (chunks(BODY), len(BODY) - 1),
        (b"HTTP/1.1 200 OK\r\n\r\n" + BODY, len(BODY) - 1),
        (b"HTTP/1.1 200 OK\r\n\r\n" + BODY, None),
    ],
)
def test_another_size_than_the_listed_one_is_not_kept(
    storing: Storing, answer: bytes, size: int | None
) -> None:
    error = storing(answers(answer)).fails(UnexpectedAnswer, file=a_file(size))
    assert "Asteroid lists 'a.csv' with" in error.detail
    assert "List the files again" in error.hint


def test_chunks_of_another_encoding_are_not_kept_with_their_framing(storing: Storing) -> None:
    behave = answers(chunks(BODY).replace(b"chunked", b"gzip, chunked"))
    # urllib3-future reads these as broken chunks.
    storing(behave).fails(UnexpectedAnswer if IS_STOCK else NoAnswer, file=a_file(None))


def test_an_endless_body_ends_with_the_listed_size(storing: Storing) -> None:
    storing(drips(CHUNKED, b"5\r\n12345\r\n", every=0.001)).fails(UnexpectedAnswer, file=a_file(50))


@pytest.mark.parametrize("storage", [silent, drips(ok(b"", length=10**9), b"x", every=0.01)])
def test_a_storage_that_stands_still_ends_with_the_timeout(
    storing: Storing, storage: Behaviour
) -> None:
    storing(storage).fails(NoAnswer, file=a_file(10**9), timeout=0.3)


def test_a_slow_beginning_does_not_shorten_a_later_pause(storing: Storing) -> None:
    def behave(connection: Any, server: FaultServer) -> None:
        connection.sendall(ok(b"", length=2_000_000))
        for _ in range(60):
            # Too slow to gain much: most of the time is gone after these.
            connection.sendall(b"x")
            server.stopping.wait(0.01)
        connection.sendall(bytes(1_000_000))
        server.stopping.wait(0.7)
        connection.sendall(bytes(1_000_000 - 60))

    path = storing(behave).save_patiently(a_file(2_000_000))
    assert path.stat().st_size == 2_000_000


@pytest.mark.parametrize(("status", "kind"), [(403, ApiError), (404, ApiError), (503, ServerError)])
def test_a_refusal_of_the_storage_is_none_of_the_key(
    storing: Storing, status: int, kind: type[AsteroidError]
) -> None:
    refused = f"HTTP/1.1 {status} No\r\nContent-Length: 6\r\n\r\nsecret".encode()
    error = storing(answers(refused)).fails(kind, timeout=0.3)
    assert type(error) is kind
    assert f"where Asteroid keeps the file, answered {status}" in error.detail
    assert not error.refuses_key


def test_a_file_that_is_gone_says_so(client: AsteroidClient, run_id: str, tmp_path: Path) -> None:
    with pytest.raises(NotFound) as gone:
        client.download(a_file(execution_id=run_id), tmp_path)
    assert gone.value.title == "Asteroid has no such file"


def test_a_storage_that_is_not_there_is_an_error_of_the_connection(tmp_path: Path) -> None:
    downloads = Downloads(tmp_path, silent)
    downloads.address = "http://127.0.0.1:1/a"
    assert downloads.fails(ConnectionFailed, timeout=0.3).outcome == "not_done"


def test_a_storage_with_a_bad_certificate_is_not_trusted(tmp_path: Path) -> None:
    context = trustme.CA().issue_cert("127.0.0.1")
    import ssl  # noqa: PLC0415 (this test alone)

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.configure_cert(tls)

    def handshake(connection: Any, _server: FaultServer) -> None:
        tls.wrap_socket(connection, server_side=True)

    downloads = Downloads(tmp_path, handshake)
    downloads.storage._reads = False
    downloads.address = downloads.address.replace("http:", "https:")
    error = downloads.fails(ConnectionFailed)
    assert "certificate of 127.0.0.1 cannot be trusted" in error.detail


@pytest.mark.parametrize("file_id", ["", ".", "..", "...", None, 7])
def test_a_file_without_a_usable_id_is_refused(
    client: AsteroidClient, tmp_path: Path, file_id: Any
) -> None:
    with pytest.raises(InvalidInput, match="no ID"):
        client.download(a_file(id=file_id), tmp_path)


@pytest.mark.parametrize("file", [None, "file-1", 7, object()])
def test_what_is_no_file_is_refused(client: AsteroidClient, tmp_path: Path, file: Any) -> None:
    with pytest.raises(InvalidInput, match="not a File"):
        client.download(file, tmp_path)


def test_an_id_stays_one_part_of_the_path(tmp_path: Path) -> None:
    downloads = Downloads(tmp_path, answers(ok()))
    downloads.save(a_file(id="../../x?y#z ü"))
    (asked,) = gets(downloads.asteroid)
    assert b"/files/..%2F..%2Fx%3Fy%23z%20%C3%BC/download " in asked


def test_a_hostile_name_stays_in_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    path = Downloads(folder, answers(ok())).save(a_file(name="../../out\n.csv"))
    assert path == folder / "out_.csv"
    assert [one.name for one in tmp_path.iterdir()] == ["in"]


def test_an_interrupt_leaves_no_part(storing: Storing) -> None:
    def press(_name: str, done: int, _size: int) -> None:
        if done:
            signal.raise_signal(signal.SIGINT)

    downloads = storing(answers(ok(bytes(10_000_000))))
    downloads.fails(Interrupted, file=a_file(10_000_000), progress=press)


@pytest.mark.parametrize("name", ["a.csv.part", "a.csv"])
def test_an_interrupt_leaves_no_empty_file(
    storing: Storing, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    opens = Path.open

    def interrupted(path: Path, *arguments: Any, **keywords: Any) -> Any:
        opened = opens(path, *arguments, **keywords)
        if path.name == name:
            signal.raise_signal(signal.SIGINT)
        return opened

    downloads = storing(answers(ok()))
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", interrupted)
        with pytest.raises(Interrupted) as stopped:
            downloads.save(a_file())
    saved = list(downloads.folder.iterdir())
    assert [one.read_bytes() for one in saved] == ([BODY] if name == "a.csv" else [])
    assert (str(downloads.folder / "a.csv") in stopped.value.hint) == bool(saved)
    assert ("Nothing was saved" in stopped.value.hint) == (not saved)


def test_a_large_file_comes_piece_by_piece(storing: Storing) -> None:
    steps: list[int] = []
    body = bytes(range(256)) * 10_000
    path = storing(answers(ok(body))).save(
        a_file(len(body)), progress=lambda _name, done, _size: steps.append(done)
    )
    assert path.read_bytes() == body
    assert len(steps) > 10
    assert steps == sorted(steps)
    assert steps[-1] == len(body)


def test_nothing_of_the_key_or_the_address_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    Downloads(tmp_path / "a", answers(ok())).save()
    with pytest.raises(AsteroidError):
        Downloads(tmp_path / "b", answers(redirect("http://evil.example/"))).save()
    assert KEY not in caplog.text


@pytest.mark.parametrize("answer", ["{}", '{"directories": []}', "[]", "null", '"x"', "not JSON"])
def test_an_answer_that_is_no_list_of_files_is_an_error(answer: str) -> None:
    with (
        FaultServer(answers(ok(answer.encode()))) as server,
        AsteroidClient(KEY, server.base_url, 5) as client,
        pytest.raises(UnexpectedAnswer),
    ):
        client.files(RUN)
