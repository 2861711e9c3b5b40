"""Large and small calls at the same time, each over its own connection."""

import asyncio
from collections import Counter

import grpc

from double_booked.api.scheduling_pb2 import EventList
from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub
from server.uploads import Uploads

_UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
_SECONDS = 60.0


def overlapping(events: int) -> EventList:
    """Return a list whose events form one group, so that the answer has the same size."""
    request = EventList()
    for number in range(events):
        event = request.events.add(title="x" * 80)
        event.start.seconds = number
        event.end.seconds = events
    return request


SMALL = overlapping(10)


async def ask(address: str, request: EventList) -> str:
    """Return the code of a call, with the details if it failed."""
    async with grpc.aio.insecure_channel(address, _UNLIMITED) as channel:
        try:
            answer = await ConflictServiceStub(channel).GetConflicts(request, timeout=_SECONDS)
        except grpc.aio.AioRpcError as error:
            return f"{error.code().name}: {error.details()}"
    assert len(answer.conflicts[0].conflict_group) == len(request.events)
    return "OK"


async def ask_often(address: str, until: asyncio.Event) -> Counter[str]:
    """Make small calls one after the other until an event is set; return their codes."""
    codes: Counter[str] = Counter()
    while not until.is_set():
        codes[await ask(address, SMALL)] += 1
    return codes


async def ask_at_once(address: str, requests: list[EventList]) -> tuple[Counter[str], Counter[str]]:
    """Make large calls at once; return their codes, and those of concurrent small calls."""
    done = asyncio.Event()
    small = asyncio.create_task(ask_often(address, done))
    codes = Counter(await asyncio.gather(*(ask(address, request) for request in requests)))
    done.set()
    return codes, await small


async def until_still(address: str, running: Uploads) -> Counter[str]:
    """Wait until uploads send no more bytes; return the codes of concurrent small calls."""
    codes: Counter[str] = Counter()
    sent = -1
    while running.sent != sent:
        sent = running.sent
        codes.update([await ask(address, SMALL) for _ in range(20)])
    return codes
