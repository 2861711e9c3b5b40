"""A limit on the memory of messages that are being received.

gRPC's core collects the bytes of a message before it delivers them, and does not report how many it
has: each call that awaits a message may take up to MAX_MESSAGE_BYTES. So while memory is short, the
calls that have waited for the shortest time are aborted. Small messages arrive too fast for that.
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
"""Small messages arrive within this time."""

_REJECTION = (
    "memory is short, and more large messages are being received than fit into "
    "MAX_BYTES_IN_FLIGHT; try again later"
)


def calls_to_abort(calls: Iterable[Call], kept: int, now: float) -> list[Call]:
    """Return the calls to abort while memory is short.

    Args:
        calls: All open calls.
        kept: How many calls may wait for a message.
        now: The time, in seconds of perf_counter.

    Returns:
        The newer half of the calls beyond `kept`. Aborting them may free enough memory, and feeds
        that were idle before are aborted last.
    """
    slow = [
        (call.receiving_since, call)
        for call in calls
        if call.receiving_since is not None and now - call.receiving_since > _SLOW_SECONDS
    ]
    slow.sort(key=lambda pair: pair[0], reverse=True)
    too_many = max(0, len(slow) - kept)
    return [call for _, call in slow[: (too_many + 1) // 2]]


class ReceiveGuard:
    """Aborts calls that wait for a message while memory is short."""

    def __init__(self, calls: set[Call], bounds: memory.Bounds) -> None:
        """Guard a set of calls, which changes over time."""
        self._calls = calls
        self._bounds = bounds

    async def watch(self) -> None:
        """Check the memory until cancelled."""
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            if len(self._calls) > self._bounds.receipts and self._is_memory_short():
                await self._abort_newest()

    def _is_memory_short(self) -> bool:
        used = malloc.used_bytes()
        return used is not None and used > self._bounds.shortage

    async def _abort_newest(self) -> None:
        aborted = calls_to_abort(tuple(self._calls), self._bounds.receipts, perf_counter())
        if not aborted:
            return
        for call in aborted:
            call.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, _REJECTION)
        structlog.get_logger().warning("memory is short", calls_aborted=len(aborted))
        await asyncio.to_thread(malloc.release_free_memory)
