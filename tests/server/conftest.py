"""Servers to test, over real sockets."""

import asyncio
import json
import logging
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from io import StringIO
from threading import Event as ThreadEvent
from typing import Any

import grpc
import pytest
import structlog

from double_booked.conflicts import kernel
from double_booked.runtime import logs
from double_booked.runtime.address import Address
from double_booked.server.lifecycle import Server
from double_booked.server.service import Engine
from double_booked.settings import Settings

LOOPBACK = Address("127.0.0.1", 0)
QUICK: dict[str, Any] = {
    "service_host": LOOPBACK,
    "health_check_host": LOOPBACK,
    "drain_delay": 0.0,
    "shutdown_grace": 5.0,
}


@dataclass(frozen=True, slots=True)
class Served:
    """A server that serves, and a channel to it."""

    server: Server
    channel: grpc.aio.Channel
    http: str


Serve = Callable[..., AbstractAsyncContextManager[Served]]


@asynccontextmanager
async def serve(engine: Engine = kernel.get_conflicts, **settings: Any) -> AsyncIterator[Served]:
    """Serves inside the block, with these settings."""
    async with (
        Server(Settings(**QUICK | settings), engine) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        yield Served(server, channel, f"http://127.0.0.1:{server.http_port}")


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """A server as it ships, but on free ports, and quick to stop."""
    async with serve() as each:
        yield each


@dataclass(frozen=True, slots=True)
class HeldEngine:
    """The kernel, which waits until it is released."""

    started: ThreadEvent
    release: ThreadEvent

    def __call__(self, request: bytes, *_: object) -> kernel.Answer:
        self.started.set()
        self.release.wait(20)
        return kernel.get_conflicts(request)


@pytest.fixture
def held() -> Iterator[HeldEngine]:
    engine = HeldEngine(ThreadEvent(), ThreadEvent())
    yield engine
    engine.release.set()


async def started(held: HeldEngine) -> None:
    assert await asyncio.to_thread(held.started.wait, 10)


@pytest.fixture
def log_lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Reads what was logged, as JSON."""
    written = StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    logs.configure("info", "json")
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    structlog.reset_defaults()
    logging.basicConfig(force=True)
