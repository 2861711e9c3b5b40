"""The server starts, drains and stops, also as a process."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub
from ports import silent_port
from server.conftest import BlockedEngine, serve, started
from server.test_service import LARGE, PAIR


@dataclass(frozen=True, slots=True)
class Process:
    """A server in its own process, and the ports it listens on."""

    popen: subprocess.Popen[str]
    grpc_port: int
    http_port: int

    def next_log(self, event: str) -> dict[str, object]:
        """Read the log up to an event, and return its entry."""
        assert self.popen.stderr
        for line in self.popen.stderr:
            entry: dict[str, object] = json.loads(line)
            if entry["event"] == event:
                return entry
        raise AssertionError(f"no {event!r} in the log")


def command(launcher: str = "exec", **settings: str) -> subprocess.Popen[str]:
    """Start the server with a shell command that ends with "exec"."""
    quick = {"SERVICE_HOST": "127.0.0.1:0", "HEALTH_CHECK_HOST": "127.0.0.1:0", "DRAIN_DELAY": "0"}
    return subprocess.Popen(
        ["/bin/sh", "-c", f'{launcher} "$0" -m double_booked serve', sys.executable],
        env=os.environ | quick | {"LOG_FORMAT": "json"} | settings,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def process(launcher: str = "exec", **settings: str) -> Iterator[Process]:
    with command(launcher, **settings) as popen:
        try:
            unbound = Process(popen, 0, 0)
            ports = unbound.next_log("listening")
            yield Process(popen, int(str(ports["grpc_port"])), int(str(ports["http_port"])))
        finally:
            popen.kill()


def refusal(**settings: str) -> tuple[int, str]:
    """Return the exit code and standard error of a server that cannot start."""
    with command(**settings) as popen:
        _, error = popen.communicate(timeout=20)
    return popen.returncode, error


def readyz(port: int) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/readyz")
    status = connection.getresponse().status
    connection.close()
    return status


def test_server_reports_not_ready_and_serves_during_the_drain_delay() -> None:
    with (
        process(DRAIN_DELAY="60") as server,
        grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel,
    ):
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        assert readyz(server.http_port) == 200
        server.popen.send_signal(signal.SIGTERM)
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert readyz(server.http_port) == 503
        assert len(ConflictServiceStub(channel).GetConflicts(PAIR).conflicts) == 1
        server.popen.send_signal(signal.SIGTERM)
        assert server.popen.wait(10) == 128 + signal.SIGTERM, "the second signal exits immediately"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_signal_ends_the_process_while_a_watch_is_open(number: signal.Signals) -> None:
    with (
        process(SHUTDOWN_GRACE="60") as server,
        grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel,
    ):
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        server.popen.send_signal(number)
        assert server.next_log("stopped")["level"] == "info"
        assert server.popen.wait(10) == 0


async def test_open_call_finishes_within_the_grace_period(blocked: BlockedEngine) -> None:
    async with serve(blocked, shutdown_grace=20.0) as served:
        call = ConflictServiceStub(served.channel).GetConflicts(LARGE)
        await started(blocked)
        stop = asyncio.create_task(served.server.stop())
        await until_refused(served.channel)
        blocked.release.set()
        assert len((await call).conflicts) == 2
        await stop


async def until_refused(channel: grpc.aio.Channel) -> None:
    """Wait until the server refuses new calls."""
    async with asyncio.timeout(10):
        while True:
            try:
                await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
            except grpc.aio.AioRpcError:
                return


async def test_call_longer_than_the_grace_period_ends_with_unavailable(
    blocked: BlockedEngine,
) -> None:
    async with serve(blocked, shutdown_grace=0.05) as served:
        call = ConflictServiceStub(served.channel).GetConflicts(LARGE)
        await started(blocked)
        await served.server.stop()
        with pytest.raises(grpc.aio.AioRpcError) as aborted:
            await call
    assert aborted.value.code() is grpc.StatusCode.UNAVAILABLE


@contextmanager
def port_of_another_double_booked() -> Iterator[int]:
    with process() as other:
        yield other.grpc_port


@pytest.mark.parametrize("occupied_port", [silent_port, port_of_another_double_booked])
@pytest.mark.parametrize("setting", ["SERVICE_HOST", "HEALTH_CHECK_HOST"])
def test_port_in_use_is_reported_in_one_line(
    occupied_port: Callable[[], AbstractContextManager[int]],
    setting: str,
) -> None:
    with occupied_port() as port:
        code, error = refusal(**{setting: f"127.0.0.1:{port}"})
    assert code == 1
    assert error == (
        f"double-booked: cannot listen on 127.0.0.1:{port} ({setting}): Address already in use\n"
    )


def test_host_of_another_machine_is_reported_in_one_line() -> None:
    code, error = refusal(SERVICE_HOST="192.0.2.1:7070")
    assert code == 1
    assert error.startswith("double-booked: cannot listen on 192.0.2.1:7070 (SERVICE_HOST): ")
    assert error.count("\n") == 1


def test_invalid_setting_is_a_usage_error() -> None:
    code, error = refusal(SERVICE_HOST="nonsense")
    assert code == 2
    assert "'--service-host'" in error
    assert "SERVICE_HOST" in error
    assert "it has no port; write :7070" in error
    assert "Traceback" not in error
