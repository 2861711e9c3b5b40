"""Fixtures of a fake API server on loopback."""

from collections.abc import AsyncIterator

import pytest

from double_booked.operator.cluster import Cluster

from .fake_api_server import FakeApiServer, serving


@pytest.fixture
async def served() -> AsyncIterator[tuple[FakeApiServer, Cluster]]:
    async with serving() as both:
        yield both


@pytest.fixture
def api(served: tuple[FakeApiServer, Cluster]) -> FakeApiServer:
    return served[0]


@pytest.fixture
def cluster(served: tuple[FakeApiServer, Cluster]) -> Cluster:
    return served[1]
