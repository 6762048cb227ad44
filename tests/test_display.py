"""What cannot be written to standard output is replaced: the outcome is always told."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from asteroid_magic.display import writable
from asteroid_magic.sandbox import Sandbox
from tests.support.outcomes import ID


@pytest.mark.parametrize(
    ("encoding", "text", "written"),
    [
        ("utf-8", "✓ Delivered: 日本", "✓ Delivered: 日本"),
        ("cp1252", "✓ Delivered: café…", "+ Delivered: café..."),
        ("ascii", "✗ Not delivered: café", "x Not delivered: caf\\xe9"),
        ("latin-1", "? ⟨U+001B⟩ 😀", "? <U+001B> \\U0001f600"),
        ("no-such-encoding", "✓", "'\\u2713'"),
    ],
)
def test_a_text_can_be_written_to_any_stdout(
    monkeypatch: pytest.MonkeyPatch, encoding: str, text: str, written: str
) -> None:
    class Stdout(io.StringIO):
        pass

    Stdout.encoding = encoding
    monkeypatch.setattr(sys, "stdout", Stdout())
    assert writable(text) == written


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_a_script_whose_output_is_no_unicode_tells_each_outcome(
    box: Sandbox, run_id: str, tmp_path: Path, encoding: str
) -> None:
    script = tmp_path / "job.ipy"
    script.write_text(
        f"%asteroid_send --show {run_id} héllo 😀\nprint('next')\n%asteroid_send {ID} hello\n",
        encoding="utf-8",
    )
    environment = {
        **os.environ,
        "PYTHONIOENCODING": encoding,
        "IPYTHONDIR": str(tmp_path),
        "ASTEROID_API_KEY": box.api_key,
        "ASTEROID_BASE_URL": box.base_url,
    }
    command = [sys.executable, "-m", "IPython", "--ext=asteroid_magic", str(script)]
    ended = subprocess.run(command, capture_output=True, check=False, timeout=60, env=environment)
    said = (ended.stdout + ended.stderr).decode(encoding)
    assert "+ Delivered" in said
    assert "next" in said
    assert "x Not delivered" in said
    assert "UnicodeEncodeError" not in said
    assert box.messages(run_id) == ["héllo 😀"]
