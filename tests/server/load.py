"""Steady load from several clients, with a request id per call."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import grpc

from double_booked.api.scheduling_pb2 import EventList
from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub
from server.test_service import LARGE, PAIR
from waiting import wait_until

CLIENTS = 4
_REQUESTS = (PAIR, PAIR, PAIR, LARGE)
_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Ended:
    """An ended call."""

    request_id: str
    code: grpc.StatusCode
    details: str


@dataclass(slots=True)
class Load:
    """Results of the calls so far."""

    ended: list[Ended] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def failed(self) -> list[Ended]:
        """Return the calls that did not end with OK."""
        return [call for call in self.ended if call.code is not grpc.StatusCode.OK]

    def until_more(self, calls: int) -> None:
        """Wait until `calls` more calls have ended."""
        target = len(self.ended) + calls
        wait_until(
            lambda: len(self.ended) >= target,
            f"{target} calls end",
            _SECONDS,
            log=lambda: f"{len(self.ended)} ended",
        )

    def run(self, client: int, channel: grpc.Channel) -> None:
        """Make one call after the other until `stop` is called."""
        service = ConflictServiceStub(channel)
        for number in itertools.count():
            if self._stop.is_set():
                return
            request = _REQUESTS[number % len(_REQUESTS)]
            self.ended.append(self._call(service, request, f"{client}-{number}"))

    def _call(self, service: ConflictServiceStub, request: EventList, request_id: str) -> Ended:
        try:
            service.GetConflicts(request, timeout=_SECONDS, metadata=[("x-request-id", request_id)])
        except grpc.RpcError as error:
            return Ended(request_id, error.code(), str(error.details()))
        return Ended(request_id, grpc.StatusCode.OK, "")

    def stop(self) -> None:
        """Make each client stop after its current call."""
        self._stop.set()


@contextmanager
def load(address: str) -> Iterator[Load]:
    """Keep several clients calling inside the block, each over its own connection."""
    running = Load()
    with ExitStack() as stack:
        channels = [stack.enter_context(_connect(address)) for _ in range(CLIENTS)]
        threads = [
            threading.Thread(target=running.run, args=(client, channel))
            for client, channel in enumerate(channels)
        ]
        for thread in threads:
            thread.start()
        try:
            running.until_more(CLIENTS)
            yield running
        finally:
            running.stop()
            for thread in threads:
                thread.join()


def _connect(address: str) -> grpc.Channel:
    return grpc.insecure_channel(
        address,
        # Without gRPC's own retries, which would hide failures.
        [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)],
    )
