"""The API server, over HTTP: just what the operator asks of it."""

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

_QUICK = 5.0
"""Seconds that a request may take that somebody waits for."""

_PATIENT = 60.0

_TRIES = 5
_UNAUTHORIZED = 401
_AGAIN = {0, _UNAUTHORIZED, 429, 500, 502, 503, 504}
"""What may pass: no answer, an old token, a busy server."""

FORBIDDEN = 403
NOT_FOUND = 404
CONFLICT = 409
GONE = 410


class ClusterError(Exception):
    """The API server refused, or did not answer.

    Attributes:
        code: The HTTP status; 0 without an answer.
    """

    def __init__(self, code: int, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after


def login() -> kopf.ConnectionInfo:
    """The credentials of the pod's service account, else of the kubeconfig.

    Raises:
        ClusterError: There are none.
    """
    settings = kopf.OperatorSettings()
    try:
        found = kopf.login_with_service_account(settings=settings)
        found = found or kopf.login_with_kubeconfig(settings=settings)
    except (OSError, KeyError, kopf.LoginError) as error:
        raise ClusterError(0, f"the kubeconfig cannot be used: {error}") from error
    if found is None:
        raise ClusterError(0, "no cluster: this is no pod, and there is no kubeconfig")
    return found


@dataclass(frozen=True, slots=True)
class _Request:
    """What to ask the API server."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    content: RawObject | None = None
    kind: str = "application/json"
    params: Mapping[str, str] | None = None


class Cluster:
    """A connection to the API server, which logs in anew when its token is no longer good."""

    def __init__(self, log_in: Callable[[], kopf.ConnectionInfo] = login) -> None:
        self._log_in = log_in
        self._info = log_in()
        self._session: aiohttp.ClientSession | None = None

    @property
    def default_namespace(self) -> str:
        """That of the credentials."""
        return self._info.default_namespace or "default"

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, tries: int = _TRIES
    ) -> Any:  # noqa: ANN401 - JSON
        """An object, or a list of them."""
        return await self._ask(_Request("GET", path, params=params), tries)

    async def create(self, path: str, content: RawObject) -> Any:  # noqa: ANN401 - JSON
        """Makes an object; asked once, as it may have come in spite of an error."""
        return await self._ask(_Request("POST", path, content), 1)

    async def replace(self, path: str, content: RawObject) -> Any:  # noqa: ANN401 - JSON
        """Writes a whole object, if its resourceVersion is still the newest."""
        return await self._ask(_Request("PUT", path, content), 1)

    async def patch(
        self,
        path: str,
        content: RawObject,
        kind: str = MERGE_PATCH,
        params: Mapping[str, str] | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        """Change fields of an object; return it as it is then."""
        return await self._ask(_Request("PATCH", path, content, kind, params), _TRIES)

    async def delete(self, path: str, **preconditions: str) -> Any:  # noqa: ANN401 - JSON
        """Delete an object; return it as it was last, or a Status.

        Args:
            path: The object.
            preconditions: The `uid` and the `resourceVersion` that it must still have.

        Raises:
            ClusterError: It has not (CONFLICT), or the API server refuses or does not answer.
        """
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
        return await self._ask(_Request("DELETE", path, options), 1)

    async def lines(
        self, path: str, params: Mapping[str, str], silence: float
    ) -> AsyncIterator[bytes]:
        """Yields the lines of an answer as they come.

        Args:
            path: What to ask for.
            params: Parameters of the request.
            silence: Seconds without a line after which the connection is given up.

        Raises:
            ClusterError: It is refused, or ends other than in good order.
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_QUICK, sock_read=silence)
        async with self._answer(_Request("GET", path, params=params), timeout) as answer:
            rest = b""
            async for chunk in answer.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield line

    async def close(self) -> None:
        """Closes what is open."""
        if self._session:
            await self._session.close()
            self._session = None

    async def _ask(self, request: _Request, tries: int) -> Any:  # noqa: ANN401 - JSON
        """The JSON of an answer; a server that is busy is asked again, ever more slowly."""
        timeout = aiohttp.ClientTimeout(total=_QUICK if tries == 1 else _PATIENT)
        for left in reversed(range(tries)):
            try:
                async with self._answer(request, timeout) as answer:
                    return json.loads(await answer.read())
            except ClusterError as error:
                if not left or error.code not in _AGAIN:
                    raise
                await asyncio.sleep(error.retry_after or 0.1 * 2 ** (tries - left))
        raise AssertionError("unreachable")  # pragma: no cover

    @asynccontextmanager
    async def _answer(
        self,
        request: _Request,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - it is aiohttp's
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        # Else %2F and %2E would be decoded, and dots resolved: a name could reach another object.
        url = URL(f"{self._info.server.rstrip('/')}{request.path}", encoded=True)
        try:
            async with self._open().request(
                request.method,
                url,
                data=None if request.content is None else json.dumps(request.content).encode(),
                headers={} if request.content is None else {"Content-Type": request.kind},
                params=request.params,
                timeout=timeout,
            ) as answer:
                if not answer.ok:
                    await self._refuse(answer)
                yield answer
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = str(error) or type(error).__name__
            raise ClusterError(0, f"the API server does not answer: {reason}") from error

    async def _refuse(self, answer: aiohttp.ClientResponse) -> None:
        content = await answer.read()
        if answer.status == _UNAUTHORIZED:
            await self._renew()
        try:
            message = json.loads(content)["message"]
        except (ValueError, KeyError, TypeError):
            message = answer.reason or ""
        retry_after = answer.headers.get("Retry-After", "")
        seconds = float(retry_after) if retry_after.isdecimal() else 0.0
        raise ClusterError(answer.status, str(message), seconds)

    async def _renew(self) -> None:
        """Logs in anew for what is asked from now on: tokens of service accounts expire."""
        self._info = await asyncio.to_thread(self._log_in)
        await self.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(ssl=self._info.as_ssl_context(), limit=0)
            self._session = aiohttp.ClientSession(
                connector=connector, headers=self._info.as_http_headers()
            )
        return self._session


def url_path(*segments: str) -> str:
    """Return the path of a URL whose segments are quoted, so that no name leads elsewhere.

    Raises:
        ValueError: A segment is empty, `.` or `..`, which clients and servers resolve even quoted.
    """
    for segment in segments:
        if segment in {"", ".", ".."}:
            raise ValueError(f"{segment!r} cannot be a segment of a URL's path")
    return "".join(f"/{quote(segment, safe='')}" for segment in segments)


def path_of(plural: str, key: NamespacedName | None = None, namespace: str = "") -> str:
    """Return the path of an object of ours, or of all, or of all in a namespace."""
    base = ("apis", GROUP, VERSION)
    if key:
        return url_path(*base, "namespaces", key.namespace, plural, key.name)
    return url_path(*base, *(("namespaces", namespace) if namespace else ()), plural)
