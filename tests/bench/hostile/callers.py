"""Callers that mean no harm, and what they see of an attack."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc

from bench.hostile.requests import GET, small
from bench.hostile.server import Server

_Call = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]

_INTERVAL_SECONDS = 0.005
_DEADLINE_SECONDS = 5.0
_ALONE: tuple[tuple[str, int], ...] = (
    ("grpc.use_local_subchannel_pool", 1),
    # Retries of gRPC's own would hide a call that failed.
    ("grpc.enable_retries", 0),
)


@dataclass(slots=True)
class Seen:
    """What became of the calls of a good caller.

    Attributes:
        times: The seconds that each answered call took, from when it was due.
        failed: How many calls failed, by code.
    """

    times: list[float] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)

    def forget(self) -> None:
        """Forget the calls so far."""
        self.times.clear()
        self.failed.clear()

    @property
    def calls(self) -> int:
        """How many calls there were."""
        return len(self.times) + self.failed.total()

    def p99_ms(self) -> float:
        """Return the time within which 99 % of the answers came."""
        return 1e3 * sorted(self.times)[len(self.times) * 99 // 100] if self.times else math.inf

    def failed_share(self) -> float:
        """Return the share of the calls that failed, 1 if there were none."""
        return self.failed.total() / self.calls if self.calls else 1.0


@asynccontextmanager
async def good_caller(server: Server) -> AsyncIterator[Seen]:
    """Call with lists of 10 events, 200 times a second, answered or not.

    A caller that waits for its answers calls less while the server is slow, and so misses most of
    what it is to see.
    """
    seen = Seen()
    async with grpc.aio.insecure_channel(server.address, _ALONE) as channel:
        call: _Call = channel.unary_unary(GET)
        await call(small(), timeout=_DEADLINE_SECONDS)
        calling = asyncio.create_task(_call_often(call, seen))
        try:
            yield seen
        finally:
            calling.cancel()
            await asyncio.gather(calling, return_exceptions=True)


async def _call_often(call: _Call, seen: Seen) -> None:
    request = small()
    due = time.perf_counter()
    async with asyncio.TaskGroup() as calls:
        try:
            while True:
                calls.create_task(_call(call, request, due, seen))
                due += _INTERVAL_SECONDS
                await asyncio.sleep(due - time.perf_counter())
        except asyncio.CancelledError:
            pass  # what is under way still counts


async def _call(call: _Call, request: bytes, due: float, seen: Seen) -> None:
    try:
        await call(request, timeout=_DEADLINE_SECONDS)
    except grpc.aio.AioRpcError as error:
        seen.failed[error.code().name] += 1
    else:
        seen.times.append(time.perf_counter() - due)


async def burst(server: Server, calls: int) -> Counter[str]:
    """Make calls at once on one connection; return how they ended."""
    async with grpc.aio.insecure_channel(server.address, _ALONE) as channel:
        call: _Call = channel.unary_unary(GET)
        seen = Seen()
        now = time.perf_counter()
        await asyncio.gather(*(_call(call, small(), now, seen) for _ in range(calls)))
        return seen.failed + Counter(OK=calls - seen.failed.total())
