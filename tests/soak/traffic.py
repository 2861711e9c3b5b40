"""Callers of every kind: good, faulty and hostile."""

import asyncio
import itertools
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic

import grpc

from double_booked.api.scheduling_pb2 import BatchGetConflictsRequest, Event, EventList
from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub

SECONDS = 30.0


def event(start: int, end: int, **fields: str) -> Event:
    """Return an event; `start` and `end` are in seconds since 1970."""
    created = Event(**fields)
    created.start.seconds, created.end.seconds = start, end
    return created


SMALL = EventList(events=[event(n, n + 2, title="title") for n in range(10)])
LARGE = EventList(events=[event(n, n + 2, title="title") for n in range(20_000)])
INVALID = EventList(events=[event(2, 1)] * 100)
OVERSIZED = EventList(events=[event(1, 2, description="x" * 9_000_000)])
BOMB = zlib.compress(bytes(64_000_000), wbits=31)


@dataclass(slots=True)
class Counts:
    """Number of calls by kind, and the faults that were found."""

    done: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[ConflictServiceStub]:
    """Yield a stub with a new connection."""
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        yield ConflictServiceStub(channel)


async def good_calls(port: int) -> None:
    """Make each call of the contract, and expect an answer."""
    async with connected(port) as service:
        for _ in range(20):
            await service.GetConflicts(SMALL, timeout=SECONDS)
        await service.BatchGetConflicts(
            BatchGetConflictsRequest(lists=[SMALL] * 100), timeout=SECONDS
        )
        assert [chunk async for chunk in service.StreamConflicts(LARGE, timeout=SECONDS)]
        feed = itertools.repeat(EventList(events=[event(1, 2)] * 100), 20)
        assert [chunk async for chunk in service.SweepConflicts(feed, timeout=SECONDS)]


async def refused(call: Awaitable[object], *codes: grpc.StatusCode) -> None:
    """Await a call that must end with one of the codes."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        if error.code() not in codes:
            raise
    else:
        raise AssertionError("a faulty call was answered")


async def wrong_calls(port: int) -> None:
    """Send invalid lists and bytes, more than is allowed, and an unknown method."""
    async with connected(port) as service:
        await refused(
            service.GetConflicts(INVALID, timeout=SECONDS), grpc.StatusCode.INVALID_ARGUMENT
        )
        await refused(
            service.GetConflicts(OVERSIZED, timeout=SECONDS), grpc.StatusCode.RESOURCE_EXHAUSTED
        )
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        raw = channel.unary_unary("/Scheduling.ConflictService/GetConflicts")
        await refused(raw(b"\xff" * 1_000, timeout=SECONDS), grpc.StatusCode.INVALID_ARGUMENT)
        nobody = channel.unary_unary("/no.Such/Method")
        await refused(nobody(b"", timeout=SECONDS), grpc.StatusCode.UNIMPLEMENTED)
        big = [("big", "x" * 20_000)]
        await refused(raw(b"", timeout=SECONDS, metadata=big), grpc.StatusCode.RESOURCE_EXHAUSTED)


async def given_up_calls(port: int) -> None:
    """Cancel calls and feeds, and leave a stream unread."""
    async with connected(port) as service:
        call = service.GetConflicts(LARGE)
        await asyncio.sleep(0.001)
        call.cancel()
        feed = service.SweepConflicts()
        await feed.write(SMALL)
        feed.cancel()
        await service.StreamConflicts(LARGE).read()


async def bombs(port: int) -> None:
    """Send a compression bomb."""
    head = b"\x01" + len(BOMB).to_bytes(4)
    await _raw(port, head + BOMB, [("grpc-encoding", "gzip")])


async def vanishing(port: int) -> None:
    """Disconnect in the middle of a message."""
    await _raw(port, b"\x00" + (10_000).to_bytes(4) + bytes(500), [])


async def silent(port: int) -> None:
    """Open silent connections, and send nonsense on one of them."""
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(10)]
    opened[0][1].write(b"GET / HTTP/1.1\r\n\r\n")
    await asyncio.sleep(0.1)
    for _, writer in opened:
        writer.close()


async def _raw(port: int, message: bytes, more: list[tuple[str, str]]) -> None:
    """Send headers and a raw message, and abort the connection."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    headers = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/Scheduling.ConflictService/GetConflicts"),
        (":authority", "localhost"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        *more,
    ]
    block = b"".join(
        b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
        for name, value in headers
    )
    writer.write(
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(4, 0, 0, b"") + _frame(1, 4, 1, block)
    )
    for at in range(0, len(message), 16_384):
        writer.write(_frame(0, 0, 1, message[at : at + 16_384]))
    with suppress(ConnectionError):
        await writer.drain()
        await asyncio.sleep(0.05)
    writer.transport.abort()


def _frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
    return len(content).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + content


KINDS: tuple[Callable[[int], Awaitable[None]], ...] = (
    good_calls,
    good_calls,
    wrong_calls,
    given_up_calls,
    bombs,
    vanishing,
    silent,
)


async def run(port: int, seconds: float) -> Counts:
    """Run callers of every kind concurrently for `seconds`."""
    counts = Counts()
    until = monotonic() + seconds
    await asyncio.gather(*(_repeat(kind, port, until, counts) for kind in KINDS))
    return counts


async def _repeat(
    kind: Callable[[int], Awaitable[None]], port: int, until: float, counts: Counts
) -> None:
    while monotonic() < until:
        try:
            await kind(port)
        except (AssertionError, grpc.aio.AioRpcError) as error:
            counts.faults.append(f"{kind.__name__}: {error!r}"[:300])
        counts.done[kind.__name__.replace("_", " ")] += 1
