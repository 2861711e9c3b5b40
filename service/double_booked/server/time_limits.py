"""Time limits of calls: for the client to send the next message, and to accept one."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import inf
from time import perf_counter

import grpc

from double_booked.server.calls import Call
from double_booked.settings import Settings

_CHECK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Time limits of calls, in seconds; infinity for no limit.

    Attributes:
        receive: Time to wait for a message of the client.
        send: Time for the client to accept a message, plus one second per MiB.
    """

    receive: float
    send: float

    @classmethod
    def from_settings(cls, settings: Settings) -> "TimeLimits":
        """Return the limits that are set."""
        return cls(settings.receive_timeout or inf, settings.send_timeout or inf)

    def overdue(self, calls: Iterable[Call], now: float) -> Iterator[tuple[Call, str]]:
        """Yield the calls that have waited too long at `now` (perf_counter), and the reason."""
        for call in calls:
            receiving, sending = call.receiving_since, call.sending_since
            if receiving is not None and now - receiving > self.receive:
                yield call, f"no message came within RECEIVE_TIMEOUT = {self.receive:g} seconds"
            elif sending is not None and now - sending > self.send:
                yield call, f"the caller took no message for SEND_TIMEOUT = {self.send:g} seconds"

    async def watch(self, calls: set[Call]) -> None:
        """Abort calls of a set that have waited too long, until cancelled."""
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            for call, reason in self.overdue(tuple(calls), perf_counter()):
                call.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, reason)
