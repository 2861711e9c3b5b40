"""A call under way: what is known of it, how it ends, and how a handler is made to tell."""

import asyncio
import inspect
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Never, TypeAlias, TypeVar

import grpc
import structlog

from double_booked.server.metrics import MethodMetrics
from double_booked.server.service import Context
from double_booked.server.tally import Tally

_SECONDS_TO_SEND = 0.5
"""What a caller that reads has for the message that is being sent when its call is cut off."""

_T = TypeVar("_T")
# grpc.RpcMethodHandler, whose type arguments exist for type checkers alone.
Handler: TypeAlias = Any
_Behavior: TypeAlias = Callable[[Any, Any], Any]
_Received: TypeAlias = Callable[[Any, MethodMetrics], Any]


@dataclass(frozen=True, slots=True)
class Method:
    """A method, and what observes its calls.

    Attributes:
        service: The full name of its service.
        metrics: Its metrics.
        handler: Its handler, wrapped once so that a call costs no wrapping; None
            for a method that is not served.
    """

    service: str
    metrics: MethodMetrics
    handler: Handler | None


@dataclass(slots=True, eq=False)
class Call:
    """A call under way.

    Attributes:
        name: The full name of the method, as the caller wrote it.
        peer: Who calls, percent-encoded as gRPC has it, once its handler runs.
        code: The code that it ended with, once its handler has ended.
        tally: What it was about, in numbers.
    """

    name: str
    method: Method
    metadata: Any
    task: asyncio.Task[Any]
    started: float = field(default_factory=perf_counter)
    peer: str | None = None
    code: grpc.StatusCode | None = None
    tally: Tally = field(default_factory=Tally)
    _ended: bool = False
    _is_sending: bool = False
    _cut_off: asyncio.TimerHandle | None = None

    def end(self) -> None:
        """Ends the call from the server's side, with UNAVAILABLE.

        A message that is being sent goes first, as only then can gRPC tell how the call ends.
        """
        self._ended = True
        if self._is_sending:
            loop = self.task.get_loop()
            self._cut_off = loop.call_later(_SECONDS_TO_SEND, self.task.cancel)
        else:
            self.task.cancel()

    async def send(self, message: object, context: Context) -> None:
        """Sends a message of a stream.

        Raises:
            asyncio.CancelledError: The call was ended meanwhile.
        """
        self._is_sending = True
        try:
            await context.write(message)
        finally:
            self._is_sending = False
        if self._cut_off:
            self._cut_off.cancel()
            raise asyncio.CancelledError

    def end_code(self) -> grpc.StatusCode:
        """The code that the call ended with.

        A call whose handler never ran was refused by gRPC's core for its size, or
        given up by its caller half-way; from here the two look the same.
        """
        if self.code:
            return self.code
        return grpc.StatusCode.UNAVAILABLE if self._ended else grpc.StatusCode.RESOURCE_EXHAUSTED

    async def run(self, work: Awaitable[_T], context: Context) -> _T:
        """Awaits the handler's own work, and notes the code that it ends with."""
        # Of a call that was cut off, gRPC's core may not be asked any more: it would crash.
        self.peer = context.peer()
        try:
            result = await work
        except grpc.aio.AbortError:
            # The error itself tells nothing.
            self.code = context.code()
            raise
        except asyncio.CancelledError:
            await self._cancelled(context)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets INTERNAL
            await self._failed(error, context)
        # Until it is set, the code is not one, whatever the type says.
        self.code = context.code() or grpc.StatusCode.OK  # type: ignore[unreachable]
        return result

    async def _cancelled(self, context: Context) -> None:
        if self._ended:
            self.code = grpc.StatusCode.UNAVAILABLE
            await context.abort(self.code, "the server is stopping")
        late = context.time_remaining() == 0
        self.code = grpc.StatusCode.DEADLINE_EXCEEDED if late else grpc.StatusCode.CANCELLED

    async def _failed(self, error: Exception, context: Context) -> Never:
        # The message of an error may quote an event, so only its type and place are logged.
        place = "".join(traceback.format_tb(error.__traceback__))
        structlog.get_logger().error(
            "unexpected error", method=self.name, type=type(error).__qualname__, traceback=place
        )
        self.code = grpc.StatusCode.INTERNAL
        await context.abort(self.code, "internal error")


current_call: ContextVar[Call] = ContextVar("current_call")
"""The call of the running task."""


def observed(handler: Handler, metrics: MethodMetrics) -> Handler:
    """The same handler, whose calls note their messages, answers and codes."""
    behavior = (
        handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    )
    received = _count_all if handler.request_streaming else _count_one
    if handler.response_streaming:
        respond = _responses(_writer(behavior), received, metrics)
    else:
        respond = _response(behavior, received, metrics)
    make = _MAKERS[handler.request_streaming, handler.response_streaming]
    return make(respond, handler.request_deserializer, handler.response_serializer)


_MAKERS: dict[tuple[bool, bool], Callable[..., Handler]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


def _response(behavior: _Behavior, received: _Received, metrics: MethodMetrics) -> _Behavior:
    async def respond(request: Any, context: Context) -> Any:  # noqa: ANN401 - any message
        call = current_call.get()
        response = await call.run(behavior(received(request, metrics), context), context)
        metrics.sent.inc()
        return response

    return respond


def _responses(behavior: _Behavior, received: _Received, metrics: MethodMetrics) -> _Behavior:
    async def respond(request: Any, context: Context) -> None:  # noqa: ANN401 - any message
        call = current_call.get()
        work = behavior(received(request, metrics), _CountingContext(context, call))
        await call.run(work, context)

    return respond


def _writer(behavior: _Behavior) -> _Behavior:
    """The behavior as a coroutine that writes to its context, where it is a generator."""
    if not inspect.isasyncgenfunction(behavior):
        return behavior

    async def write(request: Any, context: Context) -> None:  # noqa: ANN401 - any message
        async with aclosing(behavior(request, context)) as responses:
            async for response in responses:
                await context.write(response)

    return write


def _count_one(request: _T, metrics: MethodMetrics) -> _T:
    metrics.received.inc()
    return request


async def _count_all(requests: AsyncIterator[_T], metrics: MethodMetrics) -> AsyncIterator[_T]:
    async for request in requests:
        metrics.received.inc()
        yield request


class _CountingContext:
    """A context that counts the messages which a handler writes."""

    def __init__(self, context: Context, call: Call) -> None:
        self._context = context
        self._call = call

    async def write(self, message: object) -> None:
        await self._call.send(message, self._context)
        self._call.method.metrics.sent.inc()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the context has
        return getattr(self._context, name)
