"""Well-behaved callers, and what they notice of an attack."""

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
    # gRPC's own retries would hide failed calls.
    ("grpc.enable_retries", 0),
)


@dataclass(slots=True)
class Seen:
    """Outcomes of the calls of a good caller.

    Attributes:
        times: Seconds that each answered call took, counted from when it was due.
        failed: Number of failed calls by code.
    """

    times: list[float] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)

    def forget(self) -> None:
        """Forget the calls so far."""
        self.times.clear()
        self.failed.clear()

    @property
    def calls(self) -> int:
        """Return the number of calls."""
        return len(self.times) + self.failed.total()

    def p99_ms(self) -> float:
        """Return the 99th percentile of the answer times in milliseconds."""
        return 1e3 * sorted(self.times)[len(self.times) * 99 // 100] if self.times else math.inf

    def failed_share(self) -> float:
        """Return the share of failed calls; 1 if there were no calls."""
        return self.failed.total() / self.calls if self.calls else 1.0


@asynccontextmanager
async def good_caller(server: Server) -> AsyncIterator[Seen]:
    """Send lists of 10 events 200 times a second, whether or not answers come.

    A caller that waits for answers would call less while the server is slow, and would measure
    little of the slow time ("coordinated omission").
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
            pass  # calls in flight still count


async def _call(call: _Call, request: bytes, due: float, seen: Seen) -> None:
    try:
        await call(request, timeout=_DEADLINE_SECONDS)
    except grpc.aio.AioRpcError as error:
        seen.failed[error.code().name] += 1
    else:
        seen.times.append(time.perf_counter() - due)


async def burst(server: Server, calls: int) -> Counter[str]:
    """Make calls at once on one connection; return the number of each code."""
    async with grpc.aio.insecure_channel(server.address, _ALONE) as channel:
        call: _Call = channel.unary_unary(GET)
        seen = Seen()
        now = time.perf_counter()
        await asyncio.gather(*(_call(call, small(), now, seen) for _ in range(calls)))
        return seen.failed + Counter(OK=calls - seen.failed.total())
