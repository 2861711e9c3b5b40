"""Calls as state machines on gRPC's core: no thread ever waits for a caller."""

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
from double_booked.server.errors import INTERNAL_ERROR, Refusal, to_refusal
from double_booked.server.metrics import MethodMetrics
from double_booked.server.observer import Observer, log_error
from double_booked.server.workers import Workers

if TYPE_CHECKING:
    from opentelemetry.trace import Span

MAX_INLINE_BYTES = 64 * 1024
"""No request over this size is answered in the serving thread, and no larger answer is uncounted.

The kernel takes 0.11 ms for as much, a hand-over to a thread and back 0.07 ms (`make bench`). What
takes longer for other reasons is handed over too, as `kernel.is_small` says.
"""

_SEND_SECONDS_PER_BYTE = 1 / (1024 * 1024)
"""What a caller may take to accept a message beside SEND_TIMEOUT; 8 Mbit/s are enough."""

_LATE_SECONDS = 0.005
"""A caller's reset that comes so shortly before the deadline was sent because of the deadline."""

_OK = grpc.StatusCode.OK


Respond: TypeAlias = Callable[[bytes, "UnaryCall"], bytes]
"""Makes the answer to a request, in the serving thread or in a worker."""


@dataclass(frozen=True, slots=True)
class ServerContext:
    """What all calls of a server share.

    Attributes:
        core: Where they come from.
        observer: What notes their begin and end.
        workers: Where large requests are worked on.
        budget: The bytes that they hold.
        work: The calls of ConflictService.
        standard_streams: The streams of health and reflection.
        max_message_bytes: How large a message may be.
    """

    core: Core
    observer: Observer
    workers: Workers
    budget: Budget
    work: CallLimit
    standard_streams: CallLimit
    max_message_bytes: int


@dataclass(frozen=True, slots=True)
class Method:
    """What the calls of a method share.

    Attributes:
        name: Its name on the wire, "/service/method".
        limit: How many of them there may be at a time, together with those of other methods that
            have the same limit; None for any number.
        is_client_stream: Whether a call has any number of messages, rather than one.
        is_work: Whether its calls are the work that the server is there for. Others, of health
            and reflection, are ended when the server stops.
        is_traced: Whether its calls have spans.
    """

    name: str
    context: ServerContext
    metrics: MethodMetrics
    limit: CallLimit | None
    is_client_stream: bool
    is_work: bool
    is_traced: bool


class Call:
    """A call under way. Except for `abort`, its methods belong to the serving thread.

    Attributes:
        method: Its method.
        name: The name of its method, as the caller wrote it.
        event: The event of gRPC's core with which it began.
        started: When it began, by perf_counter.
        receiving_since: Since when a message of it is awaited, by perf_counter; None while none is.
        sending_since: Since when its caller is to accept a message, by perf_counter, counted from
            a second later for each MiB of it; None while there is none to accept.
        events: How many events it asked about so far; None where it was not answered.
        groups: How many groups of conflicting events its answer holds so far, likewise.
        span: Its span, if it is traced.
    """

    __slots__ = (
        "_code",
        "_ended_with",
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
        self._ended_with: grpc.StatusCode | None = None
        self._has_request = self._is_counted = self._is_over = False
        self._share: Share | None = None
        method.context.observer.begin(self)

    def begin(self) -> None:
        """Begin to answer."""
        try:
            self._begin()
        except Exception as error:  # noqa: BLE001 - it has begun, so its end must be noted
            self.fail(error)

    def _begin(self) -> None:
        raise NotImplementedError

    @property
    def peer(self) -> bytes:
        """Where it came from, as gRPC writes it."""
        return self._peer or self.event.call.peer()

    def _start_send_timer(self, message: bytes) -> None:
        """Note that the caller is to accept a message from now on."""
        self.sending_since = perf_counter() + len(message) * _SEND_SECONDS_PER_BYTE

    def _keep_peer(self) -> None:
        """Keep where it came from, which gRPC forgets when the call ends early."""
        self._peer = self.peer

    def abort(self, code: grpc.StatusCode, details: str) -> None:
        """End the call from the server's side, from any thread, whatever it is doing."""
        self._keep_peer()
        self._ended_with = code
        self.method.context.core.cancel(self.event.call, code, details)

    def record(self, events: int, groups: int) -> None:
        """Add to the events that the call has asked about, and to the groups of its answer."""
        self.events = (self.events or 0) + events
        self.groups = (self.groups or 0) + groups

    def fail(self, error: Exception) -> None:
        """End the call because of an error, which may not be foreseen."""
        self._crash(error)
        self._finish(self._code_if_cancelled())

    def _crash(self, error: Exception) -> None:
        """End the call because of an error, from any thread."""
        refusal = self._refusal(error)
        self.abort(refusal.code, refusal.details)

    def _start_batch(self, operations: tuple[Operation, ...], tag: Tag) -> None:
        self.method.context.core.start_batch(self.event.call, operations, tag)

    def _admit(self) -> None:
        """Count the call against the limit of its method.

        Raises:
            LimitExceededError: There are too many.
        """
        limit = self.method.limit
        if limit:
            limit.acquire()
            self._is_counted = True

    def _refusal(self, error: Exception) -> Refusal:
        """Return how the call ends because of an error; log one that is not foreseen."""
        refusal = to_refusal(error)
        if refusal is None:
            log_error(error, self.name)
            return INTERNAL_ERROR
        return refusal

    def _refuse(self, refusal: Refusal) -> None:
        """End the call, of which nothing was sent and whose end is not awaited yet."""
        self._code = refusal.code
        self._start_batch((HEADERS, status_of(refusal), ReceiveClose(0)), self._refused)

    def _refused(self, _event: Event) -> None:
        self._finish(self._code)

    def _ignore(self, _event: Event) -> None:
        """Leave the end of the call to the batch that awaits it."""

    def _code_if_cancelled(self) -> grpc.StatusCode:
        """Return why a call ended that the server has not ended well."""
        if self._ended_with:
            return self._ended_with
        if self.event.call_details.deadline - time() < _LATE_SECONDS:
            return grpc.StatusCode.DEADLINE_EXCEEDED
        if not (self._has_request or self.method.is_client_stream):
            # RefusalError by gRPC's core for the size of its message, or given up by its caller
            # half-way; from here the two look the same.
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
    """A call with one message and one answer: three batches, and no wait for a thread.

    A request that costs too much to be answered at once goes to a worker thread. The end of the
    call is awaited meanwhile, as it stops the worker.

    Attributes:
        cancellation: What stops its work when it ends; None where it is answered at once.
    """

    __slots__ = ("_expanded_size", "_is_batch", "_request", "_respond", "cancellation")

    def __init__(self, method: Method, event: Event, respond: Respond, *, is_batch: bool) -> None:
        super().__init__(method, event)
        self._respond = respond
        self._is_batch = is_batch
        self._request = b""
        self._expanded_size = 0
        self.cancellation: kernel.Cancellation | None = None

    def _begin(self) -> None:
        """Await the request; only then is there work, and the call counts against the budget."""
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
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets a status
            self.events = self.groups = None
            self._refuse(self._refusal(error))
            return
        if answer is not None:
            self._send(answer)

    def _answer_inline(self, request: bytes) -> bytes | None:
        """Return the answer; None where a worker was handed the request."""
        content = decompress(request, MAX_INLINE_BYTES) if is_compressed(request) else request
        if content is None:
            maximum = self.method.context.max_message_bytes
            self._expanded_size = decompressed_size(request, maximum)
            self._hand_to_worker(request, self._expanded_size)
            return None
        if not kernel.is_small(content, self._is_batch):
            self._hand_to_worker(content, len(content))
            return None
        answer = self._respond(content, self)
        if len(answer) > MAX_INLINE_BYTES:
            self._reserve_answer(len(answer))
        return answer

    def _reserve_answer(self, size: int) -> None:
        """Count the bytes of an answer as in flight, until it is sent.

        Raises:
            LimitExceededError: There is no room for them.
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
        refusal = Refusal(grpc.StatusCode.INTERNAL, "no message came")
        operations = (HEADERS, status_of(refusal), ReceiveClose(0))
        self._start_batch(operations, self._ended_without_request)

    def _ended_without_request(self, event: Event) -> None:
        is_cancelled = event.batch_operations[2].cancelled()
        self._finish(self._code_if_cancelled() if is_cancelled else grpc.StatusCode.INTERNAL)

    # With a worker.

    def _hand_to_worker(self, request: bytes, size: int) -> None:
        self._share = self.method.context.budget.share()
        self._share.resize(size)
        self._request = request
        self._keep_peer()
        self.cancellation = kernel.Cancellation()
        self._start_batch((ReceiveClose(0),), self._closed)
        self.method.context.workers.submit(size, self._work)

    def _work(self) -> None:
        """Answer, in a worker thread."""
        try:
            operations = self._operations()
            if not self._is_over:
                self._start_batch(operations, self._ignore)
        except Exception as error:  # noqa: BLE001 - a worker's future is looked at by nobody
            self._crash(error)

    def _operations(self) -> tuple[Operation, ...]:
        request, self._request = self._request, b""
        try:
            if self._expanded_size:
                request = decompress_to(request, self._expanded_size)
            answer = self._respond(request, self)
            self._reserve_answer(len(answer))
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets a status
            self.events = self.groups = None
            refusal = self._refusal(error)
            self._code = refusal.code
            return HEADERS, status_of(refusal)
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
    """A call of a method that is not served."""

    __slots__ = ()

    def __init__(self, method: Method, event: Event) -> None:
        super().__init__(method, event, event.call_details.method.decode("utf-8", "replace"))

    def _begin(self) -> None:
        self._refuse(Refusal(grpc.StatusCode.UNIMPLEMENTED, "Method not found!"))


def status_of(refusal: Refusal) -> Operation:
    """Return the operation that sends a refusal."""
    return SendStatus(refusal.trailers, refusal.code.value[0], refusal.details, 0)
