"""Answers to calls over a real connection."""

import asyncio
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import BadRequest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status

from double_booked.api.scheduling_pb2 import ConflictList, Event, EventList
from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub
from double_booked.server.service import MAX_INLINE_BYTES
from server.conftest import Served, serve

ORIGINAL = """
syntax = "proto3";
package Scheduling;
import "google/protobuf/timestamp.proto";
message Event {
  string id = 1; string title = 2; string description = 3;
  google.protobuf.Timestamp start = 4; google.protobuf.Timestamp end = 5;
}
message EventList { repeated Event events = 1; }
message ConflictGroup { repeated Event conflict_group = 1; }
message ConflictList { repeated ConflictGroup conflicts = 1; }
service ConflictService { rpc GetConflicts(EventList) returns (ConflictList); }
"""


def event(name: str, start: int, end: int) -> Event:
    new = Event(id=name)
    new.start.seconds, new.end.seconds = start, end
    return new


PAIR = EventList(events=[event("a", 10, 20), event("b", 15, 25), event("c", 25, 26)])

LARGE = EventList(events=[*PAIR.events] * 4000)
"""A request that goes to a worker thread."""


async def test_get_conflicts_returns_the_groups_that_overlap(served: Served) -> None:
    answer = await ConflictServiceStub(served.channel).GetConflicts(PAIR)
    assert [[member.id for member in group.conflict_group] for group in answer.conflicts] == [
        ["a", "b"]
    ]


async def test_empty_list_gets_an_empty_answer(served: Served) -> None:
    assert await ConflictServiceStub(served.channel).GetConflicts(EventList()) == ConflictList()


async def test_list_too_large_for_the_serving_thread_is_answered(served: Served) -> None:
    count = 20 * MAX_INLINE_BYTES // PAIR.ByteSize() // 20
    many = EventList(events=[*PAIR.events[:2]] * count)
    answer = await ConflictServiceStub(served.channel).GetConflicts(many)
    assert len(answer.conflicts[0].conflict_group) == 2 * count


async def test_client_of_the_original_contract_gets_correct_answers(
    served: Served, tmp_path: Path
) -> None:
    original = compile_original(tmp_path)
    request = original["EventList"].FromString(PAIR.SerializeToString())
    call = served.channel.unary_unary(
        "/Scheduling.ConflictService/GetConflicts",
        request_serializer=original["EventList"].SerializeToString,
        response_deserializer=original["ConflictList"].FromString,
    )
    answer = await call(request)
    assert str(answer) == str(await ConflictServiceStub(served.channel).GetConflicts(PAIR))


def compile_original(folder: Path) -> dict[str, type[Message]]:
    """Return the messages of the original contract, in a descriptor pool of their own."""
    (folder / "original.proto").write_text(ORIGINAL)
    arguments = ["-I", folder, "--include_imports", f"--descriptor_set_out={folder}/set"]
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", *arguments, "original.proto"], check=True
    )
    pool = DescriptorPool()
    for file in FileDescriptorSet.FromString((folder / "set").read_bytes()).file:
        pool.Add(file)
    return {
        name: GetMessageClass(pool.FindMessageTypeByName(f"Scheduling.{name}"))
        for name in ("EventList", "ConflictList")
    }


async def test_invalid_request_gets_every_fault_in_order(served: Served) -> None:
    request = EventList(events=[event("a", 1, 2), Event(id="secret"), event("c", 5, 4)])
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await ConflictServiceStub(served.channel).GetConflicts(request)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.value.details() == (
        "events[1].start: the start is missing (the first of 3 faults)"
    )
    bad_request = BadRequest()
    status = rpc_status.from_call(refused.value)  # type: ignore[no-untyped-call] # has no types
    assert status.details[0].Unpack(bad_request)
    assert [violation.field for violation in bad_request.field_violations] == [
        "events[1].start",
        "events[1].end",
        "events[2].end",
    ]


async def test_malformed_message_is_an_invalid_argument(served: Served) -> None:
    call = served.channel.unary_unary("/Scheduling.ConflictService/GetConflicts")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call(b"\x0f garbage")
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.value.details() == "the bytes are not a Scheduling.EventList"


async def test_message_over_the_limit_is_refused_and_later_calls_are_answered() -> None:
    async with serve(max_message_bytes=1000) as served:
        stub = ConflictServiceStub(served.channel)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.GetConflicts(EventList(events=[Event(id="x" * 1000)]))
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert len((await stub.GetConflicts(PAIR)).conflicts) == 1


async def test_unexpected_error_is_reported_without_its_text() -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret")

    async with serve(fail) as served:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await ConflictServiceStub(served.channel).GetConflicts(PAIR)
    assert refused.value.code() is grpc.StatusCode.INTERNAL
    assert refused.value.details() == "internal error"


@pytest.mark.parametrize("service", ["", "Scheduling.ConflictService"])
async def test_health_is_serving(served: Served, service: str) -> None:
    health = health_pb2_grpc.HealthStub(served.channel)
    answer = await health.Check(health_pb2.HealthCheckRequest(service=service))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_health_watch_reports_that_the_server_drains() -> None:
    async with serve() as served:
        health = health_pb2_grpc.HealthStub(served.channel)
        watch = health.Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        await served.server.drain()
        changed = await asyncio.wait_for(watch.read(), 5)
        assert changed.status == health_pb2.HealthCheckResponse.NOT_SERVING


async def reflected(served: Served) -> set[str]:
    reflection = reflection_pb2_grpc.ServerReflectionStub(served.channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    answer = await reflection.ServerReflectionInfo(iter([request])).read()
    return {service.name for service in answer.list_services_response.service}


async def test_reflection_lists_the_services(served: Served) -> None:
    assert {"Scheduling.ConflictService", "grpc.health.v1.Health"} <= await reflected(served)


async def test_reflection_can_be_turned_off() -> None:
    method = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
    async with serve(reflection=False) as served:
        # Not as a stream: grpc.aio reports INTERNAL if that ends before it has written to it.
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await served.channel.unary_unary(method)(b"")
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
