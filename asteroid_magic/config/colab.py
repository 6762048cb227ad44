"""Reads the API key from the secrets of Google Colab, in Colab only.

Colab's front end answers, so a secret can be read only by the main thread, while a cell runs. Once
read, the key stays in this process for the other threads.
"""

import sys
import threading
from importlib import import_module

from ..constants import API_KEY_VARIABLE

SOURCE = "Colab's secrets"
COLAB = "google.colab"
# What Colab's errors mean, by their names: importing them would tie this to one release.
PROBLEMS = {
    "SecretNotFoundError": f"Colab's secrets have no {API_KEY_VARIABLE}.",
    "NotebookAccessError": f"This notebook has no access to the secret {API_KEY_VARIABLE}: turn on "
    "its Notebook access in Colab's Secrets.",
    "TimeoutException": "Colab did not answer in time when asked for its secrets.",
    "TimeoutError": "Colab did not answer in time when asked for its secrets.",
}
IN_A_THREAD = "Colab's secrets can be read only while a cell runs."

_read: list[str] = []


def load() -> tuple[str, str]:
    """Return the key, ``""`` if there is none, and a sentence that says why.

    Both are empty outside of Colab, whose kernels load `google.colab` as they start: nothing is
    imported elsewhere, even if such a package is installed.
    """
    if COLAB not in sys.modules:
        return "", ""
    if threading.current_thread() is not threading.main_thread():
        return (_read[0], "") if _read else ("", IN_A_THREAD)
    _read.clear()
    try:
        found = import_module(f"{COLAB}.userdata").get(API_KEY_VARIABLE)
    except Exception as error:  # noqa: BLE001 (its text may hold anything)
        kind = type(error).__name__
        return "", PROBLEMS.get(kind, f"Colab's secrets could not be read ({kind}).")
    text = found.strip() if isinstance(found, str) else ""
    if not text:
        return "", f"The secret {API_KEY_VARIABLE} of Colab is empty."
    _read.append(text)
    return text, ""
