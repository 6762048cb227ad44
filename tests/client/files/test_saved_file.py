"""A saved file stays in its folder, under an ordinary name, and replaces no other file."""

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asteroid_magic import AsteroidError, InvalidInput
from asteroid_magic.client.files.saved_file import (
    LONGEST_NAME,
    PartialFile,
    checked_folder,
    safe_name,
)
from asteroid_magic.text import has_unseen


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("ünï 🍝.txt", "ünï 🍝.txt"),
        ("at 3.41\u202fPM 👩\u200d🍳.png", "at 3.41\u202fPM 👩\u200d🍳.png"),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\win.ini", "win.ini"),
        ("C:\\win.ini", "win.ini"),
        ("C:win.ini", "C_win.ini"),
        ("a.txt:stream", "a.txt_stream"),
        ("..", "file"),
        (".", "file"),
        ("...", "file"),
        ("", "file"),
        ("   ", "file"),
        ("a/", "file"),
        (".bashrc", "_bashrc"),
        ("..hidden", "_hidden"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("Com1.tar.gz", "_Com1.tar.gz"),
        ("LPT\u00b9", "_LPT\u00b9"),
        ("aux .txt", "_aux .txt"),
        ("conin$", "_conin$"),
        ("console.log", "console.log"),
        ("name. . ", "name"),
        ("a\nb\x1b[2J\0.txt", "a_b_[2J_.txt"),
        ("\u202egpj.exe", "_gpj.exe"),
        ("\ud800.txt", "_.txt"),
        ('a<b>c"d|e?f*.txt', "a_b_c_d_e_f_.txt"),
    ],
)
def test_a_name_is_kept_as_far_as_it_is_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@pytest.mark.parametrize("name", ["x" * 400 + ".csv", "é" * 300 + ".csv", "a." + "b" * 400])
def test_a_name_that_is_too_long_keeps_its_ending(name: str) -> None:
    safe = safe_name(name)
    assert len(safe.encode()) <= LONGEST_NAME
    assert safe.endswith(".csv") or not name.endswith(".csv")


@given(st.text() | st.text("./\\ CONUL:\0\n~", max_size=12))
def test_no_name_leaves_its_folder(name: str) -> None:
    safe = safe_name(name)
    assert safe == os.path.basename(safe) == safe_name(safe)  # noqa: PTH119 (names)
    assert safe.strip(". ")
    assert not safe.startswith(".")
    assert not has_unseen(safe)
    assert len(safe.encode()) <= LONGEST_NAME


def saved(folder: Path, name: str, body: bytes = b"new") -> Path:
    with PartialFile(folder, name) as part:
        part.begin()
        part.write(body)
        return part.keep()


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "a (1).txt").mkdir()
    (tmp_path / "a (2).txt").symlink_to(tmp_path / "nowhere")
    assert saved(tmp_path, "a.txt").name == "a (3).txt"
    assert (tmp_path / "a.txt").read_text() == "old"
    assert not (tmp_path / "nowhere").exists()
    assert len(list(tmp_path.iterdir())) == 4


def test_many_at_once_overwrite_nothing(tmp_path: Path) -> None:
    start = threading.Barrier(16)

    def save(number: int) -> None:
        start.wait()
        saved(tmp_path, "a.txt", b"%d" % number)

    threads = [threading.Thread(target=save, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = sorted(int(one.read_text()) for one in tmp_path.iterdir())
    assert found == list(range(16))


def test_a_link_that_takes_the_place_of_a_part_is_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    with PartialFile(folder, "a.txt") as part:
        (folder / "a.txt.part").unlink()
        (folder / "a.txt.part").symlink_to(tmp_path / "elsewhere")
        part.write(b"new")
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_that_is_not_kept_is_removed(tmp_path: Path) -> None:
    with PartialFile(tmp_path, "a.txt") as part:
        part.write(b"half")
        assert [one.name for one in tmp_path.iterdir()] == ["a.txt.part"]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_created(tmp_path: Path) -> None:
    assert checked_folder(tmp_path / "a" / "b").is_dir()


def test_a_tilde_is_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert checked_folder("~/reports") == tmp_path / "reports"


@pytest.mark.parametrize("to", [7, None, "a\0b", "file.txt", "file.txt/below", object()])
def test_what_is_no_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: object
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file.txt").touch()
    with pytest.raises(InvalidInput) as refused:
        checked_folder(to)
    assert refused.value.outcome == "not_done"


def test_a_disk_that_is_full_is_an_error_without_a_file() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs /dev/full")
    with pytest.raises(AsteroidError, match="cannot be saved"):
        saved(Path("/proc"), "a.txt")
