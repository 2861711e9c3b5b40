"""The RPCs of Scheduling.ConflictService: bytes in, engine, bytes out."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from operator import attrgetter
from typing import Any, Protocol, TypeAlias

import grpc
from grpc_status import rpc_status

from double_booked.api import scheduling_pb2
from double_booked.conflicts.validation import InvalidRequest
from double_booked.server import status

CONFLICT_SERVICE = scheduling_pb2.DESCRIPTOR.services_by_name["ConflictService"].full_name

MAX_INLINE_BYTES = 64 * 1024
"""Requests up to this size are answered on the event loop, larger ones in a worker thread.

The kernel takes 0.1 ms for as much, a hand-over to a thread 0.03 ms (`make bench`).
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


Engine: TypeAlias = Callable[[bytes], Answer]
Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


class ConflictService:
    """Answers with what an engine says, and keeps the event loop free meanwhile."""

    def __init__(self, engine: Engine, workers: Executor) -> None:
        self._engine = engine
        self._workers = workers

    async def get_conflicts(self, request: bytes, context: Context) -> Answer:
        """The groups of conflicting events of a serialized EventList."""
        try:
            if len(request) <= MAX_INLINE_BYTES:
                return self._engine(request)
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._workers, self._engine, request)
        except InvalidRequest as error:
            return await context.abort_with_status(
                rpc_status.to_status(status.invalid_argument(error))
            )

    def handler(self) -> grpc.GenericRpcHandler:
        """What a gRPC server serves the RPCs with; the bytes are parsed nowhere."""
        get_conflicts: grpc.RpcMethodHandler[bytes, Answer] = grpc.unary_unary_rpc_method_handler(
            self.get_conflicts, response_serializer=attrgetter("content")
        )
        return grpc.method_handlers_generic_handler(
            CONFLICT_SERVICE, {"GetConflicts": get_conflicts}
        )
