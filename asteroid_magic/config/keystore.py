"""The system keyring, where the package `keyring` is installed: the only place a key is kept."""

from ..errors import ConfigurationError

_SERVICE = "asteroid-magic"
_NAME = "ASTEROID_API_KEY"


def load() -> str | None:
    """Return the stored key, or None where there is none, no keyring, or one that is locked."""
    try:
        import keyring  # noqa: PLC0415 (optional, and slow to load)

        return keyring.get_password(_SERVICE, _NAME)
    except Exception:  # noqa: BLE001 (each backend has faults of its own; none may stop a send)
        return None


def save(key: str) -> None:
    """Store the key; raises `ConfigurationError` where it cannot be stored."""
    try:
        import keyring  # noqa: PLC0415 (as above)
    except ImportError:
        problem = "The package keyring is not installed."
        hint = 'To save one: pip install "asteroid-magic[keyring]".'
    else:
        try:
            keyring.set_password(_SERVICE, _NAME, key)
        except Exception as error:  # noqa: BLE001 (as above)
            problem = f"The system keyring did not take it ({type(error).__name__})."
            hint = "For later sessions, set ASTEROID_API_KEY in the environment."
        else:
            return
    raise ConfigurationError(
        problem,
        title="The API key was not saved",
        hint=f"It is set for this session. {hint}",
    )


def forget() -> None:
    """Remove the stored key, if there is one."""
    try:
        import keyring  # noqa: PLC0415 (as above)

        keyring.delete_password(_SERVICE, _NAME)
    except Exception:  # noqa: BLE001 (nothing stored, no keyring: what was wanted is so)
        return
