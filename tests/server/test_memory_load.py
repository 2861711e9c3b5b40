"""Large requests and slow uploads take bounded memory, and small calls are answered meanwhile."""

import asyncio
import gzip
import re
import socket
from contextlib import ExitStack
from pathlib import Path

import aiohttp
import pytest

from double_booked.api.scheduling_pb2 import Event, EventList
from double_booked.server.memory import Bounds
from server.memory_load import ask_at_once, ask_often, overlapping, until_still
from server.test_lifecycle import Process, process
from server.uploads import (
    CONFLICT_SERVICE,
    PREFACE,
    SETTINGS,
    Plan,
    frame,
    uploads,
    whole_call,
)
from waiting import until

MIB = 1024 * 1024
MAX_MESSAGE = 16 * MIB
IN_FLIGHT = 64 * MIB
BOUND = Bounds.compute(IN_FLIGHT, MAX_MESSAGE, 1024 * MIB).process_bytes
"""Maximum memory of the process according to the docs: 448 MiB."""

LIMITS = {"MAX_MESSAGE_BYTES": str(MAX_MESSAGE), "MAX_BYTES_IN_FLIGHT": str(IN_FLIGHT)}
UPLOADS = 500


def address(server: Process) -> str:
    """Return the address of a server."""
    return f"127.0.0.1:{server.grpc_port}"


def peak_bytes(server: Process) -> int:
    """Return the peak resident memory in bytes."""
    status = Path(f"/proc/{server.popen.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


LARGE = overlapping(160_000)


async def test_many_large_requests_are_partly_refused_and_small_calls_are_answered() -> None:
    size = LARGE.ByteSize()
    assert 14 * MIB < size < MAX_MESSAGE
    with process(LOG_CALLS="none", **LIMITS) as server:
        codes, small = await ask_at_once(address(server), [LARGE] * 30)
        assert set(small) == {"OK"}
        assert peak_bytes(server) < BOUND
    assert codes["OK"] >= IN_FLIGHT // size // 2, codes
    refused = set(codes) - {"OK"}
    assert all(status.startswith("RESOURCE_EXHAUSTED") for status in refused), codes
    assert all("MAX_BYTES_IN_FLIGHT" in status for status in refused), codes


@pytest.mark.parametrize("method", ["GetConflicts", "SweepConflicts"])
@pytest.mark.parametrize("connections", [10, 250])
async def test_slow_uploads_take_bounded_memory_and_small_calls_are_answered(
    method: str, connections: int
) -> None:
    plan = Plan(f"/{CONFLICT_SERVICE}/{method}", size=15 * MIB, part=MIB)
    with process(LOG_CALLS="none", **LIMITS) as server:
        streams = UPLOADS // connections
        async with uploads(
            address(server), plan, connections=connections, streams=streams
        ) as running:
            assert set(await until_still(address(server), running)) == {"OK"}
            assert peak_bytes(server) < BOUND


async def test_few_slow_uploads_are_not_aborted() -> None:
    plan = Plan(f"/{CONFLICT_SERVICE}/GetConflicts", size=15 * MIB, part=14 * MIB)
    with process(LOG_CALLS="none", **LIMITS) as server:
        few = IN_FLIGHT // MAX_MESSAGE
        async with uploads(address(server), plan, connections=few, streams=1) as running:
            assert set(await until_still(address(server), running)) == {"OK"}
            assert running.sent >= few * plan.part
            assert running.ended == 0


async def failed_calls(server: Process) -> float:
    """Return how many calls of GetConflicts have not ended with OK."""
    url = f"http://127.0.0.1:{server.http_port}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        text = await answer.text()
    handled = re.findall(
        r'handled_total{grpc_code="(.+)",grpc_method="GetConflicts",.*} (.+)', text
    )
    return sum(float(count) for code, count in handled if code != "OK")


async def test_many_compressed_messages_take_bounded_memory() -> None:
    bomb = gzip.compress(EventList(events=[Event(title="x" * 15 * MIB)]).SerializeToString(), 9)
    path = f"/{CONFLICT_SERVICE}/GetConflicts"
    call = PREFACE + frame(SETTINGS, 0, 0) + whole_call(1, path, bomb, "gzip")
    with process(LOG_CALLS="none", **LIMITS) as server, ExitStack() as stack:
        done = asyncio.Event()
        small = asyncio.create_task(ask_often(address(server), done))
        for _ in range(60):
            connection = socket.create_connection(("127.0.0.1", server.grpc_port))
            stack.enter_context(connection)
            connection.sendall(call)

        async def have_failed() -> bool:
            return await failed_calls(server) >= 60

        await until(have_failed, "60 calls fail", 30)
        done.set()
        assert set(await small) == {"OK"}
        assert peak_bytes(server) < BOUND
