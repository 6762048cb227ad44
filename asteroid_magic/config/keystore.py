"""Stores the API key in the system keyring, if `keyring` is installed, and nowhere else."""

from ..errors import ConfigurationError

_SERVICE = "asteroid-magic"
_NAME = "ASTEROID_API_KEY"


def load() -> str | None:
    """Return the stored key; None if there is no key, no keyring, or if the keyring is locked."""
    try:
        import keyring  # noqa: PLC0415 (optional, and slow to load)

        return keyring.get_password(_SERVICE, _NAME)
    except Exception:  # noqa: BLE001 (each backend has its own errors; none may stop a send)
        return None


def save(key: str) -> None:
    """Store the key; raises `ConfigurationError` if that fails."""
    try:
        import keyring  # noqa: PLC0415 (as above)
    except ImportError:
        problem = "The package keyring is not installed."
        hint = 'To save it, first run pip install "asteroid-magic[keyring]".'
    else:
        try:
            keyring.set_password(_SERVICE, _NAME, key)
        except Exception as error:  # noqa: BLE001 (as above)
            problem = f"The system keyring rejected it ({type(error).__name__})."
            hint = "For later sessions, set ASTEROID_API_KEY in the environment."
        else:
            return
    raise ConfigurationError(
        problem, title="The API key was not saved", hint=f"The key is set for this session. {hint}"
    )


def forget() -> None:
    """Remove the stored key, if there is one."""
    try:
        import keyring  # noqa: PLC0415 (as above)

        keyring.delete_password(_SERVICE, _NAME)
    except Exception:  # noqa: BLE001 (no key or no keyring: nothing to remove)
        return
