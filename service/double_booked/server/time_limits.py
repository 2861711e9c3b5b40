"""How long a call may wait for its caller: for the next message, and to have one accepted."""

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
    """The time limits of calls, in seconds; infinite for none.

    Attributes:
        receive: How long a call may wait for a message.
        send: How long its caller may take to accept one, beside a second for each MiB of it.
    """

    receive: float
    send: float

    @classmethod
    def from_settings(cls, settings: Settings) -> "TimeLimits":
        """Return the limits that the settings name."""
        return cls(settings.receive_timeout or inf, settings.send_timeout or inf)

    def overdue(self, calls: Iterable[Call], now: float) -> Iterator[tuple[Call, str]]:
        """Yield the calls that have waited for too long by `perf_counter`, and the reason."""
        for call in calls:
            receiving, sending = call.receiving_since, call.sending_since
            if receiving is not None and now - receiving > self.receive:
                yield call, f"no message came within RECEIVE_TIMEOUT = {self.receive:g} seconds"
            elif sending is not None and now - sending > self.send:
                yield call, f"the caller took no message for SEND_TIMEOUT = {self.send:g} seconds"

    async def watch(self, calls: set[Call]) -> None:
        """End calls of a set that have waited for too long, until cancelled."""
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            for call, reason in self.overdue(tuple(calls), perf_counter()):
                call.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, reason)
