"""Flood a server with streams and connections, beside a good caller."""

import asyncio
import resource
import time
from contextlib import suppress

from bench.hostile.attackers import Attackers
from bench.hostile.attacks import Shot
from bench.hostile.callers import burst, good_caller
from bench.hostile.goals import Figure, listed
from bench.hostile.memory import MAX_PEAK_MIB
from bench.hostile.requests import MIB, REFLECT, SWEEP, WATCH
from bench.hostile.server import Server, serving

MAX_FAILED_SHARE = {1: 0.0, 20: 0.01}
"""Tolerated share of failed calls of a good client, by number of resetting connections."""

_SECONDS = 4.0
_IDLE_FEEDS = 1_000
_STREAMS = 100
_CONNECTIONS = 200
_BURST = 5_000
_HALF_OPEN = 1_100
_FILES = 1_024
_HALF_REQUEST = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-"
_CLOSED_SECONDS = 15.0
_PROBE_SECONDS = 0.5


async def measure_resets(attackers: Attackers, seconds: float = _SECONDS) -> list[Figure]:
    """Return what a good client sees while others reset their calls at once."""
    figures = []
    for connections in MAX_FAILED_SHARE:
        with serving() as server:
            figures.append(await _measure_resets(attackers, server, seconds, connections))
    return figures


async def _measure_resets(
    attackers: Attackers, server: Server, seconds: float, connections: int
) -> Figure:
    goal = MAX_FAILED_SHARE[connections]
    async with good_caller(server) as seen:
        resets = await attackers.reset_rapidly(server.port, seconds, connections)
        end = server.end()
    share = seen.failed_share()
    return Figure(
        f"rapid reset from {connections} connection{'s' * (connections > 1)}",
        f"at most {goal:.0%} of a good client's calls fail",
        f"{share:.1%} of {seen.calls:,} ({listed(seen.failed)}), p99 of the others "
        f"{seen.p99_ms():,.0f} ms, {resets:,} resets{_ended(end)}",
        not end and share <= goal,
    )


async def measure_idle(
    attackers: Attackers, feeds: int = _IDLE_FEEDS, seconds: float = _SECONDS
) -> list[Figure]:
    """Return what others see while one connection is full of idle feeds."""
    shots = [Shot(SWEEP, (), is_open=True)] * feeds
    with serving() as server:
        async with good_caller(server) as seen:
            outcome = await attackers.fire(server.port, shots, seconds)
            end = server.end()
    return [
        Figure(
            f"{feeds:,} idle feeds on one connection",
            "nobody else is refused",
            f"{seen.failed.total()} of {seen.calls:,} calls failed ({listed(seen.failed)}), "
            f"{outcome.ended} feeds ended{_ended(end)}",
            not end and not seen.failed,
        )
    ]


async def measure_streams(attackers: Attackers, seconds: float = _SECONDS) -> list[Figure]:
    """Return what others see while many connections hold idle health and reflection streams."""
    shots = [Shot(method, (), is_open=True) for method in (WATCH, REFLECT)] * (_STREAMS // 2)
    with serving() as server:
        async with good_caller(server) as seen:
            outcome = await attackers.fire(server.port, shots, seconds, connections=_CONNECTIONS)
            end, peak = server.end(), server.peak_bytes() / MIB
    return [
        Figure(
            f"{outcome.made:,} idle streams of health and reflection",
            f"nobody else is refused, peak under {MAX_PEAK_MIB} MiB",
            f"{seen.failed.total()} of {seen.calls:,} calls failed ({listed(seen.failed)}), peak "
            f"{peak:,.0f} MiB, {outcome.ended:,} streams ended{_ended(end)}",
            not end and not seen.failed and peak < MAX_PEAK_MIB,
        )
    ]


async def measure_burst(calls: int = _BURST) -> list[Figure]:
    """Return how the calls of a burst on one connection end."""
    with serving() as server:
        seen = await burst(server, calls)
        counted = await server.codes()
        is_met = not seen["CANCELLED"] and counted.total() >= seen["OK"]
        return [
            Figure(
                f"{calls:,} calls at once on one connection",
                "none is CANCELLED",
                f"{listed(seen)}; the server counts {listed(counted)}",
                is_met,
            )
        ]


async def measure_http(
    connections: int = _HALF_OPEN, seconds: float = _CLOSED_SECONDS
) -> list[Figure]:
    """Return what happens to unfinished HTTP requests, and to all others meanwhile."""
    _raise_own_files()
    with serving(files=_FILES) as server:
        probes = asyncio.create_task(_probe(server, seconds))
        opened = await asyncio.gather(*(_half_open(server) for _ in range(connections)))
        streams = [stream for stream in opened if stream]
        reading = [asyncio.create_task(_until_closed(reader)) for reader, _ in streams]
        await asyncio.wait([probes, *reading], timeout=seconds)
        left = sum(not task.done() for task in reading)
        failed, calls = await probes
        for task in reading:
            task.cancel()
        for _, writer in streams:
            writer.close()
        end = server.end()
        return [
            Figure(
                f"{connections:,} half-open HTTP requests at nofile {_FILES:,}",
                f"closed within {seconds:.0f} s, gRPC and probes answer",
                f"{left:,} of {len(streams):,} still open, {failed} of {calls} new calls and "
                f"probes failed{_ended(end)}",
                not end and not left and not failed,
            )
        ]


async def _half_open(
    server: Server,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    """Send half a request; return its connection, or None if connecting failed."""
    port = int(server.http.rpartition(":")[2])
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_HALF_REQUEST)
        return reader, writer
    return None


async def _until_closed(reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        await reader.read()


async def _probe(server: Server, seconds: float) -> tuple[int, int]:
    """Probe and call over new connections; return the failed and the total number."""
    failed = calls = 0
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        health, codes = await asyncio.gather(server.get("healthz"), burst(server, 1))
        failed += (not health) + (not codes["OK"])
        calls += 2
        await asyncio.sleep(_PROBE_SECONDS)
    return failed, calls


def _raise_own_files() -> None:
    """Raise the soft limit of open files of this process to the hard limit."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _ended(end: str) -> str:
    return f"; the server {end}" if end else ""
