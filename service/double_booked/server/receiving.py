"""A bound on the memory of messages that are being received.

gRPC's core collects the bytes of a message before it hands them over, and says of none how many it
has. What it may take is MAX_MESSAGE_BYTES for each call that awaits a message. So when memory is
short, the calls that began last to await one are ended. Small messages are there at once, and pass.
"""

import asyncio
from collections.abc import Iterable
from time import perf_counter

import grpc
import structlog

from double_booked.server import malloc, memory
from double_booked.server.calls import Call

_CHECK_SECONDS = 0.05
_SLOW_SECONDS = 0.1
"""A small message is there sooner."""

_REFUSAL = (
    "memory is short, and more large messages are being received than fit into "
    "MAX_BYTES_IN_FLIGHT; try again later"
)


def calls_to_abort(calls: Iterable[Call], kept: int, now: float) -> list[Call]:
    """Choose which calls to end while memory is short.

    Args:
        calls: All calls.
        kept: How many may go on to await a message, however long.
        now: The time, by perf_counter.

    Returns:
        Half of those that are too many, the newest: what they hold may be enough, and feeds that
        were idle before come last.
    """
    slow = [
        (call.receiving_since, call)
        for call in calls
        if call.receiving_since is not None and now - call.receiving_since > _SLOW_SECONDS
    ]
    slow.sort(key=lambda each: each[0], reverse=True)
    too_many = max(0, len(slow) - kept)
    return [call for _, call in slow[: (too_many + 1) // 2]]


class ReceiveGuard:
    """Ends calls that await a message while memory is short."""

    def __init__(self, calls: set[Call], bounds: memory.Bounds) -> None:
        """Guard the calls of a set, which changes meanwhile."""
        self._calls = calls
        self._bounds = bounds

    async def watch(self) -> None:
        """Look at the memory until cancelled."""
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            if len(self._calls) > self._bounds.receipts and self._is_memory_short():
                await self._abort_newest()

    def _is_memory_short(self) -> bool:
        used = malloc.used_bytes()
        return used is not None and used > self._bounds.shortage

    async def _abort_newest(self) -> None:
        ended = calls_to_abort(tuple(self._calls), self._bounds.receipts, perf_counter())
        if not ended:
            return
        for call in ended:
            call.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, _REFUSAL)
        structlog.get_logger().warning("memory is short", calls_ended=len(ended))
        await asyncio.to_thread(malloc.release_free_memory)
