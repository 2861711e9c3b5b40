"""In-flight calls, as state machines on gRPC's core: no thread ever waits for a client."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter, time
from typing import TYPE_CHECKING, TypeAlias

import grpc

from double_booked.conflicts import kernel
from double_booked.server.budget import Budget, CallLimit, Share
from double_booked.server.compression import (
    decompress,
    decompress_to,
    decompressed_size,
    is_compressed,
)
from double_booked.server.core import (
    HEADERS,
    STATUS_OK,
    Core,
    Event,
    Operation,
    ReceiveClose,
    ReceiveMessage,
    SendMessage,
    SendStatus,
    Tag,
)
from double_booked.server.errors import INTERNAL_ERROR, Rejection, to_rejection
from double_booked.server.metrics import MethodMetrics
from double_booked.server.observer import Observer, log_error
from double_booked.server.workers import Workers

if TYPE_CHECKING:
    from opentelemetry.trace import Span

MAX_INLINE_BYTES = 64 * 1024
"""Larger requests go to a worker thread, and larger answers count as bytes in flight.

The kernel takes 0.11 ms for a simple request of this size, and up to 2 ms for others; passing it
to a thread and back takes 0.07 ms (`make bench`). Smaller requests that take long go to a worker
too: see `kernel.is_small`.
"""

_SEND_SECONDS_PER_BYTE = 1 / (1024 * 1024)
"""Time that a client gets for each byte of a message, besides SEND_TIMEOUT: 8 Mbit/s suffice."""

_LATE_SECONDS = 0.005
"""A client that resets a call this shortly before the deadline did so because of the deadline."""

_OK = grpc.StatusCode.OK


Respond: TypeAlias = Callable[[bytes, "UnaryCall"], bytes]
"""Returns the answer to a request; runs in the serving thread or in a worker."""


@dataclass(frozen=True, slots=True)
class ServerContext:
    """What all calls of a server share.

    Attributes:
        core: gRPC's core, which delivers the calls.
        observer: Records the start and end of calls.
        workers: Threads for large requests.
        budget: The bytes in flight.
        work_limit: Limit of the calls of ConflictService.
        health_and_reflection_limit: Limit of the streams of health and reflection.
        max_message_bytes: Maximum size of a decompressed message.
    """

    core: Core
    observer: Observer
    workers: Workers
    budget: Budget
    work_limit: CallLimit
    health_and_reflection_limit: CallLimit
    max_message_bytes: int


@dataclass(frozen=True, slots=True)
class Method:
    """What the calls of a method share.

    Attributes:
        name: Name on the wire, "/service/method".
        context: What all calls share.
        metrics: Metrics of the method.
        limit: Limit of open calls, which methods may share; None for no limit.
        is_client_stream: Whether the client sends any number of messages, rather than one.
        is_work: Whether the calls do the server's work. Others (health, reflection) are aborted
            when the server stops.
        is_traced: Whether the calls have spans.
    """

    name: str
    context: ServerContext
    metrics: MethodMetrics
    limit: CallLimit | None
    is_client_stream: bool
    is_work: bool
    is_traced: bool


class Call:
    """An in-flight call. The serving thread owns it; `abort` may be called from any thread.

    Attributes:
        method: What it shares with the other calls of its method.
        name: Name of the method, as the client wrote it.
        event: The event of gRPC's core that delivered the call.
        started: When it started, in seconds of perf_counter.
        receiving_since: When it started to wait for a message, in seconds of perf_counter; None
            while it does not wait.
        sending_since: Time from which SEND_TIMEOUT counts, in seconds of perf_counter: when a
            message was sent, plus one second for each MiB; None if no message is unread.
        events: Number of events in its requests so far; None if it was not answered.
        groups: Number of groups of conflicting events in its answer so far; None likewise.
        span: Its span; None if it is not traced.
    """

    __slots__ = (
        "_abort_code",
        "_code",
        "_has_request",
        "_is_counted",
        "_is_over",
        "_peer",
        "_share",
        "event",
        "events",
        "groups",
        "method",
        "name",
        "receiving_since",
        "sending_since",
        "span",
        "started",
    )

    def __init__(self, method: Method, event: Event, name: str = "") -> None:
        self.method = method
        self.name = name or method.name
        self.event = event
        self._peer = b""
        self.started = perf_counter()
        self.receiving_since: float | None = self.started
        self.sending_since: float | None = None
        self.events: int | None = None
        self.groups: int | None = None
        self.span: Span | None = None
        self._code = grpc.StatusCode.CANCELLED
        self._abort_code: grpc.StatusCode | None = None
        self._has_request = self._is_counted = self._is_over = False
        self._share: Share | None = None
        method.context.observer.begin(self)

    def begin(self) -> None:
        """Start to process the call."""
        try:
            self._begin()
        except Exception as error:  # noqa: BLE001 - it has started, so its end must be recorded
            self.fail(error)

    def _begin(self) -> None:
        raise NotImplementedError

    @property
    def peer(self) -> bytes:
        """Return the client's address as gRPC writes it."""
        return self._peer or self.event.call.peer()

    def _start_send_timer(self, message: bytes) -> None:
        """Start the time in which the client must accept a message."""
        self.sending_since = perf_counter() + len(message) * _SEND_SECONDS_PER_BYTE

    def _keep_peer(self) -> None:
        """Keep the client's address, which gRPC forgets when the call ends early."""
        self._peer = self.peer

    def abort(self, code: grpc.StatusCode, details: str) -> None:
        """End the call with a status, from any thread, whatever it is doing."""
        self._keep_peer()
        self._abort_code = code
        self.method.context.core.cancel(self.event.call, code, details)

    def record(self, events: int, groups: int) -> None:
        """Add to the number of events in its requests, and of groups in its answer."""
        self.events = (self.events or 0) + events
        self.groups = (self.groups or 0) + groups

    def fail(self, error: Exception) -> None:
        """End the call because of an error, expected or not."""
        self._abort_with(error)
        self._finish(self._code_if_cancelled())

    def _abort_with(self, error: Exception) -> None:
        """End the call because of an error, from any thread."""
        rejection = self._rejection(error)
        self.abort(rejection.code, rejection.details)

    def _start_batch(self, operations: tuple[Operation, ...], tag: Tag) -> None:
        self.method.context.core.start_batch(self.event.call, operations, tag)

    def _admit(self) -> None:
        """Count the call against the limit of its method.

        Raises:
            LimitExceededError: Too many calls are open.
        """
        limit = self.method.limit
        if limit:
            limit.acquire()
            self._is_counted = True

    def _rejection(self, error: Exception) -> Rejection:
        """Return the rejection for an error; log the error if it is unexpected."""
        rejection = to_rejection(error)
        if rejection is None:
            log_error(error, self.name)
            return INTERNAL_ERROR
        return rejection

    def _reject(self, rejection: Rejection) -> None:
        """Send the status of a call for which no other batch has been started."""
        self._code = rejection.code
        self._start_batch((HEADERS, status_of(rejection), ReceiveClose(0)), self._rejected)

    def _rejected(self, _event: Event) -> None:
        self._finish(self._code)

    def _ignore(self, _event: Event) -> None:
        """Do nothing: the batch that awaits the end of the call records it."""

    def _code_if_cancelled(self) -> grpc.StatusCode:
        """Return the status of a call that was aborted, or reset by its client."""
        if self._abort_code:
            return self._abort_code
        if self.event.call_details.deadline - time() < _LATE_SECONDS:
            return grpc.StatusCode.DEADLINE_EXCEEDED
        if not (self._has_request or self.method.is_client_stream):
            # gRPC's core rejected the size of the message, or the client cancelled half-way
            # through it. The two cannot be distinguished here.
            return grpc.StatusCode.RESOURCE_EXHAUSTED
        return grpc.StatusCode.CANCELLED

    def _finish(self, code: grpc.StatusCode) -> None:
        if self._is_over:
            return
        self._is_over = True
        self.receiving_since = self.sending_since = None
        if self._is_counted and self.method.limit:
            self.method.limit.release()
        if self._share:
            self._share.release()
        self.method.context.observer.end(self, code)


class UnaryCall(Call):
    """A call with one request and one answer.

    The serving thread answers small requests itself. Large ones go to a worker thread; the end of
    the call, which stops the worker, is awaited meanwhile.

    Attributes:
        cancellation: Stops the work when the call ends; None if the serving thread answers.
    """

    __slots__ = ("_decompressed_size", "_is_batch", "_request", "_respond", "cancellation")

    def __init__(self, method: Method, event: Event, respond: Respond, *, is_batch: bool) -> None:
        super().__init__(method, event)
        self._respond = respond
        self._is_batch = is_batch
        self._request = b""
        self._decompressed_size = 0
        self.cancellation: kernel.Cancellation | None = None

    def _begin(self) -> None:
        """Await the request; only then does the call count against its limit."""
        self._start_batch((ReceiveMessage(0),), self._received)

    def _received(self, event: Event) -> None:
        self.receiving_since = None
        request = event.batch_operations[0].message()
        if request is None:
            self._end_without_request()
            return
        self._has_request = True
        self.method.metrics.received += 1
        try:
            self._admit()
            answer = self._answer_inline(request)
        except Exception as error:  # noqa: BLE001 - the client gets a status whatever the error
            self.events = self.groups = None
            self._reject(self._rejection(error))
            return
        if answer is not None:
            self._send(answer)

    def _answer_inline(self, request: bytes) -> bytes | None:
        """Return the answer; None if a worker got the request."""
        content = decompress(request, MAX_INLINE_BYTES) if is_compressed(request) else request
        if content is None:
            maximum = self.method.context.max_message_bytes
            self._decompressed_size = decompressed_size(request, maximum)
            self._hand_to_worker(request, self._decompressed_size)
            return None
        if not kernel.is_small(content, self._is_batch):
            self._hand_to_worker(content, len(content))
            return None
        answer = self._respond(content, self)
        if len(answer) > MAX_INLINE_BYTES:
            self._reserve_answer(len(answer))
        return answer

    def _reserve_answer(self, size: int) -> None:
        """Count the bytes of an answer as in flight until it is sent.

        Raises:
            LimitExceededError: The budget has no room for them.
        """
        self._share = self._share or self.method.context.budget.share()
        self._share.keep(size)

    def _send(self, answer: bytes) -> None:
        self._start_send_timer(answer)
        operations = (HEADERS, SendMessage(answer, 0), STATUS_OK, ReceiveClose(0))
        self._start_batch(operations, self._answered)

    def _answered(self, event: Event) -> None:
        if event.batch_operations[3].cancelled():
            self._finish(self._code_if_cancelled())
            return
        self.method.metrics.sent += 1
        self._finish(_OK)

    def _end_without_request(self) -> None:
        rejection = Rejection(grpc.StatusCode.INTERNAL, "no message came")
        operations = (HEADERS, status_of(rejection), ReceiveClose(0))
        self._start_batch(operations, self._finish_without_request)

    def _finish_without_request(self, event: Event) -> None:
        is_cancelled = event.batch_operations[2].cancelled()
        self._finish(self._code_if_cancelled() if is_cancelled else grpc.StatusCode.INTERNAL)

    # In a worker.

    def _hand_to_worker(self, request: bytes, size: int) -> None:
        self._share = self.method.context.budget.share()
        self._share.resize(size)
        self._request = request
        self._keep_peer()
        self.cancellation = kernel.Cancellation()
        self._start_batch((ReceiveClose(0),), self._closed)
        self.method.context.workers.submit(size, self._work)

    def _work(self) -> None:
        """Answer in a worker thread."""
        try:
            operations = self._answer()
            if not self._is_over:
                self._start_batch(operations, self._ignore)
        except Exception as error:  # noqa: BLE001 - nothing reads a worker's future
            self._abort_with(error)

    def _answer(self) -> tuple[Operation, ...]:
        request, self._request = self._request, b""
        try:
            if self._decompressed_size:
                request = decompress_to(request, self._decompressed_size)
            answer = self._respond(request, self)
            self._reserve_answer(len(answer))
        except Exception as error:  # noqa: BLE001 - the client gets a status whatever the error
            self.events = self.groups = None
            rejection = self._rejection(error)
            self._code = rejection.code
            return HEADERS, status_of(rejection)
        self._code = _OK
        self._start_send_timer(answer)
        return HEADERS, SendMessage(answer, 0), STATUS_OK

    def _closed(self, event: Event) -> None:
        if self.cancellation:
            self.cancellation.cancel()
        if event.batch_operations[0].cancelled():
            self.events = self.groups = None
            self._finish(self._code_if_cancelled())
            return
        if self._code is _OK:
            self.method.metrics.sent += 1
        self._finish(self._code)


class UnknownCall(Call):
    """A call of a method that the server does not have."""

    __slots__ = ()

    def __init__(self, method: Method, event: Event) -> None:
        super().__init__(method, event, event.call_details.method.decode("utf-8", "replace"))

    def _begin(self) -> None:
        self._reject(Rejection(grpc.StatusCode.UNIMPLEMENTED, "Method not found!"))


def status_of(rejection: Rejection) -> Operation:
    """Return the operation that sends the status of a rejection."""
    return SendStatus(rejection.trailers, rejection.code.value[0], rejection.details, 0)
