"""Every call is counted, timed and logged, also if it is refused."""

import json
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from io import StringIO
from typing import Any

import aiohttp
import grpc
import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from double_booked.api.scheduling_pb2 import Event, EventList
from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub
from double_booked.conflicts import kernel
from double_booked.runtime import logs
from double_booked.server import lifecycle
from double_booked.server.metrics import Metrics
from double_booked.server.observer import request_id
from server.conftest import BlockedEngine, Served, serve, started
from server.test_service import LARGE, PAIR
from waiting import until


async def scraped(served: Served) -> list[Sample]:
    """Return all samples of the server's metrics."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{served.http}/metrics") as answer,
    ):
        families = text_string_to_metric_families(await answer.text())
    return [sample for family in families for sample in family.samples]


async def metric(served: Served, name: str, **labels: str) -> float:
    """Return the value of a sample; 0 if it does not exist."""
    for sample in await scraped(served):
        if sample.name == name and labels.items() <= sample.labels.items():
            return sample.value
    return 0


async def handled(served: Served, code: str, method: str = "GetConflicts") -> float:
    return await metric(served, "grpc_server_handled_total", grpc_code=code, grpc_method=method)


async def until_handled(served: Served, code: str, method: str = "GetConflicts") -> None:
    """Wait until a call is counted, which happens just after its answer is sent."""
    await until(lambda: handled(served, code, method), f"{method} is counted as {code}")


async def test_answered_call_is_counted_with_its_events_and_groups(
    served: Served,
) -> None:
    await ConflictServiceStub(served.channel).GetConflicts(PAIR)
    await until_handled(served, "OK")
    labels = {
        "grpc_type": "unary",
        "grpc_service": "Scheduling.ConflictService",
        "grpc_method": "GetConflicts",
    }
    for name in (
        "grpc_server_started_total",
        "grpc_server_handled_total",
        "grpc_server_msg_received_total",
        "grpc_server_msg_sent_total",
        "grpc_server_handling_seconds_count",
    ):
        assert await metric(served, name, **labels) == 1, name
    assert await metric(served, "double_booked_events_total") == 3
    assert await metric(served, "double_booked_conflict_groups_total") == 1
    assert await metric(served, "double_booked_events_per_list_bucket", le="3.0") == 1
    assert await metric(served, "double_booked_build_info") == 1


async def test_invalid_request_is_counted_as_invalid_argument(served: Served) -> None:
    with pytest.raises(grpc.aio.AioRpcError):
        await ConflictServiceStub(served.channel).GetConflicts(EventList(events=[Event()]))
    await until_handled(served, "INVALID_ARGUMENT")
    assert await metric(served, "double_booked_events_total") == 0


@pytest.mark.parametrize("request_message", [PAIR, LARGE], ids=["inline", "in a worker"])
async def test_failed_allocation_ends_its_call_with_resource_exhausted(
    request_message: EventList,
) -> None:
    def engine(*_: object) -> kernel.Answer:
        raise MemoryError

    async with serve(engine) as served:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await ConflictServiceStub(served.channel).GetConflicts(request_message)
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "too little memory" in refused.value.details()
        await until_handled(served, "RESOURCE_EXHAUSTED")


async def test_message_over_the_limit_is_counted() -> None:
    async with serve(max_message_bytes=10) as served:
        with pytest.raises(grpc.aio.AioRpcError):
            await ConflictServiceStub(served.channel).GetConflicts(PAIR)
        await until_handled(served, "RESOURCE_EXHAUSTED")


async def test_unknown_methods_are_counted_under_one_name(served: Served) -> None:
    for name in ("one", "two"):
        with pytest.raises(grpc.aio.AioRpcError):
            await served.channel.unary_unary(f"/no.Such/{name}")(b"")
    await until_handled(served, "UNIMPLEMENTED", "unknown")
    assert await handled(served, "UNIMPLEMENTED", "one") == 0


async def test_call_cancelled_by_its_client_is_counted_as_cancelled(
    blocked: BlockedEngine,
) -> None:
    async with serve(blocked) as served:
        call = ConflictServiceStub(served.channel).GetConflicts(LARGE)
        await started(blocked)
        call.cancel()
        await until_handled(served, "CANCELLED")
        blocked.release.set()


@pytest.fixture
async def logged(log_lines: object) -> AsyncIterator[Served]:  # noqa: ARG001 - it must exist before the server
    async with serve() as running:
        yield running


async def test_log_line_of_a_call_has_no_text_of_events(log_lines: Any, logged: Served) -> None:
    request = EventList(events=[Event(id="secret", title="secret", start={}, end={})])
    await ConflictServiceStub(logged.channel).GetConflicts(
        request, metadata=[("x-request-id", "abc-1")]
    )
    await until_handled(logged, "OK")
    text = log_lines()
    [line] = [entry for entry in text if entry["event"] == "rpc"]
    assert line["method"] == "/Scheduling.ConflictService/GetConflicts"
    assert line["code"] == "OK"
    assert 0 < line["duration"] < 5
    assert (line["events"], line["groups"]) == (1, 0)
    assert line["peer"].startswith("ipv4:127.0.0.1:")
    assert line["request_id"] == "abc-1"
    assert "secret" not in json.dumps(text)


async def test_log_of_an_error_has_no_text_of_events(log_lines: Any, logged: Served) -> None:
    with pytest.raises(grpc.aio.AioRpcError):
        await ConflictServiceStub(logged.channel).GetConflicts(
            EventList(events=[Event(id="secret", title="secret")])
        )
    await until_handled(logged, "INVALID_ARGUMENT")
    [line] = rpc_lines(log_lines)
    assert line["code"] == "INVALID_ARGUMENT"
    assert "secret" not in json.dumps(log_lines())


def rpc_lines(log_lines: Any) -> list[dict[str, Any]]:
    return [entry for entry in log_lines() if entry["event"] == "rpc"]


async def test_call_over_its_deadline_is_counted_and_logged_once(
    log_lines: Any,
    blocked: BlockedEngine,
) -> None:
    async with serve(blocked) as served:
        with pytest.raises(grpc.aio.AioRpcError) as late:
            await ConflictServiceStub(served.channel).GetConflicts(LARGE, timeout=0.2)
        assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await until_handled(served, "DEADLINE_EXCEEDED")
        blocked.release.set()
    assert [line["code"] for line in rpc_lines(log_lines)] == ["DEADLINE_EXCEEDED"]


async def test_call_aborted_at_shutdown_is_counted_and_logged(
    log_lines: Any,
    blocked: BlockedEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    metrics = Metrics()
    monkeypatch.setattr(lifecycle, "Metrics", lambda: metrics)
    async with serve(blocked, shutdown_grace=0.05) as served:
        call = ConflictServiceStub(served.channel).GetConflicts(LARGE)
        await started(blocked)
        await served.server.stop()
        with pytest.raises(grpc.aio.AioRpcError):
            await call
    [code] = [
        sample.labels["grpc_code"]
        for sample in next(iter(metrics.handled.collect())).samples
        if sample.name.endswith("_total") and sample.value
    ]
    assert code == "UNAVAILABLE"
    assert [line["code"] for line in rpc_lines(log_lines)] == ["UNAVAILABLE"]
    [entry] = [entry for entry in log_lines() if entry["event"] == "calls aborted"]
    assert (entry["calls"], entry["methods"]) == (
        1,
        {"/Scheduling.ConflictService/GetConflicts": 1},
    )


async def test_call_of_an_unknown_method_is_logged_once(log_lines: Any, logged: Served) -> None:
    with pytest.raises(grpc.aio.AioRpcError):
        await logged.channel.unary_unary("/no.Such/method")(b"")
    await until_handled(logged, "UNIMPLEMENTED", "unknown")
    [line] = rpc_lines(log_lines)
    assert (line["method"], line["code"]) == ("/no.Such/method", "UNIMPLEMENTED")


@pytest.mark.parametrize(
    ("log_calls", "logged_codes"),
    [("all", ["OK", "INVALID_ARGUMENT"]), ("errors", ["INVALID_ARGUMENT"]), ("none", [])],
)
async def test_log_calls_selects_the_calls_to_log(
    log_lines: Any, log_calls: str, logged_codes: list[str]
) -> None:
    async with serve(log_calls=log_calls) as served:
        stub = ConflictServiceStub(served.channel)
        await stub.GetConflicts(PAIR)
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.GetConflicts(EventList(events=[Event()]))
    assert [line["code"] for line in rpc_lines(log_lines)] == logged_codes


class Disk(StringIO):
    """Standard error on a disk that may be full."""

    is_full = False

    def write(self, text: str) -> int:
        if self.is_full:
            raise OSError("the disk is full")
        return super().write(text)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    stderr = Disk()
    monkeypatch.setattr(sys, "stderr", stderr)
    logs.configure("info", "json")
    yield stderr
    structlog.reset_defaults()
    logging.basicConfig(force=True)


async def test_call_ends_and_is_counted_if_its_log_line_cannot_be_written(disk: Disk) -> None:
    async with serve() as served:
        disk.is_full = True
        for _ in range(2):
            assert (await ConflictServiceStub(served.channel).GetConflicts(PAIR)).conflicts

        async def have_ended() -> bool:
            return not served.server.open_calls and await handled(served, "OK") >= 2

        await until(have_ended, "both calls end")
        disk.is_full = False


@pytest.mark.parametrize(("length", "is_kept"), [(128, True), (129, False)])
async def test_request_id_is_kept_up_to_128_characters(
    log_lines: Any, logged: Served, length: int, *, is_kept: bool
) -> None:
    sent = "x" * length
    await ConflictServiceStub(logged.channel).GetConflicts(PAIR, metadata=[("x-request-id", sent)])
    await until_handled(logged, "OK")
    [line] = rpc_lines(log_lines)
    assert (line["request_id"] == sent) is is_kept


@pytest.mark.parametrize("value", ["", "a b", "x" * 129, "a\nb", "ä"])
def test_request_id_that_is_not_short_and_plain_is_replaced(value: str) -> None:
    replaced = request_id([("x-request-id", value)])
    assert replaced != value
    assert len(replaced) == 16
