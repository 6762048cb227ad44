"""Where the base URL, the API key and the timeout come from.

Each setting is taken from the first of these that has it:

1. the argument, as in ``AsteroidClient(base_url=…)`` or ``%asteroid_send --base-url …``
2. this session: ``%asteroid_sandbox`` while it runs, for the base URL and the key; then
   ``%config AsteroidMagics`` for the base URL and the timeout, ``%asteroid_login`` for the key
3. the environment: ``ASTEROID_BASE_URL`` and ``ASTEROID_API_KEY``
4. the system keyring, for the key, where the package ``keyring`` is installed
5. the default: the base URL of the contract, no key, 30 seconds

Environment and keyring are read at the moment of the send, so a change there is noticed.
"""

import ipaddress
import json
import os
import re
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import SplitResult, urlsplit

from .errors import ConfigurationError
from .purposes import SEND, Purpose
from .session import DEFAULT_BASE_URL, DEFAULT_GRACE, DEFAULT_TIMEOUT, session
from .text import shorten

DEFAULT_PATH = "/agents/v2"
LONGEST_TIMEOUT = 86_400.0
LONGEST_QUOTE = 60
KEY_VARIABLE = "ASTEROID_API_KEY"
BASE_URL_VARIABLE = "ASTEROID_BASE_URL"
HIDDEN = "[API key]"
# So many characters of a key tell something of it.
SHORTEST_GIVEAWAY = 6

# What may stand in a header field (RFC 9110, section 5.5), less the space. Anything else makes
# requests raise an error that quotes the key.
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?|\[[0-9A-Fa-f:.]+\]")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*")


class ApiKey:
    """An API key that never shows itself: not printed, not pickled, not compared in the open."""

    __slots__ = ("_text", "source")

    def __init__(self, text: str, source: str) -> None:
        stripped = text.strip() if isinstance(text, str) else None
        if stripped is None or not _PRINTABLE.fullmatch(stripped):
            what = "holds a character that no key has" if stripped else "is empty"
            what = f"is no text but {type(text).__name__}" if stripped is None else what
            raise ConfigurationError(
                f"The API key from {source} {what}; a key is printable ASCII without spaces.",
                hint="Copy the key again, the whole of it and nothing else: %asteroid_login.",
            )
        self._text = stripped
        self.source = source

    def reveal(self) -> str:
        """Return the key itself, for the one request header that it goes into."""
        return self._text

    def hide_in(self, text: str) -> str:
        """Return `text` with every occurrence of the key replaced: a server may echo it.

        Also as JSON writes it, in lower case as a host name has it, and cut off at the end.
        """
        for form in (self._text, json.dumps(self._text)[1:-1], self._text.lower()):
            text = text.replace(form, HIDDEN)
        for length in range(len(self._text) - 1, SHORTEST_GIVEAWAY - 1, -1):
            if text.endswith(self._text[:length]):
                return text[:-length] + HIDDEN
        return text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ApiKey) and other._text == self._text

    def __hash__(self) -> int:
        return hash((ApiKey, self._text))

    def __repr__(self) -> str:
        return f"<API key from {self.source}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("An API key is not pickled: let each process read its own.")


@dataclass(frozen=True)
class Settings:
    """The settings one client works with; `timeout` and `confirm_grace` are in seconds."""

    base_url: str
    key: ApiKey | None
    timeout: float
    confirm_grace: float

    def require_key(self, purpose: Purpose = SEND) -> ApiKey | ConfigurationError:
        """Return the key, or the error that says how to give one."""
        return self.key or ConfigurationError(
            "None was given, and none is set.",
            title="There is no API key",
            hint=f"Run %asteroid_login, or set {KEY_VARIABLE} in the environment.",
            purpose=purpose,
        )


def resolve(
    api_key: str | None = None,
    base_url: str | None = None,
    timeout: float | None = None,
    *,
    allow_insecure: bool = False,
    confirm_grace: float | None = None,
) -> Settings:
    """Return the settings in force, by the order that this module's docstring states.

    Raises `ConfigurationError` for a malformed key, base URL or timeout. A missing key is not
    an error here: a dry run needs none.
    """
    sandbox = None if base_url else session.sandbox
    if timeout is None:
        timeout = DEFAULT_TIMEOUT if session.timeout is None else session.timeout
    if confirm_grace is None:
        confirm_grace = DEFAULT_GRACE if session.confirm_grace is None else session.confirm_grace
    return Settings(
        base_url=resolve_base_url(base_url, allow_insecure=allow_insecure),
        # The sandbox's own key never leaves it, and no other key goes there unasked.
        key=sandbox[1] if sandbox and api_key is None else _find_key(api_key),
        timeout=check_timeout(timeout),
        confirm_grace=check_grace(confirm_grace),
    )


def resolve_base_url(base_url: str | None = None, *, allow_insecure: bool = False) -> str:
    """Return the base URL in force; raises `ConfigurationError` for one that cannot be used."""
    url = base_url or (session.sandbox and session.sandbox[0]) or session.base_url
    url = url or os.environ.get(BASE_URL_VARIABLE, "").strip() or DEFAULT_BASE_URL
    return check_base_url(url, allow_insecure=allow_insecure)


def _find_key(argument: str | None) -> ApiKey | None:
    if argument is not None:
        return ApiKey(argument, "the argument api_key")
    if session.key is not None:
        return session.key
    text = os.environ.get(KEY_VARIABLE, "").strip()
    if text:
        return ApiKey(text, f"the environment variable {KEY_VARIABLE}")
    from . import keystore  # noqa: PLC0415 (keyring is slow to load, and seldom needed)

    stored = keystore.load()
    return ApiKey(stored, "the system keyring") if stored else None


def check_timeout(seconds: float, purpose: Purpose = SEND) -> float:
    """Return `seconds` as a float; raises `ConfigurationError` unless it is a usable deadline."""
    # 0 leaves no time to do anything.
    if _is_duration(seconds) and seconds:
        return float(seconds)
    raise _no_duration("timeout", "above 0", seconds, 30, purpose)


def check_grace(seconds: float) -> float:
    """Return `seconds` as a float; raises `ConfigurationError` unless it is 0 or a duration."""
    if _is_duration(seconds):
        return float(seconds)
    raise _no_duration("confirm_grace", "from 0", seconds, 5, SEND)


def _is_duration(seconds: object) -> bool:
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    # Compared before it is converted: there are integers that no float can hold.
    return is_number and 0 <= seconds <= LONGEST_TIMEOUT  # type: ignore[operator]


def _no_duration(
    name: str, least: str, seconds: object, example: int, purpose: Purpose
) -> ConfigurationError:
    given = shorten(repr(seconds), LONGEST_QUOTE) if isinstance(seconds, (float, str)) else "given"
    return ConfigurationError(
        f"The {name} {given} is not a number of seconds {least}, up to {LONGEST_TIMEOUT:,.0f}.",
        hint=f"Give a number of seconds, such as {example}.",
        purpose=purpose,
    )


def check_base_url(url: str, *, allow_insecure: bool = False) -> str:
    """Return `url` in the one form that requests are built from.

    A URL without a path gets `/agents/v2`. Raises `ConfigurationError` for what is no plain
    http(s) URL, and for http to a remote host unless `allow_insecure`.
    """
    parts, host = _split(url)
    if parts.scheme == "http" and not (allow_insecure or is_loopback(host)):
        raise ConfigurationError(
            f"The base URL would send the API key unencrypted to {host}.",
            hint="Use https. Plain http is for this machine only.",
        )
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/') or DEFAULT_PATH}"


def _split(url: str) -> tuple[SplitResult, str]:
    """Split a base URL strictly: what two parsers could read in two ways is refused."""
    problem = "it does not read as http(s)://host[:port][/path]"
    try:
        text = str.strip(url)
        parts = urlsplit(text)
        _ = parts.port
    except (ValueError, AttributeError, TypeError):
        _refuse(problem)
    if "@" in parts.netloc:
        _refuse("it holds a user name or password")
    if {"?", "#"} & set(text):
        _refuse("it holds a query or a fragment")
    host = parts.netloc.removesuffix(f":{parts.port}") if parts.port is not None else parts.netloc
    plain = (
        _HOST.fullmatch(host)
        and _PATH.fullmatch(parts.path)
        and not re.search(r"/[/.]", parts.path)
    )
    # All of the text is looked at, since urlsplit drops newlines and tabs in silence.
    if not (parts.scheme in {"http", "https"} and plain and _PRINTABLE.fullmatch(text)):
        _refuse(problem)
    return parts, host


def _refuse(problem: str) -> NoReturn:
    # The URL itself is not quoted: a password may stand in it.
    raise ConfigurationError(
        f"The base URL cannot be used: {problem}.",
        hint=f"Give one like {DEFAULT_BASE_URL}.",
    )


def is_loopback(host: str) -> bool:
    """Tell whether `host` is this very machine, so that nothing leaves it.

    Names under `.localhost` do not count: some resolvers ask the network for them.
    """
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
