"""The RPCs of Scheduling.ConflictService: bytes in, engine, bytes out."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeAlias, TypeVar

import grpc
from grpc_status import rpc_status

from double_booked.api import scheduling_pb2
from double_booked.conflicts import kernel, sweep
from double_booked.conflicts.limits import LimitExceeded, Limits
from double_booked.conflicts.validation import InvalidRequest
from double_booked.server import status, tally

CONFLICT_SERVICE = scheduling_pb2.DESCRIPTOR.services_by_name["ConflictService"].full_name

MAX_INLINE_BYTES = 64 * 1024
"""Requests up to this size are answered on the event loop, larger ones in a worker thread.

The kernel takes 0.11 ms for as much, a hand-over to a thread and back 0.07 ms (`make bench`).
"""


class Answer(Protocol):
    """What an engine makes of a request.

    Attributes:
        content: The serialized response.
        events: How many events the request holds.
        groups: How many groups of conflicting events the response holds.
    """

    @property
    def content(self) -> bytes: ...  # noqa: D102
    @property
    def events(self) -> int: ...  # noqa: D102
    @property
    def groups(self) -> int: ...  # noqa: D102


_T = TypeVar("_T")
Engine: TypeAlias = Callable[[bytes, Limits, kernel.Cancellation], Answer]
Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


class ConflictService:
    """Answers with what an engine says, and keeps the event loop free meanwhile."""

    def __init__(
        self, engine: Engine, workers: Executor, limits: Limits, max_concurrent_rpcs: int
    ) -> None:
        self._engine = engine
        self._workers = workers
        self._limits = limits
        self._max_concurrent_rpcs = max_concurrent_rpcs
        self._rpcs = 0

    async def get_conflicts(self, request: bytes, context: Context) -> bytes:
        """The groups of conflicting events of a serialized EventList."""
        return await self._answer(self._engine, request, context)

    async def batch_get_conflicts(self, request: bytes, context: Context) -> bytes:
        """The answers to the lists of a serialized BatchGetConflictsRequest."""
        return await self._answer(kernel.batch_get_conflicts, request, context)

    async def _answer(self, engine: Engine, request: bytes, context: Context) -> bytes:
        async with self._call(context) as cancellation:
            answer = await self._work(len(request), engine, request, self._limits, cancellation)
            tally.note(answer.events, answer.groups)
        return answer.content

    async def stream_conflicts(self, request: bytes, context: Context) -> AsyncIterator[bytes]:
        """The same groups as of get_conflicts, in messages of a bounded size."""
        size = len(request)
        async with self._call(context) as cancellation:
            answer = await self._work(
                size, kernel.stream_conflicts, request, self._limits, cancellation
            )
            tally.note(answer.events, answer.groups)
            async for chunk in self._each(size, sweep.chunks(answer)):
                yield chunk

    async def sweep_conflicts(
        self, requests: AsyncIterator[bytes], context: Context
    ) -> AsyncIterator[bytes]:
        """The groups of a feed, as soon as they are closed."""
        async with self._call(context) as cancellation:
            feed = sweep.Sweep(self._limits, cancellation)
            async for request in requests:
                size = len(request) + feed.held_bytes
                async for chunk in self._each(size, feed.take(request)):
                    yield chunk
                tally.note(*feed.last_step())
            async for chunk in self._each(feed.held_bytes, feed.finish()):
                yield chunk
            tally.note(*feed.last_step())

    @asynccontextmanager
    async def _call(self, context: Context) -> AsyncIterator[kernel.Cancellation]:
        """Admits a call, tells why it is refused, and stops its work when it ends early."""
        cancellation = kernel.Cancellation()
        self._rpcs += 1
        try:
            self._check_concurrency()
            yield cancellation
        except InvalidRequest as error:
            await context.abort_with_status(rpc_status.to_status(status.invalid_argument(error)))
        except LimitExceeded as error:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))
        finally:
            cancellation.cancel()
            self._rpcs -= 1

    def _check_concurrency(self) -> None:
        if self._rpcs > self._max_concurrent_rpcs:
            raise LimitExceeded(
                f"more calls at a time than MAX_CONCURRENT_RPCS = {self._max_concurrent_rpcs}"
            )

    async def _work(self, size: int, function: Callable[..., _T], *arguments: object) -> _T:
        """Calls a function that works on so many bytes, where it holds nobody up."""
        if size <= MAX_INLINE_BYTES:
            return function(*arguments)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._workers, function, *arguments)

    async def _each(self, size: int, chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
        """The chunks, each made once the one before it is sent."""
        while chunk := await self._work(size, next, chunks, None):
            yield chunk

    def handler(self) -> grpc.GenericRpcHandler:
        """What a gRPC server serves the RPCs with; the bytes are parsed nowhere."""
        handlers: dict[str, Any] = {
            "GetConflicts": grpc.unary_unary_rpc_method_handler(self.get_conflicts),
            "StreamConflicts": grpc.unary_stream_rpc_method_handler(self.stream_conflicts),
            "SweepConflicts": grpc.stream_stream_rpc_method_handler(self.sweep_conflicts),
            "BatchGetConflicts": grpc.unary_unary_rpc_method_handler(self.batch_get_conflicts),
        }
        return grpc.method_handlers_generic_handler(CONFLICT_SERVICE, handlers)
