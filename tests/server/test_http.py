"""What Kubernetes and Prometheus read."""

import aiohttp
from prometheus_client import CollectorRegistry, Counter

from double_booked.server.http import HttpServer
from server.conftest import LOOPBACK, Served


async def get(url: str) -> tuple[int, str, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, answer.headers["Content-Type"], await answer.text()


async def test_a_server_that_runs_is_alive_and_ready(served: Served) -> None:
    for path in ("/healthz", "/readyz"):
        assert await get(served.http + path) == (200, "text/plain; charset=utf-8", "ok\n")


async def test_a_server_that_drains_is_alive_but_not_ready(served: Served) -> None:
    await served.server.drain()
    assert (await get(f"{served.http}/healthz"))[0] == 200
    assert (await get(f"{served.http}/readyz"))[::2] == (503, "not ready\n")


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
