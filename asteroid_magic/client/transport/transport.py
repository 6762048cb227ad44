"""Makes one HTTP request, with the key in one header; returns an answer or raises an error.

`error_mapping` decides what a failure proves, and which error it becomes.
"""

import os
import ssl
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

import requests
from requests.utils import get_environ_proxies, prepend_scheme_if_needed, select_proxy

from ...config.api_key import ApiKey
from ...config.settings import is_loopback
from ...deadline import Deadline
from ...errors import (
    AsteroidError,
    ConfigurationError,
    ConnectionFailed,
    Operation,
    UnexpectedAnswer,
)
from .connections import LEAST_TIMEOUT_S, DeadlineAdapter
from .error_mapping import Proxy, error_of_fault
from .request import USER_AGENT, Request, headers_of
from .response import Answer, BodyTooLargeError, read_answer

T = TypeVar("T")
POOL_SIZE = 256
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
PROXY_VARIABLES = tuple(
    name for kind in ("HTTPS", "HTTP", "ALL") for name in (f"{kind}_PROXY", f"{kind}_PROXY".lower())
)


class Surroundings(NamedTuple):
    """What the environment says about connections: the proxies, and the CA bundle.

    `bundle` is the variable that names a file or folder of certificates, None if none does;
    `verify` is that file or folder, True for the usual certificates.
    """

    proxies: dict[str, str]
    bundle: str | None
    verify: str | bool


def surroundings_of(base_url: str) -> Surroundings:
    """Return what the environment says now about connections to this base URL."""
    # A proxy would carry the key of a loopback server, unencrypted, off this machine.
    is_here = is_loopback(urlsplit(base_url).hostname or "")
    proxies = {} if is_here else dict(get_environ_proxies(base_url))
    bundle = next((name for name in CA_VARIABLES if os.environ.get(name)), None)
    return Surroundings(proxies, bundle, os.environ[bundle] if bundle else True)


class Transport:
    """The connections to one base URL, for many threads at once.

    Takes the proxies and the CA bundle (`REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`) from the
    environment once: requests would read it for every message. Raises `ConfigurationError` for
    one that cannot be used.
    """

    def __init__(self, base_url: str, surroundings: Surroundings | None = None) -> None:
        self._host = urlsplit(base_url).hostname or ""
        self._proxy: Proxy | None = None
        self._open()
        self._proxies, self._bundle, self._verify = surroundings or surroundings_of(base_url)
        self._check_surroundings(base_url)

    def _open(self) -> None:
        self._adapter = DeadlineAdapter(pool_maxsize=POOL_SIZE)
        self._process = os.getpid()

    def _leave_inherited(self) -> None:
        """Leave the connections of the process that this one was forked from to that process.

        Both share the sockets: this one would get the other's answers, and urllib3-future shuts
        down what it closes, for both.
        """
        if self._process != os.getpid():
            self._open()

    def _check_surroundings(self, base_url: str) -> None:
        """Check before the first message, when it is certain that nothing was sent."""
        if isinstance(self._verify, str) and not os.path.exists(self._verify):  # noqa: PTH110
            raise ConfigurationError(
                f"{self._bundle} names a file that does not exist.",
                hint="Correct or remove the variable, then try again.",
            )
        proxy = select_proxy(base_url, self._proxies)
        if proxy is None:
            return
        named = (name for name in PROXY_VARIABLES if os.environ.get(name) == proxy)
        self._proxy = Proxy(next(named, PROXY_VARIABLES[0]))
        try:
            proxy = str(prepend_scheme_if_needed(proxy, "http"))  # type: ignore[no-untyped-call]
            self._adapter.proxy_manager_for(proxy)
            self._host = f"{self._host} (through the proxy {urlsplit(proxy).hostname})"
        except Exception:  # noqa: BLE001 (urllib3, requests and PySocks each have their own)
            usable = False
        else:
            usable = urlsplit(proxy).hostname is not None
        if not usable:
            # Do not quote its URL: it may contain a password.
            raise ConfigurationError(
                "The proxy in your environment variables cannot be used.",
                hint="Correct HTTPS_PROXY (or HTTP_PROXY, ALL_PROXY), then try again.",
            )

    def request(self, asked: Request, key: ApiKey, deadline: Deadline) -> Answer:
        """Make a request once, without following a redirect; raises what `error_mapping` says."""
        request = _prepared(asked.method, asked.url, headers_of(asked, key.reveal()), asked.body)
        return self._exchange(
            request, asked.operation, deadline, lambda response: read_answer(response, key, asked)
        )

    def fetch(
        self,
        url: str,
        operation: Operation,
        deadline: Deadline,
        read: Callable[[requests.Response], T],
    ) -> T:
        """Request what a signed URL leads to, *without* the key, and return what `read` returns.

        Follows no redirect. Raises as `request` does, and the errors of this package that `read`
        raises.
        """
        headers = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": USER_AGENT}
        return self._exchange(_prepared("GET", url, headers, None), operation, deadline, read)

    def _exchange(
        self,
        request: requests.PreparedRequest,
        operation: Operation,
        deadline: Deadline,
        read: Callable[[requests.Response], T],
    ) -> T:
        self._leave_inherited()
        deadline.proxy_status = None
        try:
            with deadline.governing():
                # No session: it would forward the key on a redirect, and add credentials from
                # ~/.netrc.
                response = self._adapter.send(
                    request,
                    stream=True,
                    timeout=deadline.left() or LEAST_TIMEOUT_S,
                    verify=self._verify,
                    proxies=self._proxies,
                )
                return read(response)
        except AsteroidError as problem:
            error = problem
        except BodyTooLargeError as problem:
            error = _too_large(problem.largest, operation)
        except Exception as fault:  # noqa: BLE001 (bare urllib3 and OS errors come out as well)
            error = error_of_fault(
                fault,
                operation,
                host=self._host,
                connecting=deadline.connecting,
                timed_out=not deadline.left(),
                proxy=self._proxy and self._proxy._replace(status=deadline.proxy_status),
            )
        if isinstance(error, ConnectionFailed) and not self._has_certificates():
            # An HTML page, say, that was saved in place of the file.
            error = ConfigurationError(
                f"The file that {self._bundle} names contains no certificates.",
                hint="Correct or remove the variable, then try again.",
                operation=operation,
            )
        raise error

    def _has_certificates(self) -> bool:
        """Return False if the CA bundle cannot be loaded; a folder of certificates can."""
        if not isinstance(self._verify, str) or os.path.isdir(self._verify):  # noqa: PTH112
            return True
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(self._verify)
        except (OSError, ssl.SSLError):
            return False
        return True

    def close(self) -> None:
        """Close the connections."""
        self._leave_inherited()
        self._adapter.close()


def _prepared(
    method: str, url: str, headers: Mapping[str, str], body: object
) -> requests.PreparedRequest:
    request = requests.PreparedRequest()
    request.method = method
    request.url = url
    # A plain dict: case-insensitive headers cost a tenth of a send.
    request.headers = headers  # type: ignore[assignment]
    request.body = body  # type: ignore[assignment]
    request.hooks = {}
    return request


def _too_large(largest: int, operation: Operation) -> UnexpectedAnswer:
    return UnexpectedAnswer(
        f"It is over {largest // 1_048_576:,} MiB; none of it was kept.",
        status_code=operation.expected,
        title="The answer is too large",
        hint="Set a limit, or a smaller one.",
        operation=operation,
    )
