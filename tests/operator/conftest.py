"""An API server on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable

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


async def until(holds: Callable[[], object], what: str) -> None:
    """Waits until something holds."""
    deadline = asyncio.get_running_loop().time() + 10
    while not holds():
        assert asyncio.get_running_loop().time() < deadline, f"never: {what}"
        await asyncio.sleep(0.01)
