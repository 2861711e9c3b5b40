"""Attacks with hand-written HTTP/2 frames, run in a separate process.

A client library would compress every request again and respect flow control and GOAWAY, so it
would use more CPU than the server.
"""

import asyncio
import struct
import time
from collections import Counter
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass

from bench.hostile.requests import GET
from server.uploads import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Connection,
    frame,
    request_headers,
)

_LARGEST_WINDOW = 2**31 - 1
_REPLENISH_BYTES = 2**30
_RESETS_AT_ONCE = 100
_GZIP = b"\x00\x0dgrpc-encoding\x04gzip"
"""Header field as an HPACK literal, like those of `request_headers`."""

_CANCEL = struct.pack(">I", 8)


@dataclass(frozen=True, slots=True)
class Shot:
    """One call.

    Attributes:
        method: Its full name.
        messages: Its messages as gRPC frames them.
        is_open: Whether the caller leaves its side open, as one that sends more later.
    """

    method: str
    messages: tuple[bytes, ...]
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """Number of calls made, and of calls that the server ended."""

    made: int = 0
    ended: int = 0

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(self.made + other.made, self.ended + other.ended)


class Attacker(Connection):
    """A connection that makes complete calls, and reads the answers or never opens its window."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, reads: bool
    ) -> None:
        super().__init__(reader, writer)
        self._reads = reads
        # By stream; 0 is the connection.
        self._unread: Counter[int] = Counter()

    def begin(self) -> None:
        """Send the connection preface and the receive windows."""
        if self._reads:
            content = struct.pack(">HI", INITIAL_WINDOW_SIZE, _LARGEST_WINDOW)
            self._writer.write(PREFACE + frame(SETTINGS, 0, 0, content))
            self._make_room(0, _LARGEST_WINDOW - 65_535)
        else:
            self._writer.write(PREFACE + frame(SETTINGS, 0, 0))

    def open(self, method: str) -> int:
        """Begin a call; return its stream."""
        stream, self._next = self._next, self._next + 2
        headers = request_headers(method) + _GZIP
        self._writer.write(frame(HEADERS, END_HEADERS, stream, headers))
        return stream

    async def call(self, shot: Shot) -> None:
        """Make a call, and wait for its end."""
        stream = self.open(shot.method)
        for message in shot.messages:
            await self._send(stream, message)
        if not shot.is_open and stream not in self.ended:
            self._writer.write(frame(DATA, END_STREAM, stream))
        async with self._opened:
            await self._opened.wait_for(lambda: stream in self.ended)

    async def attack(self, shots: list[Shot]) -> None:
        """Make all calls at once; wait until all have ended or the connection is closed."""
        self.begin()
        reading = asyncio.create_task(self._read())
        calls = asyncio.create_task(self._call_all(shots))
        try:
            await asyncio.wait([reading, calls], return_when=asyncio.FIRST_COMPLETED)
        finally:
            reading.cancel()
            calls.cancel()
            await asyncio.gather(reading, calls, return_exceptions=True)

    async def _call_all(self, shots: list[Shot]) -> None:
        await asyncio.gather(*map(self.call, shots))

    def _handle(self, kind: int, flags: int, stream: int, content: bytes) -> None:
        super()._handle(kind, flags, stream, content)
        if kind == DATA and flags & END_STREAM:
            self.ended.add(stream)
        if kind == DATA and self._reads:
            for window in (0, stream):
                self._unread[window] += len(content)
                if self._unread[window] > _REPLENISH_BYTES:
                    self._make_room(window, self._unread.pop(window))

    def _make_room(self, window: int, size: int) -> None:
        self._writer.write(frame(WINDOW_UPDATE, 0, window, struct.pack(">I", size)))


def fire(
    port: int, shots: list[Shot], seconds: float, *, reads: bool = True, connections: int = 1
) -> Outcome:
    """Make all calls at once; return when they have ended, or after `seconds`.

    Args:
        port: The port of the server.
        shots: The calls of each connection.
        seconds: How long to wait for their ends.
        reads: Whether to read the answers.
        connections: How many connections to use.
    """
    return asyncio.run(_fire(port, shots, seconds, reads=reads, connections=connections))


async def _fire(
    port: int, shots: list[Shot], seconds: float, *, reads: bool, connections: int
) -> Outcome:
    attackers: list[Attacker] = []
    async with AsyncExitStack() as stack:
        with suppress(OSError):
            for _ in range(connections):
                streams = await asyncio.open_connection("127.0.0.1", port)
                stack.callback(streams[1].close)
                attackers.append(Attacker(*streams, reads=reads))
        runs = asyncio.gather(
            *(attacker.attack(shots) for attacker in attackers), return_exceptions=True
        )
        with suppress(TimeoutError):
            await asyncio.wait_for(runs, seconds)
    return Outcome(
        len(attackers) * len(shots),
        sum(min(len(attacker.ended), len(shots)) for attacker in attackers),
    )


def reset_rapidly(port: int, seconds: float, connections: int) -> int:
    """Open calls and reset them immediately, as fast as the server reads; return their number."""
    return asyncio.run(_reset_rapidly(port, time.monotonic() + seconds, connections))


async def _reset_rapidly(port: int, deadline: float, connections: int) -> int:
    return sum(await asyncio.gather(*(_reset(port, deadline) for _ in range(connections))))


async def _reset(port: int, deadline: float) -> int:
    """Open and reset calls on one connection; reconnect when the server closes it."""
    done = 0
    while time.monotonic() < deadline:
        with suppress(OSError):
            done += await _reset_until_closed(port, deadline)
        await asyncio.sleep(0.01)
    return done


async def _reset_until_closed(port: int, deadline: float) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    reading = asyncio.create_task(_discard(reader))
    headers = request_headers(GET)
    writer.write(PREFACE + frame(SETTINGS, 0, 0))
    done = 0
    try:
        while time.monotonic() < deadline and not reading.done():
            streams = range(2 * done + 1, 2 * (done + _RESETS_AT_ONCE), 2)
            writer.write(
                b"".join(
                    frame(HEADERS, END_HEADERS, stream, headers)
                    + frame(RST_STREAM, 0, stream, _CANCEL)
                    for stream in streams
                )
            )
            done += _RESETS_AT_ONCE
            await writer.drain()
    except OSError:
        pass  # closed by the server
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        writer.close()
    return done


async def _discard(reader: asyncio.StreamReader) -> None:
    while await reader.read(65_536):
        pass
