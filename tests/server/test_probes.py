"""The HTTP server for Kubernetes and Prometheus."""

import asyncio
import re
import socket
from contextlib import ExitStack
from pathlib import Path

import aiohttp
import grpc
import pytest
from prometheus_client import CollectorRegistry, Counter

from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub
from double_booked.runtime import http_server, probes
from double_booked.runtime.http_server import HttpServer
from double_booked.server.core import Core
from double_booked.server.lifecycle import Server
from double_booked.settings import Settings
from server.conftest import LOOPBACK, QUICK, Served
from server.test_lifecycle import process, readyz
from server.test_service import PAIR


async def get(url: str, **headers: str) -> tuple[int, str, str]:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, answer.headers["Content-Type"], await answer.text()


async def test_running_server_is_alive_and_ready(served: Served) -> None:
    for path in ("/healthz", "/readyz"):
        assert await get(served.http + path) == (200, "text/plain; charset=utf-8", "ok\n")


async def test_draining_server_is_alive_but_not_ready(served: Served) -> None:
    await served.server.drain()
    assert (await get(f"{served.http}/healthz"))[0] == 200
    assert (await get(f"{served.http}/readyz"))[::2] == (503, "not ready\n")


async def test_server_is_not_ready_before_it_accepts_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server(Settings(**QUICK))
    may_continue, reached = asyncio.Event(), asyncio.Event()

    async def wait(_core: Core) -> None:
        reached.set()
        await may_continue.wait()

    monkeypatch.setattr(Core, "start", wait)
    starting = asyncio.create_task(server.start())
    await reached.wait()
    try:
        url = f"http://127.0.0.1:{server.http_port}"
        assert (await get(f"{url}/healthz"))[0] == 200
        assert (await get(f"{url}/readyz"))[::2] == (503, "not ready\n")
    finally:
        may_continue.set()
        await starting
        await server.stop()


async def test_metrics_are_in_the_openmetrics_format_if_accepted(served: Served) -> None:
    accept = "application/openmetrics-text; version=1.0.0"
    status, content_type, text = await get(f"{served.http}/metrics", Accept=accept)
    assert status == 200
    assert content_type.startswith("application/openmetrics-text; version=1.")
    assert text.endswith("# EOF\n")


async def test_metrics_are_in_the_prometheus_text_format_by_default() -> None:
    registry = CollectorRegistry()
    Counter("asked_total", "Questions asked.", registry=registry).inc(3)
    server = HttpServer(probes.make_app(registry, lambda: True))
    await server.start(LOOPBACK, probes.HOST_SETTING)
    try:
        status, content_type, text = await get(f"http://127.0.0.1:{server.port}/metrics")
    finally:
        await server.stop()
    assert status == 200
    assert content_type.startswith("text/plain; version=")
    assert "asked_total 3.0\n" in text


async def test_unknown_path_is_not_found(served: Served) -> None:
    assert (await get(f"{served.http}/nothing"))[0] == 404


HALF_A_REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-"


async def answer_to(port: int, request: bytes) -> bytes:
    """Return everything that the server sends before it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


async def test_connection_with_incomplete_headers_is_closed(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "HEADER_SECONDS", 0.2)
    async with asyncio.timeout(10):
        for sent in (b"", HALF_A_REQUEST):
            assert await answer_to(served.server.http_port, sent) == b""


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"no request\r\n\r\n",
    ],
    ids=["answered", "not found", "broken"],
)
async def test_answers_contain_no_versions(served: Served, request_bytes: bytes) -> None:
    answer = await answer_to(served.server.http_port, request_bytes)
    assert re.findall(rb"Server: (.*)\r\n", answer) == [b"double-booked"]


async def test_too_many_connections_close_the_oldest(
    served: Served,
) -> None:
    port = served.server.http_port
    opened = [
        await asyncio.open_connection("127.0.0.1", port)
        for _ in range(http_server.MAX_CONNECTIONS + 50)
    ]
    for _, writer in opened:
        writer.write(HALF_A_REQUEST)
    assert (await get(f"{served.http}/healthz"))[0] == 200
    async with asyncio.timeout(5):
        for reader, _ in opened[:50]:
            assert await reader.read() == b""
    assert not opened[-1][0].at_eof()
    for _, writer in opened:
        writer.close()


def test_incomplete_requests_leave_open_files_for_calls() -> None:
    limits = "ulimit -S -n 512 && ulimit -H -n 1024 && exec"
    with (
        process(launcher=limits) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel,
        ExitStack() as stack,
    ):
        for _ in range(1100):
            half_open = socket.create_connection(("127.0.0.1", server.http_port))
            stack.enter_context(half_open)
            half_open.sendall(HALF_A_REQUEST)
        assert readyz(server.http_port) == 200
        assert len(ConflictServiceStub(channel).GetConflicts(PAIR, timeout=10).conflicts) == 1
        files = Path(f"/proc/{server.popen.pid}/fd")
        assert len(list(files.iterdir())) < 3 * http_server.MAX_CONNECTIONS
        limits = Path(f"/proc/{server.popen.pid}/limits").read_text()
        assert re.search(r"Max open files +1024 +1024 ", limits)
