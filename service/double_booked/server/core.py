"""gRPC's core through grpcio's Cython layer; the only module that imports that layer.

`grpc.aio`, the public interface, takes 350 microseconds of CPU per call; the kernel takes 2 of them
for a list of ten events. A loop over the core's completion queue takes 45, and serves 6 times as
many calls per second on one CPU (docs/benchmarks.md). The public synchronous server keeps a thread
for each open stream.

The names used here are those that the synchronous server is built on (grpc/_server.py). They are
not a public interface. So pyproject.toml allows only versions of grpcio that `make test-grpcio`
has tested, and importing this module checks the names.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined]  # compiled, without types

_NEEDED = {
    "Server": (
        "register_completion_queue",
        "add_http2_port",
        "start",
        "request_call",
        "shutdown",
        "cancel_all_calls",
        "destroy",
    ),
    "CompletionQueue": ("poll", "shutdown"),
    "CompletionType": ("queue_shutdown",),
    "Call": ("start_server_batch", "cancel", "peer"),
    "CallDetails": ("method", "deadline"),
    "RequestCallEvent": ("success", "tag", "call", "call_details", "invocation_metadata"),
    "BatchOperationEvent": ("success", "tag", "batch_operations"),
    "ReceiveMessageOperation": ("message",),
    "ReceiveCloseOnServerOperation": ("cancelled",),
    "SendInitialMetadataOperation": (),
    "SendMessageOperation": (),
    "SendStatusFromServerOperation": (),
}
"""The classes and members that this module uses."""


def _missing_names() -> list[str]:
    missing = []
    for name, members in _NEEDED.items():
        kind = getattr(cygrpc, name, None)
        lacking = [f"{name}.{member}" for member in members if not hasattr(kind, member)]
        missing += lacking if kind else [name]
    return missing


if _missing := _missing_names():
    raise ImportError(
        f"grpcio {grpc.__version__} has no {', '.join(_missing)}; "
        "install a version that double-booked allows"
    )

_REQUEST_AHEAD = 16
"""How many calls gRPC's core may deliver before it is asked for more; 1 is slower."""

# The classes of the Cython layer have no types.
CoreCall: TypeAlias = Any
Event: TypeAlias = Any
Operation: TypeAlias = Any
Tag: TypeAlias = Callable[[Event], None]

ReceiveMessage = cygrpc.ReceiveMessageOperation
ReceiveClose = cygrpc.ReceiveCloseOnServerOperation
SendMessage = cygrpc.SendMessageOperation
SendStatus = cygrpc.SendStatusFromServerOperation

# All calls share these. An operation with metadata or details cannot be shared, because it owns
# them until its batch ends.
HEADERS: Operation = cygrpc.SendInitialMetadataOperation(None, 0)
STATUS_OK: Operation = cygrpc.SendStatusFromServerOperation(None, 0, b"", 0)


class BatchError(Exception):
    """gRPC's core rejected a batch of operations; none of them will complete."""


class Core:
    """A server of gRPC's core, and the one thread that handles its events: the serving thread.

    Each batch of operations has a tag: a bound method that the serving thread calls with the event
    when the batch is complete. If the tag raises an error, the thread passes it to the method
    `fail` of the tag's object and continues.
    """

    def __init__(
        self, options: list[tuple[str, int]], on_error: Callable[[Exception], None]
    ) -> None:
        """Create a server that does not listen yet.

        Args:
            options: Channel arguments of the core.
            on_error: Called in the serving thread with an error that belongs to no call.
        """
        self.fail = on_error
        self._queue = cygrpc.CompletionQueue()
        self._server = cygrpc.Server(tuple(options), False)  # noqa: FBT003 - xDS, by position only
        self._server.register_completion_queue(self._queue)
        self._methods: dict[bytes, Tag] = {}
        self._begin_other: Tag | None = None
        self._requested = 0
        self._on_rejecting: Callable[[], object] = _nothing
        self._on_stopped: Callable[[], object] = _nothing
        self._thread: threading.Thread | None = None
        self._is_stopping = False
        # Held by everything that must not overlap with the destruction of the server. Destroying
        # it during shutdown() or cancel_all_calls() crashes; a batch on a queue that is shut down
        # aborts the process.
        self._lock = threading.Lock()
        self._is_destroyed = False

    def on_calls(self, method: str, begin: Tag) -> None:
        """Pass the event of each new call of a method ("/service/method") to `begin`."""
        self._methods[method.encode()] = begin

    def on_other_calls(self, begin: Tag) -> None:
        """Pass the event of each new call of any other method to `begin`."""
        self._begin_other = begin

    def add_port(self, address: str, credentials: grpc.ServerCredentials | None) -> int:
        """Listen on an address; return the port, or 0 if the core cannot listen."""
        with suppress(RuntimeError):  # raised for some addresses
            if credentials is None:
                return int(self._server.add_http2_port(address.encode()))
            own: Any = credentials
            return int(self._server.add_http2_port(address.encode(), own._credentials))  # noqa: SLF001
        return 0

    async def start(self) -> None:
        """Start to accept calls."""
        await asyncio.to_thread(self._server.start)
        for _ in range(_REQUEST_AHEAD):
            self._request_call()
        # A daemon: if the core does not stop in time, the thread must not keep the process alive.
        self._thread = threading.Thread(target=self._serve, name="grpc", daemon=True)
        self._thread.start()

    def start_batch(self, call: CoreCall, operations: tuple[Operation, ...], tag: Tag) -> None:
        """Start operations of a call, from any thread.

        After the server has stopped, this does nothing: the call has ended.

        Args:
            call: The call.
            operations: What to send, and what to wait for.
            tag: Called in the serving thread when all operations are complete.

        Raises:
            BatchError: The core rejected them.
        """
        with self._lock:
            error = 0 if self._is_destroyed else call.start_server_batch(operations, tag)
        if error:
            raise BatchError(f"gRPC's core rejected a batch: error {error}")

    def cancel(self, call: CoreCall, code: grpc.StatusCode, details: str) -> None:
        """End a call with a status, from any thread, whatever it is doing."""
        with self._lock:
            if not self._is_destroyed:
                call.cancel(code.value[0], details)

    def shutdown(
        self, on_rejecting: Callable[[], object], on_stopped: Callable[[], object]
    ) -> None:
        """Reject new calls, and ask clients to disconnect; open calls continue.

        Args:
            on_rejecting: Called in the serving thread when no further call can start.
            on_stopped: Called there when the last call has ended. If the server was never started,
                both are called immediately.
        """
        if not self._thread:
            on_rejecting()
            on_stopped()
            return
        self._on_rejecting, self._on_stopped = on_rejecting, on_stopped
        self._is_stopping = True
        with self._lock:
            self._server.shutdown(self._queue, self._destroy)

    def cancel_all_calls(self) -> None:
        """End all calls that are still open after `shutdown`."""
        with self._lock:
            if not self._is_destroyed:
                self._server.cancel_all_calls()

    def join(self) -> None:
        """Wait for the serving thread after the server has stopped."""
        if self._thread:
            self._thread.join()

    def _request_call(self) -> None:
        """Request a further call from the core; `_begin_call` gets it, or the end of the server."""
        try:
            self._server.request_call(self._queue, self._queue, self._begin_call)
        except ValueError:
            # The server has just begun to shut down.
            if not self._is_stopping:
                raise
        else:
            self._requested += 1

    def _begin_call(self, event: Event) -> None:
        self._requested -= 1
        if event.success:
            self._request_call()
            self._dispatch(event)
        if not self._requested:
            self._on_rejecting()

    def _dispatch(self, event: Event) -> None:
        begin = self._methods.get(event.call_details.method, self._begin_other)
        try:
            if begin:
                begin(event)
        except Exception:
            self.cancel(event.call, grpc.StatusCode.INTERNAL, "internal error")
            raise

    def _serve(self) -> None:
        """Handle events until the queue is shut down."""
        while True:
            event = self._queue.poll()
            if event.tag is not None:
                _handle(event)
            elif event.completion_type == cygrpc.CompletionType.queue_shutdown:
                return
            # Drop the reference: the call must not stay alive while the thread waits.
            event = None

    def _destroy(self, _event: Event) -> None:
        with self._lock:
            self._is_destroyed = True
            self._server.destroy()
            self._queue.shutdown()
        self._on_stopped()


def _handle(event: Event) -> None:
    tag = event.tag
    try:
        tag(event)
    except Exception as error:  # noqa: BLE001 - an error of one call must not end the thread
        # If this fails too, for example because the log cannot be written, nothing can report it.
        with suppress(Exception):
            tag.__self__.fail(error)


def _nothing() -> None:
    """Do nothing."""
