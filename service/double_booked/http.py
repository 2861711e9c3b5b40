"""The HTTP side: /healthz, /readyz and /metrics."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from double_booked.settings import Address
from double_booked.sockets import listen

_Handler: TypeAlias = Callable[[web.Request], Awaitable[web.Response]]


class HttpServer:
    """Tells whether the service is alive and takes traffic, and how it fares.

    Attributes:
        port: Where it listens, once started.
    """

    def __init__(self, registry: CollectorRegistry, is_ready: Callable[[], bool]) -> None:
        app = web.Application()
        app.router.add_get("/healthz", _healthz)
        app.router.add_get("/readyz", _readyz(is_ready))
        app.router.add_get("/metrics", _metrics(registry))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        self.port = 0

    async def start(self, address: Address) -> None:
        """Listens on the address.

        Raises:
            CannotListen: The address cannot be had.
        """
        listening = listen(address, "HEALTH_CHECK_HOST")
        self.port = listening[0].getsockname()[1]
        await self._runner.setup()
        for each in listening:
            await web.SockSite(self._runner, each).start()

    async def stop(self) -> None:
        """Closes what is open; a request under way has a second to end."""
        await self._runner.cleanup()


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
