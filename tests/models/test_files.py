"""Files are read leniently, whatever the server sends."""

import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asteroid_magic import AsteroidError, File, Files, Upload, UploadedFile
from asteroid_magic.models.files import read_context_files, read_files

RUN = "123e4567-e89b-12d3-a456-426614174000"
ITEM = {
    "id": "f1",
    "executionId": "another",
    "fileName": "a.csv",
    "fileSize": 12,
    "mimeType": "text/csv",
    "createdAt": "2026-10-01T18:02:11Z",
    "createdBy": "agent",
    "filePath": "/downloads/a.csv",
}


def test_each_directory_is_read_even_an_unknown_one() -> None:
    listing = {"directories": {"downloads": [ITEM], "attic": [ITEM | {"id": "f2"}], "shared": None}}
    found = list(read_files(listing, RUN))
    assert [(one.id, one.directory) for one in found] == [("f1", "downloads"), ("f2", "attic")]
    first = found[0]
    assert (first.name, first.size, first.mime_type, first.created_by) == (
        "a.csv",
        12,
        "text/csv",
        "agent",
    )
    # That of the request: a download must not lead elsewhere.
    assert first.execution_id == RUN
    assert first.data == {"executionId": "another", "filePath": "/downloads/a.csv"}


@pytest.mark.parametrize(
    ("size", "read"), [(0, 0), (12.0, 12), (-1, None), (1.5, None), ("12", None), (True, None)]
)
def test_a_size_is_a_whole_number_of_bytes(size: Any, read: int | None) -> None:
    (file,) = read_context_files([ITEM | {"fileSize": size}], RUN)
    assert file.size == read
    assert file.is_context


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*ITEM, "x"]), inner),
    max_leaves=20,
)


@given(json)
def test_no_answer_makes_the_reader_fail(value: Any) -> None:
    for file in (
        *read_files({"directories": {"x": [value]}}, RUN),
        *read_context_files([value], RUN),
    ):
        Files([file]).as_text()
        Files([file])._repr_html_()
    list(read_files(value, RUN))


def test_files_keep_their_kind_in_slices_and_pickles() -> None:
    files = Files([File(id="1", name="a"), File(id="2")], RUN, {"1": Path("a")})
    assert isinstance(files[:1], Files)
    assert files[:1].execution_id == RUN
    again = pickle.loads(pickle.dumps(files))
    assert (again, again.execution_id, again.saved) == (files, RUN, {"1": Path("a")})
    assert list(files.to_frame()["id"]) == ["1", "2"]


def upload(*outcomes: Any) -> Upload:
    files = tuple(UploadedFile(name="a", size=1, outcome=one) for one in outcomes)
    return Upload(execution_id=RUN, base_url="", files=files, elapsed=0.1)


def test_the_outcome_of_an_upload_is_that_of_its_worst_file() -> None:
    assert upload("delivered", "delivered").outcome == "delivered"
    assert upload("delivered", "not_delivered").outcome == "not_delivered"
    assert upload("delivered", "unknown", "not_delivered").outcome == "unknown"


def test_an_error_with_its_upload_can_be_pickled() -> None:
    error = AsteroidError("broken")
    error.upload = upload("unknown")
    assert pickle.loads(pickle.dumps(error)).upload == upload("unknown")
