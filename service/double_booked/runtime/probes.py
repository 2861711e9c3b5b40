"""What probes and Prometheus read over HTTP: /healthz, /readyz and /metrics."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

HOST_SETTING = "HEALTH_CHECK_HOST"
"""The setting with the address of the server."""

_Handler: TypeAlias = Callable[[web.Request], Awaitable[web.Response]]


def make_app(registry: CollectorRegistry, is_ready: Callable[[], bool]) -> web.Application:
    """Return an application that reports liveness, readiness and metrics."""
    app = web.Application()
    app.router.add_get("/healthz", _healthz)
    app.router.add_get("/readyz", _readyz(is_ready))
    app.router.add_get("/metrics", _metrics(registry))
    return app


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
