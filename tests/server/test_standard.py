"""Streams of health and reflection are limited: they last as long as their clients want."""

import asyncio
import gc

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub
from server.conftest import Served, serve
from server.test_observer import until_handled
from server.test_service import PAIR


async def test_streams_of_health_and_reflection_have_their_own_limit() -> None:
    async with serve(max_concurrent_rpcs=2) as served:
        health = health_pb2_grpc.HealthStub(served.channel)
        watches = [health.Watch(health_pb2.HealthCheckRequest()) for _ in range(2)]
        for watch in watches:
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await health.Watch(health_pb2.HealthCheckRequest()).read()
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert refused.value.details() == (
            "more streams of health and reflection at a time than MAX_CONCURRENT_RPCS = 2"
        )
        await health.Check(health_pb2.HealthCheckRequest())
        await ConflictServiceStub(served.channel).GetConflicts(PAIR)
        watches[0].cancel()
        await until_handled(served, "CANCELLED", "Watch")
        again = health.Watch(health_pb2.HealthCheckRequest())
        assert (await again.read()).status == health_pb2.HealthCheckResponse.SERVING
        for watch in (again, *watches):
            watch.cancel()


async def test_watch_of_an_unknown_service_stays_open_and_is_forgotten_after_its_end(
    served: Served,
) -> None:
    health = health_pb2_grpc.HealthStub(served.channel)
    watch = health.Watch(health_pb2.HealthCheckRequest(service="no such service"))
    answer = await watch.read()
    assert answer.status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(watch.read())), 0.2)
    watch.cancel()
    await until_handled(served, "CANCELLED", "Watch")
    tables = [candidate for candidate in gc.get_objects() if isinstance(candidate, dict)]
    assert not any("no such service" in table for table in tables)
