"""Calls are aborted if the client sends or accepts nothing for too long."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from double_booked.api.scheduling_pb2 import ConflictOptions, Event, EventList
from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub
from server.conftest import Served, serve
from server.test_observer import handled, metric, until_handled
from server.test_service import PAIR, event
from server.uploads import (
    CONFLICT_SERVICE,
    INITIAL_WINDOW_SIZE,
    PREFACE,
    SETTINGS,
    Plan,
    frame,
    uploads,
    whole_call,
)
from waiting import until

EXPLAINED = EventList(
    events=[event("", number, 10_000 - number) for number in range(700)],
    options=ConflictOptions(explain=True),
)
"""A small request with an answer of hundreds of kilobytes."""


def padded(events: int, size: int) -> EventList:
    """Return a list whose events form one group, so that the answer has the same size."""
    request = EventList(events=[Event(description="x" * size)] * events)
    for member in request.events:
        member.start.seconds, member.end.seconds = 1, 2
    return request


@asynccontextmanager
async def unread(
    served: Served, method: str, request: EventList, calls: int
) -> AsyncIterator[None]:
    """Make calls on one connection whose flow control window stays at 0."""
    _, writer = await asyncio.open_connection("127.0.0.1", served.server.port)
    settings = struct.pack(">HI", INITIAL_WINDOW_SIZE, 0)
    writer.write(PREFACE + frame(SETTINGS, 0, 0, settings))
    for number in range(calls):
        path = f"/{CONFLICT_SERVICE}/{method}"
        writer.write(whole_call(2 * number + 1, path, request.SerializeToString()))
    try:
        yield
    finally:
        writer.close()


async def until_in_flight(served: Served, at_least: int) -> None:
    async def is_in_flight() -> bool:
        return await metric(served, "double_booked_bytes_in_flight") >= at_least

    await until(is_in_flight, f"{at_least} bytes are in flight")


async def test_idle_feed_is_aborted_after_the_receive_timeout(log_lines: Any) -> None:
    async with serve(receive_timeout=0.1) as served:
        call = ConflictServiceStub(served.channel).SweepConflicts()
        await call.write(PAIR)
        assert (await call.read()).conflicts
        async with asyncio.timeout(10):
            code, details = await call.code(), await call.details()
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert details == "no message came within RECEIVE_TIMEOUT = 0.1 seconds"
        await until_handled(served, "RESOURCE_EXHAUSTED", "SweepConflicts")
    [line] = [line for line in log_lines() if line["event"] == "rpc"]
    assert line["peer"].startswith("ipv4:127.0.0.1:")


@pytest.mark.parametrize("method", ["GetConflicts", "SweepConflicts"])
async def test_incomplete_message_is_aborted_after_the_receive_timeout(method: str) -> None:
    async with serve(receive_timeout=0.1) as served:
        plan = Plan(f"/{CONFLICT_SERVICE}/{method}", size=1000, part=10)
        async with (
            uploads(f"127.0.0.1:{served.server.port}", plan, connections=1, streams=5) as running,
        ):
            await until(lambda: running.ended >= 5, "the uploads end")
        assert await handled(served, "RESOURCE_EXHAUSTED", method) == 5


async def test_feed_may_stay_idle_without_a_receive_timeout() -> None:
    async with serve(receive_timeout=0.0) as served:
        call = ConflictServiceStub(served.channel).SweepConflicts()
        await call.write(PAIR)
        assert (await call.read()).conflicts
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(call.code()), 1)
        call.cancel()


@pytest.mark.parametrize(
    ("method", "request_message"),
    [("GetConflicts", EXPLAINED), ("StreamConflicts", padded(10, 1000))],
)
async def test_call_is_aborted_if_its_client_accepts_no_answer(
    method: str, request_message: EventList
) -> None:
    async with serve(send_timeout=0.1) as served, unread(served, method, request_message, 1):
        await until_handled(served, "RESOURCE_EXHAUSTED", method)

        async def is_released() -> bool:
            return await metric(served, "double_booked_bytes_in_flight") == 0

        await until(is_released, "no bytes are in flight")


async def test_status_for_a_late_reader_names_the_setting() -> None:
    async with serve(send_timeout=0.1) as served:
        call = ConflictServiceStub(served.channel).StreamConflicts(padded(2_000, 10_000))
        await until_handled(served, "RESOURCE_EXHAUSTED", "StreamConflicts")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            [chunk async for chunk in call]
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert (
            refused.value.details() == "the caller took no message for SEND_TIMEOUT = 0.1 seconds"
        )


async def test_streamed_answer_is_in_flight_until_its_client_has_all_of_it() -> None:
    request = padded(2_000, 10_000)
    async with serve() as served:
        call = ConflictServiceStub(served.channel).StreamConflicts(request)
        await call.read()
        await until_in_flight(served, request.ByteSize())
        while await call.read() is not grpc.aio.EOF:
            pass
        await until_handled(served, "OK", "StreamConflicts")
        assert await metric(served, "double_booked_bytes_in_flight") == 0


@pytest.mark.parametrize(
    ("method", "request_message"),
    [("GetConflicts", EXPLAINED), ("StreamConflicts", padded(10, 1000))],
)
async def test_unread_answers_are_refused_when_the_budget_is_full(
    method: str, request_message: EventList
) -> None:
    budget = 4 * 1024 * 1024
    async with (
        serve(max_bytes_in_flight=budget, max_message_bytes=budget) as served,
        unread(served, method, request_message, 60),
    ):
        await until_handled(served, "RESOURCE_EXHAUSTED", method)
        assert await metric(served, "double_booked_bytes_in_flight") <= budget
        assert (await ConflictServiceStub(served.channel).GetConflicts(PAIR)).conflicts
