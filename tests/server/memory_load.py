"""Large calls and small ones at the same time, each over a connection of its own."""

import asyncio
from collections import Counter

import grpc

from double_booked.api.scheduling_pb2 import EventList
from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub
from server.uploads import Uploads

_UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
_SECONDS = 60.0


def overlapping(events: int) -> EventList:
    """Return a list that is one group, so that its answer is as large as it."""
    made = EventList()
    for number in range(events):
        event = made.events.add(title="x" * 80)
        event.start.seconds = number
        event.end.seconds = events
    return made


SMALL = overlapping(10)


async def ask(address: str, request: EventList) -> str:
    """Return the code of a call, with the details of a refusal."""
    async with grpc.aio.insecure_channel(address, _UNLIMITED) as channel:
        try:
            answer = await ConflictServiceStub(channel).GetConflicts(request, timeout=_SECONDS)
        except grpc.aio.AioRpcError as error:
            return f"{error.code().name}: {error.details()}"
    assert len(answer.conflicts[0].conflict_group) == len(request.events)
    return "OK"


async def ask_often(address: str, until: asyncio.Event) -> Counter[str]:
    """Make small calls one after the other; return their codes."""
    codes: Counter[str] = Counter()
    while not until.is_set():
        codes[await ask(address, SMALL)] += 1
    return codes


async def ask_at_once(address: str, requests: list[EventList]) -> tuple[Counter[str], Counter[str]]:
    """Make large calls at once; return their codes, and those of small calls meanwhile."""
    done = asyncio.Event()
    small = asyncio.create_task(ask_often(address, done))
    codes = Counter(await asyncio.gather(*(ask(address, each) for each in requests)))
    done.set()
    return codes, await small


async def until_still(address: str, made: Uploads) -> Counter[str]:
    """Wait until uploads send nothing more; return the codes of small calls meanwhile."""
    codes: Counter[str] = Counter()
    sent = -1
    while made.sent != sent:
        sent = made.sent
        codes.update([await ask(address, SMALL) for _ in range(20)])
    return codes
