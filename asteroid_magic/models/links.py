"""Which URLs of an execution are safe to link: what this module does not return is no link.

A URL comes from the server, so it may try anything: run a script, name one host and lead to
another, or hide where it leads. A link needs http or https and a host that a reader recognizes.
"""

import ipaddress
import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from ..text import escaped
from .executions import Execution

# Bytes in a card; a signed URL takes up to 2,000.
LONGEST_URL = 4_000
# Printable ASCII that RFC 3986 allows, without the backslash, which browsers read as a slash.
PLAIN = re.compile(r"[!#-;=?-\[\]_a-z~]+")
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
LONGEST_HOST = 253


class Link(NamedTuple):
    """A link that is safe to show: what it leads to, its URL in ASCII, and its host with the port.

    An international host is in its ASCII form (``xn--…``), which looks like no other.
    """

    name: str
    url: str
    host: str


def links_of(execution: Execution) -> tuple[Link, ...]:
    """Return the links of an execution: live view or recording, then its page at Asteroid.

    A live view ends with the execution.
    """
    is_over = execution.phase == "terminal"
    found = (
        link("Live view", None if is_over else execution.live_view_url),
        link("Recording", execution.recording_url),
        link("Page of the run", execution.platform_url),
    )
    return tuple(one for one in found if one is not None)


def link(name: str, url: object) -> Link | None:
    """Return the link to a URL; None if that is not safe to follow or not text."""
    if not isinstance(url, str) or len(url) > LONGEST_URL:
        return None
    try:
        parts = urlsplit(url)
        is_literal, port = "[" in parts.netloc, parts.port
        host = _ascii_host(parts.hostname or "", is_literal=is_literal)
        rest = "".join(_rest(parts.path, parts.query, parts.fragment))
    except ValueError:
        return None
    has_user = "@" in parts.netloc
    # `urlsplit` drops tabs and newlines, so the URL itself is checked, too.
    if parts.scheme not in ("http", "https") or not host or has_user or not _is_plain(url):
        return None
    place = host if port is None else f"{host}:{port}"
    made = f"{parts.scheme}://{place}{rest}"
    return Link(name, made, place) if len(escaped(made)) <= LONGEST_URL else None


def _is_plain(url: str) -> bool:
    """Return True if the URL has no character but letters, digits and marks of URLs."""
    return PLAIN.fullmatch("".join(filter(str.isascii, url)).lower()) is not None and all(
        one.isascii() or one.isprintable() for one in url
    )


def _rest(path: str, query: str, fragment: str) -> Iterator[str]:
    yield _quoted(path)
    if query:
        yield f"?{_quoted(query)}"
    if fragment:
        yield f"#{_quoted(fragment)}"


def _quoted(text: str) -> str:
    return "".join(one if one.isascii() else quote(one) for one in text)


def _ascii_host(host: str, *, is_literal: bool) -> str:
    """Return a host as browsers name it, empty if it is none; raises `ValueError`.

    `is_literal`: it stood in brackets, as only an IPv6 address does, without a zone.
    """
    if is_literal:
        return "" if "%" in host else f"[{ipaddress.IPv6Address(host)}]"
    if not host.isascii():
        # Only here: few hosts need it, and it takes time to load. `requests` depends on it.
        import idna  # noqa: PLC0415 (as above)

        host = idna.encode(host, uts46=True).decode()
    labels = host.removesuffix(".").split(".")
    if len(host) > LONGEST_HOST or not all(map(LABEL.fullmatch, labels)):
        return ""
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1]):
        # Browsers read such a host as a number, in many spellings; only the usual one is plain.
        return str(ipaddress.IPv4Address(host))
    return host
