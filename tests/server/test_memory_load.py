"""Large requests and slow uploads take bounded memory, and small calls are answered meanwhile."""

import asyncio
from collections import Counter
from pathlib import Path

import grpc
import pytest

from double_booked.api.scheduling_pb2 import EventList
from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub
from double_booked.server.memory import Bounds
from server.test_lifecycle import Process, process
from server.uploads import CONFLICT_SERVICE, Plan, Uploads, uploads

MIB = 1024 * 1024
MAX_MESSAGE = 16 * MIB
IN_FLIGHT = 64 * MIB
BOUND = Bounds.of(IN_FLIGHT, MAX_MESSAGE, 1024 * MIB).process_bytes
"""What the docs say that the process needs at most: 448 MiB."""

SETTINGS = {"MAX_MESSAGE_BYTES": str(MAX_MESSAGE), "MAX_BYTES_IN_FLIGHT": str(IN_FLIGHT)}
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
PATIENCE = 60.0
UPLOADS = 500


def peak_bytes(server: Process) -> int:
    """The most memory that was resident at once."""
    status = Path(f"/proc/{server.popen.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def overlapping(events: int) -> EventList:
    """A list that is one group, so that its answer is as large as it."""
    made = EventList()
    for number in range(events):
        event = made.events.add(title="x" * 80)
        event.start.seconds = number
        event.end.seconds = events
    return made


LARGE = overlapping(160_000)
SMALL = overlapping(10)


async def ask(server: Process, request: EventList) -> str:
    """The code of a call over a connection of its own."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.grpc_port}", UNLIMITED) as channel:
        try:
            answer = await ConflictServiceStub(channel).GetConflicts(request, timeout=PATIENCE)
        except grpc.aio.AioRpcError as error:
            return f"{error.code().name}: {error.details()}"
    assert len(answer.conflicts[0].conflict_group) == len(request.events)
    return "OK"


async def ask_often(server: Process, until: asyncio.Event) -> Counter[str]:
    """The codes of small calls, one after the other."""
    codes: Counter[str] = Counter()
    while not until.is_set():
        codes[await ask(server, SMALL)] += 1
    return codes


async def standstill(server: Process, made: Uploads) -> Counter[str]:
    """Waits until nothing more is sent; answers the codes of small calls meanwhile."""
    codes: Counter[str] = Counter()
    sent = -1
    while made.sent != sent:
        sent = made.sent
        codes.update([await ask(server, SMALL) for _ in range(20)])
    return codes


async def test_of_many_large_requests_at_once_some_are_refused_and_small_calls_answered() -> None:
    size = LARGE.ByteSize()
    assert 14 * MIB < size < MAX_MESSAGE
    with process(LOG_CALLS="none", **SETTINGS) as server:
        done = asyncio.Event()
        small = asyncio.create_task(ask_often(server, done))
        codes = Counter(await asyncio.gather(*(ask(server, LARGE) for _ in range(30))))
        done.set()
        assert set(await small) == {"OK"}
        assert peak_bytes(server) < BOUND
    assert codes["OK"] >= IN_FLIGHT // size // 2, codes
    refused = set(codes) - {"OK"}
    assert all(each.startswith("RESOURCE_EXHAUSTED") for each in refused), codes
    assert all("MAX_BYTES_IN_FLIGHT" in each for each in refused), codes


@pytest.mark.parametrize("method", ["GetConflicts", "SweepConflicts"])
@pytest.mark.parametrize("connections", [10, 250])
async def test_slow_uploads_do_not_pile_up_and_small_calls_are_answered(
    method: str, connections: int
) -> None:
    plan = Plan(f"/{CONFLICT_SERVICE}/{method}", size=15 * MIB, part=MIB)
    with process(LOG_CALLS="none", **SETTINGS) as server:
        address = f"127.0.0.1:{server.grpc_port}"
        each = UPLOADS // connections
        async with uploads(address, plan, connections=connections, each=each) as made:
            assert set(await standstill(server, made)) == {"OK"}
            assert peak_bytes(server) < BOUND


async def test_a_few_slow_uploads_are_left_alone() -> None:
    plan = Plan(f"/{CONFLICT_SERVICE}/GetConflicts", size=15 * MIB, part=14 * MIB)
    with process(LOG_CALLS="none", **SETTINGS) as server:
        few = IN_FLIGHT // MAX_MESSAGE
        address = f"127.0.0.1:{server.grpc_port}"
        async with uploads(address, plan, connections=few, each=1) as made:
            assert set(await standstill(server, made)) == {"OK"}
            assert made.sent >= few * plan.part
            assert made.ended == 0
