"""An API server on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from double_booked.operator.cluster import Cluster

from .fake_api_server import Api, serving


@pytest.fixture
async def served() -> AsyncIterator[tuple[Api, Cluster]]:
    async with serving() as both:
        yield both


@pytest.fixture
def api(served: tuple[Api, Cluster]) -> Api:
    return served[0]


@pytest.fixture
def cluster(served: tuple[Api, Cluster]) -> Cluster:
    return served[1]


async def until(holds: Callable[[], object], what: str) -> None:
    """Waits until something holds."""
    deadline = asyncio.get_running_loop().time() + 10
    while not holds():
        assert asyncio.get_running_loop().time() < deadline, f"never: {what}"
        await asyncio.sleep(0.01)
