"""Streaming calls, batches, options, and the limits of all calls."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from conflicts.test_kernel import joined
from double_booked.api.scheduling_pb2 import (
    BatchGetConflictsRequest,
    ConflictOptions,
    Event,
    EventList,
)
from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub
from double_booked.conflicts.sweep import CHUNK_BYTES
from server.conftest import BlockedEngine, Served, serve, started
from server.test_observer import handled, metric, until_handled
from server.test_service import LARGE, PAIR, event
from waiting import until


def padded(name: str, start: int, end: int) -> Event:
    large = event(name, start, end)
    large.description = "x" * 10_000
    return large


async def test_stream_conflicts_sends_a_large_answer_in_small_messages(served: Served) -> None:
    large = EventList(events=[padded(str(number), 1, 2) for number in range(500)])
    chunks = [chunk async for chunk in ConflictServiceStub(served.channel).StreamConflicts(large)]
    assert len(chunks) == 5
    assert all(chunk.ByteSize() <= CHUNK_BYTES for chunk in chunks)
    [group] = joined([chunk.SerializeToString() for chunk in chunks]).conflicts
    assert list(group.conflict_group) == list(large.events)


async def test_stream_conflicts_sends_nothing_without_conflicts(served: Served) -> None:
    call = ConflictServiceStub(served.channel).StreamConflicts(EventList(events=[PAIR.events[0]]))
    assert [chunk async for chunk in call] == []
    assert await call.code() is grpc.StatusCode.OK


async def test_sweep_conflicts_answers_a_message_before_the_next_is_sent(served: Served) -> None:
    call = ConflictServiceStub(served.channel).SweepConflicts()
    await call.write(PAIR)
    answer = await asyncio.wait_for(call.read(), 10)
    assert [member.id for member in answer.conflicts[0].conflict_group] == ["a", "b"]
    await call.write(EventList(events=[event("d", 25, 30)]))
    await call.done_writing()
    answer = await asyncio.wait_for(call.read(), 10)
    assert [member.id for member in answer.conflicts[0].conflict_group] == ["c", "d"]
    assert await call.read() is grpc.aio.EOF


async def test_feed_that_goes_back_in_time_gets_the_position(served: Served) -> None:
    call = ConflictServiceStub(served.channel).SweepConflicts(
        iter([PAIR, EventList(events=[event("d", 30, 31), event("e", 29, 30)])])
    )
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        [answer async for answer in call]
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.value.details().startswith("events[4].start: the start is before")


async def test_batch_get_conflicts_answers_each_list(served: Served) -> None:
    request = BatchGetConflictsRequest(lists=[PAIR, EventList(), PAIR])
    answer = await ConflictServiceStub(served.channel).BatchGetConflicts(request)
    assert [len(result.conflicts) for result in answer.results] == [1, 0, 1]


async def test_options_are_applied_over_the_wire(served: Served) -> None:
    options = ConflictOptions(capacity={"": 2}, explain=True)
    request = EventList(events=[*PAIR.events, event("d", 16, 17)], options=options)
    answer = await ConflictServiceStub(served.channel).GetConflicts(request)
    [overlap] = answer.conflicts[0].overlaps
    assert (overlap.start.seconds, overlap.end.seconds, overlap.depth) == (16, 17, 3)


async def test_streaming_calls_are_counted_with_events_and_groups(served: Served) -> None:
    stub = ConflictServiceStub(served.channel)
    assert [chunk async for chunk in stub.StreamConflicts(PAIR)]
    assert [chunk async for chunk in stub.SweepConflicts(iter([PAIR, EventList()]))]
    await until_handled(served, "OK", "StreamConflicts")
    await until_handled(served, "OK", "SweepConflicts")
    assert await metric(served, "double_booked_events_total") == 6
    assert await metric(served, "double_booked_conflict_groups_total") == 2
    sweeps = {"grpc_method": "SweepConflicts", "grpc_type": "bidi_stream"}
    assert await metric(served, "grpc_server_msg_received_total", **sweeps) == 2
    assert await metric(served, "grpc_server_msg_sent_total", **sweeps) == 1


@pytest.mark.parametrize(
    ("setting", "request_message"),
    [
        ("max_events_per_list", PAIR),
        (
            "max_resources_per_event",
            EventList(events=[Event(start={}, end={}, resources=["a", "b"])]),
        ),
        (
            "max_explained_members",
            EventList(events=PAIR.events, options=ConflictOptions(explain=True)),
        ),
        ("max_answer_bytes", PAIR),
    ],
)
async def test_refusal_of_a_request_over_a_limit_names_the_setting(
    setting: str, request_message: EventList
) -> None:
    async with serve(**{setting: 1}) as served:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await ConflictServiceStub(served.channel).GetConflicts(request_message)
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert f"{setting.upper()} = 1" in refused.value.details()


async def test_batch_with_too_many_lists_is_refused() -> None:
    async with serve(max_lists_per_batch=1) as served:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await ConflictServiceStub(served.channel).BatchGetConflicts(
                BatchGetConflictsRequest(lists=[PAIR, PAIR])
            )
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "MAX_LISTS_PER_BATCH = 1" in refused.value.details()


async def test_gzip_bomb_is_refused_for_its_decompressed_size() -> None:
    async with serve(max_message_bytes=100_000) as served:
        bomb = EventList(events=[Event(description="x" * 1_000_000)])
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await ConflictServiceStub(served.channel).GetConflicts(
                bomb, compression=grpc.Compression.Gzip
            )
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_concurrency_limit_refuses_calls_but_not_health_checks(
    blocked: BlockedEngine,
) -> None:
    async with serve(blocked, max_concurrent_rpcs=1) as served:
        stub = ConflictServiceStub(served.channel)
        first = stub.GetConflicts(LARGE)
        await started(blocked)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.BatchGetConflicts(BatchGetConflictsRequest())
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "MAX_CONCURRENT_RPCS = 1" in refused.value.details()
        blocked.release.set()
        await first
        await stub.BatchGetConflicts(BatchGetConflictsRequest())


async def test_connections_over_the_limit_are_closed() -> None:
    async with serve(max_connections=1) as served:
        await ConflictServiceStub(served.channel).GetConflicts(PAIR)
        options = [("grpc.use_local_subchannel_pool", 1)]
        address = f"127.0.0.1:{served.server.port}"
        async with grpc.aio.insecure_channel(address, options) as second:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await ConflictServiceStub(second).GetConflicts(PAIR, timeout=1)
        assert refused.value.code() in {
            grpc.StatusCode.UNAVAILABLE,
            grpc.StatusCode.DEADLINE_EXCEEDED,
        }
        await ConflictServiceStub(served.channel).GetConflicts(PAIR)


async def test_flow_control_stops_the_stream_of_a_client_that_does_not_read(served: Served) -> None:
    """The server builds only the messages that flow control lets through."""
    large = EventList(events=[padded(str(number), 1, 2) for number in range(2_000)])
    call = ConflictServiceStub(served.channel).StreamConflicts(large)
    await call.read()
    sent = await metric(served, "grpc_server_msg_sent_total", grpc_method="StreamConflicts")
    assert sent < 20
    call.cancel()
    await until_handled(served, "CANCELLED", "StreamConflicts")


async def test_feed_ends_when_its_client_cancels(served: Served) -> None:
    async def endless() -> AsyncIterator[EventList]:
        yield PAIR
        await asyncio.Event().wait()

    call = ConflictServiceStub(served.channel).SweepConflicts(endless())
    await call.read()
    call.cancel()
    # gRPC sometimes reports the cancellation, and sometimes just the end of the feed.
    codes = ("OK", "CANCELLED")

    async def has_ended() -> bool:
        return any([await handled(served, code, "SweepConflicts") for code in codes])

    await until(has_ended, "the call ends")
