"""The RPCs of Scheduling.ConflictService: request bytes in, answer bytes out."""

from collections.abc import Callable, Iterator
from typing import Protocol, TypeAlias

from double_booked.api import scheduling_pb2
from double_booked.conflicts import kernel, sweep
from double_booked.conflicts.limits import Limits
from double_booked.server.calls import MAX_INLINE_BYTES, UnaryCall
from double_booked.server.streams import StreamCall, Task

__all__ = ["CONFLICT_SERVICE", "MAX_INLINE_BYTES", "ConflictService", "Engine"]

CONFLICT_SERVICE = scheduling_pb2.DESCRIPTOR.services_by_name["ConflictService"].full_name


class Answer(Protocol):
    """The answer of an engine to a request.

    Attributes:
        content: The serialized response.
        events: Number of events in the request.
        groups: Number of groups of conflicting events in the response.
    """

    @property
    def content(self) -> bytes: ...
    @property
    def events(self) -> int: ...
    @property
    def groups(self) -> int: ...


Engine: TypeAlias = Callable[[bytes, Limits, kernel.Cancellation | None], Answer]


class ConflictService:
    """The methods of the service, from serialized requests to serialized answers.

    The engine answers GetConflicts; the kernel answers the other methods.
    """

    def __init__(self, engine: Engine, limits: Limits) -> None:
        self._engine = engine
        self._limits = limits

    def get_conflicts(self, request: bytes, call: UnaryCall) -> bytes:
        """Return the conflicts of a serialized EventList."""
        return self._answer(self._engine, request, call)

    def batch_get_conflicts(self, request: bytes, call: UnaryCall) -> bytes:
        """Return the answers to the lists of a serialized BatchGetConflictsRequest."""
        return self._answer(kernel.batch_get_conflicts, request, call)

    def _answer(self, engine: Engine, request: bytes, call: UnaryCall) -> bytes:
        answer = engine(request, self._limits, call.cancellation)
        call.record(answer.events, answer.groups)
        return answer.content

    async def stream_conflicts(self, call: StreamCall) -> None:
        """Send the groups that get_conflicts returns, in messages of limited size."""
        request = await call.receive_only()
        task = Task(len(request), kernel.is_small(request, is_batch=False))
        call.share.resize(task.size)
        answer = await call.work(
            task, kernel.stream_conflicts, request, self._limits, call.cancellation
        )
        call.share.keep(answer.held_bytes + sweep.CHUNK_BYTES)
        call.record(answer.events, answer.groups)
        del request
        await _send_all(call, task, sweep.chunks(answer))

    async def sweep_conflicts(self, call: StreamCall) -> None:
        """Send the groups of a feed as soon as no later event can join them."""
        feed = sweep.Sweep(self._limits, call.cancellation)
        while (request := await call.receive()) is not None:
            call.share.resize(len(request) + feed.held_bytes)
            # Held events cost no work until a message closes their group.
            task = Task(len(request), feed.is_small(request))
            await _send_all(call, task, feed.push(request))
            call.record(*feed.take_counts())
            call.share.keep(feed.held_bytes)
        await _send_all(call, Task(0, feed.is_small(b"")), feed.finish())
        call.record(*feed.take_counts())


async def _send_all(call: StreamCall, task: Task, chunks: Iterator[bytes]) -> None:
    """Send the chunks of a task; each is built after the previous one is sent."""
    while chunk := await call.work(task, next, chunks, None):
        await call.send(chunk)
