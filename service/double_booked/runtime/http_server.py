"""An HTTP server with few connections, which clients cannot hold for long."""

import asyncio
from functools import partial
from typing import Any, cast

from aiohttp import web

from double_booked.runtime.address import Address
from double_booked.runtime.sockets import listen

HEADER_SECONDS = 10.0
"""Seconds in which a connection must send the headers of its next request."""

MAX_CONNECTIONS = 128
"""How many connections may be open; a further one closes the oldest.

Probes, Prometheus and browsers need few. So a client that opens many closes the oldest, mostly its
own, and a new connection of a probe is accepted.
"""

_MAX_WAITING = 1024
"""How many connections may wait to be accepted; the client of a further one retries after 1 s."""

SERVER_HEADER = {"Server": "double-booked"}
"""Replaces aiohttp's header, which contains versions."""


class HttpServer:
    """Serves an application over HTTP.

    Attributes:
        port: Port of the server; 0 until started.
    """

    def __init__(self, app: web.Application) -> None:
        app.on_response_prepare.append(_set_server_header)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        self._listening: list[asyncio.Server] = []
        self.port = 0

    async def start(self, address: Address, setting: str) -> None:
        """Listen on an address.

        Args:
            address: Where to listen.
            setting: Name of the setting with the address, for the error.

        Raises:
            ListenError: The server cannot listen on it.
        """
        listening = listen(address, setting)
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
