"""No accepted call is lost when servers stop, start and die under load."""

import asyncio
import json
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from double_booked.api.scheduling_pb2 import BatchGetConflictsRequest, EventList
from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub
from double_booked.conflicts import kernel
from double_booked.server.service import MAX_INLINE_BYTES
from ports import free_port
from server.conftest import BlockedEngine, Served, serve, started
from server.envoy import Envoy, envoy
from server.load import CLIENTS, load
from server.test_lifecycle import Process, process
from server.test_observer import handled, metric
from server.test_service import LARGE, PAIR
from server.test_time_limits import EXPLAINED
from server.uploads import CONFLICT_SERVICE
from soak.traffic import vanishing
from waiting import until

DRAIN_DELAY = "0.5"
"""Longer than the interval of the proxy's health checks, so that it stops sending calls first."""


class Instance:
    """A server that keeps its port over restarts."""

    def __init__(self) -> None:
        self.port = free_port()
        self.start()

    def start(self) -> None:
        """Start the server, and wait until it accepts calls."""
        self._stack = ExitStack()
        address = f"127.0.0.1:{self.port}"
        self._process: Process = self._stack.enter_context(
            process(SERVICE_HOST=address, DRAIN_DELAY=DRAIN_DELAY)
        )
        assert self._process.popen.stderr
        # Read the log, so that a full pipe does not block the server.
        threading.Thread(target=self._process.popen.stderr.read, daemon=True).start()

    def end(self, number: signal.Signals) -> int:
        """Send a signal, wait for the end of the process, and return its exit code."""
        self._process.popen.send_signal(number)
        code = self._process.popen.wait(20)
        self._stack.close()
        return code


@pytest.fixture
def instances() -> Iterator[list[Instance]]:
    pair = [Instance(), Instance()]
    yield pair
    for instance in pair:
        instance.end(signal.SIGKILL)


@pytest.fixture
def proxy(instances: list[Instance], tmp_path: Path) -> Iterator[Envoy]:
    with envoy([instance.port for instance in instances], tmp_path) as running:
        yield running


def test_restarts_behind_a_proxy_lose_no_call(instances: list[Instance], proxy: Envoy) -> None:
    everyone = {instance.port for instance in instances}
    with load(proxy.address) as running:
        for instance in instances * 2:
            assert instance.end(signal.SIGTERM) == 0
            running.until_more(20)
            instance.start()
            proxy.until_healthy(everyone)
            running.until_more(20)
    assert [(call.code.name, call.details) for call in running.failed()] == []


def test_killed_server_behind_a_proxy_loses_only_calls_that_reached_it(
    instances: list[Instance], proxy: Envoy
) -> None:
    # Each client has one call in flight. Its next call may still be accepted, because the system
    # closes the connections of a killed process before its listening socket.
    most = 2 * CLIENTS
    with load(proxy.address) as running:
        for kills in range(1, 4):
            instances[0].end(signal.SIGKILL)
            running.until_more(50)
            assert len(running.failed()) <= kills * most
            instances[0].start()
            proxy.until_healthy({instance.port for instance in instances})
    # Envoy resets a call whose answer has begun, which the client reports as INTERNAL.
    answered_in_part = grpc.StatusCode.INTERNAL
    codes = {call.code for call in running.failed()}
    assert codes <= {grpc.StatusCode.UNAVAILABLE, answered_in_part}


def test_stop_under_load_answers_accepted_calls_and_refuses_others_before_any_work() -> None:
    with process(DRAIN_DELAY="0.2", SHUTDOWN_GRACE="20") as server:
        lines: list[str] = []
        assert server.popen.stderr
        reader = threading.Thread(target=lines.extend, args=(server.popen.stderr,))
        reader.start()
        with load(f"127.0.0.1:{server.grpc_port}") as running:
            running.until_more(50)
            server.popen.send_signal(signal.SIGTERM)
            code = server.popen.wait(30)
        reader.join()
    assert code == 0, "".join(lines[-30:])
    worked_on = {
        entry["request_id"]
        for entry in map(json.loads, lines)
        if entry["event"] == "rpc" and entry["events"] is not None
    }
    answered = {call.request_id for call in running.ended if call.code is grpc.StatusCode.OK}
    assert worked_on == answered
    # gRPC's core cancels calls that arrive while it sends GOAWAY.
    codes = {call.code for call in running.failed()}
    assert codes <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


async def test_full_thread_pool_delays_neither_health_nor_small_calls(
    blocked: BlockedEngine,
) -> None:
    def engine(request: bytes, *_: object) -> kernel.Answer:
        return (
            blocked(request) if len(request) > MAX_INLINE_BYTES else kernel.get_conflicts(request)
        )

    async with serve(engine, worker_threads=1, shutdown_grace=20.0) as served:
        service = ConflictServiceStub(served.channel)
        waiting = [asyncio.ensure_future(service.GetConflicts(LARGE)) for _ in range(8)]
        await started(blocked)
        health = await HealthStub(served.channel).Check(HealthCheckRequest())
        assert health.status == HealthCheckResponse.SERVING
        assert len((await service.GetConflicts(PAIR)).conflicts) == 1
        assert not any(call.done() for call in waiting)
        blocked.release.set()
        answers = await asyncio.gather(*waiting)
        assert [len(answer.conflicts) for answer in answers] == [2] * 8


@pytest.mark.parametrize("method", ["GetConflicts", "BatchGetConflicts", "StreamConflicts"])
async def test_costly_small_request_goes_to_a_worker(blocked: BlockedEngine, method: str) -> None:
    def engine(request: bytes, *_: object) -> kernel.Answer:
        return (
            blocked(request) if len(request) > MAX_INLINE_BYTES else kernel.get_conflicts(request)
        )

    batch = BatchGetConflictsRequest(lists=[EventList()] * 5000)
    requests = {"BatchGetConflicts": batch.SerializeToString()}
    request = requests.get(method, EXPLAINED.SerializeToString())
    assert len(request) < MAX_INLINE_BYTES
    async with serve(engine, worker_threads=1, shutdown_grace=20.0) as served:
        service = ConflictServiceStub(served.channel)
        large = asyncio.ensure_future(service.GetConflicts(LARGE))
        await started(blocked)
        call = served.channel.unary_stream(f"/{CONFLICT_SERVICE}/{method}")(request)
        costly = asyncio.ensure_future(call.read())
        for _ in range(20):
            assert (await service.GetConflicts(PAIR)).conflicts
        assert not costly.done(), "it waits for the only worker, and delays no other call"
        blocked.release.set()
        assert await costly
        await large


async def test_client_that_disappears_in_a_message_leaves_no_open_files() -> None:
    async with serve() as served:
        before = open_files()
        await asyncio.gather(*(vanishing(served.server.port) for _ in range(20)))
        labels = {"grpc_method": "GetConflicts"}

        async def have_started() -> bool:
            return await metric(served, "grpc_server_started_total", **labels) >= 20

        async def have_ended() -> bool:
            return not await open_calls(served) and open_files() <= before

        await until(have_started, "all calls start")
        await until(have_ended, "all calls and connections end")
        assert len((await ConflictServiceStub(served.channel).GetConflicts(PAIR)).conflicts) == 1


def open_files() -> int:
    """Return the number of open files of this process, which runs the server too."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def open_calls(served: Served) -> float:
    """Return how many calls of GetConflicts are open."""
    started_calls = await metric(served, "grpc_server_started_total", grpc_method="GetConflicts")
    codes = [code.name for code in grpc.StatusCode]
    return started_calls - sum([await handled(served, code) for code in codes])
