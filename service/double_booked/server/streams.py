"""Streaming calls: handlers are coroutines, resumed by the thread that has their next input."""

import threading
import types
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any, Generic, TypeAlias, TypeVar

import grpc

from double_booked.conflicts import kernel
from double_booked.server.calls import MAX_INLINE_BYTES, Call, Method, status_of
from double_booked.server.compression import (
    decompress,
    decompress_to,
    decompressed_size,
    is_compressed,
)
from double_booked.server.core import (
    HEADERS,
    STATUS_OK,
    Event,
    Operation,
    ReceiveClose,
    ReceiveMessage,
    SendMessage,
)
from double_booked.server.errors import RejectionError

_T = TypeVar("_T")
_Start: TypeAlias = Callable[[], object]
"""What a handler yields: a function that starts the awaited operation after it is suspended."""

Handler: TypeAlias = Callable[["StreamCall"], Coroutine[_Start, Any, None]]


@dataclass(frozen=True, slots=True)
class Task:
    """The size of a piece of work.

    Attributes:
        size: Size in bytes.
        is_small: Whether the serving thread may do it.
    """

    size: int
    is_small: bool


class StreamCall(Call):
    """A call with a handler, which awaits messages, sends messages, and works in other threads.

    The handler awaits one thing at a time. The serving thread resumes it when a message has been
    received or sent, a worker when the work is done.

    Attributes:
        cancellation: Stops the work when the call ends.
        share: Bytes in flight of the call.
        on_closed: Functions to call in the serving thread when the call ends.
    """

    __slots__ = (
        "_coroutine",
        "_handler",
        "_has_sent_headers",
        "_is_closed",
        "cancellation",
        "on_closed",
        "share",
    )

    def __init__(self, method: Method, event: Event, handler: Handler) -> None:
        super().__init__(method, event)
        self.receiving_since = None
        self.cancellation = kernel.Cancellation()
        self.share = self._share = method.context.budget.share()
        self.on_closed: list[Callable[[], None]] = []
        self._handler = handler
        self._has_sent_headers = self._is_closed = False

    def _begin(self) -> None:
        """Run the handler, unless too many calls are open."""
        try:
            self._admit()
        except Exception as error:  # noqa: BLE001 - the client gets a status whatever the error
            self._reject(self._rejection(error))
            return
        self._keep_peer()
        self._coroutine = self._handler(self)
        self._start_batch((ReceiveClose(0),), self._closed)
        self._resume(None)

    # For handlers.

    async def receive(self) -> bytes | None:
        """Return the next message, decompressed; None after the last.

        Raises:
            LimitExceededError: The budget has no room for the decompressed message.
            RejectionError: The message cannot be decompressed.
        """
        message = await self._receive()
        if message is None or not is_compressed(message):
            return message
        content = decompress(message, MAX_INLINE_BYTES)
        if content is not None:
            return content
        size = decompressed_size(message, self.method.context.max_message_bytes)
        self.share.resize(self.share.size + size)
        return await self._in_worker(size, partial(decompress_to, message, size))

    @types.coroutine
    def _receive(self) -> Generator[_Start, Any, bytes | None]:
        message: bytes | None = yield self._start_to_receive
        return message

    async def receive_only(self) -> bytes:
        """Return the message of a call that has exactly one.

        Raises:
            RejectionError: The client sent no message.
        """
        message = await self.receive()
        if message is None:
            raise RejectionError(grpc.StatusCode.INTERNAL, "no message came")
        return message

    @types.coroutine
    def send(self, message: bytes) -> Generator[_Start, Any, None]:
        """Send a message; return when flow control has accepted it."""
        yield partial(self._start_to_send, message)

    async def work(self, task: Task, function: Callable[..., _T], *arguments: object) -> _T:
        """Return the result of a function, run in a worker if the task is not small.

        Raises:
            Exception: Any error that the function raises.
        """
        if task.is_small:
            return function(*arguments)
        return await self._in_worker(task.size, partial(function, *arguments))

    @types.coroutine
    def _in_worker(self, size: int, work: Callable[[], _T]) -> Generator[_Start, Any, _T]:
        submit = self.method.context.workers.submit
        result: _T = yield partial(submit, size, partial(self._work, work))
        return result

    @types.coroutine
    def next_from(self, mailbox: "Mailbox[_T]") -> Generator[_Start, Any, _T]:
        """Return the next value of a mailbox."""
        value: _T = yield partial(mailbox.wait, self._resume)
        return value

    # How handlers run.

    def _resume(self, value: object, error: Exception | None = None) -> None:
        """Resume the handler with the value or error that it awaits, in any thread."""
        try:
            self._step(value, error)
        except Exception as unexpected:  # noqa: BLE001 - the call ends whatever the error
            self._abort_with(unexpected)

    def _step(self, value: object, error: Exception | None) -> None:
        if self._is_closed:
            self._coroutine.close()
            return
        try:
            start = self._coroutine.throw(error) if error else self._coroutine.send(value)
        except StopIteration:
            self._send_status(STATUS_OK, grpc.StatusCode.OK)
        except Exception as raised:  # noqa: BLE001 - the client gets a status whatever the error
            rejection = self._rejection(raised)
            self._send_status(status_of(rejection), rejection.code)
        else:
            start()

    def _start_to_receive(self) -> None:
        self.receiving_since = perf_counter()
        self._start_batch((ReceiveMessage(0),), self._received)

    def _received(self, event: Event) -> None:
        self.receiving_since = None
        message = event.batch_operations[0].message()
        if message is not None:
            self._has_request = True
            self.method.metrics.received += 1
        elif not event.success:
            self._coroutine.close()
            return
        self._resume(message)

    def _start_to_send(self, message: bytes) -> None:
        self._start_send_timer(message)
        self._start_batch(self._after_headers(SendMessage(message, 0)), self._sent)

    def _sent(self, event: Event) -> None:
        self.sending_since = None
        if not event.success:
            self._coroutine.close()
            return
        self.method.metrics.sent += 1
        self._resume(None)

    def _work(self, work: Callable[[], object]) -> None:
        """Do the work in a worker thread, and resume the handler there."""
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - the handler gets the error
            self._resume(None, error)
        else:
            self._resume(result)

    def _send_status(self, status: Operation, code: grpc.StatusCode) -> None:
        self._code = code
        self._start_batch(self._after_headers(status), self._ignore)

    def _after_headers(self, operation: Operation) -> tuple[Operation, ...]:
        if self._has_sent_headers:
            return (operation,)
        self._has_sent_headers = True
        return HEADERS, operation

    def _closed(self, event: Event) -> None:
        """Record the end of the call, whatever its reason."""
        self._is_closed = True
        self.cancellation.cancel()
        for callback in self.on_closed:
            callback()
        is_cancelled = event.batch_operations[0].cancelled()
        self._finish(self._code_if_cancelled() if is_cancelled else self._code)


class Mailbox(Generic[_T]):
    """Passes values from any thread to a handler; keeps only the latest until it is read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: list[_T] = []
        self._resume: Callable[[_T], None] | None = None

    def put(self, value: _T) -> None:
        """Pass a value, without waiting for the handler."""
        with self._lock:
            resume, self._resume = self._resume, None
            if resume is None:
                self._values = [value]
                return
        resume(value)

    def wait(self, resume: Callable[[_T], None]) -> None:
        """Call `resume` with the next value: now, or when it is put."""
        with self._lock:
            if not self._values:
                self._resume = resume
                return
            value = self._values.pop()
        resume(value)
