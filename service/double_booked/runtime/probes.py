"""The HTTP server for probes and Prometheus: /healthz, /readyz and /metrics."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeAlias, cast

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from double_booked.runtime.address import Address
from double_booked.runtime.sockets import listen

HEADER_SECONDS = 10.0
"""Seconds in which a connection must send the headers of its next request."""

MAX_CONNECTIONS = 128
"""How many connections may be open; a further one closes the oldest.

Probes and Prometheus need few. So a client that opens many closes the oldest, mostly its own, and
a new connection of a probe is accepted.
"""

_MAX_WAITING = 1024
"""How many connections may wait to be accepted; the client of a further one retries after 1 s."""

SERVER_HEADER = {"Server": "double-booked"}
"""Replaces aiohttp's header, which contains versions."""

_Handler: TypeAlias = Callable[[web.Request], Awaitable[web.Response]]


class HttpServer:
    """Serves liveness, readiness and metrics.

    Attributes:
        port: Port of the server; 0 until started.
    """

    def __init__(self, registry: CollectorRegistry, is_ready: Callable[[], bool]) -> None:
        app = web.Application()
        app.router.add_get("/healthz", _healthz)
        app.router.add_get("/readyz", _readyz(is_ready))
        app.router.add_get("/metrics", _metrics(registry))
        app.on_response_prepare.append(_set_server_header)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        self._listening: list[asyncio.Server] = []
        self.port = 0

    async def start(self, address: Address) -> None:
        """Listen on an address.

        Raises:
            ListenError: The server cannot listen on it.
        """
        listening = listen(address, "HEALTH_CHECK_HOST")
        self.port = listening[0].getsockname()[1]
        await self._runner.setup()
        make = partial(_make_connection, cast("web.Server", self._runner.server))
        loop = asyncio.get_running_loop()
        self._listening = [await loop.create_server(make, sock=sock) for sock in listening]
        for sock in listening:
            # Not by the backlog argument: asyncio also accepts as many connections at once.
            sock.listen(_MAX_WAITING)

    async def stop(self) -> None:
        """Stop listening, and close all connections; open requests have a second to finish."""
        for server in self._listening:
            server.close()
        await self._runner.cleanup()


class _Connection(web.RequestHandler):
    """A connection whose answers, even to broken requests, contain no versions."""

    def handle_error(self, *arguments: Any, **named: Any) -> web.StreamResponse:  # noqa: ANN401 - as aiohttp has them
        response = super().handle_error(*arguments, **named)
        response.headers.update(SERVER_HEADER)
        return response


def _make_connection(manager: web.Server) -> _Connection:
    """Return the protocol of a new connection, and close the oldest over MAX_CONNECTIONS."""
    too_many = len(manager.connections) + 1 - MAX_CONNECTIONS
    for oldest in manager.connections[: max(0, too_many)]:
        oldest.force_close()
    return _Connection(
        manager,
        loop=asyncio.get_running_loop(),
        access_log=None,  # type: ignore[arg-type] # its type lacks None
        # aiohttp applies this to the first headers of a connection too.
        keepalive_timeout=HEADER_SECONDS,
    )


async def _set_server_header(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(SERVER_HEADER)


async def _healthz(_request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


def _readyz(is_ready: Callable[[], bool]) -> _Handler:
    async def readyz(_request: web.Request) -> web.Response:
        ready = is_ready()
        return web.Response(
            text="ok\n" if ready else "not ready\n",
            status=200 if ready else 503,
        )

    return readyz


def _metrics(registry: CollectorRegistry) -> _Handler:
    async def metrics(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(registry), headers={"Content-Type": content_type})

    return metrics
