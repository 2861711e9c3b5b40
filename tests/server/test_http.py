"""What Kubernetes and Prometheus read."""

import asyncio

import aiohttp
from prometheus_client import CollectorRegistry, Counter

from double_booked.http import HttpServer
from double_booked.server.lifecycle import Server
from double_booked.settings import Settings
from server.conftest import LOOPBACK, QUICK, Served


async def get(url: str, **headers: str) -> tuple[int, str, str]:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, answer.headers["Content-Type"], await answer.text()


async def test_a_server_that_runs_is_alive_and_ready(served: Served) -> None:
    for path in ("/healthz", "/readyz"):
        assert await get(served.http + path) == (200, "text/plain; charset=utf-8", "ok\n")


async def test_a_server_that_drains_is_alive_but_not_ready(served: Served) -> None:
    await served.server.drain()
    assert (await get(f"{served.http}/healthz"))[0] == 200
    assert (await get(f"{served.http}/readyz"))[::2] == (503, "not ready\n")


async def test_a_server_that_does_not_take_calls_yet_is_not_ready() -> None:
    server = Server(Settings(**QUICK))
    server_has_to_wait, reached = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        reached.set()
        await server_has_to_wait.wait()

    server._grpc.start = wait  # type: ignore[method-assign]  # noqa: SLF001 - held at the brink
    starting = asyncio.create_task(server.start())
    await reached.wait()
    try:
        url = f"http://127.0.0.1:{server.http_port}"
        assert (await get(f"{url}/healthz"))[0] == 200
        assert (await get(f"{url}/readyz"))[::2] == (503, "not ready\n")
    finally:
        server_has_to_wait.set()
        await starting
        await server.stop()


async def test_metrics_are_in_the_form_of_openmetrics_for_who_asks_for_it(served: Served) -> None:
    accept = "application/openmetrics-text; version=1.0.0"
    status, content_type, text = await get(f"{served.http}/metrics", Accept=accept)
    assert status == 200
    assert content_type.startswith("application/openmetrics-text; version=1.")
    assert text.endswith("# EOF\n")


async def test_metrics_are_in_the_text_format_of_prometheus() -> None:
    registry = CollectorRegistry()
    Counter("asked_total", "What for.", registry=registry).inc(3)
    http = HttpServer(registry, lambda: True)
    await http.start(LOOPBACK)
    try:
        status, content_type, text = await get(f"http://127.0.0.1:{http.port}/metrics")
    finally:
        await http.stop()
    assert status == 200
    assert content_type.startswith("text/plain; version=")
    assert "asked_total 3.0\n" in text


async def test_a_path_that_is_not_there_is_not_found(served: Served) -> None:
    assert (await get(f"{served.http}/nothing"))[0] == 404
