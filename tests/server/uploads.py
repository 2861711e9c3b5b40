"""Incomplete uploads: requests of which only a part is ever sent.

gRPC's own client always sends the whole message, so this module writes HTTP/2 frames itself
(RFC 9113). It obeys flow control, as any client library does. From the answer it reads only the
end of streams; headers are not decoded.
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
        method: Full name of the method, "/package.Service/Method".
        size: Declared size of the message, in bytes.
        part: How many bytes of the message are sent, as fast as flow control permits.
    """

    method: str
    size: int
    part: int


class Connection:
    """A connection with incomplete requests.

    Attributes:
        sent: Bytes of messages that were sent.
        ended: Streams that the server ended.
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
        """Start a number of uploads, and keep them open until cancelled."""
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
        """Send bytes in frames, each when the windows have room."""
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
                self._handle(kind, flags, stream, content)
                self._opened.notify_all()

    def _handle(self, kind: int, flags: int, stream: int, content: bytes) -> None:
        if kind == SETTINGS and not flags & _ACK:
            self._apply(dict(struct.iter_unpack(">HI", content)))
        elif kind == PING and not flags & _ACK:
            self._writer.write(frame(PING, _ACK, 0, content))
        elif kind == WINDOW_UPDATE:
            self._windows[stream] += int.from_bytes(content)
        elif kind == RST_STREAM or (kind == HEADERS and flags & END_STREAM):
            self.ended.add(stream)

    def _apply(self, settings: dict[int, int]) -> None:
        """Change the windows of all streams (RFC 9113, section 6.9.2)."""
        more = settings.get(INITIAL_WINDOW_SIZE, self._initial) - self._initial
        self._initial += more
        for stream in self._windows:
            self._windows[stream] += more if stream else 0
        self._writer.write(frame(SETTINGS, _ACK, 0))


def frame(kind: int, flags: int, stream: int, content: bytes = b"") -> bytes:
    """Return a frame (RFC 9113, section 4.1)."""
    return struct.pack(">IBI", len(content) << 8 | kind, flags, stream) + content


def request_headers(method: str) -> bytes:
    """Return the headers of a call as literals without indexing (RFC 7541, section 6.2.2)."""
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
    """Return the frames of a call with one message of less than 16 KiB."""
    content = struct.pack(">BI", encoding != "identity", len(message)) + message
    headers = request_headers(method) + _literal("grpc-encoding", encoding)
    return frame(HEADERS, END_HEADERS, stream, headers) + frame(DATA, END_STREAM, stream, content)


@dataclass(frozen=True, slots=True)
class Uploads:
    """Running uploads."""

    connections: tuple[Connection, ...]

    @property
    def sent(self) -> int:
        """Return how many bytes of messages were sent."""
        return sum(connection.sent for connection in self.connections)

    @property
    def ended(self) -> int:
        """Return how many uploads the server has ended."""
        return sum(len(connection.ended) for connection in self.connections)


@asynccontextmanager
async def uploads(
    address: str, plan: Plan, *, connections: int, streams: int
) -> AsyncIterator[Uploads]:
    """Keep uploads open inside the block: `streams` of them on each connection."""
    host, _, port = address.rpartition(":")
    async with AsyncExitStack() as stack:
        sockets = [await asyncio.open_connection(host, int(port)) for _ in range(connections)]
        for _, writer in sockets:
            stack.callback(writer.close)
        running = Uploads(tuple(Connection(*pair) for pair in sockets))
        tasks = [
            asyncio.create_task(connection.run(plan, streams)) for connection in running.connections
        ]
        try:
            yield running
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
