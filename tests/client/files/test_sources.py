"""Every file is checked before the first byte leaves, and each refusal says what to do."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from asteroid_magic import AsteroidClient, ConfigurationError, InvalidInput
from asteroid_magic.config.session import session
from asteroid_magic.sandbox import Sandbox
from tests.support import hostile


@pytest.fixture
def client(box: Sandbox) -> Iterator[AsteroidClient]:
    with AsteroidClient(box.api_key, box.base_url, max_upload_mb=0.001) as made:
        yield made


def refusal(client: AsteroidClient, run_id: str, *files: Any) -> str:
    with pytest.raises(InvalidInput) as refused:
        client.upload(run_id, *files)
    error = refused.value
    assert error.outcome == "not_delivered"
    assert error.hint
    assert error.upload is None
    assert client.requester.requests == 0
    return f"{error.detail} {error.hint}"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.csv", "There is no file"),
        ("missing/a.csv", "There is no file"),
        ("", "A path is empty"),
        ("empty.csv", "is empty"),
        ("folder", "is a folder"),
        ("pipe", "is not a regular file"),
        ("large.csv", "'large.csv' has 1 kB; the limit is 0.001 MB"),
        ("good.csv/x", "cannot be read: Not a directory"),
        ("a\0b", "is not a path"),
        ("x" * 5_000, "cannot be read: File name too long"),
    ],
)
def test_a_file_that_cannot_be_uploaded_is_refused_before_another_is_sent(
    client: AsteroidClient,
    box: Sandbox,
    run_id: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.csv").write_text("1")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "large.csv").write_bytes(b"x" * 1_001)
    os.mkfifo(tmp_path / "pipe")
    assert words in refusal(client, run_id, "good.csv", name)
    assert box.files(run_id) == {}


def test_a_tilde_is_the_home(
    client: AsteroidClient, run_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data.csv").write_text("1")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert client.upload(run_id, "~/data.csv").outcome == "delivered"


def test_a_file_that_cannot_be_read_says_why(
    client: AsteroidClient, run_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret.csv"
    path.write_text("1")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    # Root may read everything.
    monkeypatch.setattr(Path, "open", refuse)
    assert "cannot be read: Permission denied" in refusal(client, run_id, path)


@pytest.mark.parametrize(
    "name",
    [
        *('a"b.csv', "a/b.csv", "a\\b.csv", "a\nb.csv", "a\r\nb.csv", "a\0b", "\u202ecsv.exe"),
        *("", "  ", ".", "..", "\ud800.csv", "x" * 256, "é" * 128, "a\u2028b"),
    ],
)
def test_a_name_that_a_server_might_read_as_another_is_refused(
    client: AsteroidClient, run_id: str, name: str
) -> None:
    assert "Rename the file, or give a pair" in refusal(client, run_id, (name, b"1"))


@pytest.mark.parametrize(
    "name",
    ["a b.csv", "ünï 🍝.txt", "it's.csv", "100%25.csv", ".env", "at 3.41\u202fPM 👩\u200d🍳.png"],
)
def test_any_other_name_arrives_exactly(
    client: AsteroidClient, run_id: str, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("1")
    client.upload(run_id, tmp_path / name, (name, b"2"))
    names = [one.name for one in client.files(run_id) if one.is_context]
    assert names == [name, name]


@pytest.mark.parametrize(
    "given", [7, None, b"a.csv", ("a.csv",), ("a.csv", "text"), (b"a", b"b"), ["a.csv"], object()]
)
def test_what_is_neither_a_path_nor_a_pair_is_refused(
    client: AsteroidClient, run_id: str, given: object
) -> None:
    assert refusal(client, run_id, given)


def test_an_object_that_raises_is_refused(client: AsteroidClient, run_id: str) -> None:
    for given in [*hostile.no_ids(), MagicMock()]:
        assert refusal(client, run_id, given)


def test_without_a_file_nothing_is_sent(client: AsteroidClient, run_id: str) -> None:
    assert "There is no file to upload" in refusal(client, run_id)


def test_bytes_of_every_kind_are_taken(client: AsteroidClient, box: Sandbox, run_id: str) -> None:
    pairs: list[Any] = [("a", bytearray(b"1")), ("b", memoryview(b"2"))]
    client.upload(run_id, *pairs)
    assert box.files(run_id) == {"a": b"1", "b": b"2"}


@pytest.mark.parametrize("size", [0, -1, True, "5", float("nan"), float("inf"), 10**400])
def test_a_limit_that_is_no_size_is_refused(size: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_upload_mb"):
        AsteroidClient("made-up", max_upload_mb=size)


def test_the_limit_of_the_session_counts_and_is_100_mb_otherwise(box: Sandbox, run_id: str) -> None:
    with AsteroidClient(box.api_key, box.base_url) as client:
        with pytest.raises(InvalidInput, match="100 MB"):
            client.upload(run_id, ("big.bin", bytes(100_000_001)))
        session.max_upload_mb = 0.5
    with AsteroidClient(box.api_key, box.base_url) as client:
        with pytest.raises(InvalidInput, match=r"0\.5 MB"):
            client.upload(run_id, ("big.bin", bytes(500_001)))
        assert client.upload(run_id, ("big.bin", bytes(500_000))).outcome == "delivered"
