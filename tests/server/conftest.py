"""Servers under test, with real sockets."""

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
    """A running server, and a channel to it."""

    server: Server
    channel: grpc.aio.Channel
    http: str


Serve = Callable[..., AbstractAsyncContextManager[Served]]


@asynccontextmanager
async def serve(engine: Engine = kernel.get_conflicts, **settings: Any) -> AsyncIterator[Served]:
    """Run a server with these settings inside the block."""
    async with (
        Server(Settings(**QUICK | settings), engine) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        yield Served(server, channel, f"http://127.0.0.1:{server.http_port}")


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """Return a server with default settings, but on free ports and without a drain delay."""
    async with serve() as running:
        yield running


@dataclass(frozen=True, slots=True)
class BlockedEngine:
    """The kernel, which waits until `release` is set before it answers."""

    started: ThreadEvent
    release: ThreadEvent

    def __call__(self, request: bytes, *_: object) -> kernel.Answer:
        self.started.set()
        self.release.wait(20)
        return kernel.get_conflicts(request)


@pytest.fixture
def blocked() -> Iterator[BlockedEngine]:
    engine = BlockedEngine(ThreadEvent(), ThreadEvent())
    yield engine
    engine.release.set()


async def started(engine: BlockedEngine) -> None:
    assert await asyncio.to_thread(engine.started.wait, 10)


@pytest.fixture
def log_lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a function that returns the log entries so far, parsed from JSON."""
    stderr = StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    logs.configure("info", "json")
    yield lambda: [json.loads(line) for line in stderr.getvalue().splitlines()]
    structlog.reset_defaults()
    logging.basicConfig(force=True)
