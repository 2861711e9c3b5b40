"""A client of the API server, with the few requests that the operator makes."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

import aiohttp
import kopf
from yarl import URL

from double_booked.operator.objects import GROUP, VERSION, NamespacedName, RawObject

MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"

_ADMISSION_TIMEOUT = 5.0
"""The timeout of a request on the admission path, in seconds."""

_BACKGROUND_TIMEOUT = 60.0

_TRIES = 5
_UNAUTHORIZED = 401
_RETRYABLE = {0, _UNAUTHORIZED, 429, 500, 502, 503, 504}
"""Failures that may pass: no answer (0), an expired token, a busy server."""

FORBIDDEN = 403
NOT_FOUND = 404
CONFLICT = 409
GONE = 410


class ClusterError(Exception):
    """A request to the API server failed.

    Attributes:
        code: The HTTP status; 0 without an answer.
        retry_after: The seconds of the Retry-After header; 0 without one.
    """

    def __init__(self, code: int, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after


def login() -> kopf.ConnectionInfo:
    """Return the credentials of the pod's service account, or else of the kubeconfig.

    Raises:
        ClusterError: There are no credentials, or the kubeconfig is invalid.
    """
    settings = kopf.OperatorSettings()
    try:
        info = kopf.login_with_service_account(settings=settings)
        info = info or kopf.login_with_kubeconfig(settings=settings)
    except (OSError, KeyError, kopf.LoginError) as error:
        raise ClusterError(0, f"the kubeconfig cannot be used: {error}") from error
    if info is None:
        raise ClusterError(0, "no cluster: this is not a pod, and there is no kubeconfig")
    return info


@dataclass(frozen=True, slots=True)
class _Request:
    """A request to the API server."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    content: RawObject | None = None
    kind: str = "application/json"
    params: Mapping[str, str] | None = None


class Cluster:
    """A client of the API server; it logs in again when its token has expired."""

    def __init__(self, log_in: Callable[[], kopf.ConnectionInfo] = login) -> None:
        self._log_in = log_in
        self._info = log_in()
        self._session: aiohttp.ClientSession | None = None
        self._logging_in = asyncio.Lock()
        self._former: aiohttp.ClientSession | None = None

    @property
    def default_namespace(self) -> str:
        """The namespace of the credentials."""
        return self._info.default_namespace or "default"

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, tries: int = _TRIES
    ) -> Any:  # noqa: ANN401 - JSON
        """Get an object, or a list of objects."""
        return await self._send(_Request("GET", path, params=params), tries)

    async def create(self, path: str, content: RawObject) -> Any:  # noqa: ANN401 - JSON
        """Create an object. There is no retry: it may be stored although the request failed."""
        return await self._send(_Request("POST", path, content), 1)

    async def replace(self, path: str, content: RawObject) -> Any:  # noqa: ANN401 - JSON
        """Replace an object, if its resourceVersion is still the newest."""
        return await self._send(_Request("PUT", path, content), 1)

    async def patch(
        self,
        path: str,
        content: RawObject,
        kind: str = MERGE_PATCH,
        params: Mapping[str, str] | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        """Change fields of an object; return the changed object."""
        return await self._send(_Request("PATCH", path, content, kind, params), _TRIES)

    async def delete(self, path: str, **preconditions: str) -> Any:  # noqa: ANN401 - JSON
        """Delete an object; return its last state, or a Status.

        Args:
            path: The path of the object.
            preconditions: The `uid` and the `resourceVersion` that it must still have.

        Raises:
            ClusterError: A precondition does not hold (CONFLICT), or the request failed.
        """
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
        return await self._send(_Request("DELETE", path, options), 1)

    async def lines(
        self, path: str, params: Mapping[str, str], silence: float
    ) -> AsyncIterator[bytes]:
        """Yield the lines of a response as they arrive.

        Args:
            path: The path to get.
            params: The query parameters.
            silence: Seconds without a line after which the connection counts as dead.

        Raises:
            ClusterError: The request failed, or the connection broke.
        """
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=_ADMISSION_TIMEOUT, sock_read=silence
        )
        async with self._respond(_Request("GET", path, params=params), timeout) as response:
            incomplete = b""
            async for chunk in response.content.iter_any():
                *lines, incomplete = (incomplete + chunk).split(b"\n")
                for line in lines:
                    yield line

    async def close(self) -> None:
        """Close all connections."""
        sessions, self._session, self._former = (self._session, self._former), None, None
        for session in filter(None, sessions):
            await session.close()

    async def _send(self, request: _Request, tries: int) -> Any:  # noqa: ANN401 - JSON
        """Send a request, with retries and exponential backoff; return the JSON of the response."""
        timeout = aiohttp.ClientTimeout(
            total=_ADMISSION_TIMEOUT if tries == 1 else _BACKGROUND_TIMEOUT
        )
        for tries_left in reversed(range(tries)):
            try:
                async with self._respond(request, timeout) as response:
                    return json.loads(await response.read())
            except ClusterError as error:
                if not tries_left or error.code not in _RETRYABLE:
                    raise
                await asyncio.sleep(error.retry_after or 0.1 * 2 ** (tries - tries_left))
        raise AssertionError("unreachable")  # pragma: no cover

    @asynccontextmanager
    async def _respond(
        self,
        request: _Request,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - it is aiohttp's
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        # Without `encoded`, %2F and %2E would be decoded and dots resolved: a name could then reach
        # another object.
        info = self._info
        url = URL(f"{info.server.rstrip('/')}{request.path}", encoded=True)
        try:
            async with self._open_session().request(
                request.method,
                url,
                data=None if request.content is None else json.dumps(request.content).encode(),
                headers={} if request.content is None else {"Content-Type": request.kind},
                params=request.params,
                timeout=timeout,
            ) as response:
                if not response.ok:
                    await self._raise_error(response, info)
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = str(error) or type(error).__name__
            raise ClusterError(0, f"the API server does not answer: {reason}") from error

    async def _raise_error(
        self, response: aiohttp.ClientResponse, used: kopf.ConnectionInfo
    ) -> None:
        content = await response.read()
        if response.status == _UNAUTHORIZED:
            await self._log_in_again(used)
        try:
            message = json.loads(content)["message"]
        except (ValueError, KeyError, TypeError):
            message = response.reason or ""
        retry_after = response.headers.get("Retry-After", "")
        seconds = float(retry_after) if retry_after.isdecimal() else 0.0
        raise ClusterError(response.status, str(message), seconds)

    async def _log_in_again(self, rejected: kopf.ConnectionInfo) -> None:
        """Log in again for later requests: tokens of service accounts expire.

        Requests in progress go on in the former session, which the next login closes.
        """
        async with self._logging_in:
            if self._info is not rejected:
                return  # another request has logged in
            self._info = await asyncio.to_thread(self._log_in)
            stale, self._former, self._session = self._former, self._session, None
        if stale:
            await stale.close()

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(ssl=self._info.as_ssl_context(), limit=0)
            self._session = aiohttp.ClientSession(
                connector=connector, headers=self._info.as_http_headers()
            )
        return self._session


def url_path(*segments: str) -> str:
    """Return a URL path with quoted segments, so that no name leads to another path.

    Raises:
        ValueError: A segment is empty, `.` or `..`; clients and servers resolve these even quoted.
    """
    for segment in segments:
        if segment in {"", ".", ".."}:
            raise ValueError(f"{segment!r} cannot be a segment of a URL's path")
    return "".join(f"/{quote(segment, safe='')}" for segment in segments)


def path_of(plural: str, key: NamespacedName | None = None, namespace: str = "") -> str:
    """Return the path of a Booking or Calendar, or of all of them, or of all in a namespace."""
    base = ("apis", GROUP, VERSION)
    if key:
        return url_path(*base, "namespaces", key.namespace, plural, key.name)
    return url_path(*base, *(("namespaces", namespace) if namespace else ()), plural)
