"""Connections that are old, silent or abusive."""

import asyncio
import re
import resource
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import grpc
import pytest

from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub
from double_booked.runtime import http_server
from double_booked.server import lifecycle
from server.conftest import Served, serve
from server.test_lifecycle import process, readyz
from server.test_service import PAIR
from server.uploads import (
    CONFLICT_SERVICE,
    END_HEADERS,
    HEADERS,
    RST_STREAM,
    frame,
    request_headers,
)
from waiting import until

# RFC 9113: the preface of section 3.4, and the frames of section 6.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = bytes(3) + b"\x04" + bytes(5)
CANCEL = bytes(3) + b"\x08"
PING = b"\x00\x00\x08\x06" + bytes(5) + bytes(8)
GOAWAY = 7
ENHANCE_YOUR_CALM = 11


@asynccontextmanager
async def connection(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def goaway(reader: asyncio.StreamReader) -> int:
    """Read up to a GOAWAY frame, and return its error code."""
    async with asyncio.timeout(10):
        while True:
            head = await reader.readexactly(9)
            content = await reader.readexactly(int.from_bytes(head[:3]))
            if head[3] == GOAWAY:
                return int.from_bytes(content[4:8])


async def test_connection_over_the_maximum_age_gets_goaway() -> None:
    async with (
        serve(max_connection_age=0.1) as served,
        connection(served.server.port) as (reader, writer),
    ):
        writer.write(PREFACE + SETTINGS)
        assert await goaway(reader) == 0


async def test_calls_succeed_while_connections_are_replaced() -> None:
    async with serve(max_connection_age=0.05) as served:
        async with asyncio.timeout(10):
            for _ in range(300):
                await ConflictServiceStub(served.channel).GetConflicts(PAIR, wait_for_ready=True)


async def test_client_that_pings_too_often_gets_enhance_your_calm() -> None:
    async with serve() as served, connection(served.server.port) as (reader, writer):
        writer.write(PREFACE + SETTINGS + 10 * PING)
        assert await goaway(reader) == ENHANCE_YOUR_CALM


@pytest.fixture
def many_files() -> Iterator[None]:
    """Raise the limit of open files, for a thousand connections with two ends."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
async def test_silent_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "HANDSHAKE_SECONDS", 0.3)
    async with serve() as served:
        silent = [
            await asyncio.open_connection("127.0.0.1", served.server.port) for _ in range(1_000)
        ]
        assert (await ConflictServiceStub(served.channel).GetConflicts(PAIR)).conflicts
        async with asyncio.timeout(10):
            for reader, writer in silent:
                assert await at_end(reader)
                writer.close()


async def at_end(reader: asyncio.StreamReader) -> bool:
    """Read everything, and return whether the server closed the connection."""
    await reader.read()
    return reader.at_eof()


async def test_headers_over_the_limit_fail_only_their_call() -> None:
    async with serve() as served:
        stub = ConflictServiceStub(served.channel)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.GetConflicts(PAIR, metadata=[("big", "x" * 100_000)])
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert (await stub.GetConflicts(PAIR)).conflicts


async def test_every_call_of_a_burst_is_answered_or_refused_and_counted() -> None:
    async def ask(stub: ConflictServiceStub) -> str:
        try:
            await stub.GetConflicts(PAIR)
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return "OK"

    async with serve() as served, aiohttp.ClientSession() as session:
        stub = ConflictServiceStub(served.channel)
        codes = Counter(await asyncio.gather(*(ask(stub) for _ in range(5000))))
        assert codes.keys() <= {"OK", "RESOURCE_EXHAUSTED"}

        async def is_recorded() -> bool:  # just after its answer is sent
            return await counted(session, served, "handled_total", "GetConflicts") >= 5000

        await until(is_recorded, "the end of every call is recorded")
        assert await counted(session, served, "handled_total", "GetConflicts") == 5000


async def counted(session: aiohttp.ClientSession, served: Served, what: str, method: str) -> float:
    """Return the sum of a counter over all codes of a method."""
    async with session.get(f"{served.http}/metrics") as answer:
        text = await answer.text()
    samples = rf'grpc_server_{what}{{.*grpc_method="{method}".*}} (\S+)'
    return sum(map(float, re.findall(samples, text)))


async def test_idle_feeds_of_one_connection_leave_room_for_other_clients() -> None:
    async with serve() as served, connection(served.server.port) as (_, writer):
        opened = request_headers(f"/{CONFLICT_SERVICE}/SweepConflicts")
        writer.write(PREFACE + SETTINGS)
        for number in range(1001):
            writer.write(frame(HEADERS, END_HEADERS, 2 * number + 1, opened))
        await writer.drain()
        async with aiohttp.ClientSession() as session:

            async def have_started() -> bool:
                return await counted(session, served, "started_total", "SweepConflicts") >= 100

            await until(have_started, "100 feeds start")
        for _ in range(20):
            assert (await ConflictServiceStub(served.channel).GetConflicts(PAIR)).conflicts


async def test_client_queues_calls_over_the_stream_limit() -> None:
    async with serve(max_concurrent_streams=2) as served:
        stub = ConflictServiceStub(served.channel)
        answers = await asyncio.gather(*(stub.GetConflicts(PAIR) for _ in range(200)))
        assert all(answer.conflicts for answer in answers)


async def test_reset_flood_is_mostly_refused_and_other_calls_are_answered(
    served: Served,
) -> None:
    resets = 50_000
    opened = request_headers(f"/{CONFLICT_SERVICE}/BatchGetConflicts")
    flood = b"".join(
        frame(HEADERS, END_HEADERS, stream, opened) + frame(RST_STREAM, 0, stream, CANCEL)
        for stream in range(1, 2 * resets, 2)
    )
    async with connection(served.server.port) as (reader, writer), aiohttp.ClientSession() as http:
        writer.write(PREFACE + SETTINGS + flood)
        reading = asyncio.create_task(reader.read(1 << 24))
        await writer.drain()
        for _ in range(20):
            assert (await ConflictServiceStub(served.channel).GetConflicts(PAIR)).conflicts
        assert await counted(http, served, "started_total", "BatchGetConflicts") < resets / 2
        reading.cancel()


def test_connections_leave_open_files_for_probes() -> None:
    with process(launcher="ulimit -n 500 && exec") as server, ExitStack() as stack:
        for _ in range(600):
            silent = socket.create_connection(("127.0.0.1", server.grpc_port))
            stack.enter_context(silent)
        silent.settimeout(10)
        assert silent.recv(1) == b"", "a connection over the limit is closed"
        assert readyz(server.http_port) == 200
        files = list(Path(f"/proc/{server.popen.pid}/fd").iterdir())
        assert len(files) < 500 - http_server.MAX_CONNECTIONS
