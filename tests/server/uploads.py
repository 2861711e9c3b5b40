"""Uploads that do not end: requests of which only a part is ever sent.

gRPC's own client sends a message as fast as flow control lets it, so these are HTTP/2 frames
of our own (RFC 9113). They obey flow control, as any caller's library does. Of the answer only
the end is understood: headers are not decoded.
"""

import asyncio
import struct
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

CONFLICT_SERVICE = "Scheduling.ConflictService"

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 3, 4, 6, 8
_ACK = END_STREAM = 0x1
END_HEADERS = 0x4
INITIAL_WINDOW_SIZE = 0x4
_DEFAULT_WINDOW = 65_535
_MAX_FRAME = 16_384


@dataclass(frozen=True, slots=True)
class Plan:
    """What each upload sends.

    Attributes:
        method: The full name of the method, as in "/package.Service/Method".
        size: The length that its one message is said to have.
        part: How many bytes of it are sent, as fast as flow control permits.
    """

    method: str
    size: int
    part: int


class Connection:
    """A connection on which requests are sent in part.

    Attributes:
        sent: The bytes of messages that were sent.
        ended: The uploads that the server ended.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sent = 0
        self.ended: set[int] = set()
        self._reader = reader
        self._writer = writer
        self._next = 1
        self._initial = _DEFAULT_WINDOW
        # Window 0 is the connection's.
        self._windows: dict[int, int] = defaultdict(lambda: self._initial, {0: _DEFAULT_WINDOW})
        self._opened = asyncio.Condition()

    async def run(self, plan: Plan, uploads: int) -> None:
        """Sends so many requests as planned, and keeps them open until it is cancelled."""
        self._writer.write(PREFACE + frame(SETTINGS, 0, 0))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read())
            for _ in range(uploads):
                tasks.create_task(self._upload(plan))

    async def _upload(self, plan: Plan) -> None:
        stream, self._next = self._next, self._next + 2
        self._writer.write(frame(HEADERS, END_HEADERS, stream, request_headers(plan.method)))
        await self._send(stream, struct.pack(">BI", 0, plan.size))
        await self._send(stream, bytes(plan.part))

    async def _send(self, stream: int, message: bytes) -> None:
        """Sends a part of a message in frames, each once the windows have room."""
        content = memoryview(message)
        while content and stream not in self.ended:
            async with self._opened:
                await self._opened.wait_for(
                    lambda: stream in self.ended or min(self._windows[0], self._windows[stream]) > 0
                )
                room = min(self._windows[0], self._windows[stream], _MAX_FRAME)
                piece, content = content[:room], content[room:]
                for window in (0, stream):
                    self._windows[window] -= len(piece)
            if stream not in self.ended:
                self._writer.write(frame(DATA, 0, stream, bytes(piece)))
                self.sent += len(piece)
                await self._writer.drain()

    async def _read(self) -> None:
        while True:
            head = await self._reader.readexactly(9)
            kind, flags, stream = struct.unpack(">BBI", head[3:])
            content = await self._reader.readexactly(int.from_bytes(head[:3]))
            async with self._opened:
                self._take(kind, flags, stream, content)
                self._opened.notify_all()

    def _take(self, kind: int, flags: int, stream: int, content: bytes) -> None:
        if kind == SETTINGS and not flags & _ACK:
            self._apply(dict(struct.iter_unpack(">HI", content)))
        elif kind == PING and not flags & _ACK:
            self._writer.write(frame(PING, _ACK, 0, content))
        elif kind == WINDOW_UPDATE:
            self._windows[stream] += int.from_bytes(content)
        elif kind == RST_STREAM or (kind == HEADERS and flags & END_STREAM):
            self.ended.add(stream)

    def _apply(self, settings: dict[int, int]) -> None:
        """Changes the windows of all requests as RFC 9113, section 6.9.2, says."""
        more = settings.get(INITIAL_WINDOW_SIZE, self._initial) - self._initial
        self._initial += more
        for stream in self._windows:
            self._windows[stream] += more if stream else 0
        self._writer.write(frame(SETTINGS, _ACK, 0))


def frame(kind: int, flags: int, stream: int, content: bytes = b"") -> bytes:
    """A frame (RFC 9113, section 4.1)."""
    return struct.pack(">IBI", len(content) << 8 | kind, flags, stream) + content


def request_headers(method: str) -> bytes:
    """The headers of a call, as literals that no table is needed for (RFC 7541, section 6.2.2)."""
    headers = {
        ":method": "POST",
        ":scheme": "http",
        ":path": method,
        ":authority": "localhost",
        "content-type": "application/grpc",
        "te": "trailers",
    }
    return b"".join(_literal(name, value) for name, value in headers.items())


def _literal(name: str, value: str) -> bytes:
    return b"\x00" + _text(name) + _text(value)


def _text(value: str) -> bytes:
    return bytes([len(value)]) + value.encode()


def whole_call(stream: int, method: str, message: bytes, encoding: str = "identity") -> bytes:
    """The frames of a call with one message, of less than 16 KiB."""
    content = struct.pack(">BI", encoding != "identity", len(message)) + message
    headers = request_headers(method) + _literal("grpc-encoding", encoding)
    return frame(HEADERS, END_HEADERS, stream, headers) + frame(DATA, END_STREAM, stream, content)


@dataclass(frozen=True, slots=True)
class Uploads:
    """Uploads that are under way."""

    connections: tuple[Connection, ...]

    @property
    def sent(self) -> int:
        """The bytes of their messages that were sent."""
        return sum(each.sent for each in self.connections)

    @property
    def ended(self) -> int:
        """How many of them the server has ended."""
        return sum(len(each.ended) for each in self.connections)


@asynccontextmanager
async def uploads(
    address: str, plan: Plan, *, connections: int, each: int
) -> AsyncIterator[Uploads]:
    """Keeps uploads open inside the block, so many on each of some connections."""
    host, _, port = address.rpartition(":")
    async with AsyncExitStack() as stack:
        streams = [await asyncio.open_connection(host, int(port)) for _ in range(connections)]
        for _, writer in streams:
            stack.callback(writer.close)
        made = Uploads(tuple(Connection(*stream) for stream in streams))
        tasks = [asyncio.create_task(one.run(plan, each)) for one in made.connections]
        try:
            yield made
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
