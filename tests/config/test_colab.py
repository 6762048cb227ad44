"""Colab's secrets as a source of the key, with a Colab that is made up, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

KEY = "key-4711-secret"
USERDATA = """
class SecretNotFoundError(Exception):
    pass
class NotebookAccessError(Exception):
    pass
class TimeoutException(Exception):
    pass
calls = []
def get(name):
    calls.append(name)
    {does}
"""
ASKED = """
from asteroid_magic import AsteroidClient, ConfigurationError
client = AsteroidClient()
print(client.key_source)
try:
    client.send("123e4567-e89b-12d3-a456-426614174000", "hello", timeout=0.2)
except ConfigurationError as error:
    print(error)
except Exception as error:
    print(type(error).__name__)
"""


def run(folder: Path, does: str, code: str, **environment: str) -> str:
    """Return what code prints where `userdata.get` does so."""
    package = folder / "google" / "colab"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "userdata.py").write_text(USERDATA.format(does=does))
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")]), str(Path.cwd())]
    plain = {name: value for name, value in os.environ.items() if name != "ASTEROID_API_KEY"}
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env=plain
        | {
            "PYTHONPATH": os.pathsep.join(paths),
            "ASTEROID_BASE_URL": "http://127.0.0.1:9",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }
        | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.stderr == ""
    assert KEY not in ended.stdout
    return ended.stdout


def test_in_colab_the_key_comes_from_its_secrets(tmp_path: Path) -> None:
    code = f"import google.colab{ASKED}\nfrom google.colab import userdata; print(userdata.calls)"
    said = run(tmp_path, f"return '{KEY}\\n'", code)
    assert said == "Colab's secrets\nConnectionFailed\n['ASTEROID_API_KEY']\n"


def test_the_environment_goes_first(tmp_path: Path) -> None:
    code = f"import google.colab{ASKED}\nimport sys; print('google.colab.userdata' in sys.modules)"
    said = run(tmp_path, f"return '{KEY}'", code, ASTEROID_API_KEY="from-environment")
    assert said.startswith("the environment variable ASTEROID_API_KEY\n")
    assert said.endswith("\nFalse\n")


def test_elsewhere_nothing_of_colab_is_imported(tmp_path: Path) -> None:
    code = f"{ASKED}\nimport sys; print([name for name in sys.modules if 'colab' in name])"
    said = run(tmp_path, "raise SystemExit", code)
    assert said.startswith("None\nThere is no API key. No argument, login, environment")
    assert said.endswith("\n['asteroid_magic.config.colab']\n")


@pytest.mark.parametrize(
    ("does", "says"),
    [
        ("raise SecretNotFoundError(name)", "Colab's secrets have no ASTEROID_API_KEY."),
        ("raise NotebookAccessError(name)", "This notebook has no access to the secret"),
        ("raise TimeoutException", "Colab did not answer in time"),
        (f"raise RuntimeError('{KEY}')", "Colab's secrets could not be read (RuntimeError)."),
        ("return None", "The secret ASTEROID_API_KEY of Colab is empty."),
        ("return '  '", "The secret ASTEROID_API_KEY of Colab is empty."),
        ("return 7", "The secret ASTEROID_API_KEY of Colab is empty."),
    ],
)
def test_why_there_is_no_key_is_a_sentence(tmp_path: Path, does: str, says: str) -> None:
    said = run(tmp_path, does, f"import google.colab{ASKED}")
    assert said.startswith(f"None\nThere is no API key. {says}")
    assert "%asteroid_login" in said
    assert "keyring and try again" not in said


def test_a_malformed_secret_names_its_source(tmp_path: Path) -> None:
    code = """
import google.colab
from asteroid_magic import AsteroidClient, ConfigurationError
try:
    AsteroidClient()
except ConfigurationError as error:
    print(error)
"""
    said = run(tmp_path, "return 'two words'", code)
    assert "The API key from Colab's secrets holds a character that no key has." in said


def test_another_thread_uses_what_the_main_thread_has_read(tmp_path: Path) -> None:
    code = """
import threading
import google.colab
from google.colab import userdata
from asteroid_magic import AsteroidClient
def look():
    print(AsteroidClient().key_source)
def aside():
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
aside()
look()
aside()
print(len(userdata.calls))
"""
    said = run(tmp_path, f"return '{KEY}'", code)
    assert said == "None\nColab's secrets\nColab's secrets\n1\n"


def test_forgetting_says_that_colab_still_has_the_key(tmp_path: Path) -> None:
    code = """
import google.colab
from asteroid_magic.magics.login import action_for
print(action_for("--forget")())
"""
    assert "Colab's secrets still hold ASTEROID_API_KEY." in run(tmp_path, f"return '{KEY}'", code)
