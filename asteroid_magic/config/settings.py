"""Finds the base URL, the API key and the timeout.

Each setting comes from the first of these that has it:

1. the argument, as in ``AsteroidClient(base_url=…)`` or ``%asteroid_send --base-url …``
2. this session: ``%asteroid_sandbox`` while it runs, for the base URL and the key; then
   ``%config AsteroidMagics`` for the base URL and the timeout, ``%asteroid_login`` for the key
3. the environment: ``ASTEROID_BASE_URL`` and ``ASTEROID_API_KEY``
4. the secrets of Google Colab, for the key, in Colab only: `ASTEROID_API_KEY`
5. the system keyring, for the key, if the package ``keyring`` is installed and it answers in 3 s
6. the default: Asteroid's public base URL, no key, 30 seconds

Each call reads the environment and the keyring again, so a change there takes effect at once.
"""

import ipaddress
import os
import re
import sys
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import SplitResult, urlsplit

from ..constants import (
    API_KEY_VARIABLE,
    BASE_URL_VARIABLE,
    DEFAULT_BASE_URL,
    DEFAULT_CONFIRM_GRACE_S,
    DEFAULT_MAX_UPLOAD_MB,
    DEFAULT_TIMEOUT_S,
)
from ..errors import SEND, ConfigurationError, Operation
from ..text import quoted
from .api_key import PRINTABLE, ApiKey
from .session import session

DEFAULT_PATH = "/agents/v2"
LONGEST_TIMEOUT = 86_400.0
# A terabyte: a file that large would take days.
LARGEST_UPLOAD_MB = 1_000_000.0

_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?|\[[0-9A-Fa-f:.]+\]")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*")


@dataclass(frozen=True)
class Settings:
    """The settings of one client; `timeout` and `confirm_grace` are in seconds.

    `max_upload_mb` is the size of the largest file to upload, in megabytes.

    `key_problem` says why the key could not be read; empty if it is there, or simply not set.
    """

    base_url: str
    key: ApiKey | None
    timeout: float
    confirm_grace: float
    key_problem: str = ""
    max_upload_mb: float = DEFAULT_MAX_UPLOAD_MB

    def require_key(self, operation: Operation = SEND) -> ApiKey:
        """Return the key; raises `ConfigurationError`, which says how to give one."""
        if self.key is not None:
            return self.key
        from .keystore import NO_ANSWER  # noqa: PLC0415 (rarely needed)

        hint = f"Run %asteroid_login, or set {API_KEY_VARIABLE} in the environment."
        is_locked = NO_ANSWER in self.key_problem
        raise ConfigurationError(
            self.key_problem or "No argument, login, environment variable or keyring provides one.",
            title="There is no API key",
            hint=f"Unlock the keyring and try again. Or: {hint}" if is_locked else hint,
            operation=operation,
        )


def resolve(
    api_key: str | None = None,
    base_url: str | None = None,
    timeout: float | None = None,
    *,
    allow_insecure: bool = False,
    confirm_grace: float | None = None,
    max_upload_mb: float | None = None,
) -> Settings:
    """Return the settings, in the order of precedence that this module's docstring states.

    Raises `ConfigurationError` for a malformed key, base URL or timeout, and in Pyodide. A missing
    key is no error here, because a dry run needs none.
    """
    check_platform()
    sandbox = None if base_url else session.sandbox
    if confirm_grace is None:
        confirm_grace = (
            DEFAULT_CONFIRM_GRACE_S if session.confirm_grace is None else session.confirm_grace
        )
    if max_upload_mb is None:
        max_upload_mb = session.max_upload_mb or DEFAULT_MAX_UPLOAD_MB
    # The sandbox's key goes only to the sandbox; any other key goes there only as an argument.
    key, key_problem = (sandbox[1], "") if sandbox and api_key is None else _find_key(api_key)
    return Settings(
        base_url=resolve_base_url(base_url, allow_insecure=allow_insecure),
        key=key,
        timeout=resolve_timeout(timeout),
        confirm_grace=check_grace(confirm_grace),
        key_problem=key_problem,
        max_upload_mb=check_max_upload(max_upload_mb),
    )


def check_platform() -> None:
    """Raise `ConfigurationError` in Pyodide: Python in a browser opens no connection or thread."""
    if sys.platform == "emscripten":
        raise ConfigurationError(
            "Here, Python itself runs in the browser (Pyodide, JupyterLite), where it cannot "
            "connect to Asteroid.",
            title="asteroid-magic does not work in a browser",
            hint="Use a Jupyter whose kernel runs on a computer, such as JupyterLab.",
        )


def resolve_base_url(
    base_url: str | None = None, *, allow_insecure: bool = False, ignore_sandbox: bool = False
) -> str:
    """Return the base URL to use; raises `ConfigurationError` if it is unusable.

    With `ignore_sandbox`, as if %asteroid_sandbox were not in use.
    """
    sandbox = None if ignore_sandbox else session.sandbox
    url = base_url or (sandbox and sandbox[0]) or session.base_url
    url = url or os.environ.get(BASE_URL_VARIABLE, "").strip() or DEFAULT_BASE_URL
    return check_base_url(url, allow_insecure=allow_insecure)


def resolve_timeout(timeout: float | None = None) -> float:
    """Return the timeout to use, in seconds; raises `ConfigurationError` if it is unusable."""
    if timeout is None:
        timeout = DEFAULT_TIMEOUT_S if session.timeout is None else session.timeout
    return check_timeout(timeout)


def fingerprint() -> int:
    """Return a number that changes with the key and the base URL, and reveals nothing about them.

    It does not read the system keyring, which may be slow or prompt the user.
    """
    variables = (os.environ.get(name) for name in (API_KEY_VARIABLE, BASE_URL_VARIABLE))
    return hash((session.sandbox, session.key, session.base_url, *variables))


def _find_key(argument: str | None) -> tuple[ApiKey | None, str]:
    """Return the key, or None with the reason why it could not be read."""
    if argument is not None:
        return ApiKey(argument, "the argument api_key"), ""
    if session.key is not None:
        return session.key, ""
    text = os.environ.get(API_KEY_VARIABLE, "").strip()
    if text:
        return ApiKey(text, f"the environment variable {API_KEY_VARIABLE}"), ""
    from . import colab, keystore  # noqa: PLC0415 (rarely needed)

    text, problem = colab.load()
    if text:
        return ApiKey(text, colab.SOURCE), ""
    try:
        stored = keystore.load()
    except TimeoutError:
        return None, f"{problem} {keystore.NO_ANSWER}".lstrip()
    return (ApiKey(stored, "the system keyring"), "") if stored else (None, problem)


def check_timeout(seconds: float, operation: Operation = SEND) -> float:
    """Return `seconds` as a float; raises `ConfigurationError` unless it is a timeout above 0."""
    if _is_duration(seconds) and seconds:
        return float(seconds)
    raise _no_duration("timeout", "above 0", seconds, 30, operation)


def check_grace(seconds: float) -> float:
    """Return `seconds` as a float; raises `ConfigurationError` unless it is 0 or a duration."""
    if _is_duration(seconds):
        return float(seconds)
    raise _no_duration("confirm_grace", "from 0", seconds, 5, SEND)


def check_max_upload(megabytes: float) -> float:
    """Return `megabytes` as a float; raises `ConfigurationError` unless it is a size above 0."""
    is_number = isinstance(megabytes, (int, float)) and not isinstance(megabytes, bool)
    if is_number and 0 < megabytes <= LARGEST_UPLOAD_MB:
        return float(megabytes)
    raise ConfigurationError(
        f"max_upload_mb is not a number of megabytes above 0, up to {LARGEST_UPLOAD_MB:,.0f}.",
        hint=f"Give a number of megabytes, such as {DEFAULT_MAX_UPLOAD_MB:.0f}.",
    )


def _is_duration(seconds: object) -> bool:
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    # Compare before converting: some integers are too large for a float.
    return is_number and 0 <= seconds <= LONGEST_TIMEOUT  # type: ignore[operator]


def _no_duration(
    name: str, least: str, seconds: object, example: int, operation: Operation
) -> ConfigurationError:
    given = quoted(seconds) if isinstance(seconds, str) else "given"
    given = repr(seconds) if isinstance(seconds, float) else given
    return ConfigurationError(
        f"The {name} {given} is not a number of seconds {least}, up to {LONGEST_TIMEOUT:,.0f}.",
        hint=f"Give a number of seconds, such as {example}.",
        operation=operation,
    )


def check_base_url(url: str, *, allow_insecure: bool = False) -> str:
    """Return `url` in normalized form.

    A URL without a path gets `/agents/v2`. Raises `ConfigurationError` unless it is a plain http(s)
    URL, and for http to a remote host unless `allow_insecure` is True.
    """
    parts, host = _split(url)
    if parts.scheme == "http" and not (allow_insecure or is_loopback(host)):
        raise ConfigurationError(
            f"The base URL would send the API key unencrypted to {host}.",
            hint="Use https. Plain http is allowed only for this machine.",
        )
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/') or DEFAULT_PATH}"


def _split(url: str) -> tuple[SplitResult, str]:
    """Split a base URL; raises `ConfigurationError` if two parsers might read it differently."""
    problem = "it does not have the form http(s)://host[:port][/path]"
    try:
        text = str.strip(url)
        parts = urlsplit(text)
        _ = parts.port
    except (ValueError, AttributeError, TypeError):
        _refuse(problem)
    if "@" in parts.netloc:
        _refuse("it contains a user name or password")
    if {"?", "#"} & set(text):
        _refuse("it contains a query or a fragment")
    host = parts.netloc.removesuffix(f":{parts.port}") if parts.port is not None else parts.netloc
    plain = (
        _HOST.fullmatch(host)
        and _PATH.fullmatch(parts.path)
        and not re.search(r"/[/.]", parts.path)
    )
    # Check the whole text, because urlsplit silently drops newlines and tabs.
    if not (parts.scheme in {"http", "https"} and plain and PRINTABLE.fullmatch(text)):
        _refuse(problem)
    return parts, host


def _refuse(problem: str) -> NoReturn:
    # Do not quote the URL: it may contain a password.
    raise ConfigurationError(
        f"The base URL cannot be used: {problem}.", hint=f"Give a URL such as {DEFAULT_BASE_URL}."
    )


def is_loopback(host: str) -> bool:
    """Return True if `host` is this machine, so that no traffic leaves it.

    Names under `.localhost` do not count, because some resolvers ask the network for them.
    """
    name = host.lower()
    if name == "localhost":
        return True
    address = parse_ip(name)
    return address is not None and address.is_loopback


def parse_ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the host as an IP address, None if it is a name; brackets are allowed."""
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
