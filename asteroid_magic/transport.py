"""One request over HTTP, with the key in its one header: an answer comes back, or an error.

What a fault of the network proves is decided in `faults`, what an answer says in `answers`. Both
come back as values, so that no frame of requests, with the key in its locals, hangs on an error.
"""

import os
from urllib.parse import urlsplit

import requests
from requests.structures import CaseInsensitiveDict
from requests.utils import get_environ_proxies

from .answers import Answer, read_answer
from .deadline import Deadline, DeadlineAdapter
from .errors import AsteroidError
from .faults import error_of_fault
from .settings import ApiKey, is_loopback
from .version import __version__

KEY_HEADER = "X-Asteroid-Agents-Api-Key"
USER_AGENT = f"asteroid-magic/{__version__}"
POOL_SIZE = 64


class Transport:
    """The connections to one base URL, for many threads at once.

    Proxies and the CA bundle (`REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`) are taken from the
    environment once: requests would read it at every message.
    """

    def __init__(self, base_url: str) -> None:
        self._host = urlsplit(base_url).hostname or ""
        self._adapter = DeadlineAdapter(pool_maxsize=POOL_SIZE)
        # A proxy would carry the key of a loopback server, unencrypted, off this machine.
        self._proxies = {} if is_loopback(self._host) else get_environ_proxies(base_url)
        bundles = (os.environ.get(name) for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"))
        self._verify: str | bool = next(filter(None, bundles), True)

    def post(
        self, url: str, body: bytes, key: ApiKey, deadline: Deadline
    ) -> Answer | AsteroidError:
        """POST `body` once, never followed elsewhere, and return what came of it."""
        request = requests.PreparedRequest()
        request.method = "POST"
        request.url = url
        request.headers = headers_for(key.reveal(), body)
        request.body = body
        request.hooks = {}
        try:
            with deadline.governing():
                # Not through a session, which would forward the key on a redirect and add
                # what it finds in ~/.netrc.
                response = self._adapter.send(
                    request,
                    stream=True,
                    timeout=deadline.left() or 0.001,
                    verify=self._verify,
                    proxies=self._proxies,
                )
                return read_answer(response, key)
        except Exception as fault:  # noqa: BLE001 (bare urllib3 and OS errors come out as well)
            return error_of_fault(
                fault,
                host=self._host,
                connecting=deadline.connecting,
                timed_out=not deadline.left(),
            )

    def close(self) -> None:
        """Close the connections."""
        self._adapter.close()


def headers_for(key: str, body: bytes | None = None) -> CaseInsensitiveDict[str]:
    """Return the headers of a request; without a `body`, less the Content-Length."""
    headers = {
        "Accept": "text/plain, application/json",
        # A compressed answer could be a bomb, and the answers are short.
        "Accept-Encoding": "identity",
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": USER_AGENT,
        KEY_HEADER: key,
    }
    if body is not None:
        headers["Content-Length"] = str(len(body))
    return CaseInsensitiveDict(headers)
